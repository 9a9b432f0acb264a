/* SPDX-License-Identifier: MIT */
/*
 * In the child: recorded stacks. Each picture of the code has a Dwfl of its own; the stacks are taken picture by
 * picture, all of them before any name is looked up, because symbols and lines are where libdw meets most of a file.
 */
#include <stdlib.h>
#include <string.h>

#include "analyzer/call_site.h"
#include "analyzer/unwind_child.h"

struct past_child {
	const struct past_request *request;
	const uint32_t *pictures;
	size_t frame_limit;
	struct unwind_writer writer;
	struct unwinder *unwinders;   /* of each picture; [0] is picture 1 */
	struct unwind_frame **frames; /* of each stack, for tail calls and names */
	size_t *frame_counts;
};

static bool unwind_stack(struct past_child *child, size_t index)
{
	const struct past_stack *past = &child->request->stacks[index];
	struct unwinder *unwinder = &child->unwinders[child->pictures[index] - 1];
	size_t count;

	if (!unwinder->core) {
		unwinder->core = past->picture;
		unwinder->frame_limit = child->frame_limit;
		if (!unwinder_begin(unwinder, NULL, 0))
			return false;
	}
	unwinder_run_past(unwinder, past);
	count = unwinder->frame_count;
	unwind_write_stack(&child->writer, index, unwinder->frames, count,
			   unwinder->reason[0] ? unwinder->reason : NULL);
	child->frames[index] = malloc((count + 1) * sizeof(**child->frames));
	if (!child->frames[index])
		return false;
	memcpy(child->frames[index], unwinder->frames, count * sizeof(**child->frames));
	child->frame_counts[index] = count;
	return true;
}

/* Where the call of frame `caller` went, when that is another function than the one below it: it jumped on, and has
 * left nothing on the stack. Both must have symbols that cover them, else nobody can tell one function from two. */
static uint64_t find_tail(const struct past_child *child, const struct unwinder *unwinder,
			  const struct unwind_frame *caller, const struct unwind_frame *callee)
{
	uint64_t target, below;

	if (caller->exact || caller->trust == FRAME_LOST || caller->trust == FRAME_SCAN)
		return 0;
	target = call_site_target_in(unwinder->core, child->request->core, caller->pc);
	if (!target)
		return 0;
	below = unwind_function_entry(unwinder->dwfl, unwind_frame_lookup_address(callee));
	if (!below || below == target)
		return 0;
	return unwind_function_entry(unwinder->dwfl, target) == target ? target : 0;
}

static bool add_names(struct past_child *child, size_t index, struct address_list *list)
{
	const struct unwinder *unwinder = &child->unwinders[child->pictures[index] - 1];
	const struct unwind_frame *frames = child->frames[index];

	for (size_t i = 0; i < child->frame_counts[index]; i++) {
		uint64_t tail = i > 0 ? find_tail(child, unwinder, &frames[i], &frames[i - 1]) : 0;

		if (tail) {
			unwind_write_tail(&child->writer, index, i, tail);
			if (!address_list_add(list, tail))
				return false;
		}
		if (!address_list_add(list, unwind_frame_lookup_address(&frames[i])))
			return false;
	}
	return true;
}

static bool run(struct past_child *child, uint32_t picture_count)
{
	struct address_list *lists = calloc(picture_count + 1, sizeof(*lists));
	size_t count = child->request->count;

	if (!lists)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (!unwind_stack(child, i))
			return false;
	}
	unwind_writer_flush(&child->writer);
	unwind_begin_names();
	for (size_t i = 0; i < count; i++) {
		if (!add_names(child, i, &lists[child->pictures[i]]))
			return false;
	}
	for (uint32_t i = 1; i <= picture_count; i++)
		unwind_write_names(child->unwinders[i - 1].dwfl, i, &lists[i], &child->writer);
	unwind_write_done(&child->writer);
	return !child->writer.failed;
}

bool unwind_child_run_past(const struct past_request *request, const uint32_t *pictures, size_t frame_limit,
			   int output_fd)
{
	struct past_child child = {
		.request = request,
		.pictures = pictures,
		.frame_limit = frame_limit,
		.writer = {.fd = output_fd},
	};
	uint32_t picture_count = 0;

	for (size_t i = 0; i < request->count; i++) {
		if (pictures[i] > picture_count)
			picture_count = pictures[i];
	}
	child.unwinders = calloc(picture_count + 1, sizeof(*child.unwinders));
	child.frames = calloc(request->count + 1, sizeof(*child.frames));
	child.frame_counts = calloc(request->count + 1, sizeof(*child.frame_counts));
	return child.unwinders && child.frames && child.frame_counts && run(&child, picture_count);
}
