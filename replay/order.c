/* SPDX-License-Identifier: MIT */
#include "replay/order.h"

#include <stdlib.h>
#include <string.h>

#include "replay/step.h"

struct history_state history_now(const struct history *history)
{
	struct history_state state = history->base;
	bool ended;

	for (unsigned i = 0; i < history->count; i++)
		if (history->steps[i].acted)
			history_advance(&state, &history->steps[i], &ended);
	return state;
}

/* ---- settling ---- */

static struct error *settle_first(struct history *history, struct history_sink *sink)
{
	const struct history_step *step = &history->steps[0];
	struct history_state before = history->base;
	unsigned broken = 0;
	struct error *err = NULL;
	bool ended = false;

	if (step->acted)
		broken = history_advance(&history->base, step, &ended);
	if (ended) {
		/* Whoever ended it in truth was not seen. */
		before.is_open |= broken > 0;
		err = sink->take_life(sink, &before, step->call);
		if (broken)
			history->owed_ns = step->exit_ns;
	}
	if (!err && sink->take_again && step->acted && step->is_munmap && before.kind == PIECE_FREE)
		err = sink->take_again(sink, before.call, step->call);
	history->settled_by_many |= history->settled_ns && history->settled_thread != step->thread;
	history->settled_thread = step->thread;
	if (step->exit_ns > history->settled_ns)
		history->settled_ns = step->exit_ns;
	/* The orders in which this call stood elsewhere will not be tried again. */
	history->base.is_clouded |= history->base.is_open || (history->has_orders && history->base.kind == PIECE_FREE);
	for (unsigned i = 1; i < history->count; i++)
		history->steps[i].is_clouded |= history->steps[i].is_open;
	history->count--;
	memmove(history->steps, history->steps + 1, history->count * sizeof(*history->steps));
	return err;
}

struct error *history_settle(struct history *history, uint64_t time_ns, struct history_sink *sink)
{
	struct error *err = NULL;

	while (!err && history->count && (history->steps[0].exit_ns < time_ns || time_ns == UINT64_MAX))
		err = settle_first(history, sink);
	if (!history->count) {
		free(history->steps);
		history->steps = NULL;
		history->room = 0;
	}
	return err;
}

void history_take_settled(struct history *history, const struct history *other)
{
	history->settled_by_many |= other->settled_by_many || (history->settled_ns && other->settled_ns &&
							       history->settled_thread != other->settled_thread);
	if (other->settled_ns)
		history->settled_thread = other->settled_thread;
	if (other->settled_ns > history->settled_ns)
		history->settled_ns = other->settled_ns;
	if (other->owed_ns > history->owed_ns)
		history->owed_ns = other->owed_ns;
}

/* ---- orders ---- */

/* The life that step n made is number n + 1; that of the base is 0. */
struct outcome {
	bool made;
	int64_t gone;
	int32_t protection;
	int64_t protected_by;
	struct history_marks marks;
};

struct trial {
	struct history_state state;
	unsigned life; /* of the state, when that is mapped */
	unsigned broken;
	struct outcome outcomes[HISTORY_STEPS + 1];
};

struct search {
	const struct history *history;
	struct history_budget *budget;
	unsigned char order[HISTORY_STEPS];
	bool acted[HISTORY_STEPS];
	unsigned fewest; /* rules broken */
	bool compares;	 /* the order that is taken is known; the others are compared with it */
	unsigned counting;
	unsigned char best_order[HISTORY_STEPS];
	bool best_acted[HISTORY_STEPS];
	struct outcome best[HISTORY_STEPS + 1];
	bool differs[HISTORY_STEPS + 1];
	bool marks_differ[HISTORY_STEPS + 1];
	int64_t other[HISTORY_STEPS + 1], other_protector[HISTORY_STEPS + 1];
};

static void take_outcome(struct search *search, const struct trial *trial)
{
	if (!search->compares) {
		if (trial->broken >= search->fewest)
			return;
		search->fewest = trial->broken;
		memcpy(search->best_order, search->order, sizeof(search->order));
		memcpy(search->best_acted, search->acted, sizeof(search->acted));
		memcpy(search->best, trial->outcomes, sizeof(search->best));
		return;
	}
	search->counting++;
	for (unsigned i = 0; i <= search->history->count; i++) {
		const struct outcome *best = &search->best[i], *outcome = &trial->outcomes[i];

		search->marks_differ[i] |=
			best->made && outcome->made && !history_is_same_marks(&best->marks, &outcome->marks);
		if (best->made == outcome->made && best->gone == outcome->gone &&
		    best->protection == outcome->protection)
			continue;
		search->differs[i] = true;
		if (best->gone != outcome->gone && outcome->made && search->other[i] == REPLAY_NO_CALL)
			search->other[i] = outcome->gone;
		if (best->protection != outcome->protection && outcome->made &&
		    search->other_protector[i] == REPLAY_NO_CALL)
			search->other_protector[i] = outcome->protected_by;
	}
}

