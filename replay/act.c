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
		history_take_settled(&merged, &piece->history);
		pieces_drop(act->replay, piece);
	}
	return err ? err : pieces_insert(act->replay, act->event->space_id, act->start, act->end, merged, &piece);
}

/* Grows into neighbours that are alike. */
static void join(struct replay *replay, struct piece *piece)
{
	struct piece *beside =
		piece->start ? pieces_find_lowest(replay, piece->space_id, piece->start - 1, piece->start) : NULL;
	uint64_t start = piece->start, end = piece->end;

	if (beside && history_is_alike(&beside->history, &piece->history)) {
		start = beside->start;
		pieces_drop(replay, beside);
	}
	beside = pieces_find_lowest(replay, piece->space_id, end, end + 1);
	if (beside && history_is_alike(&piece->history, &beside->history)) {
		end = beside->end;
		pieces_drop(replay, beside);
	}
	pieces_extend(replay, piece, start, end);
}

/* What stands there stays, and may be like its neighbour again. */
static bool is_partial(unsigned act)
{
	return act == ACT_PROTECT || act == ACT_ADVISE;
}

static struct error *run(const struct act *act)
{
	int64_t space_id = act->event->space_id;
	uint64_t cursor = act->start;
	size_t count = 0;
	struct piece *piece = pieces_find_lowest(act->replay, space_id, act->start, act->end);
	struct error *err;

