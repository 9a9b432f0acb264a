/* SPDX-License-Identifier: MIT */
#include "replay/act.h"

#include <errno.h>
#include <sys/mman.h>

#include "replay/kernel.h"

/* A call that maps or unmaps more pieces than this makes one of them: else a program that maps page by page and then
 * unmaps and maps all of it again and again would cost pages times calls. */
#define MERGE_PIECES 16

static struct error *act_on_piece(const struct act *act, struct piece *piece)
{
	struct piece_sink sink = pieces_sink(act->replay, piece);
	struct error *err =
		history_settle(&piece->history, pieces_horizon(act->replay, act->step.enter_ns), &sink.base);
	int64_t before;

	if (!err)
		err = history_add(&piece->history, &act->step, &act->replay->budget, &sink.base, &before);
	if (!err && act->before && before != REPLAY_NO_CALL &&
	    (*act->before == REPLAY_NO_CALL || before < *act->before))
		*act->before = before;
	return err;
}

static struct error *act_on_gap(const struct act *act, uint64_t start, uint64_t end)
{
	struct piece *piece;
	struct error *err;

	if (start >= end)
		return NULL;
	err = pieces_insert(act->replay, act->event->space_id, start, end, (struct history){0}, &piece);
	return err ? err : act_on_piece(act, piece);
}

static struct error *merge_pieces(const struct act *act)
{
	struct history merged = {0};
	struct piece *piece;
	struct error *err = NULL;

	while (!err && (piece = pieces_find_lowest(act->replay, act->event->space_id, act->start, act->end))) {
		struct piece_sink sink = pieces_sink(act->replay, piece);

		err = history_settle(&piece->history, UINT64_MAX, &sink.base);
		merged.base = piece->history.base;
		merged.settled_by_many |= piece->history.settled_by_many ||
					  (merged.settled_ns && merged.settled_thread != piece->history.settled_thread);
		merged.settled_thread = piece->history.settled_thread;
		if (piece->history.settled_ns > merged.settled_ns)
			merged.settled_ns = piece->history.settled_ns;
		if (piece->history.owed_ns > merged.owed_ns)
			merged.owed_ns = piece->history.owed_ns;
		pieces_drop(act->replay, piece);
	}
	return err ? err : pieces_insert(act->replay, act->event->space_id, act->start, act->end, merged, &piece);
}

/* Grows into neighbours that are alike. */
static void join(struct replay *replay, struct piece *piece)
{
	struct piece *beside =
		piece->start ? pieces_find(replay, piece->space_id, piece->start - 1, piece->start) : NULL;
	uint64_t start = piece->start, end = piece->end;

	if (beside && history_is_alike(&beside->history, &piece->history)) {
		start = beside->start;
		pieces_drop(replay, beside);
	}
	beside = pieces_find(replay, piece->space_id, end, end + 1);
	if (beside && history_is_alike(&piece->history, &beside->history)) {
		end = beside->end;
		pieces_drop(replay, beside);
	}
	piece->start = start;
	piece->end = end;
}

static struct error *run(const struct act *act)
{
	int64_t space_id = act->event->space_id;
	uint64_t cursor = act->start;
	size_t count = 0;
	struct piece *piece = pieces_find(act->replay, space_id, act->start, act->end);
	struct error *err;

	if (act->start >= act->end)
		return NULL;
	/* The usual case: the same range again. */
	if (piece && piece->start == act->start && piece->end == act->end) {
		err = act_on_piece(act, piece);
		if (!err && act->replay->joins && act->step.act == ACT_PROTECT)
			join(act->replay, piece);
		return err;
	}
	err = pieces_cut(act->replay, space_id, act->start, act->step.enter_ns);
	if (!err)
		err = pieces_cut(act->replay, space_id, act->end, act->step.enter_ns);
	while (!err && cursor < act->end) {
		piece = pieces_find_lowest(act->replay, space_id, cursor, act->end);
		err = act_on_gap(act, cursor, piece ? piece->start : act->end);
		if (!piece || err)
			break;
		cursor = piece->end;
		count++;
		err = act_on_piece(act, piece);
		if (!err && act->replay->joins && act->step.act == ACT_PROTECT)
			join(act->replay, piece);
	}
	if (!err && count > MERGE_PIECES && !act->step.failed &&
	    (act->step.act == ACT_MAP || act->step.act == ACT_UNMAP))
		err = merge_pieces(act);
	return err;
}

