/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "replay/act.h"
#include "replay/beside.h"
#include "replay/kernel.h"

/* Part of what mremap takes along. */
struct part {
	uint64_t start, end;
	struct history_state state;
	bool is_sure;
};

struct parts {
	struct part *parts;
	size_t count, room;
};

static struct error *add_part(struct parts *parts, uint64_t start, uint64_t end, const struct history_state *state,
			      bool is_sure)
{
	if (parts->count == parts->room) {
		size_t room = parts->room ? 2 * parts->room : 4;
		struct part *grown = reallocarray(parts->parts, room, sizeof(*grown));

		if (!grown)
			return &error_no_memory;
		parts->parts = grown;
		parts->room = room;
	}
	parts->parts[parts->count++] = (struct part){start, end, *state, is_sure};
	return NULL;
}

/* What stands in [start, end), without gaps; what is not known is PIECE_UNKNOWN. */
static struct error *read_parts(const struct replay *replay, int64_t space_id, uint64_t start, uint64_t end,
				struct parts *ret)
{
	const struct history_state unknown = {.content = history_unknown};
	struct error *err = NULL;

	while (!err && start < end) {
		const struct piece *piece = pieces_find_lowest(replay, space_id, start, end);
		uint64_t piece_start = piece ? piece->start : end, piece_end;
		struct history_state now;

		if (piece_start > start)
			err = add_part(ret, start, piece_start, &unknown, true);
		if (err || !piece)
			break;
		now = history_now(&piece->history);
		piece_end = piece->end < end ? piece->end : end;
		err = add_part(ret, piece_start > start ? piece_start : start, piece_end, &now,
			       !piece->history.has_orders && !now.is_open && !now.is_clouded &&
				       !(now.kind == PIECE_FREE && replay->is_lossy));
		start = piece_end;
	}
	return err;
}

/* Nobody saw what was mapped where a move begins: its first page was, further on there may have been holes. */
static struct error *split_unknown(struct parts *parts)
{
	struct part rest;
	struct error *err;

	if (!parts->count || parts->parts[0].state.kind != PIECE_UNKNOWN ||
	    parts->parts[0].end - parts->parts[0].start <= RECORD_PAGE_BYTES)
		return NULL;
	rest = parts->parts[0];
	rest.start += RECORD_PAGE_BYTES;
	err = add_part(parts, 0, 0, &rest.state, true);
	if (err)
		return err;
	parts->parts[0].end = rest.start;
	memmove(parts->parts + 2, parts->parts + 1, (parts->count - 2) * sizeof(*parts->parts));
	parts->parts[1] = rest;
	return NULL;
}

/* What a move leaves where the memory was. */
enum left { LEFT_HOLE, LEFT_EMPTY, LEFT_ALL };

/* Of another part than the first a hole may have been there. */
static struct error *move_part(struct act act, const struct part *part, bool is_first, uint64_t shift, enum left left)
{
	struct act source;
	struct error *err = NULL;
	bool is_unseen =
		!is_first && (part->state.kind == PIECE_UNKNOWN || (part->state.kind == PIECE_FREE && !part->is_sure));

	/* A mapping that the record lacks, or a hole, at whose target nothing happened. */
	if (is_unseen)
		err = beside_cloud_range(act.replay, act.event, part->start + shift, part->end + shift);
	if (err)
		return err;
	/* What may have come along is told, as open, rather than passed over. */
	act.step.failed = !is_first && !part->is_sure;
	act.step.is_probable = true;
	source = act;
	act.step.act = ACT_MAP;
	act.step.wants_free = !(act.event->args[3] & FLAG_MREMAP_FIXED);
	act.step.content = part->state.kind == PIECE_MAPPED ? part->state.content : history_unknown;
	act.step.has_open_marks = part->state.has_open_marks;
	act.step.is_clouded = !part->is_sure || is_unseen;
	act.step.content.file_shift -= shift;
	err = act_on(act, part->start + shift, part->end + shift);
	if (err || left == LEFT_ALL || (left == LEFT_EMPTY && act.replay->follows != REPLAY_ALL_ADVICE))
		return err;
	if (left == LEFT_EMPTY) {
		source.step.act = ACT_ADVISE;
		source.step.advice = ADVICE_EMPTIED;
		return act_on(source, part->start, part->end);
	}
	source.step.act = ACT_UNMAP;
	source.step.wants_mapped = is_first;
	return act_on(source, part->start, part->end);
}

/* Where a mapping grew, in place or at its new address: more of its last byte's mapping. */
static struct error *grow(struct act act, uint64_t from, uint64_t start, uint64_t end)
{
	const struct piece *piece = pieces_find_lowest(act.replay, act.event->space_id, from, from + 1);
	struct history_state now = piece ? history_now(&piece->history) : (struct history_state){0};

	act.step.act = ACT_MAP;
	act.step.wants_free = !(act.event->args[3] & FLAG_MREMAP_FIXED);
	act.step.content = now.kind == PIECE_MAPPED ? now.content : history_unknown;
	act.step.content.marks.guarded_by = act.step.content.marks.discarded_by = REPLAY_NO_CALL;
	act.step.has_open_marks = now.has_open_marks;
	act.step.is_clouded = now.is_open || now.is_clouded;
	return act_on(act, start, end);
}

