/* SPDX-License-Identifier: MIT */
/*
 * The state of one walk through a function's code, shared by the walk itself (code_walk.c) and by what decides
 * where a jump leads (code_jump.c). Nothing outside these two includes this.
 */
#ifndef ANALYZER_CODE_WALK_H
#define ANALYZER_CODE_WALK_H

#include "analyzer/code/code_machine.h"
#include "analyzer/code/code_return_sites.h"

/* What is known of a byte. */
enum {
	BYTE_START = 1,	 /* an instruction begins here */
	BYTE_INSIDE = 2, /* an instruction that began earlier goes on here */
	BYTE_SWEPT = 4,	 /* the sequential decoding has an instruction begin here */
};

/* A stretch of code that belongs to the function: itself, a split part, or code that others run too. */
struct code_region {
	uint64_t start;
	uint64_t end;
	uint8_t *bytes;
	uint8_t *marks;	    /* of each byte */
	const char *symbol; /* or NULL */
	bool is_own;	    /* its extent is known to belong to the function alone, so all of it is decoded */
	bool is_shared;
	bool is_swept;
};

/* A straight line of instructions up to the present one; the last of them is at (count - 1) % LINE_LENGTH. */
#define LINE_LENGTH 24
struct code_line {
	struct code_instruction entries[LINE_LENGTH];
	size_t count;
};

struct code_walk {
	const struct elf_file *elf;
	const struct code_function *function;
	const struct code_machine *machine;
	struct code_region *regions;
	size_t region_count;
	uint64_t *pending;
	size_t pending_count, pending_capacity;
	size_t site_capacity;
	bool reaching; /* following control flow, not what only the sequential decoding met */
	struct code_line line;
	struct code_return_sites *result;
};

/* What an indirect jump is. */
enum code_jump {
	CODE_JUMP_TABLE, /* inside the function */
	CODE_JUMP_TAIL,	 /* to another one */
};

/* Judges the last instruction of the line, a jump through a register or memory. `site` gets the target's name when the
 * jump goes through a slot of the dynamic linker. */
enum code_jump code_jump_classify(const struct code_walk *walk, struct code_return_site *site);

/* The name of the function that the PLT entry at `address` leads to, or NULL when there is none. `*ret_is_plt` says
 * whether the address is in a PLT at all. */
const char *code_jump_plt_name(const struct code_walk *walk, uint64_t address, bool *ret_is_plt);

/* Whether `name` is a part split off the function called `whole`: whole.cold, whole.part.0.cold, whole.cold.1 …
 * `*ret_own`: it is entered from there alone (.cold); a .part is called by others too, once the rest of it has been
 * inlined. */
bool code_jump_is_part(const char *name, const char *whole, bool *ret_own);

#endif
