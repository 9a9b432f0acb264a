/* SPDX-License-Identifier: MIT */
#include "replay/beside.h"

#include "replay/kernel.h"

static void cloud_range(const struct replay *replay, int64_t space_id, uint64_t start, uint64_t end)
{
	struct piece *piece;

	for (; start < end && (piece = pieces_find_lowest(replay, space_id, start, end)); start = piece->end)
		history_cloud(&piece->history);
}

void beside_cloud(const struct replay *replay, const struct replay_wide_call *call)
{
	for (int i = 0; i < 2; i++)
		cloud_range(replay, call->space_id, call->ranges[i][0], call->ranges[i][1]);
}

struct error *beside_cloud_range(struct replay *replay, const struct memory_event *event, uint64_t start, uint64_t end)
{
	struct error *err = NULL;

	if (start < end)
		err = pieces_cut(replay, event->space_id, start, event->enter_ns);
	if (!err && start < end)
		err = pieces_cut(replay, event->space_id, end, event->enter_ns);
	if (!err)
		cloud_range(replay, event->space_id, start, end);
	return err;
}

struct error *beside_cloud_reach(struct replay *replay, const struct memory_event *event,
				 const struct memory_effect *reach)
{
	struct error *err = beside_cloud_range(replay, event, reach->removed_start, reach->removed_end);

	if (!err)
		err = beside_cloud_range(replay, event, reach->removed2_start, reach->removed2_end);
	if (!err)
		err = beside_cloud_range(replay, event, reach->added_start, reach->added_end);
	if (!err)
		err = beside_cloud_range(replay, event, reach->touched_start, reach->touched_end);
	return err;
}

static bool was_busy(const struct replay *replay, int64_t space_id, uint64_t start, uint64_t end, uint32_t thread,
		     uint64_t since_ns)
{
	const struct piece *piece;

	for (; start < end && (piece = pieces_find_lowest(replay, space_id, start, end)); start = piece->end)
		if (history_was_busy(&piece->history, thread, since_ns))
			return true;
	return false;
}

bool beside_was_busy(const struct replay *replay, const struct memory_event *event, const struct replay_wide_call *call)
{
	for (int i = 0; i < 2; i++)
		if (was_busy(replay, call->space_id, call->ranges[i][0], call->ranges[i][1], event->tid,
			     event->enter_ns))
			return true;
	return false;
}

bool beside_is_wide(const struct memory_event *event, const struct memory_effect *reach,
		    struct replay_wide_call *ret_call)
{
	uint64_t old_bytes;

	*ret_call =
		(struct replay_wide_call){.space_id = event->space_id, .thread = event->tid, .exit_ns = event->exit_ns};
	switch (event->kind) {
	case MEMORY_MPROTECT:
	case MEMORY_PKEY_MPROTECT:
		ret_call->ranges[0][0] = reach->touched_start;
		ret_call->ranges[0][1] = reach->touched_end;
		return memory_event_failed(event) && reach->touched_start < reach->touched_end;
	case MEMORY_MADVISE:
		memory_event_named(event, &ret_call->ranges[0][0], &ret_call->ranges[0][1]);
		return memory_event_failed(event) && ret_call->ranges[0][0] < ret_call->ranges[0][1];
	case MEMORY_SHMDT:
		ret_call->ranges[0][0] = reach->removed_start;
		ret_call->ranges[0][1] = reach->removed_end;
		return reach->removed_start < reach->removed_end;
	case MEMORY_MREMAP:
		ret_call->ranges[0][0] =
			reach->added_start < reach->added_end ? reach->added_start : reach->removed2_start;
		ret_call->ranges[0][1] = reach->added_start < reach->added_end ? reach->added_end : reach->removed2_end;
		old_bytes = kernel_page_up(event->args[1]) ?: kernel_page_up(event->args[2]);
		if (event->args[0] < KERNEL_RANGE_LIMIT && old_bytes < KERNEL_RANGE_LIMIT) {
			ret_call->ranges[1][0] = event->args[0];
			ret_call->ranges[1][1] = event->args[0] + old_bytes;
		}
		return ret_call->ranges[0][0] < ret_call->ranges[0][1];
	default:
		return false;
	}
}

static bool touches(const struct memory_event *event, const struct memory_effect *reach,
		    const struct replay_wide_call *call)
{
	struct memory_effect advised = {0};

	/* What madvise does besides emptying memory is no part of its reach. */
	if (event->kind == MEMORY_MADVISE) {
		memory_event_named(event, &advised.touched_start, &advised.touched_end);
		reach = &advised;
	}
	for (int i = 0; i < 2; i++)
		if (memory_effect_overlaps(reach, call->ranges[i][0], call->ranges[i][1]))
			return true;
	return false;
}

void beside_doubt(const struct replay *replay, const struct memory_event *event, const struct memory_effect *reach)
{
	for (size_t i = 0; i < REPLAY_WIDE_CALLS; i++) {
		const struct replay_wide_call *call = &replay->wide_calls[i];

		if (call->exit_ns >= event->enter_ns && call->exit_ns && call->space_id == event->space_id &&
		    call->thread != event->tid && touches(event, reach, call))
			beside_cloud(replay, call);
	}
}

void beside_note(struct replay *replay, const struct replay_wide_call *call)
{
	replay->wide_calls[replay->next_wide_call++ % REPLAY_WIDE_CALLS] = *call;
}
