/* SPDX-License-Identifier: MIT */
/* The C library's qsort passes elements of an array with a null among them. */
#include "common.h"
separate int compare(const void *a, const void *b) { const char *x = *(char *const *)a, *y = *(char *const *)b; return x[0] - y[0]; }
int main(int argc, char **argv) { const char *names[4] = {"d", argv[0], "b", NULL}; qsort(names, (size_t)argc + 3, sizeof(*names), compare); return 0; }
