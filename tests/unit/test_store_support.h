/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the store share: a store in a directory of its own, and short ways to fill and ask it.
 */
#ifndef TEST_STORE_SUPPORT_H
#define TEST_STORE_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/cleanup.h"
#include "replay/effect.h"
#include "schema/reader.h"
#include "schema/record_memory.h"
#include "schema/record_process.h"
#include "schema/sql_query.h"
#include "schema/writer.h"

/* A directory and the path of a store in it; removed by the teardown. */
struct place {
	char directory[64];
	char path[80];
};

static inline int place_setup(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	if (!place)
		return -1;
	strcpy(place->directory, "/tmp/corelate-store-XXXXXX");
	if (!mkdtemp(place->directory)) {
		free(place);
		return -1;
	}
	snprintf(place->path, sizeof(place->path), "%s/store.db", place->directory);
	*state = place;
	return 0;
}

static inline int place_teardown(void **state)
{
	static const char *const suffixes[] = {"", "-wal", "-shm", "-lock", "-journal"};
	struct place *place = *state;

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		char path[96];

		snprintf(path, sizeof(path), "%s%s", place->path, suffixes[i]);
		unlink(path);
	}
	rmdir(place->directory);
	free(place);
	return 0;
}

static inline void assert_no_error(struct error *err)
{
	if (err)
		fail_msg("unexpected error: %s", err->message);
}

/* The error must be there, have that code and contain `text`. */
static inline void assert_error(struct error *err, enum error_code code, const char *text)
{
	if (!err)
		fail_msg("no error where \"%s\" was expected", text);
	if (err->code != code || !strstr(err->message, text))
		fail_msg("error %d \"%s\" where %d \"%s\" was expected", err->code, err->message, code, text);
	error_destroy(err);
}

static inline struct store_writer *open_writer(const char *path)
{
	struct store_writer *writer = NULL;

	assert_no_error(store_writer_create(path, &writer));
	return writer;
}

static inline struct store_reader *open_reader(const char *path)
{
	struct store_reader *reader = NULL;

	assert_no_error(store_reader_create(path, &reader));
	return reader;
}

static inline int64_t add_event(struct store_writer *writer, const struct memory_event *event)
{
	int64_t id = 0;

	assert_no_error(store_writer_add_memory_event(writer, event, &id));
	assert_true(id > 0);
	return id;
}

static inline int64_t add_space(struct store_writer *writer, int64_t process_id, int64_t parent_space_id,
				uint64_t from_ns)
{
	const struct space space = {
		.process_id = process_id,
		.parent_space_id = parent_space_id,
		.origin = parent_space_id ? SPACE_FORK : SPACE_EXEC,
		.from_ns = from_ns,
		.comm = "victim",
	};
	int64_t id = 0;

	assert_no_error(store_writer_add_space(writer, &space, &id));
	return id;
}

/* Rows as lines of values between bars; NULL is "-". */
static inline bool text_row(void *context, int columns, const char *const *names, const char *const *values)
{
	FILE *stream = context;

	(void)names;
	for (int i = 0; i < columns; i++)
		fprintf(stream, "%s%s", i ? "|" : "", values[i] ? values[i] : "-");
	fputc('\n', stream);
	return true;
}

/* Freed by the caller. */
static inline char *query_text(struct store_reader *reader, const char *sql)
{
	char *data = NULL;
	size_t size;
	FILE *stream = open_memstream(&data, &size);
	struct error *err;

	assert_non_null(stream);
	err = store_reader_query(reader, sql, text_row, stream);
	fclose(stream);
	if (err)
		fail_msg("%s: %s", sql, err->message);
	return data;
}

static inline void assert_query(struct store_reader *reader, const char *sql, const char *expected)
{
	cleanup_free char *text = query_text(reader, sql);

	assert_string_equal(text, expected);
}

#endif