static struct trial try_step(const struct search *search, const struct trial *before, unsigned number, bool acted)
{
	const struct history_step *step = &search->history->steps[number];
	struct trial trial = *before;
	int64_t made_by = before->state.call;
	unsigned broken;
	bool ended;

	if (!acted)
		return trial;
	broken = history_advance(&trial.state, step, &ended);
	/* What may have stood there, or not, proves nothing. */
	if (!before->state.is_clouded)
		trial.broken += broken;
	if (ended)
		trial.outcomes[trial.life].gone = step->call;
	if (trial.state.kind != PIECE_MAPPED)
		return trial;
	if (ended || before->state.kind != PIECE_MAPPED || trial.state.call != made_by) {
		trial.life = number + 1;
		trial.outcomes[trial.life] = (struct outcome){.made = true, .gone = REPLAY_STANDING};
	}
	trial.outcomes[trial.life].protection = trial.state.content.protection;
	trial.outcomes[trial.life].protected_by = trial.state.protected_by;
	trial.outcomes[trial.life].marks = trial.state.content.marks;
	return trial;
}

static bool must_wait(const struct search *search, unsigned number, unsigned placed)
{
	const struct history_step *steps = search->history->steps;

	for (unsigned i = 0; i < search->history->count; i++)
		if (i != number && !(placed & 1U << i) &&
		    (steps[i].exit_ns < steps[number].enter_ns ||
		     (i < number && steps[i].thread == steps[number].thread)))
			return true;
	return false;
}

static void search_orders(struct search *search, const struct trial *before, unsigned depth, unsigned placed)
{
	const struct history *history = search->history;

	if (depth == history->count) {
		take_outcome(search, before);
		return;
	}
	for (unsigned i = 0; i < history->count; i++) {
		if (placed & 1U << i || must_wait(search, i, placed))
			continue;
		for (unsigned way = 0; way < (history->steps[i].failed ? 2 : 1) && search->budget->trials; way++) {
			bool acted = !history->steps[i].failed || (way == 0) == history->steps[i].is_probable;
			struct trial trial = try_step(search, before, i, acted);

			search->budget->trials--;
			if (trial.broken > search->fewest)
				continue;
			search->order[depth] = (unsigned char)i;
			search->acted[depth] = acted;
			search_orders(search, &trial, depth + 1, placed | 1U << i);
		}
	}
}

void history_cloud(struct history *history)
{
	history->base.is_clouded = true;
	for (unsigned i = 0; i < history->count; i++)
		history->steps[i].is_clouded = true;
}

/* Puts the steps into the order that counts, and marks the lives that another one gives another end. */
static void order_steps(struct history *history, struct history_budget *budget)
{
	struct history_step steps[HISTORY_STEPS];
	struct search search = {.history = history, .budget = budget, .fewest = UINT32_MAX};
	struct trial start = {.state = history->base};

	start.outcomes[0] = (struct outcome){
		.made = history->base.kind == PIECE_MAPPED,
		.gone = REPLAY_STANDING,
		.protection = history->base.content.protection,
		.protected_by = history->base.protected_by,
		.marks = history->base.content.marks,
	};
	for (unsigned i = 0; i <= HISTORY_STEPS; i++)
		search.other[i] = search.other_protector[i] = REPLAY_NO_CALL;
	search_orders(&search, &start, 0, 0);
	search.compares = true;
	if (budget->trials)
		search_orders(&search, &start, 0, 0);
	if (!budget->trials) {
		history_cloud(history);
		return;
	}
	history->has_orders = search.counting > 1;
	history->breaks_rules = search.fewest > 0;
	history->base.is_open = search.differs[0];
	history->base.has_open_marks |= search.marks_differ[0];
	history->base.other = search.other[0];
	history->base.other_protector = search.other_protector[0];
	for (unsigned i = 0; i < history->count; i++) {
		steps[i] = history->steps[search.best_order[i]];
		steps[i].acted = search.best_acted[i];
		steps[i].is_open = search.differs[search.best_order[i] + 1];
		steps[i].has_open_marks |= search.marks_differ[search.best_order[i] + 1];
		steps[i].other = search.other[search.best_order[i] + 1];
		steps[i].other_protector = search.other_protector[search.best_order[i] + 1];
	}
	memcpy(history->steps, steps, history->count * sizeof(steps[0]));
}

