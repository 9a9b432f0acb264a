/* SPDX-License-Identifier: MIT */
/* What the programs share. A separate() function is compiled as if it stood in another file: its callers know nothing of
 * what it does, and it is not copied. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __clang__
#define separate __attribute__((noinline))
#else
#define separate __attribute__((noipa))
#endif
