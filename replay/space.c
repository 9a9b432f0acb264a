/* SPDX-License-Identifier: MIT */
#include "replay/space.h"

#include "replay/act.h"
#include "replay/beside.h"
#include "replay/kernel.h"
#include "replay/sweep.h"

/* What a hostile or very busy record may ask for: about a second's work. */
#define TRIALS_MAX 20000000U

static struct error *advise(struct act act)
{
	uint64_t start, end;

	memory_event_named(act.event, &start, &end);
	return act_advise(act, start, end);
}

static struct error *take_call(struct act act, const struct memory_effect *reach)
{
	switch (act.event->kind) {
	case MEMORY_MREMAP:
		return act_mremap(act, reach);
	case MEMORY_MPROTECT:
	case MEMORY_PKEY_MPROTECT:
		return act_protect(act, reach);
	case MEMORY_MADVISE:
		return advise(act);
	default:
		return act_plain(act, reach);
	}
}

/* mm/mremap.c: sizes of huge pages round up to them, which the call's own arguments do not show. An old size in the
 * last page of all numbers rounds to 0. */
static void round_up(const struct replay *replay, struct memory_event *event)
{
	const struct piece *piece = pieces_find_lowest(replay, event->space_id, event->args[0], event->args[0] + 1);
	struct history_state now = piece ? history_now(&piece->history) : (struct history_state){0};

	event->args[1] = kernel_page_up(event->args[1]);
	if (now.kind == PIECE_MAPPED && (now.content.flags & FLAG_MAP_HUGETLB) && event->args[1] < KERNEL_RANGE_LIMIT &&
	    event->args[2] < KERNEL_RANGE_LIMIT) {
		uint64_t unit_bytes = memory_page_bytes(now.content.flags);

		event->args[1] = kernel_align_up(event->args[1], unit_bytes);
		event->args[2] = kernel_align_up(event->args[2], unit_bytes);
	}
}

static struct memory_event adapted(const struct replay *replay, const struct memory_event *given)
{
	struct memory_event event = *given;

	if (event.kind == MEMORY_MREMAP)
		round_up(replay, &event);
	/* What it did later than the copy was made is no part of that. */
	if (event.is_doubtful && event.exit_ns > event.copied_ns)
		event.exit_ns = event.copied_ns > event.enter_ns ? event.copied_ns : event.enter_ns;
	return event;
}

struct error *replay_take(struct replay *replay, const struct memory_event *given, int64_t call, int64_t *ret_before)
{
	const struct memory_event own = adapted(replay, given);
	const struct memory_event *event = &own;
	const struct memory_effect reach = memory_event_reach(event);
	const struct act act = {
		.replay = replay,
		.event = event,
		.before = ret_before,
		.step = {.call = call,
			 .thread = event->tid,
			 .enter_ns = event->enter_ns,
			 .exit_ns = event->exit_ns,
			 .content = history_unknown},
	};
	struct replay_wide_call wide;
	bool is_wide, was_busy;
	struct error *err;

	if (ret_before)
		*ret_before = REPLAY_NO_CALL;
	if (event->kind == MEMORY_MADVISE && replay->follows == REPLAY_NO_ADVICE)
		return NULL;
	is_wide = beside_is_wide(event, &reach, &wide);
	was_busy = is_wide && beside_was_busy(replay, event, &wide);
	/* What it would end, and what it would make: it may have come after the moment that the history leads to. */
	err = event->is_doubtful ? beside_cloud_reach(replay, event, &reach) : NULL;
	if (!err)
		err = take_call(act, &reach);
	if (!err && event->is_doubtful)
		err = beside_cloud_reach(replay, event, &reach);
	if (!err)
		err = sweep_after(replay, event);
	if (err)
		return err;
	beside_doubt(replay, event, &reach);
	if (was_busy)
		beside_cloud(replay, &wide);
	if (is_wide)
		beside_note(replay, &wide);
	return NULL;
}

void replay_init(struct replay *replay, const struct replay_sink *sink)
{
	*replay = (struct replay){.sink = *sink, .budget = {TRIALS_MAX}};
}

static struct error *finish_piece(struct piece *piece, void *context)
{
	const struct replay *replay = context;
	struct piece_sink sink = pieces_sink(replay, piece);
	struct error *err = history_settle(&piece->history, UINT64_MAX, &sink.base);

	if (!err && piece->history.base.kind == PIECE_MAPPED)
		err = sink.base.take_life(&sink.base, &piece->history.base, REPLAY_STANDING);
	return err;
}

struct error *replay_finish(struct replay *replay)
{
	return pieces_visit(replay, finish_piece, replay);
}

void replay_deinit(struct replay *replay)
{
	pieces_drop_all(replay);
}
