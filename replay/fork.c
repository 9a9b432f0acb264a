/* SPDX-License-Identifier: MIT */
#include "replay/fork.h"

#include <stdlib.h>

#include "replay/act.h"
#include "replay/kernel.h"

/* What a child's space is made of, before anything is inserted. */
struct inherited {
	struct piece *pieces; /* with copies of the histories, when they are another space's */
	size_t count, room;
	const struct replay_fork *fork;
};

static struct error *collect(struct piece *piece, void *context)
{
	struct inherited *all = context;
	struct error *err;

	if (piece->space_id != all->fork->parent_id)
		return NULL;
	if (all->count == all->room) {
		size_t room = all->room ? 2 * all->room : 64;
		struct piece *grown = reallocarray(all->pieces, room, sizeof(*grown));

		if (!grown)
			return &error_no_memory;
		all->pieces = grown;
		all->room = room;
	}
	all->pieces[all->count] = *piece;
	if (all->fork->child_id == all->fork->parent_id) {
		all->count++;
		return NULL;
	}
	err = history_copy(&piece->history, &all->pieces[all->count].history);
	if (!err)
		all->count++;
	return err;
}

/* kernel/fork.c, dup_mmap(): with VM_DONTCOPY it is left out, with VM_WIPEONFORK its page tables are not copied. */
static struct error *leave_out(struct act act, const struct piece *piece)
{
	const struct history_state now = history_now(&piece->history);
	const struct history_marks *marks = &now.content.marks;

	if (now.kind != PIECE_MAPPED)
		return NULL;
	/* What the orders disagree about may be so or not. */
	act.step.failed = now.has_open_marks || now.is_open || now.is_clouded;
	act.step.is_probable = true;
	if (marks->unforked_by != REPLAY_NO_CALL) {
		act.step.call = marks->unforked_by;
		act.step.act = ACT_UNMAP;
	} else if (marks->wiped_by != REPLAY_NO_CALL) {
		act.step.call = marks->wiped_by;
		act.step.act = ACT_ADVISE;
		act.step.advice = ADVICE_EMPTIED;
	} else {
		return NULL;
	}
	return act_on(act, piece->start, piece->end);
}

struct error *replay_fork(struct replay *replay, const struct replay_fork *fork)
{
	const struct memory_event event = {.space_id = fork->child_id};
	const struct act act = {
		.replay = replay,
		.event = &event,
		.step = {.thread = fork->thread,
			 .enter_ns = fork->enter_ns,
			 .exit_ns = fork->exit_ns,
			 .content = history_unknown},
	};
	const bool is_same = fork->child_id == fork->parent_id;
	struct inherited all = {.fork = fork};
	struct error *err = pieces_visit(replay, collect, &all);
	struct piece *made;
	size_t i = 0;

	for (; i < all.count && !err && !is_same; i++)
		err = pieces_insert(replay, fork->child_id, all.pieces[i].start, all.pieces[i].end,
				    all.pieces[i].history, &made);
	/* What was not handed over. */
	for (; i < all.count && !is_same; i++)
		history_deinit(&all.pieces[i].history);
	for (i = 0; i < all.count && !err; i++)
		err = leave_out(act,
				pieces_find_lowest(replay, fork->child_id, all.pieces[i].start, all.pieces[i].end));
	free(all.pieces);
	return err;
}

static struct error *reach(struct replay *replay, struct replay_descent *descent, int64_t space_id, uint32_t thread,
			   uint64_t ns)
{
	const struct replay_fork fork = {
		.parent_id = descent->space_id,
		.child_id = descent->space_id,
		.thread = thread,
		.enter_ns = ns,
		.exit_ns = ns,
	};
	bool is_forked = descent->reached && space_id > descent->reached;

	if (space_id > descent->reached)
		descent->reached = space_id;
	return is_forked ? replay_fork(replay, &fork) : NULL;
}

struct error *replay_take_inherited(struct replay *replay, struct replay_descent *descent,
				    const struct memory_event *event, int64_t call, int64_t *ret_before)
{
	struct memory_event own = *event;
	struct error *err = reach(replay, descent, event->space_id, event->tid, event->enter_ns);

	own.space_id = descent->space_id;
	descent->last_ns = event->exit_ns;
	return err ? err : replay_take(replay, &own, call, ret_before);
}

struct error *replay_descend(struct replay *replay, struct replay_descent *descent)
{
	return reach(replay, descent, descent->space_id, 0, descent->last_ns + 1);
}
