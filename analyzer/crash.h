/* SPDX-License-Identifier: MIT */
/*
 * Everything that is known of one crash, as plain data: what the core says, what was recorded, and what was worked out
 * from both without judging. It is what every detector gets, const. A part that is not known says so; nothing is made
 * up.
 *
 * Addresses are of the dead process, times CLOCK_BOOTTIME nanoseconds, ranges half-open.
 */
#ifndef ANALYZER_CRASH_H
#define ANALYZER_CRASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/core.h"
#include "analyzer/exception_table.h"
#include "analyzer/repair.h"
#include "analyzer/timeline.h"
#include "analyzer/unwind.h"
#include "schema/record.h"

enum address_source {
	ADDRESS_UNKNOWN = 0,
	ADDRESS_SIGNAL,	     /* si_addr */
	ADDRESS_INSTRUCTION, /* worked out from the instruction's operands and the registers */
};

enum access_kind { ACCESS_UNKNOWN = 0, ACCESS_READ, ACCESS_WRITE, ACCESS_EXECUTE };

#define FAULT_MAX_OPERANDS 4

/* One memory operand of the faulting instruction. */
struct fault_operand {
	char text[48]; /* as in the disassembly: "[rbx+0x0c]" */
	uint64_t address;
	uint32_t bytes;
	bool reads;
	bool writes;
};

struct fault {
	char instruction[96]; /* "mov edi, dword ptr [rbx+0x0c]"; "" when it could not be read */
	bool is_fault;	      /* the signal reports a fault of this instruction (not kill, not abort) */
	uint64_t address;
	enum address_source source;
	enum access_kind access;
	struct fault_operand operands[FAULT_MAX_OPERANDS];
	size_t operand_count;
};

struct crash_signal {
	int32_t number;
	int32_t code;
	uint64_t address; /* si_addr; meaningful when `has_address` */
	bool has_address;
	uint32_t sender_pid; /* 0 for none */
	bool trustworthy;    /* code and address describe what the processor saw: not re-raised, not sent, not zeroed */
};

/* Who called, as far as one recorded event tells. */
struct event_context {
	struct symbol at;	 /* the instruction after the system call: mostly libc's wrapper */
	struct symbol caller;	 /* whoever called that wrapper; module is NULL when it cannot be told */
	uint64_t caller_address; /* return address into the caller; 0 when it cannot be told */
	struct symbol jumper; /* the function that the caller called, when it is another than `at`: it reached `at` by a
			       * tail call, so the stack does not show it; module NULL for none */
	struct marker before, after; /* nearest markers of the same thread; id 0 for none */
	char *file;		     /* path of the mapped file; NULL for none */
};

/* The recorded life of the memory around the fault address. */
struct biography {
	uint64_t address;		/* the address asked for */
	struct memory_event *events;	/* those that touch [timeline.start, timeline.end), oldest first */
	struct event_context *contexts; /* one an event; all empty for events that do not touch the address's page */
	size_t event_count;
	bool truncated; /* older events were left out */
	struct timeline timeline;
};

/* The exception that ended the process, on the crashed thread's stack. */
struct exception_path {
	size_t thrown_at; /* frame of the function that raised it (__cxa_throw and the like); SIZE_MAX: no exception */
	size_t caught_at; /* first frame above with a handler around its call; SIZE_MAX: none was found */
	enum exception_handler handler; /* HANDLER_TYPED, HANDLER_ALL or HANDLER_TERMINATE of that frame */
};

struct crash {
	char id[17]; /* 16 hexadecimal digits; the same from the core and from the record */
	/* from the core; NULL and zeros without one */
	const struct core *core;
	/* from the core, else from the record */
	uint32_t pid, tid; /* as the process itself saw them */
	char comm[17];
	char *executable; /* path; NULL when not known */
	char *core_path;
	bool has_registers;
	uint64_t registers[CORE_REGISTERS];
	struct crash_signal signal;
	struct fault fault;
	/* Is the page of fault.address mapped in the dead process? Known only with a core. */
	bool fault_mapping_known;
	bool fault_mapped;
	struct unwind_result stacks;	   /* of all threads, repaired; empty without a core */
	struct repair repair;		   /* what uretprobes did, its `stacks` moved out to the field above */
	struct return_instance *instances; /* uretprobes that were pending when it died, as recorded */
	size_t instance_count;
	struct exception_path exception;
	char *abort_message; /* what the C library said before it aborted (abort_message.h); NULL for nothing */
	/* from the record */
	bool recorded;
	struct recording recording;
	struct process process;
	struct space space;
	bool has_signal_event;
	struct signal_event signal_event;
	bool has_exit_state; /* it was not killed: it exited, with uretprobes at work */
	struct exit_state exit_state;
	bool is_crystal;	/* the executable is a Crystal program; known for an exit only */
	uint64_t time_ns;	/* of the death; 0 when not recorded */
	uint64_t known_from_ns; /* the memory's history is known from here on; 0: from its first mapping */
	uint64_t event_count;
	struct gap *gaps; /* that concern this process, from its start to its death */
	size_t gap_count;
	bool has_biography;
	struct biography biography;
	/* what could not be had, one line each, for the report */
	char **notes;
	size_t note_count;
};

/* True when something may have happened to this process between the two moments that was not recorded. *ret_gap, if not
 * NULL, gets the first such gap, or NULL when the recording had not begun by `from_ns`. */
bool crash_unseen_between(const struct crash *crash, uint64_t from_ns, uint64_t to_ns, const struct gap **ret_gap);

/* The date of a recorded moment, in nanoseconds since the epoch; false when it cannot be one (a damaged database). */
bool crash_realtime_ns(const struct recording *recording, uint64_t time_ns, int64_t *ret_ns);

/* Frees all but the core. */
void crash_deinit(struct crash *crash);

struct error *crash_add_note(struct crash *crash, const char *format, ...)
	__attribute__((format(printf, 2, 3))) must_check;

#endif