struct error *act_on(struct act act, uint64_t start, uint64_t end)
{
	act.start = start;
	act.end = end;
	return run(&act);
}

/* ---- what depends on the call ---- */

static int32_t shm_protection(uint64_t flags)
{
	return PROT_READ | (flags & FLAG_SHM_RDONLY ? 0 : PROT_WRITE) | (flags & FLAG_SHM_EXEC ? PROT_EXEC : 0);
}

static struct history_content content_of(const struct memory_event *event, const struct memory_effect *effect)
{
	struct history_content content = {.protection = -1, .file_id = event->file_id};

	switch (event->kind) {
	case MEMORY_SEEN:
	case MEMORY_MMAP:
		content.protection = (int32_t)(event->args[2] & (PROT_READ | PROT_WRITE | PROT_EXEC));
		content.flags = (uint32_t)event->args[3];
		content.file_shift = event->args[5] - effect->added_start;
		break;
	case MEMORY_BRK:
		content.protection = PROT_READ | PROT_WRITE;
		content.flags = MAP_PRIVATE | MAP_ANONYMOUS;
		break;
	case MEMORY_SHMAT:
		content.protection = shm_protection(event->args[2]);
		content.flags = MAP_SHARED;
		break;
	default:
		break;
	}
	return content;
}

static struct error *add(struct act act, const struct memory_effect *effect)
{
	const struct memory_event *event = act.event;
	bool replaces = effect->removed_start == effect->added_start && effect->removed_end == effect->added_end;

	act.step.act = event->kind == MEMORY_SEEN ? ACT_FIND : ACT_MAP;
	act.step.wants_free = event->kind != MEMORY_SEEN && !replaces;
	act.step.content = content_of(event, effect);
	return act_on(act, effect->added_start, effect->added_end);
}

struct error *act_unmap(struct act act, uint64_t start, uint64_t end)
{
	act.step.act = ACT_UNMAP;
	act.step.is_munmap = act.event->kind == MEMORY_MUNMAP;
	return act_on(act, start, end);
}

/* The first byte of [start, end) where nothing is mapped for certain; `end` when there is none. *ret_known: all before
 * that is known to be mapped. */
static uint64_t first_hole(const struct replay *replay, int64_t space_id, uint64_t start, uint64_t end, bool *ret_known)
{
	*ret_known = true;
	while (start < end) {
		const struct piece *piece = pieces_find_lowest(replay, space_id, start, end);
		struct history_state now;

		if (!piece || piece->start > start)
			*ret_known = false;
		if (!piece)
			break;
		now = history_now(&piece->history);
		if (piece->history.has_orders || now.kind == PIECE_UNKNOWN || now.is_open || now.is_clouded)
			*ret_known = false;
		else if (now.kind == PIECE_FREE)
			return piece->start > start ? piece->start : start;
		start = piece->end;
	}
	return end;
}

struct error *act_protect(struct act act, const struct memory_effect *reach)
{
	const struct memory_event *event = act.event;
	uint64_t end = reach->touched_end;
	bool known = true;

	act.step.act = ACT_PROTECT;
	act.step.content.protection = (int32_t)(event->args[2] & (PROT_READ | PROT_WRITE | PROT_EXEC));
	if (memory_event_failed(event)) {
		end = first_hole(act.replay, event->space_id, reach->touched_start, end, &known);
		/* It stopped there, or else was refused somewhere on the way. */
		act.step.failed = event->result != -ENOMEM || !known || end == reach->touched_end;
	} else {
		act.step.wants_mapped = true;
	}
	return act_on(act, reach->touched_start, end);
}

struct error *act_plain(struct act act, const struct memory_effect *reach)
{
	struct error *err = NULL;
	bool replaces = reach->removed_start == reach->added_start && reach->removed_end == reach->added_end;

	act.step.failed = memory_event_failed(act.event);
	if (!replaces)
		err = act_unmap(act, reach->removed_start, reach->removed_end);
	return err ? err : add(act, reach);
}
