/* SPDX-License-Identifier: MIT */
/*
 * Which function returned through a stack slot. A return leaves no trace of its own, but the words below the stack
 * pointer stay as they were: the return address of the last call that the function made is among them. Call frame
 * information says where the frame around that call ended; where that is the slot, the frame was this function's. A
 * function that ran on a stack of its own may have been parked in such a call: then a saved context (ucontext_t, Go's
 * gobuf) holds the stack pointer and the address in the function, side by side.
 *
 * Not known: a function that called nothing, or whose words were overwritten since. Two functions whose frames both
 * ended at the slot, one after the other, cannot be told apart unless the registers that they restored differ.
 */
#ifndef ANALYZER_RETURNED_H
#define ANALYZER_RETURNED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/core/core.h"
#include "analyzer/unwind/unwind.h"
#include "common/error.h"

struct returned {
	uint64_t slot;		 /* address of the word that the return took */
	uint64_t return_address; /* where the function's last call had come back to, in the function; 0: not known */
	uint64_t found_at;	 /* the word that still holds it */
	bool from_context;	 /* that word is of a saved context, not below the stack pointer */
	uint64_t function;	 /* entry of the function; 0: not known */
	struct symbol symbol;	 /* of that call: looked up at return_address - 1 */
};

enum returned_search {
	RETURNED_BELOW,	   /* the words below the stack pointer alone */
	RETURNED_CONTEXTS, /* saved contexts as well: all writable memory is looked through */
};

/* Looks for the function whose return address is, or was, at `slot`. `registers` are the thread's (CORE_REGISTERS of
 * them), from right after the return: what the function pushed at its entry must then be in them, and words from their
 * stack pointer on have been written since. NULL: it need not have returned. ret->return_address is 0 where no
 * function, or more than one, fits. */
struct error *returned_find(const struct core *core, uint64_t slot, const uint64_t *registers,
			    enum returned_search search, struct returned *ret) must_check;

/* The same for a return address that is still there. Frames of other functions, long gone, have ended there as well:
 * one of these functions (entries) that fits goes before all others. */
struct error *returned_find_preferred(const struct core *core, uint64_t slot, const uint64_t *functions, size_t count,
				      struct returned *ret) must_check;

/* Where the function at `entry` keeps the register that it saves at its entry, when its return address is at
 * `return_slot`; 0: it saves none, or not by a push among its first instructions. */
uint64_t returned_saved_at(const struct core *core, uint64_t entry, enum core_register reg, uint64_t return_slot);
void returned_deinit(struct returned *returned);

#endif
