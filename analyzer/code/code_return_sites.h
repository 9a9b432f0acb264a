/* SPDX-License-Identifier: MIT */
/*
 * Where a function returns: every RET of it, and every jump by which it hands its return to another function.
 *
 * For those who want a return value without a uretprobe: a plain uprobe on each of these instructions sees the same
 * registers, and leaves the stack alone. The caller owns what is returned; names in it belong to the elf_file, which
 * must outlive it. Addresses are the file's own (no load bias); ranges are half-open. Knows nothing of probes or
 * processes.
 */
#ifndef ANALYZER_CODE_RETURN_SITES_H
#define ANALYZER_CODE_RETURN_SITES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/code/code_function.h"
#include "common/error.h"

enum code_site_kind {
	CODE_SITE_RETURN,
	CODE_SITE_TAIL_CALL, /* a jump to another function, whose RET then returns to this one's caller */
};

struct code_return_site {
	enum code_site_kind kind;
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

struct code_return_sites {
	struct code_function function;
	struct code_return_site *sites; /* by rising address */
	size_t count;
	size_t return_count; /* those of CODE_SITE_RETURN */
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
struct error *code_find_return_sites(const struct elf_file *elf, const struct code_function *function,
				     struct code_return_sites *ret) must_check;
void code_return_sites_deinit(struct code_return_sites *sites);

#endif