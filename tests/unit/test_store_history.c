/* SPDX-License-Identifier: MIT */
/* Histories against a reference that reads every event, on random lives with forks. */
#include "schema/reader_history.h"
#include "test_store_support.h"

#define SPACES 6
#define EVENTS 9000

struct life {
	struct memory_event events[EVENTS];
	size_t count;
	int64_t spaces[SPACES];
	int parents[SPACES]; /* index; -1 for none */
	uint64_t from_ns[SPACES];
};

static uint64_t random_below(uint64_t *seed, uint64_t bound)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return (*seed >> 11) % bound;
}

static struct memory_event random_event(const struct life *life, uint64_t *seed, uint64_t now)
{
	struct memory_event event = {
		.space_id = life->spaces[random_below(seed, SPACES)],
		.tid = (uint32_t)random_below(seed, 4) + 1,
		.kind = (enum memory_kind)(random_below(seed, MEMORY_SHMDT) + 1),
		.enter_ns = now - random_below(seed, 50),
		.ip = UINT64_MAX - now,
		.sp = 1,
		.top_word = 2,
		.file_id = (int64_t)now,
	};
	uint64_t start = 0x7f0000000000 + random_below(seed, 1 << 16) * 4096;
	uint64_t length = 1ULL << random_below(seed, 32);

	event.exit_ns = now;
	event.args[0] = event.args[4] = start;
	event.args[1] = event.args[2] = length;
	event.args[3] = random_below(seed, 8);
	switch (event.kind) {
	case MEMORY_SEEN:
	case MEMORY_MMAP:
	case MEMORY_SHMAT:
		event.result = (int64_t)start;
		event.args[3] = event.kind == MEMORY_SHMAT ? length : random_below(seed, 64);
		break;
	case MEMORY_MREMAP:
		event.result = (int64_t)(0x7f0000000000 + random_below(seed, 1 << 16) * 4096);
		break;
	case MEMORY_MADVISE:
		event.args[2] = 4;
		break;
	case MEMORY_BRK:
		event.args[1] = start;
		event.result = (int64_t)(start + length);
		break;
	default:
		break;
	}
	if (random_below(seed, 10) == 0)
		event.result = -12;
	return event;
}

/* Writes the life in several sittings, so that blocks go on over a restart. */
static void write_life(struct life *life, const char *path, uint64_t seed)
{
	struct store_writer *writer = open_writer(path);

	for (int i = 0; i < SPACES; i++) {
		life->parents[i] = i == 0 ? -1 : (int)random_below(&seed, (uint64_t)i);
		life->from_ns[i] = i == 0 ? 1 : random_below(&seed, EVENTS * 10);
		life->spaces[i] = add_space(writer, 1, i == 0 ? 0 : life->spaces[life->parents[i]], life->from_ns[i]);
	}
	for (life->count = 0; life->count < EVENTS; life->count++) {
		struct memory_event *event = &life->events[life->count];

		*event = random_event(life, &seed, 100 + life->count * 10);
		event->id = add_event(writer, event);
		if (random_below(&seed, 2000) == 0) {
			store_writer_destroy(writer);
			writer = open_writer(path);
		}
	}
	store_writer_destroy(writer);
}

/* The events that the header promises, into `expected`, oldest first, regardless of a limit. */
static size_t reference(const struct life *life, const struct history_query *query, int space,
			const struct memory_event **expected)
{
	uint64_t until_of[SPACES] = {0};
	uint64_t until = query->until_ns;
	size_t count = 0;

	for (int i = space; i >= 0; i = life->parents[i]) {
		until_of[i] = until;
		if (life->from_ns[i] < until)
			until = life->from_ns[i];
	}
	for (size_t n = 0; n < life->count; n++) {
		const struct memory_event *event = &life->events[n];
		struct memory_effect effect = memory_event_reach(event);

		for (int i = 0; i < SPACES; i++)
			if (event->space_id == life->spaces[i] && event->enter_ns < until_of[i] &&
			    memory_effect_overlaps(&effect, query->start, query->end))
				expected[count++] = event;
	}
	return count;
}

/* An ancestor's that had not returned when the fork began. */
static bool is_doubtful(const struct life *life, int space, const struct memory_event *event)
{
	uint64_t sure = UINT64_MAX;

	for (int i = space; i >= 0; i = life->parents[i]) {
		if (life->spaces[i] == event->space_id)
			return event->exit_ns > sure;
		if (life->from_ns[i] < sure)
			sure = life->from_ns[i];
	}
	return false;
}

static void compare_history(struct store_reader *reader, const struct life *life, const struct history_query *query,
			    int space)
{
	static const struct memory_event *expected[EVENTS];
	size_t expected_count = reference(life, query, space, expected);
	size_t skipped = expected_count > query->limit ? expected_count - query->limit : 0;
	struct memory_event *events = NULL;
	bool truncated = false;
	size_t count = 0;

	assert_no_error(store_reader_history(reader, query, &events, &count, &truncated));
	assert_int_equal(count, expected_count - skipped);
	assert_int_equal(truncated, skipped > 0);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(events[i].is_doubtful, is_doubtful(life, space, &events[i]));
		assert_int_equal(events[i].copied_ns != 0, events[i].is_doubtful);
		assert_true(!events[i].is_doubtful || events[i].copied_ns > events[i].enter_ns);
		events[i].is_doubtful = false;
		events[i].copied_ns = 0;
		assert_memory_equal(&events[i], expected[skipped + i], sizeof(events[i]));
	}
	free(events);
}

