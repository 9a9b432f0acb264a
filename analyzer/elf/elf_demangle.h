/* SPDX-License-Identifier: MIT */
/* Names of C++ and Rust as people write them, by libiberty, which is what nm -C and gdb use. */
#ifndef ANALYZER_ELF_DEMANGLE_H
#define ANALYZER_ELF_DEMANGLE_H

#include <stdbool.h>

/* The name, with its parameter types if `parameters`; NULL when it is not a mangled one or is hopelessly deep or long.
 * The caller's to free. */
char *elf_demangle(const char *name, bool parameters);

/* The name in a C++ type_info: "N2ns5ErrorE" gives "ns::Error", "PKc" gives "char const*". As above. */
char *elf_demangle_type(const char *name);

#endif
