/* SPDX-License-Identifier: MIT */
/*
 * The recorded life of memory that a crash hangs on: its events, who made them, and what they make of it. Plain data,
 * read by assemble/assemble_biography.c, judged by causes and ends.
 *
 * Addresses are of the dead process, times CLOCK_BOOTTIME nanoseconds, ranges half-open.
 */
#ifndef ANALYZER_BIOGRAPHY_H
#define ANALYZER_BIOGRAPHY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/facts/event_stack.h"
#include "analyzer/timeline.h"
#include "analyzer/unwind/unwind.h"
#include "schema/record_file.h"
#include "schema/record_marker.h"
#include "schema/record_memory.h"

/* Who called, as far as one recorded event tells. */
struct event_context {
	struct event_stack stack; /* as far as it was recorded */
	struct symbol at;	  /* the instruction after the system call: mostly libc's wrapper */
	/* Whoever wanted it: the first function on the stack that is not of the C library or an allocator, or where
	 * there is none, the one that called the wrapper; module is NULL when it cannot be told. */
	struct symbol caller;
	uint64_t caller_address; /* return address into the caller; 0 when it cannot be told */
	struct symbol jumper; /* the function that the caller called, when it is another than the one that was reached:
			       * it jumped there, so the stack does not show it; module NULL for none */
	struct marker before, after; /* nearest markers of the same thread; id 0 for none */
	char *file;		     /* path of the mapped file; NULL for none */
};

/* A recorded call that made the faulting mapping's file shorter, or emptied a part of it. */
struct file_loss {
	struct truncation call;
	struct event_context context; /* who called, when it was this process; else empty */
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

/* Memory that the fault hangs on, other than the fault's own address, with its recorded life. */
struct memory_view {
	/* The word that the faulting pointer was read from; the code that ran; a page that it may have been read from,
	 * because registers or the stack point there, where the word is not known. */
	enum { VIEW_SOURCE, VIEW_CODE, VIEW_NEARBY } role;
	uint64_t address;
	uint64_t value;	   /* VIEW_SOURCE: the word */
	bool is_exact;	   /* VIEW_SOURCE: as pointer_path has it */
	bool page_is_zero; /* every byte of its page, in the core; but for what the crashing functions stored there */
	bool surroundings_are_zero; /* VIEW_SOURCE: the same of the words around it; so also where the page is */
	char pointer[8];	    /* VIEW_SOURCE: the register, "rax" */
	struct biography biography;
};

void event_context_deinit(struct event_context *context);
void biography_deinit(struct biography *biography);
void file_loss_deinit(struct file_loss *loss);

/* A file that the dynamic linker read and unmapped before the program began (/etc/ld.so.cache): nobody keeps a pointer
 * into it. */
bool biography_is_scratch(const struct biography *biography, const struct life *life);

/* `life`, or the one before it at the biography's address that is no loader scratch; NULL when there is none. */
const struct life *biography_before_scratch(const struct biography *biography, const struct life *life);

#endif
