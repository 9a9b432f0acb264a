/* SPDX-License-Identifier: MIT */
#include "replay/heap_history.h"

#include <stdlib.h>
#include <string.h>

/* Two frees of different threads that are further apart than this were not under way together. */
#define FREE_NS_MAX 1000000

struct heap_step heap_step_of(const struct heap_event *event, int64_t call)
{
	return (struct heap_step){
		.call = call,
		.enter_ns = event->enter_ns,
		.exit_ns = event->exit_ns,
		.sp = event->sp,
		.size = event->size,
		.around = HEAP_REPLAY_NO_CALL,
		.tid = event->tid,
		.is_free = heap_call_is_free(event),
	};
}

static bool are_ordered(const struct heap_step *first, const struct heap_step *second)
{
	if (first->tid == second->tid)
		return first->enter_ns <= second->enter_ns;
	if (first->is_free)
		return first->enter_ns < second->enter_ns && second->enter_ns - first->enter_ns >= FREE_NS_MAX;
	return first->exit_ns && first->exit_ns <= second->enter_ns;
}

bool heap_ordered(const struct heap_event *first, const struct heap_event *second)
{
	const struct heap_step a = heap_step_of(first, 0), b = heap_step_of(second, 0);

	return are_ordered(&a, &b);
}

/* ---- reporting ---- */

static bool was_lost(const struct heap_replay *replay, int64_t space_id, uint64_t from_ns, uint64_t to_ns)
{
	for (size_t i = 0; i < replay->gap_count; i++) {
		const struct heap_gap *gap = &replay->gaps[i];

		if ((!gap->space_id || gap->space_id == space_id) && gap->from_ns <= to_ns && gap->to_ns >= from_ns)
			return true;
	}
	return false;
}

/* `until_ns`: when its end was seen. */
static struct error *report_life(const struct heap_history *history, const struct heap_replay *replay,
				 const struct heap_state *state, int64_t gone, int64_t next, uint64_t until_ns,
				 bool is_open)
{
	const struct heap_replay_life life = {
		.space_id = history->space_id,
		.start = history->start,
		.size = state->size,
		.first = state->first,
		.unseen = state->unseen,
		.gone = gone,
		.next = next,
		.is_open = is_open || was_lost(replay, history->space_id, state->made_ns, until_ns),
	};

	return replay->sink.take_life ? replay->sink.take_life(replay->sink.context, &life) : NULL;
}

/* `life`: NULL for none; `since_ns`: no call may have been lost from here on. */
static struct error *report_end(const struct heap_history *history, const struct heap_replay *replay,
				const struct heap_step *step, enum heap_end kind, const struct heap_state *life,
				uint64_t since_ns, bool is_open)
{
	const struct heap_replay_end end = {
		.space_id = history->space_id,
		.block = history->start,
		.call = step->call,
		.end = kind,
		.life = life ? life->first : step->around,
		.unseen = life && life->unseen,
		.earlier = kind == HEAP_END_AGAIN ? life->gone.call : HEAP_REPLAY_NO_CALL,
		.keeps = step->keeps,
		.is_open = is_open || was_lost(replay, history->space_id, since_ns, step->enter_ns),
	};

	return replay->sink.take_end ? replay->sink.take_end(replay->sink.context, &end) : NULL;
}

static struct error *report_owed(const struct heap_history *history, const struct heap_replay *replay,
				 const struct heap_owed *owed)
{
	return report_life(history, replay, &owed->state, HEAP_REPLAY_UNSEEN, owed->next, owed->next_ns, true);
}

/* ---- settling ---- */

/* The live block was handed out again. */
static struct error *owe(struct heap_history *history, const struct heap_replay *replay, const struct heap_step *birth)
{
	struct error *err = NULL;

