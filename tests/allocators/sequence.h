/* SPDX-License-Identifier: MIT */
/* One sequence of recorded calls, and what the replay makes of it beside what the program knows. */
#ifndef TESTS_ALLOCATORS_SEQUENCE_H
#define TESTS_ALLOCATORS_SEQUENCE_H

#include <stddef.h>
#include <stdint.h>

#include "replay/heap.h"
#include "tests/allocators/log.h"

#define EVENTS_MAX 4096

struct sequence {
	struct heap_event events[EVENTS_MAX]; /* in the order of heap_call_moment */
	size_t event_count;
	const struct allocator_life *truth;
	size_t truth_count;
	/* What the replay made of it. */
	size_t outer[EVENTS_MAX];
	struct heap_replay_life lives[EVENTS_MAX];
	size_t life_count;
	char complaint[256]; /* the first; "": none */
};

/* Replays the calls and compares: sets lives and complaint. */
void sequence_judge(struct sequence *sequence);
/* The calls, on standard error. */
void sequence_print(const struct sequence *sequence);
/* When the call that handed the block out returned. */
uint64_t sequence_made_at(const struct sequence *sequence, const struct heap_replay_life *life);

#endif
