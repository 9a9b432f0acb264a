/* SPDX-License-Identifier: MIT */
/* The seventh argument goes on the stack. */
#include "common.h"
separate int blend(int a, int b, int c, int d, int e, int f, const int *weights) { return (a + b + c + d + e + f) * weights[1]; }
separate int mix(int a, int b, const int *weights) { return blend(a, b, a, b, a, b, weights) + 1; }
separate int start(int a) { return mix(a, a + 1, NULL) * 2; }
int main(int argc, char **argv) { (void)argv; return start(argc); }
