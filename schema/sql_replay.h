/* SPDX-License-Identifier: MIT */
/*
 * The lives of mappings and of heap blocks over a whole recording, for SQL: events go in by rising id, rows come out.
 * Not for other modules.
 *
 * Mappings are replay/space.h's, blocks replay/heap.h's; this makes rows of what they report. Ranges are half-open and
 * of whole pages; addresses are those of the recorded process.
 *
 * What it does not know: whether an event was lost. Memory grows with the number of addresses that were ever used.
 */
#ifndef SCHEMA_SQL_REPLAY_H
#define SCHEMA_SQL_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "replay/fork.h"
#include "replay/heap.h"
#include "replay/space.h"
#include "schema/record_call.h"
#include "schema/record_memory.h"

#define REPLAY_COLUMNS 8

/* Rows that are ready, first in first out. The meaning of the columns is that of the table (sql_replay_table.c). */
struct replay_rows {
	int64_t (*rows)[REPLAY_COLUMNS];
	size_t next, count, capacity;
};

struct error *replay_rows_add(struct replay_rows *rows, const int64_t row[REPLAY_COLUMNS]) must_check;
/* The next row, valid until rows are added; NULL when there is none. */
const int64_t *replay_rows_take(struct replay_rows *rows);
void replay_rows_deinit(struct replay_rows *rows);

/* Which rows are wanted of a replay. */
enum replay_want {
	REPLAY_LIVES, /* each piece of a mapping, or block, from its making to its end */
	REPLAY_AGAIN, /* each piece that was unmapped, or block that was freed, and then once more with nothing between
		       */
};

/* Rows of REPLAY_LIVES: space, start, end, protection (PROT_*, -1 not known), file (0 none), event that made it, event
 * that took it away (0: still there at the end), 1 when end or protection might be others (replay_life.is_open). Rows
 * of REPLAY_AGAIN: space, start, end, event that took it away, munmap event that did so again, 0, 0, 0. */
struct mapping_replay {
	enum replay_want want;
	struct replay_rows rows;
	struct replay replay;
	struct replay_descent descent;
};

/* The struct must not be moved afterwards. */
/* `space_id` 0: each space by itself. Else the events are those of that space and its ancestors, replayed as one. */
void mapping_replay_init(struct mapping_replay *replay, enum replay_want want, int64_t space_id);
struct error *mapping_replay_take(struct mapping_replay *replay, const struct memory_event *event) must_check;
/* After the last event: what is still there. */
struct error *mapping_replay_finish(struct mapping_replay *replay) must_check;
void mapping_replay_deinit(struct mapping_replay *replay);

/* Rows of REPLAY_LIVES: space, block, size (0 not known), call that handed it out (0: not seen), call that gave it back
 * (0: still there; where that was not seen, the one that handed the address out again), 0, 0, 0. Rows of REPLAY_AGAIN:
 * space, block, call that gave it back, call that did so again, 0, 0, 0, 0. Calls that only do the work of another one
 * count once: malloc in operator new, free in operator delete. */
struct block_replay {
	struct replay_rows rows;
	struct heap_replay replay;
};

/* The struct must not be moved afterwards. */
void block_replay_init(struct block_replay *replay, enum replay_want want);
struct error *block_replay_take(struct block_replay *replay, const struct heap_event *event) must_check;
/* After the last call: what is still there. */
struct error *block_replay_finish(struct block_replay *replay) must_check;
void block_replay_deinit(struct block_replay *replay);

#endif
