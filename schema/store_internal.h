/* SPDX-License-Identifier: MIT */
/*
 * What the files of the store share: the connection, the migrations, the block summaries. Not for other modules.
 */
#ifndef SCHEMA_STORE_INTERNAL_H
#define SCHEMA_STORE_INTERNAL_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/id_table.h"
#include "schema/record.h"
#include "schema/store.h"
#include "schema/migrate.h"

/* ---- named queries: a file that schema/embed_queries.cmake writes, by name ---- */

struct store_query {
	const char *name;
	const char *sql;
};

extern const struct store_query store_queries[];
extern const int store_queries_count;

/* What corelate audit asks: audit/NAME.sql, in the same way. */
extern const struct store_query store_audits[];
extern const int store_audits_count;

/* ---- connection: open.c ---- */

struct store_connection {
	sqlite3 *db;
	char *path;
};

/* Errors as told in schema/store.h. A writer's file must exist, and is brought to the newest migration. */
struct error *store_connection_open_write(struct store_connection *connection, const char *path) must_check;
struct error *store_connection_open_read(struct store_connection *connection, const char *path) must_check;
/* The file may come from elsewhere: nothing in its schema may run anything but plain SQL. */
void store_connection_harden(const struct store_connection *connection);
/* Runs the migrations after `version` up to `target`, each in a transaction together with the version that it leads to.
 */
struct error *store_connection_migrate(const struct store_connection *connection, int64_t version,
				       int64_t target) must_check;
/* Puts a private copy of the newest version in the place of an older database: open_older.c. */
struct error *store_connection_copy_newer(struct store_connection *connection, int64_t version) must_check;
/* A database in memory with the schema of that version and nothing in it. */
struct error *store_connection_open_model(struct store_connection *connection, int64_t version) must_check;
void store_connection_close(struct store_connection *connection);

/* The connection's last error, "PATH: WHAT: SQLITE'S TEXT". */
struct error *store_connection_error(const struct store_connection *connection, int status,
				     const char *what) must_check;
struct error *store_connection_execute(const struct store_connection *connection, const char *sql) must_check;
struct error *store_connection_prepare(const struct store_connection *connection, const char *sql, unsigned int flags,
				       sqlite3_stmt **ret_statement) must_check;
/* First column of the first row; 0 when there is none. */
struct error *store_connection_get(const struct store_connection *connection, const char *sql,
				   int64_t *ret_value) must_check;

/* Fails unless `path` is a regular file that holds one of our databases of a known version, or is empty. Reads the main
 * file only and changes nothing. ERROR_NOT_FOUND when it is missing. */
struct error *store_file_check(const char *path, bool *ret_empty) must_check;

static inline void cleanup_finalize_statement(sqlite3_stmt **statement)
{
	sqlite3_finalize(*statement);
}

#define cleanup_statement __attribute__((cleanup(cleanup_finalize_statement)))

/* SQLite's integers are signed: addresses and words are cast there and back, times beyond its range are cut. */
static inline int64_t store_time(uint64_t time_ns)
{
	return time_ns > INT64_MAX ? INT64_MAX : (int64_t)time_ns;
}

/* ---- block summaries: index_block.c ---- */

#define BLOCK_EVENTS 1024
/* About 15 bits an event: mostly under 5 % false matches when no two ranges of a block are alike, and two rows of
 * event_block still fit on a page. */
#define BLOCK_FILTER_BYTES 1920

struct block_event {
	int64_t space_id;
	uint64_t enter_ns;
};

/* Finest granule of the filters: a page for memory events, the alignment of malloc for heap calls. */
#define BLOCK_PAGE_SHIFT 12
#define BLOCK_HEAP_SHIFT 4

/* The block that is being filled. */
struct block {
	unsigned int granule_shift;
	int64_t first_event_id;
	int64_t last_event_id;
	uint64_t low, high; /* over all effects; equal when there is none */
	uint32_t levels;
	uint32_t count;
	struct block_event events[BLOCK_EVENTS];
	uint8_t filter[BLOCK_FILTER_BYTES];
};

