/* SPDX-License-Identifier: MIT */
/*
 * In the child: recorded stacks. Each picture of the code has a Dwfl of its own; the stacks are taken picture by
 * picture, all of them before any name is looked up, because symbols and lines are where libdw meets most of a file.
 */
#include <stdlib.h>
#include <string.h>

#include "analyzer/code/code_call_site.h"
#include "analyzer/unwind/unwind_child.h"

/* What was found out about a pair of frames: stacks of one program have most of theirs in common, and libdwfl goes
 * through a whole symbol table for each question. */
struct known_tail {
	uint64_t caller, callee; /* addresses looked up; both 0: the place is free */
	uint64_t target;
	uint32_t picture;
};

struct past_child {
	const struct past_request *request;
	const uint32_t *pictures;
	size_t frame_limit;
	struct unwind_writer writer;
	struct unwinder *unwinders;   /* of each picture; [0] is picture 1 */
	struct unwind_frame **frames; /* of each stack, for tail calls and names */
	size_t *frame_counts;
	struct known_tail *known; /* an open hash table; known_room is a power of two */
	size_t known_count, known_room;
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

	target = code_call_site_target_in(unwinder->core, child->request->core, caller->pc);
	if (!target)
		return 0;
	below = unwind_function_entry(unwinder->dwfl, unwind_frame_lookup_address(callee));
	if (!below || below == target)
		return 0;
	return unwind_function_entry(unwinder->dwfl, target) == target ? target : 0;
}

static struct known_tail *find_place(const struct past_child *child, uint32_t picture, uint64_t caller, uint64_t callee)
{
	uint64_t hash = (caller * 0x9e3779b97f4a7c15ULL ^ callee) * 0x9e3779b97f4a7c15ULL + picture;
	size_t at = (hash >> 20) & (child->known_room - 1);

	while ((child->known[at].caller || child->known[at].callee) &&
	       (child->known[at].caller != caller || child->known[at].callee != callee ||
		child->known[at].picture != picture))
		at = (at + 1) & (child->known_room - 1);
	return &child->known[at];
}

static bool grow_known(struct past_child *child)
{
	struct past_child larger = *child;

	larger.known_room = child->known_room ? 2 * child->known_room : 256;
	larger.known = calloc(larger.known_room, sizeof(*larger.known));
	if (!larger.known)
		return false;
	for (size_t i = 0; i < child->known_room; i++) {
		const struct known_tail *old = &child->known[i];

		if (old->caller || old->callee)
			*find_place(&larger, old->picture, old->caller, old->callee) = *old;
	}
	free(child->known);
	*child = larger;
	return true;
}

/* As find_tail(), which is asked once. False for want of memory. */
static bool recall_tail(struct past_child *child, size_t index, const struct unwind_frame *caller,
			const struct unwind_frame *callee, uint64_t *ret_target)
{
	uint32_t picture = child->pictures[index];
	uint64_t from = caller->pc, to = unwind_frame_lookup_address(callee);
	struct known_tail *known;

	*ret_target = 0;
	if (caller->exact || caller->trust == FRAME_LOST || caller->trust == FRAME_SCAN || (!from && !to))
		return true;
	if (2 * child->known_count >= child->known_room && !grow_known(child))
		return false;
	known = find_place(child, picture, from, to);
	if (!known->caller && !known->callee) {
		*known = (struct known_tail){from, to, find_tail(child, &child->unwinders[picture - 1], caller, callee),
					     picture};
		child->known_count++;
	}
	*ret_target = known->target;
	return true;
}

static bool add_names(struct past_child *child, size_t index, struct address_list *list)
{
	const struct unwind_frame *frames = child->frames[index];

	for (size_t i = 0; i < child->frame_counts[index]; i++) {
		uint64_t tail = 0;

		if (i > 0 && !recall_tail(child, index, &frames[i], &frames[i - 1], &tail))
			return false;
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
