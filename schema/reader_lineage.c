/* SPDX-License-Identifier: MIT */
#include "schema/reader_lineage.h"

#include <stdlib.h>

#include "common/cleanup.h"
#include "common/vector.h"
#include "schema/reader.h"
#include "schema/record_memory.h"
#include "schema/record_process.h"

/* Forks of forks that are followed. */
#define LINEAGE_MAX 1024

/* By when a fork had copied its parent's memory: the kernel starts the clock of a process after that. */
static struct error *read_copied_ns(struct store_reader *reader, const struct space *space, uint64_t *ret_ns)
{
	struct process process;
	struct error *err = store_reader_process(reader, space->process_id, &process);

	*ret_ns = space->from_ns;
	if (err == &error_not_found)
		return NULL;
	if (!err && process.start_ns > space->from_ns)
		*ret_ns = process.start_ns;
	return err;
}

struct error *store_lineage(struct store_reader *reader, int64_t space_id, uint64_t until_ns,
			    struct lineage_step **ret_steps, size_t *ret_count, bool *ret_is_cut)
{
	cleanup_free struct lineage_step *steps = NULL;
	size_t capacity = 0, count = 0;
	uint64_t sure_ns = UINT64_MAX, copied_ns;

	*ret_is_cut = false;
	for (;;) {
		struct space space;
		struct error *err;

		if (array_reserve(steps, capacity, count + 1))
			return &error_no_memory;
		steps[count++] = (struct lineage_step){space_id, until_ns, sure_ns};
		err = store_reader_space(reader, space_id, &space);
		if (err == &error_not_found)
			break; /* its row was lost; its events may be there */
		if (err)
			return err;
		if (space.origin != SPACE_FORK || space.parent_space_id == 0)
			break;
		/* A parent was stored before its child. Anything else is no truth, and could be a circle. */
		if (space.parent_space_id < 0 || space.parent_space_id >= space_id)
			break;
		if (count == LINEAGE_MAX) {
			*ret_is_cut = true;
			break;
		}
		err = read_copied_ns(reader, &space, &copied_ns);
		if (err)
			return err;
		space_id = space.parent_space_id;
		if (copied_ns < until_ns)
			until_ns = copied_ns;
		if (space.from_ns < sure_ns)
			sure_ns = space.from_ns;
	}
	*ret_count = count;
	*ret_steps = take_pointer(steps);
	return NULL;
}

bool store_lineage_holds(const struct lineage_step *steps, size_t count, int64_t space_id, uint64_t enter_ns)
{
	for (size_t i = 0; i < count; i++)
		if (steps[i].space_id == space_id)
			return enter_ns < steps[i].until_ns;
	return false;
}

bool store_lineage_takes(const struct lineage_step *steps, size_t count, struct memory_event *event)
{
	for (size_t i = 0; i < count; i++) {
		if (steps[i].space_id != event->space_id)
			continue;
		event->is_doubtful = event->exit_ns > steps[i].sure_ns;
		event->copied_ns = event->is_doubtful ? steps[i].until_ns : 0;
		return event->enter_ns < steps[i].until_ns;
	}
	return false;
}
