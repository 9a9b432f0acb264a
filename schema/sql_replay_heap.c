/* SPDX-License-Identifier: MIT */
/*
 * The lives of heap blocks. The rules are those of analyzer/facts/heap.h, in a form that needs no more than the last
 * life of each address.
 */
#include <search.h>
#include <stdlib.h>

#include "schema/record_call.h"
#include "schema/sql_replay.h"

/* No operator delete is as long as this. */
#define WRAPPER_BYTES_MAX 4096

/* As much of a call as tells what it is part of. */
struct trace {
	int64_t id;
	enum function_role role;
	uint32_t tid;
	uint64_t enter_ns, exit_ns;
	uint64_t ip, sp, top_word;
};

struct block_life {
	int64_t space_id;
	uint64_t start;
	uint64_t size;
	struct trace made; /* id 0: not seen */
	bool is_gone;
	struct trace gone;  /* the call that gave it back, or the innermost call that did the work for it */
	int64_t gone_call;  /* the outermost one */
	int64_t under_call; /* who made the block that stood here before and whose end has not been seen; 0 for none */
	uint64_t under_size;
};

static int compare(const void *left, const void *right)
{
	const struct block_life *a = left, *b = right;

	if (a->space_id != b->space_id)
		return a->space_id < b->space_id ? -1 : 1;
	return a->start < b->start ? -1 : a->start > b->start;
}

static struct trace trace_of(const struct heap_event *event)
{
	return (struct trace){event->id,      event->role, event->tid, event->enter_ns,
			      event->exit_ns, event->ip,   event->sp,  event->top_word};
}

static bool is_free(enum function_role role)
{
	return role == FUNCTION_FREE || role == FUNCTION_DELETE;
}

/* An operator delete that calls or jumps to free, or to a plainer delete. A jump leaves the stack as it was; a call
 * returns into the function. */
static bool is_part_of_delete(const struct trace *outer, const struct heap_event *inner)
{
	if (outer->role != FUNCTION_DELETE || !is_free(inner->role) || outer->tid != inner->tid ||
	    outer->ip == inner->ip)
		return false;
	if (inner->sp == outer->sp && inner->top_word == outer->top_word)
		return true;
	return inner->sp < outer->sp && inner->top_word - outer->ip < WRAPPER_BYTES_MAX;
}

/* The call returned what an inner call of the same thread had returned to it, or gave back what one had given back. */
static bool contains(const struct heap_event *outer, const struct trace *inner)
{
	return inner->id && outer->tid == inner->tid && outer->exit_ns && outer->enter_ns <= inner->enter_ns &&
	       inner->exit_ns <= outer->exit_ns;
}

static struct error *find_or_add(struct heap_replay *replay, int64_t space_id, uint64_t start,
				 struct block_life **ret_block, bool *ret_is_new)
{
	struct block_life *block = calloc(1, sizeof(*block));
	void *node;

	if (!block)
		return &error_no_memory;
	block->space_id = space_id;
	block->start = start;
	node = tsearch(block, &replay->tree, compare);
	*ret_is_new = node && *(struct block_life **)node == block;
	if (node)
		*ret_block = *(struct block_life **)node;
	if (!*ret_is_new)
		free(block);
	if (!node)
		return &error_no_memory;
	if (*ret_is_new && ++replay->block_count > REPLAY_BLOCKS_MAX)
		return error_format(ERROR_INVALID, "too many heap blocks to follow");
	return NULL;
}

static struct error *tell_life(struct heap_replay *replay, const struct block_life *block, uint64_t size, int64_t made,
			       int64_t gone)
{
	const int64_t row[REPLAY_COLUMNS] = {block->space_id, (int64_t)block->start, (int64_t)size, made, gone};

	return replay->want == REPLAY_LIVES ? replay_rows_add(&replay->rows, row) : NULL;
}

static struct error *tell_again(struct heap_replay *replay, const struct block_life *block, int64_t call)
{
	const int64_t row[REPLAY_COLUMNS] = {block->space_id, (int64_t)block->start, block->gone_call, call};

