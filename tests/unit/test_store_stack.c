/* SPDX-License-Identifier: MIT */
/* Stacks: what comes back is what was stored, equal things share rows, and broken rows are refused. */
#include "schema/reader_stack.h"
#include "schema/record_stack.h"
#include "test_store_support.h"

#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>

#define SLICE 4096

static struct recorded_stack make_stack(uint8_t *slice, uint32_t bytes, uint64_t salt)
{
	struct recorded_stack stack = {
		.state = STACK_WHOLE,
		.registers = {1, 0x7ffc00001000, 3, 4, UINT64_MAX, salt},
		.asked_bytes = SLICE,
		.slice = slice,
		.slice_bytes = bytes,
	};

	for (uint32_t i = 0; i < bytes; i++)
		slice[i] = (uint8_t)(i % 8 < 6 ? i / 64 * 37 : 0);
	return stack;
}

static int64_t add_stack(struct store_writer *writer, const struct recorded_stack *stack)
{
	int64_t id = 0;

	assert_no_error(store_writer_add_stack(writer, stack, &id));
	assert_true(id > 0);
	return id;
}

static void commit(struct store_writer *writer)
{
	uint64_t discarded = 1;

	assert_no_error(store_writer_commit(writer, 1, 1, &discarded));
	assert_int_equal(discarded, 0);
}

static void assert_stack(struct store_reader *reader, int64_t id, const struct recorded_stack *expected)
{
	struct recorded_stack stack;

	assert_no_error(store_reader_stack(reader, id, &stack));
	assert_int_equal(stack.id, id);
	assert_int_equal(stack.state, expected->state);
	assert_int_equal(stack.asked_bytes, expected->asked_bytes);
	assert_memory_equal(stack.registers, expected->registers, sizeof(stack.registers));
	assert_int_equal(stack.slice_bytes, expected->slice_bytes);
	if (expected->slice_bytes)
		assert_memory_equal(stack.slice, expected->slice, expected->slice_bytes);
	else
		assert_null(stack.slice);
	recorded_stack_deinit(&stack);
}

static void test_round_trip(void **state)
{
	struct place *place = *state;
	struct store_writer *writer = open_writer(place->path);
	static uint8_t bytes[3][65536];
	struct recorded_stack stacks[] = {
		make_stack(bytes[0], 65536, 1),
		make_stack(bytes[1], 1, 2),
		make_stack(bytes[2], 5000, 3),
		{.state = STACK_UNREADABLE, .asked_bytes = SLICE, .registers = {9}},
		{.state = STACK_SKIPPED, .asked_bytes = SLICE},
	};
	int64_t ids[5];
	struct store_reader *reader;
	struct recorded_stack none;

	srandom(7);
	for (int i = 0; i < 5000; i++)
		bytes[2][i] = (uint8_t)random(); /* does not compress */
	for (int i = 0; i < 5; i++)
		ids[i] = add_stack(writer, &stacks[i]);
	commit(writer);
	store_writer_destroy(writer);
	reader = open_reader(place->path);
	for (int i = 0; i < 5; i++)
		assert_stack(reader, ids[i], &stacks[i]);
	assert_ptr_equal(store_reader_stack(reader, 77, &none), &error_not_found);
	store_reader_destroy(reader);
}

/* A deeper stack shares the outer frames' pieces, and a changed word costs one piece. */
static void test_sharing(void **state)
{
	struct place *place = *state;
	struct store_writer *writer = open_writer(place->path);
	uint8_t bytes[SLICE], deeper[SLICE + 512];
	struct recorded_stack stack = make_stack(bytes, SLICE, 1), first = stack;
	struct store_reader *reader;
	int64_t slice = 0, other = 0, id, again;

	for (int i = 0; i < SLICE; i++)
		bytes[i] = (uint8_t)(i >> 4);
	assert_no_error(store_writer_add_slice(writer, 0x7ffc00000e00, bytes, SLICE, &slice));
	assert_no_error(store_writer_add_slice(writer, 0x7ffc00000e00, bytes, SLICE, &other));
	assert_int_equal(slice, other);
	assert_no_error(store_writer_add_stack_of_slice(writer, &stack, slice, &id));
	assert_no_error(store_writer_add_stack_of_slice(writer, &stack, slice, &again));
	assert_int_equal(id, again);
	stack.registers[2]++;
	assert_no_error(store_writer_add_stack_of_slice(writer, &stack, slice, &again));
	assert_int_not_equal(id, again);

	memset(deeper, 0xaa, 512);
	memcpy(deeper + 512, bytes, SLICE);
	assert_no_error(store_writer_add_slice(writer, 0x7ffc00000c00, deeper, sizeof(deeper), &other));
	bytes[100] ^= 1;
	assert_no_error(store_writer_add_slice(writer, 0x7ffc00000e00, bytes, SLICE, &other));
	bytes[100] ^= 1;
	commit(writer);
	store_writer_destroy(writer);
	reader = open_reader(place->path);
	/* 8 pieces of the slice (not two alike), one of the deeper stack, one with the changed word. */
	assert_query(reader, "SELECT count(*) FROM stack_block", "10\n");
	assert_query(reader, "SELECT count(*), min(size), max(size) FROM stack_slice", "3|4096|4608\n");
	assert_query(reader, "SELECT count(*) FROM stack", "2\n");
	assert_query(reader, "SELECT state, bytes, cut_off, rbp, r14 FROM v_stack WHERE id = 1",
		     "whole|4096|1|0x7ffc00001000|0xffffffffffffffff\n");
	assert_stack(reader, id, &first);
	store_reader_destroy(reader);
}