/* Takes in the event, whose id must follow that of the one before. Insert and init the block when it holds
 * BLOCK_EVENTS. */
void block_add(struct block *block, const struct memory_event *event);
void block_init(struct block *block, unsigned int granule_shift);
/* The same in two steps, for other events: the event, then each of its ranges. */
void block_add_event(struct block *block, int64_t id, int64_t space_id, uint64_t enter_ns);
void block_add_range(struct block *block, int64_t space_id, uint64_t start, uint64_t end);

struct block_statements {
	sqlite3_stmt *block;
	sqlite3_stmt *block_space; /* NULL: who has how many events in it is not stored */
};

/* Inserts the summary of a block that holds at least one event. May sort block->events. Returns SQLite's status. */
int block_insert(struct block *block, const struct block_statements *statements);

/* False when no effect in the block of that filter can overlap [start, end) in that space. */
bool block_may_match(const uint8_t *filter, unsigned int granule_shift, uint32_t levels, int64_t space_id,
		     uint64_t start, uint64_t end);

/* ---- writer: writer.c, and writer_rows.c for its rows ---- */

enum statement {
	ADD_RECORDING,
	ADD_PROCESS,
	ADD_SPACE,
	ADD_FILE,
	ADD_SIGNAL,
	ADD_EXIT_STATE,
	ADD_PROBE,
	ADD_FUNCTION,
	ADD_STACK_BLOCK,
	ADD_STACK_SLICE,
	ADD_STACK,
	ADD_EVENT,
	ADD_MARKER,
	ADD_THREAD_START,
	ADD_SPACE_SHARER,
	ADD_CALL_RESULT,
	ADD_RETURN_INSTANCE,
	ADD_SIGNAL_SENDER,
	ADD_GAP,
	ADD_BLOCK,
	ADD_BLOCK_SPACE,
	ADD_HEAP,
	ADD_HEAP_BLOCK,
	ADD_CALL,
	ADD_COVERAGE,
	ADD_TRUNCATION,
	FIND_FILE,
	SET_LAST_COMMIT,
	END_RECORDING,
	SET_SPACE_PARENT,
	END_LEFT_SPACES,
	NAME_FILE,
	END_SPACE,
	UPDATE_PROCESS,
	UPDATE_PROBE,
	CLOSE_ABANDONED,
	STATEMENT_COUNT
};

/* The statements up to ADD_STACK insert rows whose ids a caller keeps. Their ids are counted here, so that one that a
 * rollback took back is never given to another row. */
#define COUNTED_TABLES (ADD_STACK + 1)

struct store_writer {
	struct store_connection connection;
	int lock_fd;
	sqlite3_stmt *statements[STATEMENT_COUNT];
	int64_t last_ids[COUNTED_TABLES];
	bool in_transaction;
	uint64_t pending; /* events inserted since the last commit */
	/* SQLite itself rolls a transaction back when the disk is full or fails. What was pending then is told by the
	 * next commit. */
	uint64_t discarded;
	struct error *discard_cause;
	bool rolled_back;	      /* since store_writer_take_rollback() */
	struct block block;	      /* with the rows of the open transaction */
	struct block committed_block; /* as of the last commit: where a rollback goes back to */
	struct block heap_block;      /* the same for heap calls */
	struct block committed_heap_block;
	/* Rows of stack_block, stack_slice and stack by what they hold. A rollback empties them: the rows may be gone.
	 */
	struct id_table stack_blocks, stack_slices, stacks;
	struct stack_packer *packer; /* NULL until the first stack */
};

/* The lock of store_writer_create(), for as long as the descriptor is open; and whether somebody holds it (or that
 * cannot be told). */
struct error *store_lock_take(const char *path, int *ret_fd) must_check;
bool store_lock_is_held(const char *path);

