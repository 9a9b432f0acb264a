/* SPDX-License-Identifier: MIT */
/*
 * What was derived of a crash, from its core and its record together, without judging. Each member says which of the
 * two it rests on, and what it is where that is missing. Made by the steps in assemble/, each member by one of them.
 *
 * Addresses are of the dead process, times CLOCK_BOOTTIME nanoseconds, ranges half-open. Strings are owned.
 */
#ifndef ANALYZER_CRASH_FACTS_H
#define ANALYZER_CRASH_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/chronicle.h"
#include "analyzer/core/core.h"
#include "analyzer/facts/biography.h"
#include "analyzer/facts/blame.h"
#include "analyzer/facts/crash_signal.h"
#include "analyzer/facts/failed_call.h"
#include "analyzer/facts/fault.h"
#include "analyzer/facts/heap_facts.h"
#include "analyzer/facts/mapping.h"
#include "analyzer/facts/overrun.h"
#include "analyzer/facts/place.h"
#include "analyzer/facts/pointer_path.h"
#include "analyzer/facts/signal_call.h"
#include "analyzer/facts/signal_frame.h"
#include "analyzer/facts/stack_area.h"
#include "analyzer/facts/thrown.h"
#include "analyzer/repair/repair.h"
#include "analyzer/unwind/exception_table.h"
#include "analyzer/unwind/unwind.h"

#define CRASH_INTERRUPTIONS 4
#define CRASH_VIEWS 5

/* The exception that ended the process, on the crashed thread's stack. */
struct exception_path {
	size_t thrown_at; /* frame of the function that raised it (__cxa_throw and the like); SIZE_MAX: no exception */
	size_t caught_at; /* first frame above with a handler around its call; SIZE_MAX: none was found */
	enum exception_handler handler; /* HANDLER_TYPED, HANDLER_ALL or HANDLER_TERMINATE of that frame */
};

struct crash_facts {
	/* ---- who died, and of what: from the core, else from the record ---- */
	uint32_t pid, tid;   /* as the process itself saw them */
	uint32_t parent_pid; /* likewise, when it died; from the core alone; 0: not known */
	char comm[17];	     /* "" when not known */
	char *executable;    /* path; NULL when not known */
	bool is_crystal;     /* it has Crystal's main function; looked for where the process exited only */
	bool has_registers;  /* of the crashed thread, when it died; from the core, else the recorded signal's */
	uint64_t registers[CORE_REGISTERS];
	/* The core's, else the record's; where the core has no siginfo, the record's of the same thread and place. The
	 * sender's name comes from the record. All zero, but for the exit status in `code`, where it exited. */
	struct crash_signal signal;
	char id[17]; /* 16 hexadecimal digits; the same from the core and from the record; never empty */

	/* ---- the stacks: from the core, and the recorded return instances ---- */
	struct repair repair; /* what uretprobes did, as far as core and record show it; its probes' holders are the
			       * record's. Without a core: what the record had pending */
	struct unwind_result stacks;	 /* of all threads, repaired; the crashed one first. Empty without a core */
	struct stack_use goroutine;	 /* whose stack Go's runtime could not let grow; kind STACK_UNKNOWN for none */
	struct exception_path exception; /* thrown_at SIZE_MAX: none, or no core */

	/* ---- the instruction that failed: from core and signal ---- */
	struct interruption interruption; /* `found` false: it did not die in a handler, or there is no core */
	struct fault fault;		  /* its `operand` SIZE_MAX and the rest zero: no instruction is to blame */
	struct mapping_facts mapping;	  /* of fault.address, by the core; `known` false: not mapped, or no core */

	/* ---- handlers and the stacks that they stood on: from the core ---- */
	struct interruption interruptions[CRASH_INTERRUPTIONS]; /* all that the unwinder came by, innermost first */
	size_t interruption_count;
	struct stack_use stack_uses[CRASH_INTERRUPTIONS + 1]; /* [0] for the death itself; then one an interruption */
	size_t stack_use_count;				      /* 0 without a core */
	struct signal_sending sending; /* all zero: no thread is in a call that sends `signal`, or there is no core */

	/* ---- what the runtime said: from the core ---- */
	struct thrown thrown;  /* the C++ exception that std::terminate was called for; `found` false for none */
	char panic_place[256]; /* where a panic of Rust was raised, as the program says it: "src/main.rs:4:9"; "" for
				  unknown */
	char *panic_message;   /* what a panic of Rust or Go said; NULL for not known */

	/* ---- memory: the record's rows replayed, joined with the core ---- */
	bool has_biography; /* false without a record, or where no address is to be asked for */
	struct biography biography;
	/* The recorded ends of what the pointers below and the words on top of the stack point to, owned; 0 without a
	 * record or a core. */
	struct place_record *place_records;
	size_t place_record_count;
	struct place fault_place; /* of fault.address; PLACE_UNKNOWN also where that is not known */
	struct place operand_places[FAULT_MAX_OPERANDS]; /* of fault.operands */
	struct pointer pointers[POINTER_REGISTERS]; /* the general ones of fault.registers, and rip; 0: no registers */
	size_t pointer_count;
	/* The place of the biography's address in a file that is mapped there no longer; path NULL for none. */
	struct file_spot unloaded;
	struct unload_remains remains; /* the same from the core alone: then `unloaded` has what name was left */
	/* For a page that its file did not have: what happened to that file, oldest first, until the death. */
	struct file_loss *file_losses;
	size_t file_loss_count;
	struct failed_calls failed_calls; /* `count` 0 without a record of the death */
	struct pointer_path path; /* PATH_LOST without a core */
	struct overrun overrun;	  /* TAKEN_NOT without a core */
	struct blame blame;	  /* BLAME_NOT_KNOWN without a core */
	struct memory_view views[CRASH_VIEWS];
	size_t view_count;	    /* 0 without record and core */
	struct chronicle chronicle; /* what else is told of an address that was asked for by itself; else empty */
	struct heap_facts heap; /* each member says what it rests on */
};

void crash_facts_deinit(struct crash_facts *facts);

#endif
