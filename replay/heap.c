/* SPDX-License-Identifier: MIT */
#include "replay/heap.h"

#include <search.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "replay/heap_history.h"

/* No operator delete is as long as this. */
#define WRAPPER_BYTES_MAX 4096
#define SLOTS_MIN 64

/* As much of a call as tells what it is part of, or what is part of it. */
struct heap_thread_call {
	int64_t space_id;
	uint64_t block; /* that was given back or handed out; 0: there was no call yet */
	struct heap_step step;
	enum function_role role;
	uint64_t ip, top_word;
	uint64_t taken;	   /* heap_replay.taken of it */
	int64_t outer;	   /* the first call of the chain of deletes that it is part of; itself when it is none's */
	uint64_t outer_ip; /* and that one's function */
};

/* What a thread did last. More than one call, for a signal's handler may come between a call and its part. */
#define THREAD_CALLS 4

struct heap_thread_calls {
	struct heap_thread_call calls[THREAD_CALLS];
	unsigned next;
};

struct heap_thread {
	uint32_t tid;
	struct heap_thread_calls gives, births;
};

bool heap_call_is_realloc(const struct heap_event *event)
{
	return event->role == FUNCTION_REALLOC || event->role == FUNCTION_REALLOCARRAY;
}

bool heap_call_is_free(const struct heap_event *event)
{
	return event->role == FUNCTION_FREE || event->role == FUNCTION_DELETE;
}

bool heap_gives_back(const struct heap_event *event)
{
	return event->old_block && (heap_call_is_free(event) || heap_call_is_realloc(event));
}

uint64_t heap_call_moment(const struct heap_event *event)
{
	if (heap_call_is_free(event))
		return event->enter_ns;
	return event->exit_ns ?: UINT64_MAX;
}

/* ---- addresses ---- */

static struct heap_history **slot_of(struct heap_history **slots, size_t slot_count, int64_t space_id, uint64_t start)
{
	uint64_t hash = ((start >> 4) + (uint64_t)space_id * 0xbf58476d1ce4e5b9ULL) * 0x9e3779b97f4a7c15ULL;
	size_t at = hash >> 20 & (slot_count - 1);

	while (slots[at] && (slots[at]->start != start || slots[at]->space_id != space_id))
		at = (at + 1) & (slot_count - 1);
	return &slots[at];
}

static struct error *make_room(struct heap_replay *replay)
{
	size_t slot_count = replay->slot_count ? 2 * replay->slot_count : SLOTS_MIN;
	struct heap_history **slots;

	if (2 * replay->address_count < replay->slot_count)
		return NULL;
	if (replay->address_count >= HEAP_REPLAY_ADDRESSES_MAX)
		return error_format(ERROR_INVALID, "too many heap blocks to follow");
	slots = calloc(slot_count, sizeof(struct heap_history *));
	if (!slots)
		return &error_no_memory;
	for (size_t i = 0; i < replay->slot_count; i++) {
		struct heap_history *history = replay->slots[i];

		if (history)
			*slot_of(slots, slot_count, history->space_id, history->start) = history;
	}
	free(replay->slots);
	replay->slots = slots;
	replay->slot_count = slot_count;
	return NULL;
}

static struct error *find_or_add(struct heap_replay *replay, int64_t space_id, uint64_t start,
				 struct heap_history **ret_history)
{
	struct error *err = make_room(replay);
	struct heap_history **slot;

	if (err)
		return err;
	slot = slot_of(replay->slots, replay->slot_count, space_id, start);
	if (!*slot) {
		*slot = calloc(1, sizeof(**slot));
		if (!*slot)
			return &error_no_memory;
		(*slot)->space_id = space_id;
		(*slot)->start = start;
		replay->address_count++;
	}
	*ret_history = *slot;
	return NULL;
}

/* ---- live blocks ---- */

/* Blocks that overlap compare as equal, so that an address finds the block around it. */
static int compare_ranges(const void *left, const void *right)
{
	const struct heap_history *a = left, *b = right;

	if (a->space_id != b->space_id)
		return a->space_id < b->space_id ? -1 : 1;
	if (a->live_end <= b->start)
		return -1;
	return b->live_end <= a->start ? 1 : 0;
}

static uint64_t end_of(uint64_t start, uint64_t size)
{
	return size < UINT64_MAX - start ? start + size : UINT64_MAX;
}

static void bury(struct heap_replay *replay, struct heap_history *history)
{
	tdelete(history, &replay->live, compare_ranges);
	history->live_end = 0;
}

/* What was alive in the same memory is so no more. */
static struct error *note_live(struct heap_replay *replay, struct heap_history *history)
{
	int64_t call;
	uint64_t size;