static void run_sql(const char *path, const char *sql)
{
	sqlite3 *db;
	char *message = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
		fail_msg("%s: %s", sql, message);
	sqlite3_close(db);
}

static void test_broken_rows(void **state)
{
	static const char *const harms[] = {
		"UPDATE stack_slice SET size = 1 << 40",
		"UPDATE stack_slice SET size = -1",
		"UPDATE stack_slice SET size = 4095",
		"UPDATE stack_slice SET size = 4097",
		"UPDATE stack_slice SET blocks = x''",
		"UPDATE stack_slice SET blocks = x'ffffffffffffffffffffff'",
		"UPDATE stack_slice SET blocks = x'80'",
		"UPDATE stack_slice SET blocks = zeroblob(100000)",
		"UPDATE stack_block SET size = 1 << 40",
		"UPDATE stack_block SET size = -5",
		"UPDATE stack_block SET data = x''",
		"UPDATE stack_block SET data = x'28b52ffd'",
		"UPDATE stack_block SET data = randomblob(300)",
	};

	for (size_t i = 0; i < sizeof(harms) / sizeof(harms[0]); i++) {
		struct place *place = *state;
		struct store_writer *writer = open_writer(place->path);
		uint8_t bytes[SLICE];
		struct recorded_stack stack = make_stack(bytes, SLICE, 1), read;
		struct store_reader *reader;
		int64_t id;

		id = add_stack(writer, &stack);
		commit(writer);
		store_writer_destroy(writer);
		run_sql(place->path, harms[i]);
		reader = open_reader(place->path);
		assert_error(store_reader_stack(reader, id, &read), ERROR_INVALID, "broken");
		store_reader_destroy(reader);
		unlink(place->path);
	}
}

static void test_lost_rows(void **state)
{
	static const char *const losses[] = {"DELETE FROM stack_block WHERE id = 2", "DELETE FROM stack_slice"};

	for (size_t i = 0; i < sizeof(losses) / sizeof(losses[0]); i++) {
		struct place *place = *state;
		struct store_writer *writer = open_writer(place->path);
		uint8_t bytes[SLICE];
		struct recorded_stack stack = make_stack(bytes, SLICE, 1);
		struct store_reader *reader;
		int64_t id;

		id = add_stack(writer, &stack);
		commit(writer);
		store_writer_destroy(writer);
		run_sql(place->path, losses[i]);
		reader = open_reader(place->path);
		stack.state = STACK_SKIPPED;
		stack.slice_bytes = 0;
		assert_stack(reader, id, &stack);
		store_reader_destroy(reader);
		unlink(place->path);
	}
}

static void set_file_limit(rlim_t bytes)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A rollback takes rows back: what comes after must be stored anew, not taken for known. */
static void test_rollback(void **state)
{
	struct place *place = *state;
	struct store_writer *writer = open_writer(place->path);
	uint8_t bytes[SLICE], other_bytes[SLICE];
	struct recorded_stack stack = make_stack(bytes, SLICE, 1), other = make_stack(other_bytes, SLICE, 2);
	struct store_reader *reader;
	uint64_t discarded, size = 0;
	struct error *err = NULL;
	int64_t id, lost;

	commit(writer);
	assert_no_error(store_writer_size(writer, &size));
	signal(SIGXFSZ, SIG_IGN);
	set_file_limit(size + 65536);
	lost = add_stack(writer, &stack);
	srandom(3);
	for (int i = 0; i < 10000 && !err; i++) {
		for (int k = 0; k < SLICE; k++)
			other_bytes[k] = (uint8_t)random();
		err = store_writer_add_stack(writer, &other, &id);
	}
	assert_non_null(err);
	error_destroy(err);
	error_destroy(store_writer_commit(writer, 1, 1, &discarded));
	set_file_limit(RLIM_INFINITY);
	signal(SIGXFSZ, SIG_DFL);
	id = add_stack(writer, &stack);
	assert_true(id > lost);
	commit(writer);
	store_writer_destroy(writer);
	reader = open_reader(place->path);
	assert_stack(reader, id, &stack);
	store_reader_destroy(reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round_trip, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(test_sharing, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(test_broken_rows, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(test_lost_rows, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(test_rollback, place_setup, place_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
