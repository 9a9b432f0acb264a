/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <sys/mman.h>

#include "common/vector.h"
#include "schema/record_memory.h"
#include "schema/sql_replay.h"

/* ---- rows ---- */

struct error *replay_rows_add(struct replay_rows *rows, const int64_t row[REPLAY_COLUMNS])
{
	if (array_reserve(rows->rows, rows->capacity, rows->count + 1))
		return &error_no_memory;
	for (int i = 0; i < REPLAY_COLUMNS; i++)
		rows->rows[rows->count][i] = row[i];
	rows->count++;
	return NULL;
}

const int64_t *replay_rows_take(struct replay_rows *rows)
{
	if (rows->next < rows->count)
		return rows->rows[rows->next++];
	rows->next = rows->count = 0;
	return NULL;
}

void replay_rows_deinit(struct replay_rows *rows)
{
	free(rows->rows);
	*rows = (struct replay_rows){0};
}

/* ---- mappings ---- */

enum life_column { LIFE_SPACE, LIFE_START, LIFE_END };

/* A row that goes on where the one before ends, and says the same, is one with it: pieces are a matter of the replay.
 */
static struct error *add_joined(struct replay_rows *rows, const int64_t row[REPLAY_COLUMNS])
{
	int64_t *before = rows->count > rows->next ? rows->rows[rows->count - 1] : NULL;
	bool joins = before && before[LIFE_SPACE] == row[LIFE_SPACE] && before[LIFE_END] == row[LIFE_START];

	for (int i = LIFE_END + 1; joins && i < REPLAY_COLUMNS; i++)
		joins = before[i] == row[i];
	if (!joins)
		return replay_rows_add(rows, row);
	before[LIFE_END] = row[LIFE_END];
	return NULL;
}

static struct error *take_life(void *context, const struct replay_life *life)
{
	struct mapping_replay *replay = context;
	const int64_t row[REPLAY_COLUMNS] = {
		life->space_id,
		(int64_t)life->start,
		(int64_t)life->end,
		life->content.protection,
		life->content.file_id,
		life->made,
		life->gone == REPLAY_STANDING ? 0 : life->gone,
		life->is_open,
	};

	return replay->want == REPLAY_LIVES ? add_joined(&replay->rows, row) : NULL;
}

static struct error *take_again(void *context, int64_t space_id, uint64_t start, uint64_t end, int64_t earlier,
				int64_t call)
{
	struct mapping_replay *replay = context;
	const int64_t row[REPLAY_COLUMNS] = {space_id, (int64_t)start, (int64_t)end, earlier, call};

	return replay->want == REPLAY_AGAIN ? add_joined(&replay->rows, row) : NULL;
}

void mapping_replay_init(struct mapping_replay *replay, enum replay_want want, int64_t space_id)
{
	const struct replay_sink sink = {take_life, want == REPLAY_AGAIN ? take_again : NULL, replay};

	*replay = (struct mapping_replay){.want = want, .descent = {.space_id = space_id}};
	replay_init(&replay->replay, &sink);
	replay->replay.joins = true;
	replay->replay.follows = space_id ? REPLAY_FORK_ADVICE : REPLAY_NO_ADVICE;
}

struct error *mapping_replay_take(struct mapping_replay *replay, const struct memory_event *event)
{
	if (replay->descent.space_id)
		return replay_take_inherited(&replay->replay, &replay->descent, event, event->id, NULL);
	return replay_take(&replay->replay, event, event->id, NULL);
}

struct error *mapping_replay_finish(struct mapping_replay *replay)
{
	struct error *err = replay->descent.space_id ? replay_descend(&replay->replay, &replay->descent) : NULL;

	return err ? err : replay_finish(&replay->replay);
}

void mapping_replay_deinit(struct mapping_replay *replay)
{
	replay_deinit(&replay->replay);
	replay_rows_deinit(&replay->rows);
	*replay = (struct mapping_replay){0};
}
