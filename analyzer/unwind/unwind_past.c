/* SPDX-License-Identifier: MIT */
/* The parent's side of recorded stacks: starts the child, and makes frames of what it said. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/unwind/sandbox.h"
#include "analyzer/unwind/unwind_internal.h"
#include "common/cleanup.h"
#include "common/vector.h"

#define FRAME_LIMIT_DEFAULT 256u
#define FRAME_LIMIT_MAX 65536u

struct past_task {
	const struct past_request *request;
	uint32_t *pictures; /* number of each stack's picture, from 1 on */
	struct unwind_reader reader;
};

void past_result_deinit(struct past_result *result)
{
	if (!result)
		return;
	for (size_t i = 0; i < result->count; i++)
		unwind_stack_deinit(&result->stacks[i]);
	free(result->stacks);
	free(result->failure);
	*result = (struct past_result){0};
}

static bool task_work(void *context, int output_fd)
{
	const struct past_task *task = context;

	return unwind_child_run_past(task->request, task->pictures, task->reader.frame_limit, output_fd);
}

static bool task_receive(void *context, const uint8_t *bytes, size_t size)
{
	struct past_task *task = context;

	return unwind_reader_receive(&task->reader, bytes, size);
}

/* Numbers the pictures, and collects the descriptors of their modules. The caller frees *ret_descriptors. */
static struct error *number_pictures(struct past_task *task, int **ret_descriptors, size_t *ret_count)
{
	cleanup_free const struct core **pictures = calloc(task->request->count + 1, sizeof(struct core *));
	cleanup_free int *descriptors = NULL;
	size_t picture_count = 0, count = 0;

	if (!pictures)
		return &error_no_memory;
	for (size_t i = 0; i < task->request->count; i++) {
		const struct core *picture = task->request->stacks[i].picture;
		size_t at = picture_count;

		while (at > 0 && pictures[at - 1] != picture)
			at--;
		if (at > 0) {
			task->pictures[i] = (uint32_t)at;
			continue;
		}
		pictures[picture_count++] = picture;
		task->pictures[i] = (uint32_t)picture_count;
		if (array_resize(descriptors, count + 2 * picture->module_count + 1))
			return &error_no_memory;
		for (size_t j = 0; j < picture->module_count; j++) {
			if (picture->modules[j].elf_fd >= 0)
				descriptors[count++] = picture->modules[j].elf_fd;
			if (picture->modules[j].debug_fd >= 0)
				descriptors[count++] = picture->modules[j].debug_fd;
		}
	}
	*ret_count = count;
	*ret_descriptors = take_pointer(descriptors);
	return NULL;
}

/* A tail call's function goes between the frame that called it and the one that it jumped to. */
static bool fill_tail(const struct past_task *task, const struct core *picture, size_t index,
		      const struct unwind_tail *tail, struct frame *frame)
{
	frame->pc = tail->target;
	frame->trust = FRAME_TAIL_CALL;
	return unwind_fill_symbol(&task->reader, picture, task->pictures[index], tail->target, &frame->symbol);
}

static bool fill_stack(struct past_task *task, size_t index, const struct unwind_tail **tail,
		       struct thread_stack *stack)
{
	const struct core *picture = task->request->stacks[index].picture;
	const struct unwind_tail *end = task->reader.tails + task->reader.tail_count;
	struct unwind_stack *from = &task->reader.stacks[index];

	if (!from->known) {
		stack->end_reason = strdup("not unwound");
		return stack->end_reason;
	}
	stack->end_reason = take_pointer(from->end_reason);
	stack->frames = calloc(2 * from->frame_count + 1, sizeof(*stack->frames));
	if (!stack->frames)
		return false;
	for (size_t i = 0; i < from->frame_count; i++) {
		if (*tail && *tail < end && (*tail)->stack == index && (*tail)->frame == i &&
		    !fill_tail(task, picture, index, (*tail)++, &stack->frames[stack->frame_count++]))
			return false;
		if (!unwind_fill_frame(&task->reader, picture, task->pictures[index], &from->frames[i],
				       &stack->frames[stack->frame_count++]))
			return false;
	}
	return true;
}

static struct error *task_run(struct past_task *task, struct past_result *result)
{
	cleanup_free int *descriptors = NULL;
	struct sandbox_task sandbox = {
		.work = task_work,
		.receive = task_receive,
		.context = task,
		.timeout_ms = task->request->timeout_ms,
	};
	const struct unwind_tail *tail;
	struct error *err = number_pictures(task, &descriptors, &sandbox.descriptor_count);

	if (err)
		return err;
	sandbox.descriptors = descriptors;
	err = sandbox_run(&sandbox, &result->failure);
	if (err)
		return error_prefix(err, "cannot unwind recorded stacks");
	if (!result->failure && !task->reader.done) {
		result->failure = strdup("it ended before its answer was complete");
		if (!result->failure)
			return &error_no_memory;
	}
	result->stacks = calloc(task->request->count + 1, sizeof(*result->stacks));
	if (!result->stacks)
		return &error_no_memory;
	unwind_sort_names(&task->reader);
	tail = task->reader.tails;
	for (size_t i = 0; i < task->request->count; i++) {
		struct thread_stack *stack = &result->stacks[result->count++];

		if (!fill_stack(task, i, &tail, stack) || !unwind_end_at_stack_change(stack))
			return &error_no_memory;
	}
	return NULL;
}

struct error *unwind_past(const struct past_request *request, struct past_result *ret_result)
{
	size_t frame_limit = request->frame_limit ? request->frame_limit : FRAME_LIMIT_DEFAULT;
	cleanup_free uint32_t *pictures = calloc(request->count + 1, sizeof(*pictures));
	struct past_task task = {.request = request, .pictures = pictures};
	struct past_result result = {0};
	struct error *err;

	*ret_result = result;
	if (!pictures)
		return &error_no_memory;
	if (request->count == 0)
		return NULL;
	if (frame_limit > FRAME_LIMIT_MAX)
		frame_limit = FRAME_LIMIT_MAX;
	err = unwind_reader_init(&task.reader, request->count, 0, frame_limit) ?: task_run(&task, &result);
	unwind_reader_deinit(&task.reader);
	if (err) {
		past_result_deinit(&result);
		return err;
	}
	*ret_result = result;
	return NULL;
}
