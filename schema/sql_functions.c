/* SPDX-License-Identifier: MIT */
/*
 * Functions that SQL has in every query of corelate. NULL in, NULL out; an argument of another kind than the function
 * takes is an error of the statement. Numbers may also come as text, "0x7f00" or "12": a shell's parameter is text.
 */
#include "schema/sql_functions.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "common/array.h"
#include "common/cleanup.h"
#include "common/flag_words.h"
#include "schema/connection.h"
#include "schema/reader_internal.h"
#include "schema/record_recording.h"
#include "schema/sql_query.h"

#define PAGE_BYTES 4096

static bool parse_number(const char *text, int64_t *ret_number)
{
	bool is_hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	char *end;

	if (!is_hex && !(text[0] >= '0' && text[0] <= '9') && !(text[0] == '-' && text[1] >= '0' && text[1] <= '9'))
		return false;
	if (is_hex && !text[2])
		return false;
	errno = 0;
	*ret_number = text[0] == '-' ? strtoll(text, &end, 10) : (int64_t)strtoull(text, &end, is_hex ? 16 : 10);
	return !errno && !*end;
}

/* Sets the result: NULL for NULL, an error for what is no number. False when there is nothing more to do. */
static bool take_number(sqlite3_context *context, sqlite3_value *value, int64_t *ret_number)
{
	const char *text;

	switch (sqlite3_value_type(value)) {
	case SQLITE_INTEGER:
		*ret_number = sqlite3_value_int64(value);
		return true;
	case SQLITE_NULL:
		sqlite3_result_null(context);
		return false;
	case SQLITE_TEXT:
		text = (const char *)sqlite3_value_text(value);
		if (text && parse_number(text, ret_number))
			return true;
		break;
	default:
		break;
	}
	sqlite3_result_error(context, "an argument is neither a number nor NULL", -1);
	return false;
}

static void result_hex(sqlite3_context *context, uint64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%" PRIx64, number);
	sqlite3_result_text(context, text, -1, SQLITE_TRANSIENT);
}

static void run_addr(sqlite3_context *context, int count, sqlite3_value **values)
{
	int64_t number;

	(void)count;
	if (take_number(context, values[0], &number))
		result_hex(context, (uint64_t)number);
}

static void run_number(sqlite3_context *context, int count, sqlite3_value **values)
{
	int64_t number;

	(void)count;
	if (take_number(context, values[0], &number))
		sqlite3_result_int64(context, number);
}

static void run_page_floor(sqlite3_context *context, int count, sqlite3_value **values)
{
	int64_t number;

	(void)count;
	if (take_number(context, values[0], &number))
		sqlite3_result_int64(context, number & -PAGE_BYTES);
}

static void run_page_ceil(sqlite3_context *context, int count, sqlite3_value **values)
{
	int64_t number;

	(void)count;
	if (take_number(context, values[0], &number))
		sqlite3_result_int64(context, (int64_t)(((uint64_t)number + PAGE_BYTES - 1) & -(uint64_t)PAGE_BYTES));
}

static void run_overlaps(sqlite3_context *context, int count, sqlite3_value **values)
{
	int64_t ends[4];

	for (int i = 0; i < count; i++)
		if (!take_number(context, values[i], &ends[i]))
			return;
	/* An empty range holds no byte that another could have in common with it. */
	sqlite3_result_int(context, (uint64_t)ends[0] < (uint64_t)ends[1] && (uint64_t)ends[2] < (uint64_t)ends[3] &&
					    (uint64_t)ends[0] < (uint64_t)ends[3] &&
					    (uint64_t)ends[2] < (uint64_t)ends[1]);
}

/* A negative number is what a system call returned. */
static void run_errno_name(sqlite3_context *context, int count, sqlite3_value **values)
{
	const char *name;
	int64_t number;
	char text[32];

	(void)count;
	if (!take_number(context, values[0], &number))
		return;
	if (number < 0 && number >= -4095)
		number = -number;
	if (number <= 0 || number > 4095)
		return;
	name = strerrorname_np((int)number);
	snprintf(text, sizeof(text), "errno %d", (int)number);
	sqlite3_result_text(context, name ? name : text, -1, SQLITE_TRANSIENT);
}