	if (history->state.under_way != HEAP_REPLAY_NO_CALL)
		return report_life(history, replay, &history->state, history->state.under_way, HEAP_REPLAY_NO_CALL,
				   birth->exit_ns, true);
	if (!history->owed) {
		history->owed = calloc(HEAP_OWED, sizeof(*history->owed));
		if (!history->owed)
			return &error_no_memory;
	}
	if (history->owed_count == HEAP_OWED) {
		err = report_owed(history, replay, &history->owed[0]);
		memmove(&history->owed[0], &history->owed[1], (HEAP_OWED - 1) * sizeof(*history->owed));
		history->owed_count--;
	}
	history->owed[history->owed_count++] = (struct heap_owed){history->state, birth->call, birth->exit_ns};
	return err;
}

static struct error *settle_birth(struct heap_history *history, const struct heap_replay *replay,
				  const struct heap_step *step)
{
	struct error *err = history->state.kind == HEAP_LIVE ? owe(history, replay, step) : NULL;

	history->state = (struct heap_state){
		.kind = HEAP_LIVE,
		.first = step->call,
		.size = step->size,
		.made_ns = step->exit_ns,
		.under_way = HEAP_REPLAY_NO_CALL,
	};
	if (step->exit_ns > history->settled_ns)
		history->settled_ns = step->exit_ns;
	return err;
}

/* Another thread gave the same life back, and might have been first. */
static bool has_rival(const struct heap_history *history, const struct heap_step *step)
{
	for (unsigned i = 0; i < history->count && !history->steps[i].is_birth; i++) {
		if (!history->steps[i].keeps && !are_ordered(step, &history->steps[i]))
			return true;
	}
	return false;
}

static struct error *end_life(struct heap_history *history, const struct heap_replay *replay,
			      const struct heap_step *step)
{
	if (step->keeps) {
		if (!step->exit_ns)
			history->state.under_way = step->call;
		return NULL;
	}
	history->state.kind = HEAP_GONE;
	history->state.gone = *step;
	return report_life(history, replay, &history->state, step->call, HEAP_REPLAY_NO_CALL, step->enter_ns,
			   has_rival(history, step));
}

static struct error *settle_give(struct heap_history *history, const struct heap_replay *replay,
				 const struct heap_step *step)
{
	struct heap_state *state = &history->state;
	struct error *err;

	switch (state->kind) {
	case HEAP_NOTHING:
		if (step->around != HEAP_REPLAY_NO_CALL)
			return report_end(history, replay, step, HEAP_END_INTERIOR, NULL, 0, false);
		*state = (struct heap_state){
			.kind = HEAP_LIVE, .unseen = true, .first = step->call, .under_way = HEAP_REPLAY_NO_CALL};
		err = report_end(history, replay, step, HEAP_END_UNKNOWN, state, 0, false);
		return err ?: end_life(history, replay, step);
	case HEAP_LIVE:
		err = report_end(history, replay, step, HEAP_END_LIFE, state, state->made_ns, has_rival(history, step));
		return err ?: end_life(history, replay, step);
	case HEAP_GONE:
		err = report_end(history, replay, step, HEAP_END_AGAIN, state, state->gone.enter_ns,
				 !are_ordered(&state->gone, step));
		if (!step->keeps)
			state->gone = *step;
		return err;
	}
	return NULL;
}

static struct error *settle_oldest(struct heap_history *history, const struct heap_replay *replay)
{
	const struct heap_step step = history->steps[0];

	history->count--;
	memmove(&history->steps[0], &history->steps[1], history->count * sizeof(step));
	return step.is_birth ? settle_birth(history, replay, &step) : settle_give(history, replay, &step);
}

/* ---- adding ---- */

/* What was given when a settled birth had not returned yet is an older block. */
static struct error *take_late(struct heap_history *history, const struct heap_replay *replay,
			       const struct heap_step *step)
{
	struct error *err;

	for (unsigned i = 0; i < history->owed_count; i++) {
		const struct heap_owed owed = history->owed[i];

		if (owed.next_ns <= step->enter_ns || owed.state.made_ns > step->enter_ns)
			continue;
		err = report_end(history, replay, step, HEAP_END_LIFE, &owed.state, owed.state.made_ns, false);
		if (err || step->keeps)
			return err;
		history->owed_count--;
		memmove(&history->owed[i], &history->owed[i + 1], (history->owed_count - i) * sizeof(owed));
		return report_life(history, replay, &owed.state, step->call, HEAP_REPLAY_NO_CALL, step->enter_ns,
				   false);
	}
	return report_end(history, replay, step, HEAP_END_OPEN, NULL, 0, true);
}

