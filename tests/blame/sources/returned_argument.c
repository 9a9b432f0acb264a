/* SPDX-License-Identifier: MIT */
/* A function returns its argument. */
#include "common.h"
struct text { int length; };
separate struct text *checked(struct text *text, int line) { if (line < 0) puts("?"); return text; }
separate int length(struct text *text) { return checked(text, 3)->length; }
separate int measure(struct text *text) { return length(text) + 1; }
int main(int argc, char **argv) { struct text text = {argc}; (void)argv; printf("%d\n", measure(&text)); return measure(NULL); }