static void run_signal_name(sqlite3_context *context, int count, sqlite3_value **values)
{
	const char *name;
	int64_t number;
	char text[32];

	(void)count;
	if (!take_number(context, values[0], &number))
		return;
	name = number > 0 && number < 32 ? sigabbrev_np((int)number) : NULL;
	if (name)
		snprintf(text, sizeof(text), "SIG%s", name);
	else
		snprintf(text, sizeof(text), "signal %" PRId64, number);
	sqlite3_result_text(context, text, -1, SQLITE_TRANSIENT);
}

/* "rw-"; -1 stands for a protection that nobody told. */
static void run_protection(sqlite3_context *context, int count, sqlite3_value **values)
{
	int64_t number;
	char text[4];

	(void)count;
	if (!take_number(context, values[0], &number) || number < 0)
		return;
	text[0] = number & PROT_READ ? 'r' : '-';
	text[1] = number & PROT_WRITE ? 'w' : '-';
	text[2] = number & PROT_EXEC ? 'x' : '-';
	text[3] = '\0';
	sqlite3_result_text(context, text, -1, SQLITE_TRANSIENT);
}

static void run_map_flags(sqlite3_context *context, int count, sqlite3_value **values)
{
	struct flag_words words;
	int64_t number;

	(void)count;
	if (take_number(context, values[0], &number))
		sqlite3_result_text(context, flag_words_map(&words, (uint64_t)number), -1, SQLITE_TRANSIENT);
}

/* ---- dates ---- */

static bool find_offset(struct store_reader *reader, int64_t time_ns, const int64_t *recording_id, int64_t *ret_offset)
{
	static const char by_id[] = "SELECT realtime_offset_ns, 1 FROM main.recording WHERE id = :key";
	/* Offsets of one boot differ by what its clock was set; times of two boots may not be told apart. */
	static const char by_time[] =
		"SELECT realtime_offset_ns, count(DISTINCT boot_id) FROM main.recording WHERE started_ns <= :key AND "
		":key <= CASE WHEN ended_ns > 0 THEN ended_ns ELSE max(started_ns, last_commit_ns) END";
	cleanup_statement sqlite3_stmt *statement = NULL;
	struct error *err;
	bool found = false;

	if (recording_id && *recording_id <= 0)
		return false;
	if (recording_id && reader->date_recording_id == *recording_id) {
		*ret_offset = reader->date_offset_ns;
		return true;
	}
	err = store_prepare_bound(&reader->connection, recording_id ? by_id : by_time,
				  PARAMETERS({":key", recording_id ? *recording_id : time_ns}), &statement);
	if (err) {
		error_destroy(err);
		return false;
	}
	if (sqlite3_step(statement) == SQLITE_ROW && sqlite3_column_int64(statement, 1) == 1) {
		*ret_offset = sqlite3_column_int64(statement, 0);
		found = true;
	}
	if (found && recording_id) {
		reader->date_recording_id = *recording_id;
		reader->date_offset_ns = *ret_offset;
	}
	return found;
}

/* date_of(ns, recording id): UTC, as the views write it. date_of(ns) finds the recording, when only one boot had that
 * moment. NULL when there is none. */
static void run_date_of(sqlite3_context *context, int count, sqlite3_value **values)
{
	struct store_reader *reader = sqlite3_user_data(context);
	int64_t time_ns, recording_id, offset, date_ns;
	char text[64], fraction[16];
	struct tm date;
	time_t seconds;

	if (!take_number(context, values[0], &time_ns) ||
	    (count > 1 && !take_number(context, values[1], &recording_id)))
		return;
	if (!find_offset(reader, time_ns, count > 1 ? &recording_id : NULL, &offset) ||
	    __builtin_add_overflow(time_ns, offset, &date_ns) || date_ns < 0)
		return;
	seconds = (time_t)(date_ns / 1000000000);
	if (!gmtime_r(&seconds, &date) || !strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &date))
		return;
	snprintf(fraction, sizeof(fraction), ".%06d", (int)(date_ns / 1000 % 1000000));
	strcat(text, fraction);
	sqlite3_result_text(context, text, -1, SQLITE_TRANSIENT);
}

/* ---- losses ---- */

/* lost_between(space, from, until): how many events; 0 for none, -1 for a number that is not known. */
static void run_lost_between(sqlite3_context *context, int count, sqlite3_value **values)
{
	struct store_reader *reader = sqlite3_user_data(context);
	cleanup_free struct gap *gaps = NULL;
	int64_t lost = 0;
	size_t gap_count;
	struct error *err;

	for (int i = 0; i < count; i++)
		if (sqlite3_value_type(values[i]) == SQLITE_NULL)
			return;
	err = store_gaps_between(reader, sqlite3_value_int64(values[0]), sqlite3_value_int64(values[1]),
				 sqlite3_value_int64(values[2]), &gaps, &gap_count);
	if (err) {
		sqlite3_result_error(context, err->message, -1);
		error_destroy(err);
		return;
	}
	for (size_t i = 0; i < gap_count && lost >= 0; i++)
		if (!gaps[i].lost || __builtin_add_overflow(lost, gaps[i].lost, &lost))
			lost = -1;
	sqlite3_result_int64(context, lost);
}

