/* SPDX-License-Identifier: MIT */
/*
 * The child's side: libdwfl, fed by us. It is given a range and a descriptor for each module and asks us for every word
 * of memory, so it has no reason to open anything, and is not able to. Nothing is freed: the process ends after this.
 */
#include <elfutils/libdwfl.h>
#include <stdlib.h>

#include "analyzer/unwind/unwind_child.h"
#include "common/vector.h"

static int address_compare(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return a < b ? -1 : a > b;
}

bool address_list_add(struct address_list *list, uint64_t address)
{
	if (array_reserve(list->addresses, list->capacity, list->count + 1))
		return false;
	list->addresses[list->count++] = address;
	return true;
}

/* Of all threads together: 10,000 threads of 52 frames each. A core can have as many threads as it says, on one stack
 * that has no end. Threads that come later get one frame. */
#define FRAMES_MAX (1u << 19)

/* All stacks first: they matter most, should the symbols be what libdw dies of. */
static bool write_stacks(struct unwinder *unwinder, const struct unwind_request *request, struct unwind_writer *writer,
			 struct address_list *list)
{
	size_t count;
	const struct core_thread *threads = unwind_threads(unwinder->core, request, &count);
	const size_t frame_limit = unwinder->frame_limit;
	size_t written = 0;

	for (size_t i = 0; i < count; i++) {
		size_t left = written < FRAMES_MAX ? FRAMES_MAX - written : 1;

		unwinder->frame_limit = left < frame_limit ? left : frame_limit;
		unwinder_run_thread(unwinder, &threads[i]);
		written += unwinder->frame_count;
		unwind_write_stack(writer, i, unwinder->frames, unwinder->frame_count,
				   unwinder->reason[0] ? unwinder->reason : NULL);
		for (size_t j = 0; i == 0 && j < unwinder->kept_count; j++)
			unwind_write_kept(writer, &unwinder->kept[j]);
		unwind_writer_flush(writer);
		for (size_t j = 0; j < unwinder->frame_count; j++) {
			if (!address_list_add(list, unwind_frame_lookup_address(&unwinder->frames[j])))
				return false;
			if (i == 0 && unwind_may_be_injected(unwinder->core, unwinder->frames, j) &&
			    !address_list_add(list, unwinder->frames[j].pc))
				return false;
		}
	}
	return true;
}

void unwind_write_names(Dwfl *dwfl, uint32_t picture, struct address_list *list, struct unwind_writer *writer)
{
	if (list->count > 0)
		qsort(list->addresses, list->count, sizeof(*list->addresses), address_compare);
	for (size_t i = 0; i < list->count; i++) {
		if (i == 0 || list->addresses[i] != list->addresses[i - 1])
			unwind_write_name_of(dwfl, picture, list->addresses[i], writer);
	}
}

bool unwind_child_run(const struct core *core, const struct unwind_request *request, size_t frame_limit, int output_fd)
{
	struct unwinder unwinder = {.core = core, .frame_limit = frame_limit};
	struct unwind_writer writer = {.fd = output_fd};
	struct address_list list = {0};

	if (!unwinder_begin(&unwinder, request->overlay, request->overlay_count) ||
	    !write_stacks(&unwinder, request, &writer, &list))
		return false;
	for (size_t i = 0; i < request->address_count; i++) {
		int64_t offset = unwind_return_slot(unwinder.dwfl, request->addresses[i]);

		if (offset >= 0)
			unwind_write_slot(&writer, i, offset);
		if (!address_list_add(&list, request->addresses[i]))
			return false;
	}
	unwind_begin_names();
	unwind_write_names(unwinder.dwfl, 0, &list, &writer);
	if (request->member && request->member->link_count > 0)
		unwind_write_member_of(&unwinder, request->member, &writer);
	unwind_write_done(&writer);
	return !writer.failed;
}