	if (history->live_end)
		bury(replay, history);
	if (!heap_history_live(history, &call, &size) || !size)
		return NULL;
	history->live_call = call;
	history->live_end = end_of(history->start, size);
	for (;;) {
		struct heap_history **node = tsearch(history, &replay->live, compare_ranges);

		if (!node) {
			history->live_end = 0;
			return &error_no_memory;
		}
		if (*node == history)
			return NULL;
		if ((*node)->born > history->born) {
			history->live_end = 0;
			return NULL;
		}
		bury(replay, *node);
	}
}

/* The tree is made when it is asked for first: where every call was recorded and none is wrong, it never is. */
static struct error *find_around(struct heap_replay *replay, int64_t space_id, uint64_t address, int64_t *ret_call)
{
	const struct heap_history key = {.space_id = space_id, .start = address, .live_end = end_of(address, 1)};
	struct heap_history **node;
	struct error *err = NULL;

	for (size_t i = 0; !err && !replay->knows_live && i < replay->slot_count; i++)
		err = replay->slots[i] ? note_live(replay, replay->slots[i]) : NULL;
	if (err)
		return err;
	replay->knows_live = true;
	node = tfind(&key, &replay->live, compare_ranges);
	*ret_call = node ? (*node)->live_call : HEAP_REPLAY_NO_CALL;
	return NULL;
}

/* ---- calls that are part of others ---- */

static int compare_threads(const void *left, const void *right)
{
	const struct heap_thread *a = left, *b = right;

	return (a->tid > b->tid) - (a->tid < b->tid);
}

static struct error *find_thread(struct heap_replay *replay, uint32_t tid, struct heap_thread **ret_thread)
{
	const struct heap_thread key = {.tid = tid};
	struct heap_thread **node = tfind(&key, &replay->threads, compare_threads), *thread;

	if (node) {
		*ret_thread = *node;
		return NULL;
	}
	thread = calloc(1, sizeof(*thread));
	if (!thread)
		return &error_no_memory;
	thread->tid = tid;
	if (!tsearch(thread, &replay->threads, compare_threads)) {
		free(thread);
		return &error_no_memory;
	}
	*ret_thread = thread;
	return NULL;
}

static void report_part(const struct heap_replay *replay, int64_t inner, int64_t outer)
{
	if (replay->sink.take_part)
		replay->sink.take_part(replay->sink.context, inner, outer);
}

/* The newest with that block, or NULL. */
static const struct heap_thread_call *find_call(const struct heap_thread_calls *calls, int64_t space_id, uint64_t block)
{
	for (unsigned i = 1; i <= THREAD_CALLS; i++) {
		const struct heap_thread_call *call = &calls->calls[(calls->next - i) % THREAD_CALLS];

		if (call->block == block && call->space_id == space_id)
			return call;
	}
	return NULL;
}

/* An operator delete that calls or jumps to free, or to a plainer delete. A jump leaves the stack as it was; a call
 * returns into the function. A chain of deletes passes each function once: the same again is a new call. */
static bool is_part_of_delete(const struct heap_thread_call *outer, const struct heap_event *inner,
			      const struct heap_history *history)
{
	if (!outer || outer->role != FUNCTION_DELETE || !heap_call_is_free(inner) || outer->ip == inner->ip ||
	    outer->outer_ip == inner->ip || history->born > outer->taken)
		return false;
	if (inner->sp == outer->step.sp && inner->top_word == outer->top_word)
		return true;
	return inner->sp < outer->step.sp && inner->top_word - outer->ip < WRAPPER_BYTES_MAX;
}

/* `outer`: the one that it is part of, or NULL. */
static void note_call(const struct heap_replay *replay, struct heap_thread_calls *calls, uint64_t block,
		      const struct heap_event *event, const struct heap_step *step,
		      const struct heap_thread_call *outer)
{
	const struct heap_thread_call call = {
		.space_id = event->space_id,
		.block = block,
		.step = *step,
		.role = event->role,
		.ip = event->ip,
		.top_word = event->top_word,
		.taken = replay->taken,
		.outer = outer ? outer->outer : step->call,
		.outer_ip = outer ? outer->outer_ip : event->ip,
	};

	calls->calls[calls->next++ % THREAD_CALLS] = call;
}

/* ---- calls ---- */

/* `last`: what the thread did last to that address, if it may have been inside. It is asked for only where others have
 * used the address so often since that it has been settled: else the address's own steps tell. */
