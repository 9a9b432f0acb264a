/* SPDX-License-Identifier: MIT */
/*
 * One tree holds the pieces of all address spaces; two pieces compare as equal when they overlap, so that looking one
 * up by a range finds any piece in it.
 */
#include "replay/space.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/shm.h>

#include "common/cleanup.h"
#include "replay/effect.h"

/* What a hostile or very busy record may ask for: about a second's work. */
#define TRIALS_MAX 20000000U

/* A call that comes later than this, or than some ten thousand others, after another has returned, and yet began
 * before, is a rare one: the lives that it concerns are open. */
#define SETTLE_NS 1000000000ULL

/* A call that maps or unmaps more pieces than this makes one of them: else a program that maps page by page and then
 * unmaps and maps all of it again and again would cost pages times calls. */
#define MERGE_PIECES 16

#define SWEEP_PIECES 65536
#define SWEEP_EVENTS 8192

/* Of no architecture; below it no sum of an address and a length can overflow. */
#define ADDRESS_MAX (1ULL << 62)

#define FLAG_MREMAP_DONTUNMAP 4ULL
#define FLAG_MREMAP_FIXED 2ULL
#define FLAG_SHM_EXEC 0100000

struct piece {
	int64_t space_id;
	uint64_t start, end;
	struct history history;
};

/* Reports for one piece. */
struct piece_sink {
	struct history_sink base; /* first */
	const struct replay *replay;
	const struct piece *piece;
};

static struct error *take_life(struct history_sink *sink, const struct history_state *state, int64_t gone)
{
	const struct piece_sink *own = (const struct piece_sink *)sink;
	const struct replay_life life = {
		.space_id = own->piece->space_id,
		.start = own->piece->start,
		.end = own->piece->end,
		.made = state->call,
		.gone = gone,
		.is_open = state->is_open || state->is_clouded,
		.other_end = state->is_open && state->other != gone ? state->other : REPLAY_NO_CALL,
		.other_protector = state->is_open ? state->other_protector : REPLAY_NO_CALL,
		.protected_by = state->protected_by,
		.content = state->content,
	};

	return own->replay->sink.take_life(own->replay->sink.context, &life);
}

static struct error *take_again(struct history_sink *sink, int64_t earlier, int64_t call)
{
	const struct piece_sink *own = (const struct piece_sink *)sink;

	return own->replay->sink.take_again(own->replay->sink.context, own->piece->space_id, own->piece->start,
					    own->piece->end, earlier, call);
}

static struct piece_sink sink_of(const struct replay *replay, const struct piece *piece)
{
	return (struct piece_sink){
		.base = {take_life, replay->sink.take_again ? take_again : NULL},
		.replay = replay,
		.piece = piece,
	};
}

/* ---- the tree ---- */

static int compare(const void *left, const void *right)
{
	const struct piece *a = left, *b = right;

	if (a->space_id != b->space_id)
		return a->space_id < b->space_id ? -1 : 1;
	if (a->end <= b->start)
		return -1;
	return b->end <= a->start ? 1 : 0;
}

static struct piece *find(const struct replay *replay, int64_t space_id, uint64_t start, uint64_t end)
{
	const struct piece key = {.space_id = space_id, .start = start, .end = end};
	void *node = start < end ? tfind(&key, &replay->tree, compare) : NULL;

	return node ? *(struct piece **)node : NULL;
}

static struct piece *find_lowest(const struct replay *replay, int64_t space_id, uint64_t start, uint64_t end)
{
	struct piece *lowest = find(replay, space_id, start, end), *lower;

	while (lowest && (lower = find(replay, space_id, start, lowest->start < end ? lowest->start : end)))
		lowest = lower;
	return lowest;
}

static void free_piece(void *node)
{
	struct piece *piece = node;

	history_deinit(&piece->history);
	free(piece);
}

/* Takes the history over, also when it fails. */
static struct error *insert(struct replay *replay, int64_t space_id, uint64_t start, uint64_t end,
			    struct history history, struct piece **ret_piece)
{
	struct piece *piece = malloc(sizeof(*piece));

	if (!piece) {
		history_deinit(&history);
		return &error_no_memory;
	}
	*piece = (struct piece){space_id, start, end, history};
	if (replay->piece_count >= REPLAY_PIECES_MAX) {
		free_piece(piece);
		return error_format(ERROR_INVALID, "too many mappings to follow");
	}
	if (!tsearch(piece, &replay->tree, compare)) {
		free_piece(piece);
		return &error_no_memory;
	}
	replay->piece_count++;
	*ret_piece = piece;
	return NULL;
}

