/* SPDX-License-Identifier: MIT */
/*
 * What the recorder wrote of the process that died: rows of the store, as they are there. All of it is zero, and
 * `known` false, where the process was not recorded. What is made of the rows, such as the life of an address, is
 * derived (crash_facts.h). Made by assemble_record.c.
 *
 * Times are CLOCK_BOOTTIME nanoseconds.
 */
#ifndef ANALYZER_CRASH_FROM_RECORD_H
#define ANALYZER_CRASH_FROM_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/record_death.h"
#include "schema/record_process.h"
#include "schema/record_recording.h"

struct crash_from_record {
	bool known;		    /* the process was recorded; otherwise nothing below is */
	struct recording recording; /* that saw it */
	struct process process;
	struct space space; /* the address space that it died with: matched with the core by the auxiliary vector */
	/* The fatal signal as the kernel delivered it; false: the death was not seen, or is another than the core's. */
	bool has_signal_event;
	struct signal_event signal_event;
	bool has_sender; /* who sent it was seen; false where the kernel itself did */
	struct signal_sender sender;
	bool has_exit_state; /* it was not killed: it exited, with uretprobes at work */
	struct exit_state exit_state;
	uint64_t time_ns;	/* of the death; 0 when that was not recorded */
	uint64_t known_from_ns; /* the memory's history is known from here on; 0: from its first mapping */
	uint64_t event_count;	/* of this address space, of all kinds */
	struct gap *gaps;	/* what was lost of this process, from its start to its death; owned */
	size_t gap_count;
	/* Uretprobes that were pending when it died, as the kernel had them; owned. None: none were, or the death was
	 * not seen. */
	struct return_instance *instances;
	size_t instance_count;
};

void crash_from_record_deinit(struct crash_from_record *record);

#endif
