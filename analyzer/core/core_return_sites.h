/* SPDX-License-Identifier: MIT */
/*
 * Where a function returns: every RET of it, and every jump by which it hands its return to another function.
 *
 * For those who want a return value without a uretprobe: a plain uprobe on each of these instructions sees the same
 * registers, and leaves the stack alone. The caller owns what is returned; names in it belong to the core_elf, which
 * must outlive it. Addresses are the file's own (no load bias); ranges are half-open. Knows nothing of probes or
 * processes.
 */
#ifndef ANALYZER_CORE_RETURN_SITES_H
#define ANALYZER_CORE_RETURN_SITES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/core/core_elf.h"
#include "common/error.h"

/* How a function's extent is known. */
enum core_extent {
	CORE_EXTENT_SYMBOL, /* the symbol's size */
	CORE_EXTENT_FRAME,  /* the symbol has no size, or there is none: the unwinding table's entry */
	CORE_EXTENT_GUESS,  /* up to the next symbol: may be too far */
};

struct core_function {
	const char *name; /* NULL when no symbol starts there */
	uint64_t address;
	uint64_t size;
	uint64_t file_offset; /* of the entry: what a uprobe is placed on */
	enum core_extent extent;
	/* The symbol is an STT_GNU_IFUNC: its code runs once and picks the function that callers then reach. */
	bool is_ifunc;
};

/* All functions called `name`, as .symtab, .dynsym and the separate debug file spell it (a C++ name mangled, a Go name
 * in full, a version left out). One entry an address. ERROR_NOT_FOUND when there is none: the message says so, and
 * whether the file only imports it or has no symbol table. The array is the caller's to free. */
struct error *core_find_functions(const struct core_elf *elf, const char *name, struct core_function **ret,
				  size_t *ret_count) must_check;

/* The function that starts at `address`; or, when nothing says that one starts there, the one around it: the symbol's,
 * else the unwinding table's. ERROR_NOT_FOUND when `address` is not in code. */
struct error *core_find_function_at(const struct core_elf *elf, uint64_t address, struct core_function *ret) must_check;

/* Appends that function to an array (reallocated), unless one at the same address stands in it already. */
struct error *core_add_function_at(const struct core_elf *elf, uint64_t address, struct core_function **functions,
				   size_t *count) must_check;

/* Up to `most` names of functions that `name` could have meant: they hold it, or differ by a slip. Returns how many. */
size_t core_suggest_functions(const struct core_elf *elf, const char *name, const char **ret, size_t most);

/* Takes an error and gives one back: a not-found that also says what may have been meant, where anything is near. */
struct error *core_add_suggestions(const struct core_elf *elf, const char *name, struct error *err) must_check;

enum core_site_kind {
	CORE_SITE_RETURN,
	CORE_SITE_TAIL_CALL, /* a jump to another function, whose RET then returns to this one's caller */
};

struct core_return_site {
	enum core_site_kind kind;
	uint64_t address; /* of the first byte of the instruction, prefixes included */
	uint64_t file_offset;
	const char *symbol; /* of the function or of the part of it that holds the site; NULL when there is none */
	uint64_t offset;    /* bytes from that symbol's start, or from the function's when there is none */
	/* Other functions come through here as well (a .part, or code that several jump into): a probe here fires for
	 * them too. */
	bool is_shared;
	/* Control flow from the entry reaches it. Otherwise it was met when the bytes were decoded one after another:
	 * the arms of a jump table, landing pads of exceptions, dead code. */
	bool is_reached;
	bool is_conditional;	 /* a tail call by a conditional jump */
	uint64_t target;	 /* of a tail call; 0 when it goes through a register or a slot */
	const char *target_name; /* or NULL */
	bool through_plt;	 /* the target is in another file, or bound like one */
};

struct core_return_sites {
	struct core_function function;
	struct core_return_site *sites; /* by rising address */
	size_t count;
	size_t return_count; /* those of CORE_SITE_RETURN */
	/* Every RET of the function is in the list. When false, `incomplete_reason` says why not: a probe on each
	 * listed site may miss returns. A constant string. */
	bool complete;
	const char *incomplete_reason;
	bool has_indirect_jumps; /* jump tables or computed gotos; tail calls through pointers are sites instead */
	bool makes_calls;
	bool calls_itself;
};

/* Decodes the function: follows its control flow from the entry, into parts that the compiler has split off (.cold,
 * .part) and into code that it shares with others; then decodes its whole extent in sequence, and takes what that adds
 * when both agree on where instructions begin. A function without sites never returns. For an IFUNC the result is that
 * of the resolver. ERROR_INVALID: the bytes are not in the file, or not executable; ERROR_UNSUPPORTED: longer than 16
 * MiB. */
struct error *core_find_return_sites(const struct core_elf *elf, const struct core_function *function,
				     struct core_return_sites *ret) must_check;
void core_return_sites_deinit(struct core_return_sites *sites);

#endif