	if (act->start >= act->end)
		return NULL;
	/* The usual case: the same range again. */
	if (piece && piece->start == act->start && piece->end == act->end) {
		err = act_on_piece(act, piece);
		if (!err && act->replay->joins && is_partial(act->step.act))
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
		if (!err && act->replay->joins && is_partial(act->step.act))
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

static int32_t protection_of(uint64_t argument)
{
	return (int32_t)(argument & (PROT_READ | PROT_WRITE | PROT_EXEC));
}

/* What may only be executed gets a key from the kernel, where the processor has keys (execute_only_pkey()). */
static int32_t default_pkey(int32_t protection)
{
	return protection == PROT_EXEC ? HISTORY_PKEY_UNKNOWN : 0;
}

static struct history_content content_of(const struct act *act, const struct memory_effect *effect)
{
	const struct memory_event *event = act->event;
	struct history_content content = history_unknown;

	content.file_id = event->file_id;
	switch (event->kind) {
	case MEMORY_SEEN:
	case MEMORY_MMAP:
		content.protection = protection_of(event->args[2]);
		content.flags = (uint32_t)event->args[3];
		content.file_shift = event->args[5] - effect->added_start;
		if (event->kind == MEMORY_MMAP) {
			content.pkey = default_pkey(content.protection);
			content.shm = SHM_NOT;
		}
		if (act->replay->follows == REPLAY_ALL_ADVICE && (event->args[3] & FLAG_MAP_TYPE) == TYPE_MAP_DROPPABLE)
			content.marks.wiped_by = act->step.call;
		break;
	case MEMORY_BRK:
		content.protection = PROT_READ | PROT_WRITE;
		content.pkey = 0;
		content.shm = SHM_NOT;
		content.flags = MAP_PRIVATE | MAP_ANONYMOUS;
		break;
	case MEMORY_SHMAT:
		content.protection = shm_protection(event->args[2]);
		content.pkey = 0;
		content.flags = MAP_SHARED;
		content.shm = SHM_ATTACHED;
		content.file_shift = -effect->added_start;
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
	act.step.content = content_of(&act, effect);
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
		if (piece->history.has_orders || now.kind == PIECE_UNKNOWN || now.is_open || now.is_clouded ||
		    (now.kind == PIECE_FREE && replay->is_lossy))
			*ret_known = false;
		else if (now.kind == PIECE_FREE)
			return piece->start > start ? piece->start : start;
		start = piece->end;
	}
	return end;
}

/* PROT_GROWSDOWN changes the mapping that holds `start` from its own start on. The kernel makes one mapping of
 * neighbours that are alike, which depends on more than calls: this is the lowest address that it may have reached. */
static uint64_t grown_start(const struct replay *replay, int64_t space_id, uint64_t start)
{
	const struct piece *piece = pieces_find_lowest(replay, space_id, start, start + 1);

	for (; piece;
	     piece = piece->start ? pieces_find_lowest(replay, space_id, piece->start - 1, piece->start) : NULL) {
		const struct history_state now = history_now(&piece->history);

		if (now.kind != PIECE_MAPPED || !(now.content.flags & FLAG_MAP_GROWSDOWN))
			break;
		start = piece->start < start ? piece->start : start;
	}
	return start;
}

static int32_t pkey_given(const struct memory_event *event, int32_t protection)
{
	int32_t pkey = event->kind == MEMORY_PKEY_MPROTECT ? (int32_t)event->args[3] : -1;

	if (pkey >= 0)
		return pkey;
	return protection == PROT_EXEC ? HISTORY_PKEY_UNKNOWN : HISTORY_PKEY_STAYS;
}

struct error *act_protect(struct act act, const struct memory_effect *reach)
{
	const struct memory_event *event = act.event;
	uint64_t start = reach->touched_start, end = reach->touched_end;
	bool grows = event->args[2] & FLAG_PROT_GROWSDOWN, known = true;
	struct error *err = NULL;

	act.step.act = ACT_PROTECT;
	act.step.content.protection = protection_of(event->args[2]);
	act.step.content.pkey = pkey_given(event, act.step.content.protection);
	if (grows && start < end) {
		struct act below = act;

		below.step.failed = true;
		below.step.is_probable = !memory_event_failed(event);
		err = act_on(below, grown_start(act.replay, event->space_id, start), start);
	}
	if (err)
		return err;
	if (memory_event_failed(event)) {
		if (!grows)
			end = first_hole(act.replay, event->space_id, start, end, &known);
		/* It stopped there, or else was refused somewhere on the way. */
		act.step.failed = event->result != -ENOMEM || !known || end == reach->touched_end;
	} else {
		/* A hole at the beginning is skipped where the start is looked for. */
		act.step.wants_mapped = !grows;
	}
	return act_on(act, start, end);
}

/* What is left of the attachment that began at `base` stands there, as far as is known. */
static bool is_attached(const struct history_content *content, uint64_t base)
{
	return content->shm == SHM_UNKNOWN || (content->shm == SHM_ATTACHED && content->file_shift == -base);
}

static bool is_sure(const struct piece *piece, const struct history_state *now)
{
	return now->kind != PIECE_UNKNOWN && !piece->history.has_orders && !now->is_open && !now->is_clouded;
}

static struct error *detach_piece(struct act act, const struct piece *piece, uint64_t base, uint64_t start,
				  uint64_t end)
{
	const struct history_state now = history_now(&piece->history);

	if (now.kind == PIECE_MAPPED && is_sure(piece, &now) && !is_attached(&now.content, base))
		return NULL;
	act.step.failed = piece->history.has_orders || now.is_open || now.is_clouded;
	act.step.is_probable = is_attached(&now.content, base);
	return act_unmap(act, start, end);
}

static bool may_be_attached(const struct replay *replay, int64_t space_id, uint64_t base, uint64_t end)
{
	const struct piece *piece;

	for (uint64_t at = base; at < end; at = piece->end) {
		struct history_state now;

		piece = pieces_find_lowest(replay, space_id, at, end);
		if (!piece || piece->start > at)
			return true;
		now = history_now(&piece->history);
		if (!is_sure(piece, &now) || (now.kind == PIECE_MAPPED && is_attached(&now.content, base)))
			return true;
	}
	return false;
}

/* ipc/shm.c, ksys_shmdt(): what is left of the attachment goes, other mappings in its range stay. A record in which
 * nothing can be left of it lacks something: then all goes. */
static struct error *detach(struct act act, const uint64_t base, uint64_t end)
{
	struct error *err = NULL;
	uint64_t next;

	if (!may_be_attached(act.replay, act.event->space_id, base, end))
		return act_unmap(act, base, end);
	for (uint64_t at = base; at < end && !err; at = next) {
		const struct piece *piece = pieces_find_lowest(act.replay, act.event->space_id, at, end);
		uint64_t start = piece && piece->start > at ? piece->start : at;

		next = piece && piece->end < end ? piece->end : end;
		if (start > at || !piece)
			err = act_unmap(act, at, piece ? start : end);
		if (!err && piece)
			err = detach_piece(act, piece, base, start, next);
	}
	return err;
}

struct error *act_plain(struct act act, const struct memory_effect *reach)
{
	struct error *err = NULL;
	bool replaces = reach->removed_start == reach->added_start && reach->removed_end == reach->added_end;

	act.step.failed = memory_event_failed(act.event);
	if (act.event->kind == MEMORY_SHMDT)
		return detach(act, reach->removed_start, reach->removed_end);
	if (!replaces)
		err = act_unmap(act, reach->removed_start, reach->removed_end);
	return err ? err : add(act, reach);
}
