/* SPDX-License-Identifier: MIT */
/*
 * Uretprobes in a core: finds the kernel's trampoline page, the probed places in the text, the trampoline's address on
 * stacks, and gives the true return addresses back: restored from what the recorder saw in the kernel, else inferred,
 * else lost. Nothing is accused here; that is for causes and ends.
 *
 * A uretprobe swaps the return address on the stack for the address of the trampoline in the [uprobes] page
 * (kernel/events/uprobes.c, prepare_uretprobe; arch/x86/kernel/uprobes.c). A probe's breakpoint makes its page of text
 * private, and so a part of every default core.
 */
#ifndef ANALYZER_REPAIR_H
#define ANALYZER_REPAIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/core/core.h"
#include "analyzer/unwind/unwind.h"
#include "common/error.h"
#include "schema/record_death.h"

/* How a probe is known; bits. */
enum probe_source {
	PROBE_IN_TEXT = 1,  /* its breakpoint, or its rewritten nop, is in the dumped text */
	PROBE_ON_STACK = 2, /* a call of the function has the trampoline for its return address */
	PROBE_RECORDED = 4, /* the kernel had it pending when the process died */
};

/* A process that held a probe of that place while the process lived, as the recorder's ledger has it. */
struct probe_holder {
	uint32_t pid; /* 0: nobody is known to hold it (tracefs) */
	char comm[16];
	bool left; /* it had let go of it before the process died */
};
#define PROBE_HOLDERS 4

struct probe {
	uint64_t address; /* probed instruction */
	unsigned sources; /* enum probe_source */
	bool at_return;	  /* a uretprobe for certain: it took a return address, or the ledger says so */
	bool is_plain;	  /* the ledger knows plain uprobes alone there. Neither: a breakpoint, which may be of both */
	struct symbol symbol; /* of the address */
	/* Who can have attached it: of a uretprobe those who held one there at any time of the process's life, else
	 * those who held any at its death. Only a holder without others is one to name. */
	struct probe_holder holders[PROBE_HOLDERS];
	size_t holder_count; /* may be more than there is room for */
};

/* A place in memory that holds the trampoline's address. */
struct trampoline_word {
	uint64_t address;
	size_t thread;	   /* index of the thread on whose live stack it lies; SIZE_MAX: on none */
	bool in_chain;	   /* it is the return address of a frame of that thread */
	uint64_t function; /* entry of the function whose return address it had replaced; 0: not known, or not asked */
};

/* A return address given back, or not. */
struct repaired_slot {
	uint64_t slot;
	uint64_t return_address; /* 0 when it is lost */
	enum frame_trust trust;	 /* FRAME_RESTORED, FRAME_INFERRED or FRAME_LOST */
	size_t candidates; /* return sites that fit as well as this one, itself included; 0 for none and for restored */
	uint64_t function; /* entry of the function whose return was taken; 0 when not known */
	uint64_t jumped_from; /* there is no breakpoint at `function`, and this probed one alone jumps to it; 0: none */
};

struct repair {
	uint64_t trampoline;	  /* address of the page and of the return trampoline at its start; 0: none found */
	bool trampoline_recorded; /* the recorder says the same */
	struct probe *probes;	  /* by rising address */
	size_t probe_count, probe_room;
	struct trampoline_word
		*words; /* by rising address; in writable memory only, since text holds it as a constant (Go) */
	size_t word_count, word_room;
	struct repaired_slot *slots;
	size_t slot_count;
	uint64_t died_slot; /* the crashed thread is inside the trampoline: it returned through this slot; 0: it is not
			     */
};

struct repair_request {
	struct core *core;			 /* with its modules found */
	uint64_t recorded_trampoline;		 /* 0: not recorded, or the process had none */
	const struct return_instance *instances; /* recorded ones */
	size_t instance_count;
	const struct unwind_request *unwinding; /* what `stacks` was unwound for, without an overlay; NULL for nothing
						 * beside the threads. A stack that is repaired is unwound again so */
};

/* Finds what uretprobes did, and gives `stacks`, which unwind_core() made, their true return addresses: without a
 * trampoline they stay as they are. After an error they are still to be released. */
struct error *repair_core(const struct repair_request *request, struct unwind_result *stacks,
			  struct repair *ret_repair) must_check;
void repair_deinit(struct repair *repair);

/* ---- the parts, for tests and for each other ---- */

/* The [uprobes] page by its shape: one page, execute permission alone, no file, not the vsyscall page. 0: none. */
uint64_t repair_find_trampoline(const struct core *core);

/* Probed places: where dumped text differs from the file of the same build-id by a breakpoint (cc), or by a call over a
 * five-byte nop (e8 for 0f 1f 44 00 00). Appends to `repair->probes`, without symbols. */
struct error *repair_find_probes(const struct core *core, struct repair *repair) must_check;

/* Words that hold the trampoline's address, in dumped writable memory. */
struct error *repair_find_words(const struct core *core, struct repair *repair) must_check;

/* Return sites of calls that can have entered the function at `entry`: direct calls, calls through the linkage table,
 * and calls of functions that jump to it. *ret_jumps gets the addresses of such jumps: the caller finds out in which
 * functions they lie and asks again for those. Both arrays are freed by the caller. Calls through registers cannot be
 * found so. */
struct error *repair_find_calls(const struct core *core, uint64_t entry, uint64_t **ret_sites, size_t *ret_site_count,
				uint64_t **ret_jumps, size_t *ret_jump_count) must_check;

/* True when decoding from `function` on meets an instruction that ends just at `return_address`, and it is a call. */
bool repair_is_call_boundary(const struct core *core, uint64_t function, uint64_t return_address);

/* Writes a copy of the core to `path`, by the rule of common/output.h, with the repaired return addresses in place:
 * holes stay holes (to a stream, zeros), the input is only read. Mode 0600. ERROR_INVALID when `path` is the input. */
struct error *repair_write_core(const struct core *core, const struct repair *repair, const char *path) must_check;

#endif
