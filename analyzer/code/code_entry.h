/* SPDX-License-Identifier: MIT */
/*
 * What a pointer of a program that calls through pointers may lead to: a function's first instruction, or a table of
 * such pointers (a virtual table, a structure of operations). From the files of the core's modules and its memory.
 */
#ifndef ANALYZER_CODE_ENTRY_H
#define ANALYZER_CODE_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "analyzer/core/core.h"

/* A function of a module begins there: by its symbol tables, else by the table that unwinders use (.eh_frame_hdr, which
 * a stripped file has too). False also when the file is not at hand. */
bool code_is_entry(const struct core *core, uint64_t address);

/* The word there is in a module's data and points to such a place. */
bool code_is_table(const struct core *core, uint64_t address);

/* That table is one of virtual functions (Itanium C++ ABI, 2.5.2): in front of it stand the offset to the object's top,
 * zero or a little below, and a pointer to type information, or zero. */
bool code_is_virtual_table(const struct core *core, uint64_t address);

#endif
