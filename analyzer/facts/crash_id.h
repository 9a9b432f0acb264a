/* SPDX-License-Identifier: MIT */
/*
 * A crash's id: 16 hexadecimal digits made of what its core and its record both hold, so that both give the same. Pure.
 */
#ifndef ANALYZER_CRASH_ID_H
#define ANALYZER_CRASH_ID_H

#include <stdint.h>

#include "schema/record_death.h"
#include "schema/record_process.h"

#define CRASH_ID_BYTES 17

/* pid and tid as the process itself saw them. What is not known is 0. */
struct crash_identity {
	uint64_t auxv_sysinfo_ehdr, auxv_random, auxv_entry, auxv_base;
	uint32_t pid, tid;
	/* A process id can come again, in a fork of the same program even with the same auxiliary vector. */
	uint64_t instruction_pointer, stack_pointer, signal_address;
};

void crash_id_make(const struct crash_identity *identity, char ret_id[CRASH_ID_BYTES]);

/* The id of a recorded death, at the cost of nothing else; `signal` is NULL for an exit, whose thread is `tid`. */
void crash_id_of_record(const struct space *space, const struct process *process, const struct signal_event *signal,
			uint32_t tid, char ret_id[CRASH_ID_BYTES]);

#endif