	return replay->want == REPLAY_AGAIN ? replay_rows_add(&replay->rows, row) : NULL;
}

static struct error *end_life(struct heap_replay *replay, struct block_life *block, const struct heap_event *event)
{
	struct error *err = NULL;

	/* A realloc that returned after its old block had been handed out again. */
	if (block->under_call && event->enter_ns < block->made.exit_ns && !is_free(event->role)) {
		err = tell_life(replay, block, block->under_size, block->under_call, event->id);
		block->under_call = 0;
		return err;
	}
	if (block->under_call)
		err = tell_life(replay, block, block->under_size, block->under_call, block->made.id);
	block->under_call = 0;
	if (!err)
		err = tell_life(replay, block, block->size, block->made.id, event->id);
	block->is_gone = true;
	block->gone = trace_of(event);
	block->gone_call = event->id;
	return err;
}

static struct error *give_back(struct heap_replay *replay, const struct heap_event *event)
{
	struct block_life *block;
	bool is_new;
	struct error *err = find_or_add(replay, event->space_id, event->old_block, &block, &is_new);

	if (err)
		return err;
	if (is_new || !block->is_gone)
		return end_life(replay, block, event);
	if (is_part_of_delete(&block->gone, event)) {
		block->gone = trace_of(event);
		return NULL;
	}
	if (contains(event, &block->gone))
		return NULL; /* a free inside this realloc */
	err = tell_again(replay, block, event->id);
	block->gone = trace_of(event);
	block->gone_call = event->id;
	return err;
}

static struct error *hand_out(struct heap_replay *replay, const struct heap_event *event)
{
	struct block_life *block;
	bool is_new;
	struct error *err = find_or_add(replay, event->space_id, event->block, &block, &is_new);

	if (err)
		return err;
	if (!is_new && !block->is_gone && contains(event, &block->made)) {
		block->made = trace_of(event);
		block->size = event->size;
		return NULL;
	}
	if (!is_new && !block->is_gone) {
		if (block->under_call)
			err = tell_life(replay, block, block->under_size, block->under_call, block->made.id);
		block->under_call = block->made.id;
		block->under_size = block->size;
	}
	block->is_gone = false;
	block->made = trace_of(event);
	block->size = event->size;
	return err;
}

struct error *heap_replay_take(struct heap_replay *replay, const struct heap_event *event)
{
	bool is_realloc = event->role == FUNCTION_REALLOC || event->role == FUNCTION_REALLOCARRAY;
	/* A realloc that failed, or never came back, keeps its block (realloc(3)). */
	bool gives_back = is_free(event->role) || (is_realloc && event->exit_ns && (event->block || !event->size));
	struct error *err = NULL;

	if (gives_back && event->old_block)
		err = give_back(replay, event);
	if (!err && !is_free(event->role) && event->exit_ns && event->block)
		err = hand_out(replay, event);
	return err;
}

struct last_walk {
	struct heap_replay *replay;
	struct error *err;
};

static void tell_last(const void *node, VISIT visit, void *context)
{
	const struct block_life *block = *(struct block_life *const *)node;
	struct last_walk *walk = context;

	if ((visit != postorder && visit != leaf) || walk->err || block->is_gone)
		return;
	if (block->under_call)
		walk->err = tell_life(walk->replay, block, block->under_size, block->under_call, block->made.id);
	if (!walk->err)
		walk->err = tell_life(walk->replay, block, block->size, block->made.id, 0);
}

struct error *heap_replay_finish(struct heap_replay *replay)
{
	struct last_walk walk = {.replay = replay};

	twalk_r(replay->tree, tell_last, &walk);
	return walk.err;
}

void heap_replay_deinit(struct heap_replay *replay)
{
	tdestroy(replay->tree, free);
	replay_rows_deinit(&replay->rows);
	*replay = (struct heap_replay){0};
}