/* Steps a statement that returns no row, with all values bound, in the open transaction or a new one. */
struct error *store_writer_run(struct store_writer *writer, enum statement which) must_check;
/* Commits what is pending, or rolls it back and returns why. */
struct error *store_writer_end_transaction(struct store_writer *writer) must_check;
/* Puts a stored event into the block being filled, and stores the block when it is full. */
struct error *store_writer_add_to_block(struct store_writer *writer, const struct memory_event *event) must_check;
struct error *store_writer_add_to_heap_block(struct store_writer *writer, const struct heap_event *event) must_check;

/* Binds values one after the other: writer_rows.c. A failed binding (no memory) leaves NULL there, which NOT NULL
 * refuses. Texts and blobs must live until the statement has run. */
struct values {
	sqlite3_stmt *statement;
	int count;
};

struct values store_start_row(struct store_writer *writer, enum statement which);
void store_put(struct values *values, int64_t value);
void store_put_time(struct values *values, uint64_t time_ns);
void store_put_text(struct values *values, const char *text);
void store_put_blob(struct values *values, const void *data, size_t size); /* NULL data is NULL */
/* Runs the statement; the event kind also counts the row for the books. */
struct error *store_finish_row(struct store_writer *writer, enum statement which, int64_t *ret_id) must_check;
struct error *store_finish_event_row(struct store_writer *writer, enum statement which, int64_t *ret_id) must_check;

/* ---- stacks: writer_stack.c ---- */

void store_stack_forget(struct store_writer *writer); /* after a rollback */
void store_stack_deinit(struct store_writer *writer);
/* No slice has more bytes of ids: 129 pieces, ten bytes each. */
#define STORE_SLICE_IDS_BYTES 1290
/* The number in LEB128 at `*at`, which moves on; 0 when there is none. stack_slice.blocks is made of them. */
uint64_t store_take_leb(const uint8_t *bytes, size_t size, size_t *at);

/* ---- rows: reader_rows.c ---- */

#define EVENT_COLUMNS                                                                                                  \
	"id, space_id, tid, kind, enter_ns, duration_ns, ip, sp, top_word, result, a0, a1, a2, a3, a4, a5, file_id, "  \
	"stack_id"

void read_event(sqlite3_stmt *statement, struct memory_event *ret_event);

#define HEAP_COLUMNS                                                                                                   \
	"id, space_id, function_id, role, tid, enter_ns, duration_ns, ip, sp, top_word, old_block, block, size, "      \
	"alignment, stack_id"

void read_heap_event(sqlite3_stmt *statement, struct heap_event *ret_event);
/* What the call concerns: the block that it was given, and the one that it handed out. Empty for none. A free names an
 * address: one byte. */
void store_heap_ranges(const struct heap_event *event, uint64_t ret_old[2], uint64_t ret_new[2]);

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

struct store_reader {
	struct store_connection connection;
	bool has_functions;			   /* those of sql_functions.c and sql_replay_table.c are there */
	int64_t date_recording_id, date_offset_ns; /* date_of() remembers the last one */
	store_progress_function progress;
	void *progress_context;
};

/* ---- SQL for people: sql_query.c ---- */

/* What every query has: sql_functions.c, sql_replay_table.c. */
struct error *store_functions_add(struct store_reader *reader) must_check;
/* reader_gaps.c: what SQL can ask about losses. */
struct error *store_gap_functions_add(struct store_reader *) must_check;
struct error *store_replay_tables_add(struct store_reader *reader) must_check;

/* reader.c: all rows of a query, or the first (else error_not_found). */
struct error *store_select_all(struct store_reader *reader, const struct row_type *type, const char *sql,
			       const int64_t *values, int value_count, void **ret_data, size_t *ret_count) must_check;
struct error *store_select_one(struct store_reader *reader, const struct row_type *type, const char *sql,
			       const int64_t *values, int value_count, void *ret) must_check;

#define VALUES(...) (const int64_t[]){__VA_ARGS__}, sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)

/* ---- lineage: reader_history.c ---- */

/* A space whose events before `until_ns` belong to the history of the space that was asked for. */
struct lineage_step {
	int64_t space_id;
	uint64_t until_ns;
};

