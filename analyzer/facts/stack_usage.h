/* SPDX-License-Identifier: MIT */
/*
 * What a stack is full of: which functions' frames take how many bytes, and whether they repeat. A frame's size is the
 * distance from its stack pointer to its caller's. Pure.
 */
#ifndef ANALYZER_STACK_USAGE_H
#define ANALYZER_STACK_USAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/facts/stack_area.h"
#include "analyzer/unwind/unwind.h"

#define STACK_CONSUMERS_MAX 6

/* All frames of one function. */
struct stack_consumer {
	size_t frame; /* one of them: the largest */
	size_t count;
	uint64_t bytes;	  /* of all */
	uint64_t largest; /* of the largest */
};

struct stack_usage {
	size_t frames;	/* that were seen inside the area or below it */
	uint64_t bytes; /* of these */
	bool cut_off;	/* there are more: the unwinder's limit */
	bool joined;	/* the frames lead from the stack pointer into the area: sp really is this stack's */
	/* A recursion: frames that repeat with a period. */
	size_t period;	      /* functions in a round; 0: no fixed round */
	size_t first;	      /* frame where the rounds begin */
	size_t rounds;	      /* complete ones that were seen */
	uint64_t round_bytes; /* of one, on average */
	uint64_t depth;	      /* rounds on the whole stack, by its size where the frames were cut off */
	bool irregular;	      /* no fixed round, but functions that come again and again take most of the stack */
	struct stack_consumer consumers[STACK_CONSUMERS_MAX]; /* by falling bytes */
	size_t consumer_count;
};

/* Measures the frames of `stack` from `first` on, as far as they lie on `area` or below it. */
struct error *stack_usage_measure(const struct thread_stack *stack, size_t first, const struct stack_area *area,
				  struct stack_usage *ret_usage) must_check;

#endif
