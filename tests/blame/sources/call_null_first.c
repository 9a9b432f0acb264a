/* SPDX-License-Identifier: MIT */
/* A call through a null pointer to a function, which main passes. */
#include "common.h"
separate int apply(int (*step)(int), int value) { return step(value) + 1; }
separate int twice(int (*step)(int), int value) { return apply(step, value) * 2; }
int main(int argc, char **argv) { (void)argv; return twice(NULL, argc) + 1; }