/* ---- adding ---- */

static struct error *make_room(struct history *history)
{
	unsigned room = history->room ? 2U * history->room : 1;
	struct history_step *grown;

	if (history->count < history->room)
		return NULL;
	if (room > HISTORY_STEPS)
		room = HISTORY_STEPS;
	grown = reallocarray(history->steps, room, sizeof(*grown));
	if (!grown)
		return &error_no_memory;
	history->steps = grown;
	history->room = (unsigned char)room;
	return NULL;
}

static int64_t follower(const struct history *history, int64_t call)
{
	for (unsigned i = 0; i + 1 < history->count; i++)
		if (history->steps[i].call == call)
			return history->steps[i + 1].call;
	return REPLAY_NO_CALL;
}

static bool is_late_for(const struct history *history, uint32_t thread, uint64_t enter_ns)
{
	return history->settled_ns && enter_ns <= history->settled_ns &&
	       (history->settled_by_many || history->settled_thread != thread);
}

bool history_was_busy(const struct history *history, uint32_t thread, uint64_t enter_ns)
{
	for (unsigned i = 0; i < history->count; i++)
		if (history->steps[i].thread != thread && history->steps[i].exit_ns >= enter_ns)
			return true;
	return is_late_for(history, thread, enter_ns);
}

struct error *history_add(struct history *history, const struct history_step *step, struct history_budget *budget,
			  struct history_sink *sink, int64_t *ret_before)
{
	bool is_late, overlaps = history_was_busy(history, step->thread, step->enter_ns);
	struct error *err = NULL;

	if (ret_before)
		*ret_before = REPLAY_NO_CALL;
	if (history->count == HISTORY_STEPS)
		err = settle_first(history, sink);
	if (!err)
		err = make_room(history);
	if (err)
		return err;
	is_late = is_late_for(history, step->thread, step->enter_ns);
	if (is_late && step->act == ACT_UNMAP && !step->failed && step->enter_ns <= history->owed_ns) {
		history->owed_ns = 0;
		return NULL;
	}
	history->steps[history->count] = *step;
	history->steps[history->count].acted = !step->failed || step->is_probable;
	history->steps[history->count].is_open = false;
	history->steps[history->count].other_protector = REPLAY_NO_CALL;
	history->steps[history->count++].other = REPLAY_NO_CALL;
	if (is_late)
		history_cloud(history);
	if (!overlaps && !history->has_orders && !history->breaks_rules && !step->failed)
		return NULL;
	if (budget->trials)
		order_steps(history, budget);
	else
		history_cloud(history);
	if (ret_before)
		*ret_before = follower(history, step->call);
	return NULL;
}

/* ---- whole histories ---- */

struct error *history_copy(const struct history *history, struct history *ret_copy)
{
	struct history copy = *history;

	copy.steps = NULL;
	copy.room = history->count;
	if (history->count) {
		copy.steps = malloc(history->count * sizeof(*copy.steps));
		if (!copy.steps)
			return &error_no_memory;
		memcpy(copy.steps, history->steps, history->count * sizeof(*copy.steps));
	}
	*ret_copy = copy;
	return NULL;
}

void history_deinit(struct history *history)
{
	free(history->steps);
	*history = (struct history){0};
}

bool history_is_alike(const struct history *left, const struct history *right)
{
	const struct history_state *a = &left->base, *b = &right->base;

	if (left->count != right->count || left->has_orders || right->has_orders || a->kind != b->kind ||
	    a->call != b->call || a->is_open != b->is_open || a->is_clouded != b->is_clouded ||
	    !history_is_same_content(&a->content, &b->content))
		return false;
	for (unsigned i = 0; i < left->count; i++) {
		const struct history_step *first = &left->steps[i], *second = &right->steps[i];

		if (first->act != second->act || first->acted != second->acted ||
		    (first->act != ACT_PROTECT && first->call != second->call) ||
		    first->is_clouded != second->is_clouded ||
		    !history_is_same_content(&first->content, &second->content))
			return false;
	}
	return true;
}
