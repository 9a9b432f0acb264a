/* SPDX-License-Identifier: MIT */
/*
 * Stacks and symbols of a core, by libdwfl, in a child process that can open nothing.
 *
 * libdw and libelf parse files that a hostile process may have written. So one call, unwind_core(), forks a child,
 * takes its right to open files, make sockets or run programs away (seccomp), lets it unwind and look up all that is
 * asked for, and reads the answer from a pipe. A child that dies or exceeds its time gives an answer with `failure` set
 * and whatever was complete before; the caller never crashes with it. The files were opened beforehand by
 * core_find_modules().
 *
 * The child unwinds through thread callbacks of our own, so that an overlay of stack words can stand in front of
 * memory.
 */
#ifndef ANALYZER_UNWIND_H
#define ANALYZER_UNWIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/code/code_pointer_link.h"
#include "analyzer/core/core.h"
#include "common/error.h"

/* How a frame is known, best first. */
enum frame_trust {
	FRAME_REGISTERS, /* the innermost frame: the thread's own registers */
	FRAME_CFI,	 /* from call frame information */
	FRAME_POINTER,	 /* from the saved frame pointer */
	FRAME_SCAN,	 /* a return address found on the stack, not more */
	FRAME_RESTORED,	 /* the return address that the recorder saw in the kernel */
	FRAME_INFERRED,	 /* a return address that was worked out */
	FRAME_TAIL_CALL, /* no frame: the function that was called here, which jumped to the one below; pc is its entry
			  */
	FRAME_LOST,	 /* the caller cannot be told */
};

const char *frame_trust_name(enum frame_trust trust); /* "registers", "cfi", "frame-pointer", "scan", "restored", … */

/* What an address is called. Strings belong to the struct; NULL where not known. */
struct symbol {
	char *module;	    /* path of the module, or NULL when no module holds the address */
	char build_id[129]; /* hexadecimal, "" for none */
	char *function;	    /* from the symbol table, not demangled, without a version */
	uint64_t function_offset;
	uint64_t module_offset; /* address minus the module's load bias: what addr2line and objdump understand */
	/* The innermost function that was inlined there and is not of a language's library; `file` and `line` are in
	 * it, or in `function` where there is none. Mangled where the debug information has it so. NULL: none, or not
	 * known. */
	char *inlined;
	char *file;		/* source file, with debug information */
	int line;		/* 0 for unknown */
};
void symbol_deinit(struct symbol *symbol);

struct frame {
	uint64_t pc; /* of a caller: its return address, not decremented */
	uint64_t sp; /* stack pointer in that frame; 0 when not known */
	enum frame_trust trust;
	struct symbol symbol; /* of a caller: looked up at pc - 1, so that the call's line is named; the offsets are
				 those of pc */
};

/* thread_stack.end_reason of a stack whose last return address is zero: how most runtimes mark the bottom of a stack
 * that they made themselves (fibers, goroutines), and what a broken stack can end in too. */
extern const char unwind_end_at_zero[];

struct thread_stack {
	uint32_t tid;
	bool crashed; /* the first thread of the core */
	struct frame *frames;
	size_t frame_count;
	char *end_reason; /* NULL when the stack ended where threads begin, else libdwfl's words or "limit reached" */
};

/* A return address that replaces the word at a stack slot, for every read of the unwinder. */
struct unwind_overlay {
	uint64_t slot;
	uint64_t return_address;
	enum frame_trust trust; /* FRAME_RESTORED or FRAME_INFERRED: what a frame found through it is marked as */
};

/* Which structure member was used: an access of `bytes` at `offset` from the pointer in links[0]. */
struct member_request {
	struct code_pointer_link links[CODE_POINTER_LINKS];
	size_t link_count;	   /* 0: do not ask */
	const uint64_t *registers; /* CORE_REGISTERS of them, of the innermost frame */
	uint64_t offset;
	uint32_t bytes;
};

/* A structure member by the debug information's words, which are a stranger's: printable ASCII, nothing more is sure.
 * Known only where exactly one variable and one member fit. */
struct accessed_member {
	char expression[160]; /* "node->next"; "" for not known */
	char type[100];	      /* what holds the member, "struct node" */
	uint64_t offset;      /* of the member in it, in bytes */
};

struct unwind_request {
	const struct core_thread
		*thread; /* to be unwound alone, in the place of the core's threads; NULL: all of those */
	const struct member_request *member; /* NULL for none */
	const struct unwind_overlay *overlay;
	size_t overlay_count;
	const uint64_t *addresses; /* to be looked up as they are (not decremented) */
	size_t address_count;
	size_t frame_limit;  /* frames a thread; 0 means 4096 */
	unsigned timeout_ms; /* as sandbox_task has it */
};

/* What a called function gives back as it was (System V ABI, AMD64), as call frame information has it for a frame of
 * the crashed thread. */
#define KEPT_REGISTERS 6
#define KEPT_FRAMES 12
extern const enum core_register unwind_kept_order[KEPT_REGISTERS];
struct kept_registers {
	uint64_t pc, sp; /* of the frame */
	uint32_t known;	 /* bit n: values[n] is known, which is of unwind_kept_order[n] */
	uint64_t values[KEPT_REGISTERS];
};

struct unwind_result {
	struct thread_stack *threads; /* in the core's order */
	size_t thread_count;
	struct kept_registers kept[KEPT_FRAMES]; /* of the crashed thread's innermost frames */
	size_t kept_count;
	struct symbol *symbols; /* one for each of request->addresses */
	/* For each of request->addresses: the distance from the stack pointer to the word that holds the return address
	 * at that instruction, as call frame information has it: 0 in a leaf function that has pushed nothing. -1: not
	 * known. */
	int64_t *return_slot_offsets;
	size_t symbol_count;
	struct accessed_member member; /* the answer to request->member */
	char *failure;		       /* NULL, or why the child did not finish */
};

/* A stack as it was copied while the process lived. */
struct past_stack {
	const struct core *picture; /* the code of that moment (core_past.h) */
	uint64_t ip, sp;
	bool has_registers;
	uint64_t registers[6]; /* rbx rbp r12 r13 r14 r15 */
	const uint8_t *slice;  /* memory from `sp` on */
	size_t slice_bytes;
	uint64_t trampoline;	/* where uretprobes lead; 0: none known */
	const char *end_reason; /* what to say where the slice ends; a return address there is not known */
};

struct past_request {
	const struct past_stack *stacks;
	size_t count;
	const struct core *core; /* whose linkage tables tell what was called; NULL for none */
	size_t frame_limit;	 /* as above; 0 means 256 */
	unsigned timeout_ms;
};

struct past_result {
	struct thread_stack *stacks; /* one for each of request->stacks */
	size_t count;
	char *failure; /* NULL, or why the child did not finish */
};

/* Unwinds recorded stacks, all in one child: memory is the slice and the files of the picture. Where a call's target is
 * another function than the one below it, a frame of FRAME_TAIL_CALL stands between. A return address that a uretprobe
 * took is FRAME_LOST, and the stack ends with it. */
struct error *unwind_past(const struct past_request *request, struct past_result *ret_result) must_check;
void past_result_deinit(struct past_result *result);

/* Unwinds every thread of `core` and looks the addresses up. core_find_modules() comes first. */
struct error *unwind_core(const struct core *core, const struct unwind_request *request,
			  struct unwind_result *ret_result) must_check;
void unwind_result_deinit(struct unwind_result *result);

#endif