static struct error *add(struct heap_replay *replay, struct heap_history *history, const struct heap_step *step,
			 const struct heap_thread_call *last)
{
	struct error *err;

	if (!step->is_free && !heap_history_absorb(history, step, replay) && last &&
	    heap_step_is_inside(&last->step, step)) {
		report_part(replay, last->step.call, step->call);
		return NULL;
	}
	err = heap_history_add(history, step, replay);
	return err || !replay->knows_live ? err : note_live(replay, history);
}

static struct error *give_back(struct heap_replay *replay, const struct heap_event *event, int64_t call,
			       struct heap_thread *thread)
{
	const struct heap_thread_call *last = find_call(&thread->gives, event->space_id, event->old_block);
	struct heap_step step = heap_step_of(event, call);
	struct heap_history *history;
	struct error *err = find_or_add(replay, event->space_id, event->old_block, &history);

	if (err)
		return err;
	if (is_part_of_delete(last, event, history)) {
		report_part(replay, call, last->outer);
		note_call(replay, &thread->gives, event->old_block, event, &step, last);
		return NULL;
	}
	if (heap_call_is_realloc(event)) {
		step.keeps = !event->exit_ns || (!event->block && event->size);
		step.in_place = event->exit_ns && event->block == event->old_block;
	}
	if (!heap_history_is_known(history))
		err = find_around(replay, event->space_id, event->old_block, &step.around);
	if (!err)
		err = add(replay, history, &step, last);
	note_call(replay, &thread->gives, event->old_block, event, &step, NULL);
	return err;
}

static struct error *hand_out(struct heap_replay *replay, const struct heap_event *event, int64_t call,
			      struct heap_thread *thread)
{
	struct heap_step step = heap_step_of(event, call);
	struct heap_history *history;
	struct error *err = find_or_add(replay, event->space_id, event->block, &history);

	if (err)
		return err;
	step.is_birth = true;
	history->born = replay->taken;
	err = add(replay, history, &step, find_call(&thread->births, event->space_id, event->block));
	note_call(replay, &thread->births, event->block, event, &step, NULL);
	return err;
}

struct error *heap_replay_take(struct heap_replay *replay, const struct heap_event *event, int64_t call)
{
	struct heap_thread *thread;
	struct error *err = find_thread(replay, event->tid, &thread);

	replay->taken++;
	if (!err && heap_gives_back(event))
		err = give_back(replay, event, call, thread);
	if (!err && !heap_call_is_free(event) && event->exit_ns && event->block)
		err = hand_out(replay, event, call, thread);
	return err;
}

/* ---- beginning and end ---- */

void heap_replay_init(struct heap_replay *replay, const struct heap_replay_sink *sink)
{
	*replay = (struct heap_replay){.sink = *sink};
}

static int compare_places(const void *left, const void *right)
{
	const struct heap_history *a = *(struct heap_history *const *)left, *b = *(struct heap_history *const *)right;

	if (a->space_id != b->space_id)
		return a->space_id < b->space_id ? -1 : 1;
	return (a->start > b->start) - (a->start < b->start);
}

/* Of two live blocks in the same memory the elder one's end was not seen. */
static void mark_overtaken(struct heap_history **places, size_t count)
{
	struct heap_history *reach = NULL;
	uint64_t reach_end = 0;

	for (size_t i = 0; i < count; i++) {
		int64_t call;
		uint64_t size, end;

		if (!heap_history_live(places[i], &call, &size))
			continue;
		end = end_of(places[i]->start, size);
		if (reach && reach->space_id == places[i]->space_id && reach_end > places[i]->start)
			(reach->born < places[i]->born ? reach : places[i])->is_overtaken = true;
		if (!reach || reach->space_id != places[i]->space_id || end > reach_end) {
			reach = places[i];
			reach_end = end;
		}
	}
}

struct error *heap_replay_finish(struct heap_replay *replay)
{
	cleanup_free struct heap_history **places = calloc(replay->address_count + 1, sizeof(struct heap_history *));
	size_t count = 0;
	struct error *err = NULL;

	if (!places)
		return &error_no_memory;
	for (size_t i = 0; i < replay->slot_count; i++) {
		if (replay->slots[i])
			places[count++] = replay->slots[i];
	}
	qsort(places, count, sizeof(struct heap_history *), compare_places);
	mark_overtaken(places, count);
	for (size_t i = 0; !err && i < count; i++)
		err = heap_history_finish(places[i], replay);
	return err;
}

static void keep_node(void *node)
{
	(void)node;
}

void heap_replay_deinit(struct heap_replay *replay)
{
	tdestroy(replay->live, keep_node);
	tdestroy(replay->threads, free);
	for (size_t i = 0; i < replay->slot_count; i++)
		heap_history_destroy(replay->slots[i]);
	free(replay->slots);
	*replay = (struct heap_replay){0};
}
