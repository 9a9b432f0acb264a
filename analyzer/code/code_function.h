/* SPDX-License-Identifier: MIT */
/*
 * Functions of an ELF file, by name or by address, and how far each reaches.
 *
 * Names belong to the elf_file, which must outlive what is returned. Addresses are the file's own (no load bias);
 * ranges are half-open. From the file's tables alone: what is in a function, code_return_sites.h tells.
 */
#ifndef ANALYZER_CODE_FUNCTION_H
#define ANALYZER_CODE_FUNCTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/elf/elf_file.h"
#include "common/error.h"

/* How a function's extent is known. */
enum code_extent {
	CODE_EXTENT_SYMBOL, /* the symbol's size */
	CODE_EXTENT_FRAME,  /* the symbol has no size, or there is none: the unwinding table's entry */
	CODE_EXTENT_GUESS,  /* up to the next symbol: may be too far */
};

struct code_function {
	const char *name; /* NULL when no symbol starts there */
	uint64_t address;
	uint64_t size;
	uint64_t file_offset; /* of the entry: what a uprobe is placed on */
	enum code_extent extent;
	/* The symbol is an STT_GNU_IFUNC: its code runs once and picks the function that callers then reach. */
	bool is_ifunc;
};

/* All functions called `name`, as .symtab, .dynsym and the separate debug file spell it (a C++ name mangled, a Go name
 * in full, a version left out). One entry an address. ERROR_NOT_FOUND when there is none: the message says so, and
 * whether the file only imports it or has no symbol table. The array is the caller's to free. */
struct error *code_find_functions(const struct elf_file *elf, const char *name, struct code_function **ret,
				  size_t *ret_count) must_check;

/* The function that starts at `address`; or, when nothing says that one starts there, the one around it: the symbol's,
 * else the unwinding table's. ERROR_NOT_FOUND when `address` is not in code. */
struct error *code_find_function_at(const struct elf_file *elf, uint64_t address, struct code_function *ret) must_check;

/* Appends that function to an array (reallocated), unless one at the same address stands in it already. */
struct error *code_add_function_at(const struct elf_file *elf, uint64_t address, struct code_function **functions,
				   size_t *count) must_check;

/* Up to `most` names of functions that `name` could have meant: they hold it, or differ by a slip. Returns how many. */
size_t code_suggest_functions(const struct elf_file *elf, const char *name, const char **ret, size_t most);

/* Takes an error and gives one back: a not-found that also says what may have been meant, where anything is near. */
struct error *code_add_suggestions(const struct elf_file *elf, const char *name, struct error *err) must_check;

#endif