static struct error *insert(struct heap_history *history, unsigned at, const struct heap_step *step)
{
	if (history->count == history->room) {
		unsigned char room = history->room ? HEAP_STEPS + 1 : 2;
		struct heap_step *grown = reallocarray(history->steps, room, sizeof(*grown));

		if (!grown)
			return &error_no_memory;
		history->steps = grown;
		history->room = room;
	}
	memmove(&history->steps[at + 1], &history->steps[at], (history->count - at) * sizeof(*step));
	history->steps[at] = *step;
	history->count++;
	return NULL;
}

struct error *heap_history_add(struct heap_history *history, const struct heap_step *step,
			       const struct heap_replay *replay)
{
	unsigned at = history->count;
	struct error *err;

	/* A pointer that is given cannot come from a call that had not returned yet. */
	if (!step->is_birth && !step->in_place) {
		if (step->enter_ns < history->settled_ns)
			return take_late(history, replay, step);
		for (unsigned i = history->count; i-- > 0;) {
			if (history->steps[i].is_birth && history->steps[i].exit_ns > step->enter_ns)
				at = i;
		}
	}
	err = insert(history, at, step);
	return err || history->count <= HEAP_STEPS ? err : settle_oldest(history, replay);
}

bool heap_step_is_inside(const struct heap_step *inner, const struct heap_step *outer)
{
	if (inner->tid != outer->tid || inner->is_birth != outer->is_birth || inner->enter_ns < outer->enter_ns)
		return false;
	return outer->exit_ns ? inner->exit_ns && inner->exit_ns <= outer->exit_ns : inner->sp <= outer->sp;
}

bool heap_history_absorb(struct heap_history *history, const struct heap_step *outer, const struct heap_replay *replay)
{
	unsigned char kept = 0, count = history->count;

	for (unsigned i = 0; i < count; i++) {
		if (!heap_step_is_inside(&history->steps[i], outer))
			history->steps[kept++] = history->steps[i];
		else if (replay->sink.take_part)
			replay->sink.take_part(replay->sink.context, history->steps[i].call, outer->call);
	}
	history->count = kept;
	return kept < count;
}

bool heap_history_is_known(const struct heap_history *history)
{
	if (history->state.kind != HEAP_NOTHING)
		return true;
	for (unsigned i = 0; i < history->count; i++) {
		if (history->steps[i].is_birth || history->steps[i].around == HEAP_REPLAY_NO_CALL)
			return true;
	}
	return false;
}

bool heap_history_live(const struct heap_history *history, int64_t *ret_call, uint64_t *ret_size)
{
	bool live = history->state.kind == HEAP_LIVE && !history->state.unseen;

	*ret_call = history->state.first;
	*ret_size = history->state.size;
	for (unsigned i = 0; i < history->count; i++) {
		const struct heap_step *step = &history->steps[i];

		if (!step->is_birth) {
			live &= step->keeps;
			continue;
		}
		live = true;
		*ret_call = step->call;
		*ret_size = step->size;
	}
	return live;
}

struct error *heap_history_finish(struct heap_history *history, const struct heap_replay *replay)
{
	struct error *err = NULL;

	while (!err && history->count)
		err = settle_oldest(history, replay);
	for (unsigned i = 0; !err && i < history->owed_count; i++)
		err = report_owed(history, replay, &history->owed[i]);
	history->owed_count = 0;
	if (!err && history->state.kind == HEAP_LIVE)
		err = report_life(history, replay, &history->state, HEAP_REPLAY_STANDING, HEAP_REPLAY_NO_CALL,
				  UINT64_MAX, history->is_overtaken || history->state.under_way != HEAP_REPLAY_NO_CALL);
	history->state.kind = HEAP_NOTHING;
	return err;
}

void heap_history_destroy(struct heap_history *history)
{
	if (!history)
		return;
	free(history->steps);
	free(history->owed);
	free(history);
}