/* mm/mremap.c: what the new size leaves out goes first; then each mapping is moved by itself, and what stood at its
 * target goes; where the old range has a hole, nothing moves and what stands at the target stays. */
static struct error *move(struct act act, const struct memory_effect *effect)
{
	const struct memory_event *event = act.event;
	uint64_t old_start = event->args[0], old_bytes = kernel_page_up(event->args[1]),
		 new_bytes = kernel_page_up(event->args[2]);
	uint64_t shift = (uint64_t)event->result - old_start, bytes = old_bytes < new_bytes ? old_bytes : new_bytes;
	bool leaves = event->args[3] & FLAG_MREMAP_DONTUNMAP;
	struct parts parts = {0};
	struct error *err = NULL;

	if (!leaves && old_bytes > new_bytes)
		err = act_unmap(act, old_start + new_bytes, old_start + old_bytes);
	if (!err)
		err = read_parts(act.replay, event->space_id, old_start, old_start + bytes, &parts);
	if (!err)
		err = split_unknown(&parts);
	for (size_t i = 0; !err && i < parts.count; i++) {
		struct part *part = &parts.parts[i];

		/* One that begins in a hole is refused, so that the record lacks what was mapped there. */
		if (part->state.kind == PIECE_FREE && part->is_sure && parts.parts[0].state.kind == PIECE_MAPPED)
			continue;
		part->is_sure &= parts.parts[0].is_sure || part->state.kind == PIECE_MAPPED;
		err = move_part(act, part, i == 0, shift, leaves ? LEFT_EMPTY : LEFT_HOLE);
	}
	free(parts.parts);
	if (!err && new_bytes > old_bytes)
		err = grow(act, effect->added_start + old_bytes - RECORD_PAGE_BYTES, effect->added_start + old_bytes,
			   effect->added_end);
	return err;
}

/* An old size of 0: the mapping at the old address once more, at the new one. */
static struct error *duplicate(struct act act, const struct memory_effect *effect)
{
	uint64_t old_start = act.event->args[0];
	struct parts parts = {0};
	struct error *err =
		read_parts(act.replay, act.event->space_id, old_start, old_start + RECORD_PAGE_BYTES, &parts);

	if (!err && parts.count) {
		/* Its pages are shared, its page tables are not. */
		parts.parts[0].state.content.marks.guarded_by = REPLAY_NO_CALL;
		parts.parts[0].end = old_start + (effect->added_end - effect->added_start);
		err = move_part(act, &parts.parts[0], true, effect->added_start - old_start, LEFT_ALL);
	}
	free(parts.parts);
	return err;
}

/* mm/mremap.c, remap_move(): mappings are moved one after another until one is refused, which the last one was if none
 * before it. What was moved may stand at both places: neither is certain. */
static struct error *move_failed_parts(struct act act, const struct parts *parts)
{
	uint64_t shift = act.event->args[4] - act.event->args[0];
	size_t count = parts->count;
	struct error *err = NULL;

	act.step.act = ACT_MAP;
	act.step.is_probable = act.event->result != -EINVAL;
	if (parts->parts[count - 1].state.kind == PIECE_MAPPED && parts->parts[count - 1].is_sure)
		count--;
	for (size_t i = 0; i < count && !err; i++) {
		const struct part *part = &parts->parts[i];

		if (part->state.kind == PIECE_FREE && part->is_sure)
			continue;
		act.step.content = part->state.kind == PIECE_MAPPED ? part->state.content : history_unknown;
		act.step.content.file_shift -= shift;
		act.step.has_open_marks = true;
		err = act_on(act, part->start + shift, part->end + shift);
	}
	return err;
}

/* A move that failed: its target may have been unmapped, and where it was of several mappings, some may have gone. */
static struct error *move_failed(struct act act, const struct memory_effect *reach)
{
	uint64_t old_bytes = kernel_page_up(act.event->args[1]), new_bytes = kernel_page_up(act.event->args[2]);
	struct parts parts = {0};
	struct error *err;
	uint64_t start, end;

	if (reach->removed2_start >= reach->removed2_end)
		return NULL;
	memory_event_named(act.event, &start, &end);
	act.step.failed = true;
	err = act_unmap(act, reach->removed2_start, reach->removed2_end);
	if (!err)
		err = read_parts(act.replay, act.event->space_id, start, end, &parts);
	if (!err && parts.count > 1 && old_bytes == new_bytes)
		err = move_failed_parts(act, &parts);
	if (!err && (parts.count > 1 || old_bytes > new_bytes))
		err = act_unmap(act, reach->removed_start, reach->removed_end);
	free(parts.parts);
	return err;
}

struct error *act_mremap(struct act act, const struct memory_effect *reach)
{
	const struct memory_event *event = act.event;

	if (memory_event_failed(event))
		return move_failed(act, reach);
	if (kernel_page_up(event->args[1]) == 0)
		return reach->added_start < reach->added_end ? duplicate(act, reach) : NULL;
	if ((uint64_t)event->result != event->args[0])
		return reach->added_start < reach->added_end ? move(act, reach) : NULL;
	if (reach->added_start < reach->added_end)
		return grow(act, reach->added_start - RECORD_PAGE_BYTES, reach->added_start, reach->added_end);
	return act_unmap(act, reach->removed_start, reach->removed_end);
}