static void drop(struct replay *replay, struct piece *piece)
{
	tdelete(piece, &replay->tree, compare);
	free_piece(piece);
	replay->piece_count--;
}

/* What returned before this moment is long over. */
static uint64_t horizon(const struct replay *replay, uint64_t enter_ns)
{
	uint64_t ns = enter_ns > SETTLE_NS ? enter_ns - SETTLE_NS : 0;

	return ns > replay->older_ns ? ns : replay->older_ns;
}

/* Makes `address` the border of two pieces, if it lies inside one. */
static struct error *cut(struct replay *replay, const struct memory_event *event, uint64_t address)
{
	struct piece *piece = find(replay, event->space_id, address, address + 1), *upper;
	struct piece_sink sink = sink_of(replay, piece);
	struct history copy;
	struct error *err;
	uint64_t end;

	if (!piece || piece->start == address)
		return NULL;
	/* Undivided, what is long over is one row. */
	err = history_settle(&piece->history, horizon(replay, event->enter_ns), &sink.base);
	if (!err)
		err = history_copy(&piece->history, &copy);
	if (err)
		return err;
	end = piece->end;
	piece->end = address;
	return insert(replay, event->space_id, address, end, copy, &upper);
}

/* ---- one call and a range ---- */

struct act {
	struct replay *replay;
	const struct memory_event *event;
	struct history_step step;
	uint64_t start, end;
	int64_t *before; /* or NULL */
};

static struct error *act_on_piece(const struct act *act, struct piece *piece)
{
	struct piece_sink sink = sink_of(act->replay, piece);
	struct error *err = history_settle(&piece->history, horizon(act->replay, act->step.enter_ns), &sink.base);
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
	err = insert(act->replay, act->event->space_id, start, end, (struct history){0}, &piece);
	return err ? err : act_on_piece(act, piece);
}

static struct error *merge_pieces(const struct act *act)
{
	struct history merged = {0};
	struct piece *piece;
	struct error *err = NULL;

	while (!err && (piece = find_lowest(act->replay, act->event->space_id, act->start, act->end))) {
		struct piece_sink sink = sink_of(act->replay, piece);

		err = history_settle(&piece->history, UINT64_MAX, &sink.base);
		merged.base = piece->history.base;
		merged.settled_by_many |= piece->history.settled_by_many ||
					  (merged.settled_ns && merged.settled_thread != piece->history.settled_thread);
		merged.settled_thread = piece->history.settled_thread;
		if (piece->history.settled_ns > merged.settled_ns)
			merged.settled_ns = piece->history.settled_ns;
		if (piece->history.owed_ns > merged.owed_ns)
			merged.owed_ns = piece->history.owed_ns;
		drop(act->replay, piece);
	}
	return err ? err : insert(act->replay, act->event->space_id, act->start, act->end, merged, &piece);
}

/* Grows into neighbours that are alike. */
static void join(struct replay *replay, struct piece *piece)
{
	struct piece *beside = piece->start ? find(replay, piece->space_id, piece->start - 1, piece->start) : NULL;
	uint64_t start = piece->start, end = piece->end;

	if (beside && history_is_alike(&beside->history, &piece->history)) {
		start = beside->start;
		drop(replay, beside);
	}
	beside = find(replay, piece->space_id, end, end + 1);
	if (beside && history_is_alike(&piece->history, &beside->history)) {
		end = beside->end;
		drop(replay, beside);
	}
	piece->start = start;
	piece->end = end;
}