/* ---- functions of others ---- */

struct plugged {
	store_sql_function function;
	void *context;
};

static bool take_value(sqlite3_value *value, struct store_value *ret)
{
	*ret = (struct store_value){0};
	switch (sqlite3_value_type(value)) {
	case SQLITE_INTEGER:
		*ret = (struct store_value){.type = STORE_INTEGER, .integer = sqlite3_value_int64(value)};
		return true;
	case SQLITE_TEXT:
		ret->type = STORE_TEXT;
		ret->text = (const char *)sqlite3_value_text(value);
		return ret->text;
	default:
		return false;
	}
}

static void run_plugged(sqlite3_context *context, int count, sqlite3_value **values)
{
	const struct plugged *plugged = sqlite3_user_data(context);
	struct store_value arguments[STORE_FUNCTION_ARGUMENTS_MAX];
	struct error *err;
	char *text = NULL;

	for (int i = 0; i < count; i++) {
		if (sqlite3_value_type(values[i]) == SQLITE_NULL)
			return;
		if (take_value(values[i], &arguments[i]))
			continue;
		sqlite3_result_error(context, "an argument is neither a number nor a text", -1);
		return;
	}
	err = plugged->function(plugged->context, arguments, count, &text);
	if (err) {
		sqlite3_result_error(context, err->message, -1);
		error_destroy(err);
	} else if (text) {
		sqlite3_result_text(context, text, -1, free);
	}
}

struct error *store_reader_add_function(struct store_reader *reader, const char *name, int arguments,
					store_sql_function function, void *context)
{
	struct plugged *plugged;
	int status;

	if (arguments < 0 || arguments > STORE_FUNCTION_ARGUMENTS_MAX)
		return error_format(ERROR_INVALID, "%s: a function of %d arguments", name, arguments);
	plugged = malloc(sizeof(*plugged));
	if (!plugged)
		return &error_no_memory;
	*plugged = (struct plugged){function, context};
	status = sqlite3_create_function_v2(reader->connection.db, name, arguments, SQLITE_UTF8 | SQLITE_DIRECTONLY,
					    plugged, run_plugged, NULL, NULL, free);
	return status == SQLITE_OK ? NULL
				   : store_connection_error(&reader->connection, status, "cannot add a function");
}

struct error *store_functions_add(struct store_reader *reader)
{
	static const struct {
		const char *name;
		int arguments;
		void (*run)(sqlite3_context *, int, sqlite3_value **);
		int flags; /* DIRECTONLY: it reads rows, which no view of a strange file shall make it do */
	} functions[] = {
		{"addr", 1, run_addr, SQLITE_INNOCUOUS},
		{"address", 1, run_number, SQLITE_INNOCUOUS},
		{"page_floor", 1, run_page_floor, SQLITE_INNOCUOUS},
		{"page_ceil", 1, run_page_ceil, SQLITE_INNOCUOUS},
		{"overlaps", 4, run_overlaps, SQLITE_INNOCUOUS},
		{"errno_name", 1, run_errno_name, SQLITE_INNOCUOUS},
		{"signal_name", 1, run_signal_name, SQLITE_INNOCUOUS},
		{"protection", 1, run_protection, SQLITE_INNOCUOUS},
		{"map_flags", 1, run_map_flags, SQLITE_INNOCUOUS},
		{"date_of", 1, run_date_of, SQLITE_INNOCUOUS},
		{"date_of", 2, run_date_of, SQLITE_INNOCUOUS},
		{"lost_between", 3, run_lost_between, SQLITE_DIRECTONLY},
	};

	for (size_t i = 0; i < array_size(functions); i++) {
		int status =
			sqlite3_create_function(reader->connection.db, functions[i].name, functions[i].arguments,
						SQLITE_UTF8 | functions[i].flags, reader, functions[i].run, NULL, NULL);

		if (status != SQLITE_OK)
			return store_connection_error(&reader->connection, status, "cannot add a function");
	}
	return NULL;
}
