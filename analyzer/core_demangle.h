/* SPDX-License-Identifier: MIT */
/* Names of C++ and Rust as people write them, by libiberty, which is what nm -C and gdb use. */
#ifndef ANALYZER_CORE_DEMANGLE_H
#define ANALYZER_CORE_DEMANGLE_H

#include <stdbool.h>

/* The name, with its parameter types if `parameters`; NULL when it is not a mangled one or is hopelessly deep. The
 * caller's to free. */
char *core_demangle(const char *name, bool parameters);

#endif