static struct error *run(const struct act *act)
{
	int64_t space_id = act->event->space_id;
	uint64_t cursor = act->start;
	size_t count = 0;
	struct piece *piece = find(act->replay, space_id, act->start, act->end);
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
	err = cut(act->replay, act->event, act->start);
	if (!err)
		err = cut(act->replay, act->event, act->end);
	while (!err && cursor < act->end) {
		piece = find_lowest(act->replay, space_id, cursor, act->end);
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

static struct error *run_on(struct act act, uint64_t start, uint64_t end)
{
	act.start = start;
	act.end = end;
	return run(&act);
}

/* ---- what depends on the call ---- */

static int32_t shm_protection(uint64_t flags)
{
	return PROT_READ | (flags & SHM_RDONLY ? 0 : PROT_WRITE) | (flags & FLAG_SHM_EXEC ? PROT_EXEC : 0);
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
	return run_on(act, effect->added_start, effect->added_end);
}

static struct error *unmap(struct act act, uint64_t start, uint64_t end)
{
	act.step.act = ACT_UNMAP;
	act.step.is_munmap = act.event->kind == MEMORY_MUNMAP;
	return run_on(act, start, end);
}

/* The first byte of [start, end) where nothing is mapped for certain; `end` when there is none. *ret_known: all before
 * that is known to be mapped. */
static uint64_t first_hole(const struct replay *replay, int64_t space_id, uint64_t start, uint64_t end, bool *ret_known)
{
	*ret_known = true;
	while (start < end) {
		const struct piece *piece = find_lowest(replay, space_id, start, end);
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

/* ---- calls whose effect depends on several pieces ---- */

static uint64_t page_up(uint64_t bytes)
{
	return (bytes + RECORD_PAGE_BYTES - 1) & ~(RECORD_PAGE_BYTES - 1);
}

static void cloud_range(const struct replay *replay, int64_t space_id, uint64_t start, uint64_t end)
{
	struct piece *piece;

	for (; start < end && (piece = find_lowest(replay, space_id, start, end)); start = piece->end)
		history_cloud(&piece->history);
}

static void cloud_call(const struct replay *replay, const struct replay_wide_call *call)
{
	for (int i = 0; i < 2; i++)
		cloud_range(replay, call->space_id, call->ranges[i][0], call->ranges[i][1]);
}

static bool was_busy(const struct replay *replay, int64_t space_id, uint64_t start, uint64_t end, uint32_t thread,
		     uint64_t since_ns)
{
	const struct piece *piece;

	for (; start < end && (piece = find_lowest(replay, space_id, start, end)); start = piece->end)
		if (history_was_busy(&piece->history, thread, since_ns))
			return true;
	return false;
}

/* Another call was under way in its ranges when it was. */
static bool had_company(const struct replay *replay, const struct memory_event *event,
			const struct replay_wide_call *call)
{
	for (int i = 0; i < 2; i++)
		if (was_busy(replay, call->space_id, call->ranges[i][0], call->ranges[i][1], event->tid,
			     event->enter_ns))
			return true;
	return false;
}

static bool is_wide(const struct memory_event *event, const struct memory_effect *reach,
		    struct replay_wide_call *ret_call)
{
	*ret_call =
		(struct replay_wide_call){.space_id = event->space_id, .thread = event->tid, .exit_ns = event->exit_ns};
	switch (event->kind) {
	case MEMORY_MPROTECT:
	case MEMORY_PKEY_MPROTECT:
		ret_call->ranges[0][0] = reach->touched_start;
		ret_call->ranges[0][1] = reach->touched_end;
		return memory_event_failed(event) && reach->touched_start < reach->touched_end;
	case MEMORY_MREMAP:
		ret_call->ranges[0][0] =
			reach->added_start < reach->added_end ? reach->added_start : reach->removed2_start;
		ret_call->ranges[0][1] = reach->added_start < reach->added_end ? reach->added_end : reach->removed2_end;
		if (event->args[0] < ADDRESS_MAX && event->args[1] < ADDRESS_MAX) {
			ret_call->ranges[1][0] = event->args[0];
			ret_call->ranges[1][1] = event->args[0] + page_up(event->args[1] ?: event->args[2]);
		}
		return ret_call->ranges[0][0] < ret_call->ranges[0][1];
	default:
		return false;
	}
}

static bool touches(const struct memory_effect *reach, const struct replay_wide_call *call)
{
	for (int i = 0; i < 2; i++)
		if (memory_effect_overlaps(reach, call->ranges[i][0], call->ranges[i][1]))
			return true;
	return false;
}

/* After the call has been taken. */
static void doubt_wide_calls(const struct replay *replay, const struct memory_event *event,
			     const struct memory_effect *reach)
{
	for (size_t i = 0; i < REPLAY_WIDE_CALLS; i++) {
		const struct replay_wide_call *call = &replay->wide_calls[i];

		if (call->exit_ns >= event->enter_ns && call->exit_ns && call->space_id == event->space_id &&
		    call->thread != event->tid && touches(reach, call))
			cloud_call(replay, call);
	}
}

static struct error *protect(struct act act, const struct memory_effect *reach)
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
	return run_on(act, reach->touched_start, end);
}

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
	static const struct history_state unknown = {.content = {.protection = -1}};
	struct error *err = NULL;

	while (!err && start < end) {
		const struct piece *piece = find_lowest(replay, space_id, start, end);
		uint64_t piece_start = piece ? piece->start : end, piece_end;
		struct history_state now;

		if (piece_start > start)
			err = add_part(ret, start, piece_start, &unknown, true);
		if (err || !piece)
			break;
		now = history_now(&piece->history);
		piece_end = piece->end < end ? piece->end : end;
		err = add_part(ret, piece_start > start ? piece_start : start, piece_end, &now,
			       !piece->history.has_orders && !now.is_open && !now.is_clouded);
		start = piece_end;
	}
	return err;
}

/* Of another part than the first a hole may have been there. */
static struct error *move_part(struct act act, const struct part *part, bool is_first, uint64_t shift, bool leaves)
{
	struct act source;
	struct error *err;

	act.step.failed = !is_first && !part->is_sure;
	act.step.is_probable = part->state.kind == PIECE_MAPPED;
	source = act;
	act.step.act = ACT_MAP;
	act.step.wants_free = !(act.event->args[3] & FLAG_MREMAP_FIXED);
	act.step.content =
		part->state.kind == PIECE_MAPPED ? part->state.content : (struct history_content){.protection = -1};
	act.step.is_clouded = !part->is_sure;
	act.step.content.file_shift -= shift;
	err = run_on(act, part->start + shift, part->end + shift);
	if (err || leaves)
		return err;
	source.step.act = ACT_UNMAP;
	source.step.wants_mapped = is_first;
	return run_on(source, part->start, part->end);
}

/* Where a mapping grew, in place or at its new address: more of its last byte's mapping. */
static struct error *grow(struct act act, uint64_t from, uint64_t start, uint64_t end)
{
	const struct piece *piece = find(act.replay, act.event->space_id, from, from + 1);
	struct history_state now = piece ? history_now(&piece->history) : (struct history_state){0};

	act.step.act = ACT_MAP;
	act.step.wants_free = !(act.event->args[3] & FLAG_MREMAP_FIXED);
	act.step.content = now.kind == PIECE_MAPPED ? now.content : (struct history_content){.protection = -1};
	act.step.is_clouded = now.is_open || now.is_clouded;
	return run_on(act, start, end);
}

/* mm/mremap.c: what the new size leaves out goes first; then each mapping is moved by itself, and what stood at its
 * target goes; where the old range has a hole, nothing moves and what stands at the target stays. */
static struct error *move(struct act act, const struct memory_effect *effect)
{
	const struct memory_event *event = act.event;
	uint64_t old_start = event->args[0], old_bytes = page_up(event->args[1]), new_bytes = page_up(event->args[2]);
	uint64_t shift = (uint64_t)event->result - old_start, bytes = old_bytes < new_bytes ? old_bytes : new_bytes;
	bool leaves = event->args[3] & FLAG_MREMAP_DONTUNMAP;
	struct parts parts = {0};
	struct error *err = NULL;

	if (!leaves && old_bytes > new_bytes)
		err = unmap(act, old_start + new_bytes, old_start + old_bytes);
	if (!err)
		err = read_parts(act.replay, event->space_id, old_start, old_start + bytes, &parts);
	for (size_t i = 0; !err && i < parts.count; i++) {
		struct part *part = &parts.parts[i];

		/* One that begins in a hole is refused, so that the record lacks what was mapped there. */
		if (part->state.kind == PIECE_FREE && part->is_sure && parts.parts[0].state.kind == PIECE_MAPPED)
			continue;
		part->is_sure &= parts.parts[0].is_sure || part->state.kind == PIECE_MAPPED;
		err = move_part(act, part, i == 0, shift, leaves);
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
		parts.parts[0].end = old_start + (effect->added_end - effect->added_start);
		err = move_part(act, &parts.parts[0], true, effect->added_start - old_start, true);
	}
	free(parts.parts);
	return err;
}

/* A move that failed: its target may have been unmapped, and where it was of several mappings, some may have gone. */
static struct error *move_failed(struct act act, const struct memory_effect *reach)
{
	struct parts parts = {0};
	struct error *err;
	bool several;

	act.step.failed = true;
	err = unmap(act, reach->removed2_start, reach->removed2_end);
	if (!err)
		err = read_parts(act.replay, act.event->space_id, reach->removed_start, reach->removed_end, &parts);
	several = parts.count > 1 || page_up(act.event->args[1]) > page_up(act.event->args[2]);
	free(parts.parts);
	return err || !several ? err : unmap(act, reach->removed_start, reach->removed_end);
}

static struct error *take_mremap(struct act act, const struct memory_effect *reach)
{
	const struct memory_event *event = act.event;

	if (memory_event_failed(event))
		return move_failed(act, reach);
	if (event->args[1] == 0)
		return reach->added_start < reach->added_end ? duplicate(act, reach) : NULL;
	if ((uint64_t)event->result != event->args[0])
		return reach->added_start < reach->added_end ? move(act, reach) : NULL;
	if (reach->added_start < reach->added_end)
		return grow(act, reach->added_start - RECORD_PAGE_BYTES, reach->added_start, reach->added_end);
	return unmap(act, reach->removed_start, reach->removed_end);
}

static struct error *take_plain(struct act act, const struct memory_effect *reach)
{
	struct error *err = NULL;
	bool replaces = reach->removed_start == reach->added_start && reach->removed_end == reach->added_end;

	if (memory_event_failed(act.event)) {
		act.step.failed = true;
	}
	if (!replaces)
		err = unmap(act, reach->removed_start, reach->removed_end);
	return err ? err : add(act, reach);
}

/* ---- sweeping ---- */

struct sweep {
	struct replay *replay;
	uint64_t before_ns;
	struct error *err;
};

static void sweep_piece(const void *node, VISIT visit, void *context)
{
	struct piece *piece = *(struct piece *const *)node;
	struct sweep *sweep = context;
	struct piece_sink sink = sink_of(sweep->replay, piece);

	if ((visit == postorder || visit == leaf) && !sweep->err)
		sweep->err = history_settle(&piece->history, sweep->before_ns, &sink.base);
}

/* Each time that the pieces have doubled: their number pays for the walk. What a call may still come late for that so
 * many others have overtaken is little. */
static struct error *sweep(struct replay *replay, const struct memory_event *event)
{
	struct sweep sweep = {.replay = replay};

	if (++replay->events % SWEEP_EVENTS == 0) {
		replay->older_ns = replay->recent_ns;
		replay->recent_ns = event->exit_ns;
	}
	if (replay->piece_count < SWEEP_PIECES || replay->piece_count < 2 * replay->swept_pieces)
		return NULL;
	replay->swept_pieces = replay->piece_count;
	sweep.before_ns = replay->older_ns;
	twalk_r(replay->tree, sweep_piece, &sweep);
	return sweep.err;
}

static struct error *take_call(struct act act, const struct memory_effect *reach)
{
	switch (act.event->kind) {
	case MEMORY_MREMAP:
		return take_mremap(act, reach);
	case MEMORY_MPROTECT:
	case MEMORY_PKEY_MPROTECT:
		return protect(act, reach);
	default:
		return take_plain(act, reach);
	}
}

struct error *replay_take(struct replay *replay, const struct memory_event *event, int64_t call, int64_t *ret_before)
{
	const struct memory_effect reach = memory_event_reach(event);
	const struct act act = {
		.replay = replay,
		.event = event,
		.before = ret_before,
		.step = {.call = call,
			 .thread = event->tid,
			 .enter_ns = event->enter_ns,
			 .exit_ns = event->exit_ns,
			 .content = {.protection = -1}},
	};

	struct replay_wide_call wide;
	bool wide_call, had;
	struct error *err;

	if (ret_before)
		*ret_before = REPLAY_NO_CALL;
	if (event->kind == MEMORY_MADVISE)
		return NULL;
	wide_call = is_wide(event, &reach, &wide);
	had = wide_call && had_company(replay, event, &wide);
	err = take_call(act, &reach);
	if (!err)
		err = sweep(replay, event);
	if (err)
		return err;
	doubt_wide_calls(replay, event, &reach);
	if (had)
		cloud_call(replay, &wide);
	if (wide_call)
		replay->wide_calls[replay->next_wide_call++ % REPLAY_WIDE_CALLS] = wide;
	return NULL;
}

void replay_init(struct replay *replay, const struct replay_sink *sink)
{
	*replay = (struct replay){.sink = *sink, .budget = {TRIALS_MAX}};
}

struct last_walk {
	struct replay *replay;
	struct error *err;
};

static void finish_piece(const void *node, VISIT visit, void *context)
{
	struct piece *piece = *(struct piece *const *)node;
	struct last_walk *walk = context;
	struct piece_sink sink = sink_of(walk->replay, piece);

	if ((visit != postorder && visit != leaf) || walk->err)
		return;
	walk->err = history_settle(&piece->history, UINT64_MAX, &sink.base);
	if (!walk->err && piece->history.base.kind == PIECE_MAPPED)
		walk->err = take_life(&sink.base, &piece->history.base, REPLAY_STANDING);
}

struct error *replay_finish(struct replay *replay)
{
	struct last_walk walk = {.replay = replay};

	twalk_r(replay->tree, finish_piece, &walk);
	return walk.err;
}

void replay_deinit(struct replay *replay)
{
	tdestroy(replay->tree, free_piece);
	replay->tree = NULL;
	replay->piece_count = 0;
}
