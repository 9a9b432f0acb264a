/* SPDX-License-Identifier: MIT */
/*
 * Where a named variable or function of a module stands in the dead process, from the module's own symbol tables (the
 * dynamic one is in every library). Reads the module's file with pread(), checked; see elf_file.h.
 */
#ifndef ANALYZER_CORE_SYMBOL_H
#define ANALYZER_CORE_SYMBOL_H

#include "analyzer/core/core.h"

/* The address of the first symbol called `name` that the module defines. ERROR_NOT_FOUND when it has none, or when its
 * file is not at hand. */
struct error *core_symbol_address(const struct core_module *module, const char *name, uint64_t *ret_address) must_check;

/* The C library of the process: the module whose file is called libc.so.6, libc-2.31.so, libc.musl-x86_64.so.1 or the
 * like; for a program without one, the program itself, which may have it linked in. NULL when neither is there. */
const struct core_module *core_symbol_libc(const struct core *core);

#endif
