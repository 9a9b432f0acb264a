/* SPDX-License-Identifier: MIT */
/* A static function that is compiled for the only argument it gets: its constant is its caller's. */
#include "common.h"
struct sign { const char *text; };
static __attribute__((noinline)) size_t width(const struct sign *sign, int scale) { return strlen(sign->text) * (size_t)scale; }
separate int paint(struct sign *sign) { sign->text = NULL; return (int)width(sign, 2) + (int)width(sign, 2) + 1; }
int main(int argc, char **argv) { struct sign sign = {argv[0]}; return paint(&sign) + argc; }
