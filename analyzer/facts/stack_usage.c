/* SPDX-License-Identifier: MIT */
#include "analyzer/facts/stack_usage.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

/* Calls that the deepest round makes before the stack is full: what it prints with, allocates with. */
#define LEAF_FRAMES_MAX 64
#define PERIOD_MAX 128
#define ROUNDS_MIN 3
#define REPEATS_MIN 8

struct sized_frame {
	uint64_t function; /* its entry, or the return address where that is not known */
	uint64_t bytes;
	size_t frame;
};

static uint64_t function_of(const struct frame *frame)
{
	return frame->symbol.function ? frame->pc - frame->symbol.function_offset : frame->pc;
}

/* Frames whose caller's stack pointer is above theirs and still on the stack. */
static size_t size_frames(const struct thread_stack *stack, size_t first, const struct stack_area *area,
			  struct sized_frame *sized, struct stack_usage *usage)
{
	size_t count = 0;

	for (size_t i = first; i < stack->frame_count; i++) {
		const struct frame *frame = &stack->frames[i];
		uint64_t next = i + 1 < stack->frame_count ? stack->frames[i + 1].sp : 0;

		if (frame->sp >= area->end)
			break;
		usage->joined |= i > first && frame->sp >= area->start;
		if (next <= frame->sp || next > area->end)
			break;
		/* It touches the pages of a large frame for its caller, before the caller owns them. */
		if (frame->symbol.function && strstr(frame->symbol.function, "__rust_probestack") &&
		    i + 2 < stack->frame_count)
			frame = &stack->frames[i + 1];
		sized[count++] = (struct sized_frame){function_of(frame), next - stack->frames[i].sp,
						      (size_t)(frame - stack->frames)};
		usage->bytes += next - frame->sp;
	}
	usage->frames = count;
	return count;
}

/* How many frames from `start` on are followed by one of the same function `period` frames later. */
static size_t repeating(const struct sized_frame *sized, size_t count, size_t start, size_t period)
{
	size_t i = start;

	while (i + period < count && sized[i].function == sized[i + period].function)
		i++;
	return i - start;
}

static uint64_t sum_bytes(const struct sized_frame *sized, size_t count)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < count; i++)
		bytes += sized[i].bytes;
	return bytes;
}

static void find_rounds(const struct sized_frame *sized, size_t count, const struct stack_area *area,
			const struct thread_stack *stack, struct stack_usage *usage)
{
	for (size_t start = 0; start < LEAF_FRAMES_MAX && start < count; start++) {
		for (size_t period = 1; period <= PERIOD_MAX && start + period * ROUNDS_MIN <= count; period++) {
			size_t rounds = repeating(sized, count, start, period) / period + 1;
			uint64_t bytes;

			if (rounds < ROUNDS_MIN)
				continue;
			bytes = sum_bytes(sized + start, rounds * period);
			if (bytes < usage->bytes / 2)
				continue;
			usage->period = period;
			usage->first = sized[start].frame;
			usage->rounds = usage->depth = rounds;
			usage->round_bytes = bytes / rounds;
			if (usage->cut_off && usage->round_bytes)
				usage->depth = (area->end - stack->frames[usage->first].sp) / usage->round_bytes;
			return;
		}
	}
}

static int compare_functions(const void *left, const void *right)
{
	const struct sized_frame *a = left, *b = right;

	if (a->function != b->function)
		return a->function < b->function ? -1 : 1;
	return a->frame < b->frame ? -1 : a->frame > b->frame;
}

static void keep_consumer(struct stack_usage *usage, const struct stack_consumer *consumer)
{
	size_t at = usage->consumer_count;

	while (at > 0 && usage->consumers[at - 1].bytes < consumer->bytes)
		at--;
	if (at == STACK_CONSUMERS_MAX)
		return;
	if (usage->consumer_count < STACK_CONSUMERS_MAX)
		usage->consumer_count++;
	for (size_t i = usage->consumer_count - 1; i > at; i--)
		usage->consumers[i] = usage->consumers[i - 1];
	usage->consumers[at] = *consumer;
}

/* Sorts `sized` by function. */
static void find_consumers(struct sized_frame *sized, size_t count, struct stack_usage *usage)
{
	uint64_t repeated_bytes = 0;

	qsort(sized, count, sizeof(*sized), compare_functions);
	for (size_t i = 0, next; i < count; i = next) {
		struct stack_consumer consumer = {.frame = sized[i].frame};

		for (next = i; next < count && sized[next].function == sized[i].function; next++) {
			consumer.count++;
			consumer.bytes += sized[next].bytes;
			if (sized[next].bytes > consumer.largest) {
				consumer.largest = sized[next].bytes;
				consumer.frame = sized[next].frame;
			}
		}
		if (consumer.count >= REPEATS_MIN)
			repeated_bytes += consumer.bytes;
		keep_consumer(usage, &consumer);
	}
	usage->irregular = !usage->period && repeated_bytes > usage->bytes / 2;
}

struct error *stack_usage_measure(const struct thread_stack *stack, size_t first, const struct stack_area *area,
				  struct stack_usage *ret_usage)
{
	cleanup_free struct sized_frame *sized = calloc(stack->frame_count + 1, sizeof(*sized));
	size_t count;

	*ret_usage = (struct stack_usage){0};
	if (!sized)
		return &error_no_memory;
	count = size_frames(stack, first, area, sized, ret_usage);
	/* A stack that could be followed ends near its top; one that the limit cut off, or that broke, does not. */
	ret_usage->cut_off = stack->end_reason && count + 1 >= stack->frame_count - first && count;
	find_rounds(sized, count, area, stack, ret_usage);
	if (count)
		find_consumers(sized, count, ret_usage);
	return NULL;
}
