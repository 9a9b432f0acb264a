/* SPDX-License-Identifier: MIT */
/*
 * From a row to a struct. Not for other modules.
 */
#ifndef SCHEMA_READER_ROWS_H
#define SCHEMA_READER_ROWS_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>

#include "schema/record_call.h"
#include "schema/record_memory.h"

#define EVENT_COLUMNS                                                                                                  \
	"id, space_id, tid, kind, enter_ns, duration_ns, ip, sp, top_word, result, a0, a1, a2, a3, a4, a5, file_id, "  \
	"stack_id"

void read_event(sqlite3_stmt *statement, struct memory_event *ret_event);

#define HEAP_COLUMNS                                                                                                   \
	"id, space_id, function_id, role, tid, enter_ns, duration_ns, ip, sp, top_word, old_block, block, size, "      \
	"alignment, stack_id"

void read_heap_event(sqlite3_stmt *statement, struct heap_event *ret_event);

/* Takes the columns of a row one after the other. */
struct columns {
	sqlite3_stmt *statement;
	int next;
	bool no_memory;
};

/* What the generic queries need to know of a struct. */
struct row_type {
	size_t size;
	void (*read)(struct columns *row, void *ret);
	void (*deinit)(void *row); /* NULL when it owns nothing */
};

extern const struct row_type store_recording_type;
extern const struct row_type store_process_type;
extern const struct row_type store_space_type;
extern const struct row_type store_file_type;
extern const struct row_type store_signal_type;
extern const struct row_type store_marker_type;
extern const struct row_type store_gap_type;
extern const struct row_type store_instance_type;
extern const struct row_type store_signal_sender_type;
extern const struct row_type store_exit_state_type;
extern const struct row_type store_probe_type;
extern const struct row_type store_function_type;
extern const struct row_type store_coverage_type;
extern const struct row_type store_call_type;

#endif
