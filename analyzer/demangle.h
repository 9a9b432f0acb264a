/* SPDX-License-Identifier: MIT */
/*
 * Names for people out of mangled ones: enough to say which function and which type, not to print a declaration. Knows
 * the part of the Itanium C++ ABI ("Mangling") that names are made of, and Rust's older scheme, which is built on it;
 * what it does not know it leaves alone. Parameters are not printed. Pure.
 */
#ifndef ANALYZER_DEMANGLE_H
#define ANALYZER_DEMANGLE_H

#include <stdbool.h>
#include <stddef.h>

/* "_ZN2ns5Class6methodEi" gives "ns::Class::method". False when it is no name of that kind, or does not fit. */
bool demangle_function(const char *mangled, char *out, size_t size);

/* The name in a C++ type_info: "N2ns5ErrorE" gives "ns::Error", "St13runtime_error" gives "std::runtime_error", "PKc"
 * gives "char const*". */
bool demangle_type(const char *mangled, char *out, size_t size);

#endif
