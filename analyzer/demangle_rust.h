/* SPDX-License-Identifier: MIT */
#ifndef ANALYZER_DEMANGLE_RUST_H
#define ANALYZER_DEMANGLE_RUST_H

#include <stdbool.h>
#include <stddef.h>

/* "_RNvNtCs1234_3std7process5abort" gives "std::process::abort". False when it is no such name, does not fit, or holds
 * what is not known here. */
bool demangle_rust(const char *mangled, char *out, size_t size);

#endif
