/* SPDX-License-Identifier: MIT */
/* One step of a pointer's way into a register; code_origin_of_pointer() finds them. */
#ifndef ANALYZER_CODE_POINTER_LINK_H
#define ANALYZER_CODE_POINTER_LINK_H

#include <stdbool.h>
#include <stdint.h>

/* Where a pointer in a register came from. One link more is one instruction further back. */
struct code_pointer_link {
	int reg; /* enum core_register, which holds the pointer just before the instruction at `at` */
	uint64_t at;
	bool is_copy; /* the same pointer as the link before; otherwise that one was read through this, at `offset` */
	int64_t offset;
	uint64_t slot; /* the word of the stack or of static memory that the register was read from; 0: not known */
};
#define CODE_POINTER_LINKS 6

#endif
