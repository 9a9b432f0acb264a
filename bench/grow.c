/* SPDX-License-Identifier: MIT */
/*
 * Makes a recorded crash old: puts EVENTS other memory events between the program's exec and its first system call, in
 * the same address space, so that whoever explains the crash has to look past them.
 *
 *     bench-grow DATABASE EVENTS
 *
 * DATABASE must hold one recorded process. The ranges of the events are random and far from any that the kernel gives,
 * so that hardly two of a block are alike: that is the hardest case for the block summaries, which the store's writer
 * rebuilds when it opens the file.
 */
#include <string.h>

#include "bench/rows.h"
#include "schema/record_memory.h"
#include "schema/writer.h"

#define FAR_AWAY 0x100000000000ULL
#define FAR_PAGES (1ULL << 24)

/* xorshift64: the same events in every run. */
static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

struct place {
	int64_t last_id; /* of the events that exec laid out */
	int64_t space_id;
	int64_t tid;
	int64_t from_ns; /* the new events lie between these */
	int64_t to_ns;
};

static void find_place(sqlite3 *db, struct place *ret_place)
{
	ret_place->last_id = get_integer(db, "SELECT max(id) FROM event WHERE kind = 1");
	ret_place->space_id = get_integer(db, "SELECT space_id FROM event ORDER BY id DESC LIMIT 1");
	ret_place->tid = get_integer(db, "SELECT tid FROM event ORDER BY id DESC LIMIT 1");
	ret_place->from_ns = get_integer(db, "SELECT max(enter_ns) FROM event WHERE kind = 1");
	ret_place->to_ns = get_integer(db, "SELECT min(enter_ns) FROM event WHERE kind > 1");
}

static void make_room(sqlite3 *db, const struct place *place, int64_t events)
{
	sqlite3_stmt *move = prepare(db, "UPDATE event SET id = id + ? WHERE id > ?");

	sqlite3_bind_int64(move, 1, events);
	sqlite3_bind_int64(move, 2, place->last_id);
	require_sql(db, sqlite3_step(move), "making room");
	sqlite3_finalize(move);
	execute(db, "DELETE FROM event_block; DELETE FROM event_block_space");
}

static void insert_events(sqlite3 *db, const struct place *place, int64_t events)
{
	sqlite3_stmt *insert = prepare(db, INSERT_EVENT);
	uint64_t random = 88172645463325252ULL, start = 0, bytes = 0;

	for (int64_t i = 0; i < events; i++) {
		int64_t enter_ns = place->from_ns + (place->to_ns - place->from_ns) * (i / 1000) / (events / 1000 + 1);
		bool unmaps = i % 2;

		if (!unmaps) {
			start = FAR_AWAY + next_random(&random) % FAR_PAGES * 4096;
			bytes = (next_random(&random) % 16 + 1) * 4096;
		}
		sqlite3_bind_int64(insert, 1, place->last_id + 1 + i);
		sqlite3_bind_int64(insert, 2, place->space_id);
		sqlite3_bind_int64(insert, 3, place->tid);
		sqlite3_bind_int64(insert, 4, unmaps ? MEMORY_MUNMAP : MEMORY_MMAP);
		sqlite3_bind_int64(insert, 5, enter_ns);
		sqlite3_bind_int64(insert, 6, 900);
		sqlite3_bind_int64(insert, 7, 0x7f0000101010);
		sqlite3_bind_int64(insert, 8, 0x7ffd00001000);
		sqlite3_bind_int64(insert, 9, 0x7f0000202020);
		sqlite3_bind_int64(insert, 10, unmaps ? 0 : (int64_t)start);
		sqlite3_bind_int64(insert, 11, unmaps ? (int64_t)start : 0);
		sqlite3_bind_int64(insert, 12, (int64_t)bytes);
		sqlite3_bind_int64(insert, 13, unmaps ? 0 : 3);
		sqlite3_bind_int64(insert, 14, unmaps ? 0 : 0x22);
		sqlite3_bind_int64(insert, 15, unmaps ? 0 : -1);
		sqlite3_bind_int64(insert, 16, 0);
		sqlite3_bind_int64(insert, 17, 0);
		sqlite3_step(insert);
		require_sql(db, sqlite3_reset(insert), INSERT_EVENT);
	}
	sqlite3_finalize(insert);
}

int main(int argc, char **argv)
{
	int64_t events = argc == 3 ? atoll(argv[2]) : 0;
	struct store_writer *writer;
	struct place place;
	sqlite3 *db;

	if (events < 1) {
		fputs("usage: bench-grow DATABASE EVENTS\n", stderr);
		return 2;
	}
	db = open_database(argv[1]);
	execute(db, "PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF; BEGIN IMMEDIATE");
	find_place(db, &place);
	make_room(db, &place, events);
	insert_events(db, &place, events);
	execute(db, "COMMIT; PRAGMA journal_mode = WAL");
	sqlite3_close(db);
	require(store_writer_create(argv[1], &writer));
	store_writer_destroy(writer);
	return 0;
}
