/* SPDX-License-Identifier: MIT */
/*
 * What calls.c writes into the file that it shares with judge.c: calls as the recorders tell them, and what the program
 * itself knows of its blocks.
 *
 * Times are numbers drawn from one counter: a stamp that another thread drew later is higher. tid is 1 and up. Fields
 * of struct heap_event that have no other use here: function_id is the operation (struct allocator_life), stack_id how
 * many recorded calls the call is inside of.
 */
#ifndef TESTS_ALLOCATORS_LOG_H
#define TESTS_ALLOCATORS_LOG_H

#include <stdint.h>

#include "schema/record_call.h"

#define LOG_SEQUENCES_MAX 20000
#define LOG_EVENTS_MAX (1U << 21)
#define LOG_LIVES_MAX (1U << 20)
#define LOG_FD 3

struct allocator_life {
	uint64_t address, size;
	uint64_t usable;  /* malloc_usable_size; of those that are still there at the end */
	uint32_t made_by; /* the operation that got it: 1 and up, in one sequence */
	uint32_t gone_by; /* the one that gave it back; 0: still there */
	uint32_t sequence;
	uint32_t unused;
};

struct allocator_sequence {
	uint64_t seed;
	uint32_t threads;
	uint32_t event_end, life_end; /* each begins where the one before ends */
	uint32_t unused;
};

struct allocator_log {
	_Atomic uint64_t clock;
	_Atomic uint32_t event_count, life_count;
	uint32_t sequence_count, unused; /* those that are complete */
	struct allocator_sequence sequences[LOG_SEQUENCES_MAX];
	struct allocator_life lives[LOG_LIVES_MAX];
	struct heap_event events[LOG_EVENTS_MAX];
};

#endif