static void histories_are_those_of_the_reference(void **state)
{
	static struct life life;
	const struct place *place = *state;
	struct store_reader *reader;
	uint64_t seed = 1234567;

	write_life(&life, place->path, 987654321);
	reader = open_reader(place->path);
	for (int round = 0; round < 400; round++) {
		int space = (int)random_below(&seed, SPACES);
		uint64_t start = 0x7f0000000000 + random_below(&seed, 1 << 28);
		const struct history_query query = {
			.space_id = life.spaces[space],
			.start = round % 50 == 0 ? 0 : start,
			.end = round % 50 == 0 ? UINT64_MAX : start + (1ULL << random_below(&seed, 24)),
			.until_ns = round % 3 == 0 ? UINT64_MAX : random_below(&seed, EVENTS * 10),
			.limit = round % 2 == 0 ? SIZE_MAX : random_below(&seed, 200),
		};

		compare_history(reader, &life, &query, space);
	}
	for (int space = 0; space < SPACES; space++) {
		uint64_t until_of[SPACES] = {0}, until = UINT64_MAX, expected = 0, count = 0;

		for (int i = space; i >= 0; i = life.parents[i]) {
			until_of[i] = until;
			until = life.from_ns[i] < until ? life.from_ns[i] : until;
		}
		for (size_t n = 0; n < life.count; n++)
			for (int i = 0; i < SPACES; i++)
				expected += life.events[n].space_id == life.spaces[i] &&
					    life.events[n].enter_ns < until_of[i];
		assert_no_error(store_reader_count_events(reader, life.spaces[space], &count));
		assert_int_equal(count, expected);
	}
	store_reader_destroy(reader);
}

static void histories_need_no_space_row(void **state)
{
	struct memory_event event = {.space_id = 77, .kind = MEMORY_MMAP, .result = 0x7f0000000000, .args = {0, 4096}};
	struct history_query query = {
		.space_id = 77, .start = 0x7f0000000000, .end = 0x7f0000000001, .until_ns = UINT64_MAX, .limit = 5};
	const struct place *place = *state;
	struct store_writer *writer = open_writer(place->path);
	struct memory_event *events = NULL;
	struct store_reader *reader;
	bool truncated = true;
	size_t count = 0;

	add_event(writer, &event);
	store_writer_destroy(writer);
	reader = open_reader(place->path);
	assert_no_error(store_reader_history(reader, &query, &events, &count, &truncated));
	assert_int_equal(count, 1);
	assert_false(truncated);
	free(events);
	query.limit = 0;
	assert_no_error(store_reader_history(reader, &query, &events, &count, &truncated));
	assert_int_equal(count, 0);
	assert_true(truncated);
	free(events);
	query.end = query.start;
	assert_no_error(store_reader_history(reader, &query, &events, &count, &truncated));
	assert_int_equal(count, 0);
	assert_false(truncated);
	free(events);
	store_reader_destroy(reader);
}

static void circles_of_forks_end(void **state)
{
	const struct place *place = *state;
	struct store_writer *writer = open_writer(place->path);
	int64_t first = add_space(writer, 1, 2, 100), second = add_space(writer, 1, first, 200);
	int64_t own = add_space(writer, 1, 3, 300), negative = add_space(writer, 1, -5, 300);
	const int64_t spaces[] = {first, second, own, negative};
	struct history_query query = {.end = UINT64_MAX, .until_ns = UINT64_MAX, .limit = 5};
	struct store_reader *reader;

	store_writer_destroy(writer);
	reader = open_reader(place->path);
	for (size_t i = 0; i < sizeof(spaces) / sizeof(spaces[0]); i++) {
		struct memory_event *events = NULL;
		bool truncated = true;
		size_t count = 1;

		query.space_id = spaces[i];
		assert_no_error(store_reader_history(reader, &query, &events, &count, &truncated));
		assert_int_equal(count, 0);
		assert_false(truncated);
		free(events);
	}
	store_reader_destroy(reader);
}

static void a_reader_sees_what_is_committed(void **state)
{
	struct memory_event event = {.space_id = 1, .kind = MEMORY_MMAP, .result = 0x7f0000000000, .args = {0, 4096}};
	const struct place *place = *state;
	struct store_writer *writer = open_writer(place->path);
	struct store_reader *reader = open_reader(place->path);
	uint64_t count = 0, discarded;

	for (int i = 0; i < 1500; i++)
		add_event(writer, &event);
	assert_no_error(store_reader_count_events(reader, 1, &count));
	assert_int_equal(count, 0);
	assert_no_error(store_writer_commit(writer, 1, 1, &discarded));
	assert_no_error(store_reader_count_events(reader, 1, &count));
	assert_int_equal(count, 1500);
	store_reader_destroy(reader);
	store_writer_destroy(writer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(histories_are_those_of_the_reference, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(histories_need_no_space_row, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(circles_of_forks_end, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(a_reader_sees_what_is_committed, place_setup, place_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
