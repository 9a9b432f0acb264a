/* SPDX-License-Identifier: MIT */
#include "schema/record_call.h"
#include "schema/sql_replay.h"

/* 0: it was not seen, or has not come. */
static int64_t id_of(int64_t call)
{
	return call >= 0 ? call : 0;
}

static struct error *take_life(void *context, const struct heap_replay_life *life)
{
	struct block_replay *replay = context;
	const int64_t row[REPLAY_COLUMNS] = {
		life->space_id,
		(int64_t)life->start,
		(int64_t)life->size,
		life->unseen ? 0 : life->first,
		/* Where the end was not seen, the next block there tells that it has been. */
		id_of(life->gone == HEAP_REPLAY_UNSEEN ? life->next : life->gone),
	};

	/* All that is known of it is a realloc that failed. */
	if (life->unseen && life->gone == HEAP_REPLAY_STANDING)
		return NULL;
	return replay_rows_add(&replay->rows, row);
}

static struct error *take_end(void *context, const struct heap_replay_end *end)
{
	struct block_replay *replay = context;
	const int64_t row[REPLAY_COLUMNS] = {end->space_id, (int64_t)end->block, end->earlier, end->call};

	return end->end == HEAP_END_AGAIN && !end->keeps ? replay_rows_add(&replay->rows, row) : NULL;
}

void block_replay_init(struct block_replay *replay, enum replay_want want)
{
	const struct heap_replay_sink sink = {
		.take_life = want == REPLAY_LIVES ? take_life : NULL,
		.take_end = want == REPLAY_AGAIN ? take_end : NULL,
		.context = replay,
	};

	*replay = (struct block_replay){0};
	heap_replay_init(&replay->replay, &sink);
}

struct error *block_replay_take(struct block_replay *replay, const struct heap_event *event)
{
	return heap_replay_take(&replay->replay, event, event->id);
}

struct error *block_replay_finish(struct block_replay *replay)
{
	return heap_replay_finish(&replay->replay);
}

void block_replay_deinit(struct block_replay *replay)
{
	heap_replay_deinit(&replay->replay);
	replay_rows_deinit(&replay->rows);
}