/* The space itself and what it was forked from, nearest first. `*ret_is_cut` tells that it was longer than is followed.
 * Freed by the caller. */
struct error *store_lineage(struct store_reader *reader, int64_t space_id, uint64_t until_ns,
			    struct lineage_step **ret_steps, size_t *ret_count, bool *ret_is_cut) must_check;

bool store_lineage_holds(const struct lineage_step *steps, size_t count, int64_t space_id, uint64_t enter_ns);

/* ---- pruning: prune.c; its transactions, prune_transaction.c; what is left to be swept then,
 * prune_sweep.c ---- */

/* prune_rest.what */
enum { PRUNE_PROCESS = 1, PRUNE_SPACE = 2, PRUNE_STACKS = 3 };

struct pruning {
	struct store_connection connection;
	const struct store_prune_limits *limits;
	struct store_pruned *result;
	bool recorder_runs;
	int64_t newest_recording_id;
	int64_t begun_ns; /* of the transaction; CLOCK_MONOTONIC */
};

/* Higher ones go later. */
enum mortal_rank { MORTAL_PLAIN, MORTAL_CRASHED, MORTAL_STAYS };

struct mortal {
	int64_t id;
	int64_t recording_id;
	int64_t pid, parent_pid;
	int64_t own_end_ns; /* boot time */
	/* Over itself and all that were forked from it, because it goes after these: */
	int64_t end_ns; /* since 1970 */
	enum mortal_rank rank;
	bool crashed; /* itself */
	bool has_space;
	bool is_old; /* goes for its age */
	uint64_t rows;
};

struct mortal_space {
	int64_t id, process_id, parent_id;
};

/* All processes, in the order in which they may go, those that are too old first; and all spaces by process. */
struct mortals {
	struct mortal *processes;
	size_t count, old_count;
	struct mortal_space *spaces;
	size_t space_count;
	uint64_t rows; /* of the counted tables, these processes' or not */
};

/* Reads them and ranks them: prune_plan.c. With `with_rows` their rows are counted, which reads the whole
 * database. Release with mortals_deinit() whatever happens. */
struct error *mortals_load(struct pruning *pruning, bool with_rows, struct mortals *ret) must_check;
void mortals_deinit(struct mortals *mortals);
/* The spaces of a process are those from the returned index on that have its id. */
size_t mortals_spaces_of(const struct mortals *mortals, int64_t process_id);

/* One transaction: all statements or none. With a recorder at work the time that it took is slept afterwards, so that
 * the recorder finds the database free as often as not. */
struct error *store_prune_begin(struct pruning *pruning) must_check;
struct error *store_prune_commit(struct pruning *pruning, struct error *err) must_check; /* takes err, and rolls back */
/* Runs a statement that returns nothing; adds the rows that it changed to *changed unless that is NULL. */
struct error *store_prune_run(struct pruning *pruning, const char *sql, const int64_t *values, int value_count,
			      uint64_t *changed) must_check;
/* Removes the rows that what is in prune_rest has left behind, then what no row names any more. */
struct error *store_prune_sweep(struct pruning *pruning) must_check;
/* Gives free pages back to the file system when nobody records and it is worth it. */
struct error *store_prune_compact(struct pruning *pruning) must_check;

/* ---- scans by block summaries: index_scan.c ---- */

struct store_range {
	uint64_t start, end;
};

/* Reads the rows of a lineage that may concern one of the ranges, newest first, and skips the blocks that cannot. */
struct store_scan {
	struct store_reader *reader;
	const char *table; /* "event" or "heap" */
	const char *columns;
	const char *blocks_table;
	unsigned int granule_shift;
	const struct lineage_step *steps;
	size_t step_count;
	const struct store_range *ranges;
	size_t range_count;
	/* Takes one row; it may still be of another space or another range. */
	struct error *(*take_row)(struct store_scan *scan, sqlite3_stmt *row);
	bool stop; /* set by take_row when it has seen enough */
	sqlite3_stmt *rows;
};

struct error *store_scan_run(struct store_scan *scan) must_check;

#endif
