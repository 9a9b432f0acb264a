/* SPDX-License-Identifier: MIT */
/*
 * The store: one SQLite file that holds what was recorded. The only interface to it, and the only C code that speaks
 * SQL.
 *
 * A writer is used by one thread of the recorder. A reader opens the file read-only and may run beside a writer (WAL).
 * A file of an older version is read through a private copy that has been brought to the newest one; what is written to
 * the file later is not seen then.
 * Rows and units are those of schema/record.h. This module knows nothing of BPF, ELF or detectors; it does not print.
 *
 * Errors of every function that opens or migrates: ERROR_NOT_FOUND (no such file), ERROR_INVALID (not an SQLite file,
 * or not one of ours), ERROR_UNSUPPORTED (written by a newer version), ERROR_PERMISSION, ERROR_SYSTEM with SQLite's own
 * text. Each message names the path.
 */
#ifndef SCHEMA_STORE_H
#define SCHEMA_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "schema/record.h"

/* PRAGMA application_id of our files: "Core" in ASCII. */
#define STORE_APPLICATION_ID 0x436f7265

/* Number of the newest migration that this build knows (PRAGMA user_version). */
int store_newest_version(void);

/* ---- writing ---- */

struct store_writer;

/* Opens `path` for writing, creating it (mode 0600) when missing, and brings it to the newest migration. A file that is
 * not ours is refused and left untouched. Each migration runs in one transaction. The writer holds a lock on the file
 * PATH-lock, which stays there, until it is destroyed or its process ends; ERROR_SYSTEM "another recorder is writing to
 * PATH" when it is held. */
struct error *store_writer_create(const char *path, struct store_writer **ret_writer) must_check;

/* Commits what is pending and closes. NULL is fine. */
void store_writer_destroy(struct store_writer *writer);

/* Rows are buffered in an open transaction; this commits it and starts the next one lazily. `complete_until_ns` is
 * written to the recording as last_commit_ns. On failure the pending rows are gone and *ret_discarded tells how many
 * events (memory events, markers, threads, signals, exit states, return instances, heap calls, calls) they were, so
 * that the caller can count them as lost. */
struct error *store_writer_commit(struct store_writer *writer, int64_t recording_id, uint64_t complete_until_ns,
				  uint64_t *ret_discarded) must_check;

/* Each of these inserts one row; `id` in the struct is ignored and the new row's id is returned. A row whose insertion
 * failed is not in the store and not in a later *ret_discarded. A full disk makes SQLite take back the rows that were
 * pending, too: the next commit then reports them, although it stores what came after. With the events go processes,
 * spaces, files and signals of that transaction; their ids are never given again by this writer. Times beyond INT64_MAX
 * are stored as INT64_MAX. */
struct error *store_writer_add_recording(struct store_writer *, const struct recording *, int64_t *ret_id) must_check;
struct error *store_writer_add_process(struct store_writer *, const struct process *, int64_t *ret_id) must_check;
struct error *store_writer_add_space(struct store_writer *, const struct space *, int64_t *ret_id) must_check;
struct error *store_writer_add_memory_event(struct store_writer *, const struct memory_event *,
					    int64_t *ret_id) must_check;
struct error *store_writer_add_marker(struct store_writer *, const struct marker *, int64_t *ret_id) must_check;
struct error *store_writer_add_thread_start(struct store_writer *, const struct thread_start *,
					    int64_t *ret_id) must_check;
struct error *store_writer_add_signal(struct store_writer *, const struct signal_event *, int64_t *ret_id) must_check;
struct error *store_writer_add_signal_sender(struct store_writer *, const struct signal_sender *) must_check;
struct error *store_writer_add_return_instance(struct store_writer *, const struct return_instance *,
					       int64_t *ret_id) must_check;
struct error *store_writer_add_exit_state(struct store_writer *, const struct exit_state *, int64_t *ret_id) must_check;
struct error *store_writer_add_attached_probe(struct store_writer *, const struct attached_probe *,
					      int64_t *ret_id) must_check;
struct error *store_writer_add_call_result(struct store_writer *, const struct call_result *) must_check;
/* A process that uses a space of another one from that moment on. */
struct error *store_writer_add_space_sharer(struct store_writer *, int64_t space_id, int64_t process_id,
					    uint64_t from_ns) must_check;
struct error *store_writer_add_gap(struct store_writer *, const struct gap *, int64_t *ret_id) must_check;
/* Stores the slice once: the same bytes again share a row, compressed. */
struct error *store_writer_add_stack(struct store_writer *, const struct recorded_stack *, int64_t *ret_id) must_check;
/* The same in two steps, for a slice that many stacks share. `address` is where it was copied from: slices of different
 * depths share what they have in common when it is right. At most 64 KiB. Only `state`, `registers` and `asked_bytes`
 * of the stack are looked at. Ids of slices go with a rollback as those of files do. */
struct error *store_writer_add_slice(struct store_writer *, uint64_t address, const uint8_t *bytes, size_t size,
				     int64_t *ret_id) must_check;
struct error *store_writer_add_stack_of_slice(struct store_writer *, const struct recorded_stack *, int64_t slice_id,
					      int64_t *ret_id) must_check;
struct error *store_writer_add_function(struct store_writer *, const struct probed_function *,
					int64_t *ret_id) must_check;
struct error *store_writer_add_heap_event(struct store_writer *, const struct heap_event *, int64_t *ret_id) must_check;
struct error *store_writer_add_call_event(struct store_writer *, const struct call_event *, int64_t *ret_id) must_check;
struct error *store_writer_add_probe_coverage(struct store_writer *, const struct probe_coverage *,
					      int64_t *ret_id) must_check;
struct error *store_writer_add_truncation(struct store_writer *, const struct truncation *, int64_t *ret_id) must_check;
/* The row of that (device, inode, path); the existing one when there is one already. */
struct error *store_writer_add_file(struct store_writer *, const struct file_identity *, int64_t *ret_id) must_check;

/* That of the newest row of a file; 0 for none. */
int64_t store_writer_last_file(const struct store_writer *);
/* The row file->id, which has no path, gets the struct's, unless another row has it already. */
struct error *store_writer_name_file(struct store_writer *, const struct file_identity *) must_check;

/* Did a transaction get lost since the last call? Its rows are gone, and may be added again. */
bool store_writer_take_rollback(struct store_writer *);

/* Updates: the row with that id gets the struct's ended_ns, emitted, stored and lost. */
struct error *store_writer_end_recording(struct store_writer *, const struct recording *) must_check;
/* The row process->id gets the struct's comm, last_uid, exit_ns and exit_status. */
struct error *store_writer_update_process(struct store_writer *, const struct process *) must_check;
struct error *store_writer_end_space(struct store_writer *, int64_t space_id, uint64_t to_ns) must_check;
struct error *store_writer_set_space_parent(struct store_writer *, int64_t space_id,
					    int64_t parent_space_id) must_check;
/* Spaces of the recording whose end went with a rollback end where the next one of their process begins, or where the
 * process ends. Reads all spaces. */
struct error *store_writer_end_left_spaces(struct store_writer *, int64_t recording_id) must_check;

/* Recordings that were never ended get a GAP_UNCLEAN_END gap from their last commit on, without an end (to_ns is
 * INT64_MAX); those that have one keep it. Called once by a new recorder before it adds its own: the lock tells that
 * the others are gone. Commits. */
struct error *store_writer_close_abandoned(struct store_writer *) must_check;

/* The row probe->id gets the struct's enabled, only_pid, program_id, holder_comm, attached_ns and the times of sight.
 */
struct error *store_writer_update_attached_probe(struct store_writer *, const struct attached_probe *) must_check;

/* Bytes that the database file and its write-ahead log take now, without the pages of the file that are free again. */
struct error *store_writer_size(struct store_writer *, uint64_t *ret_bytes) must_check;

/* ---- pruning ---- */

struct store_prune_limits {
	uint64_t most_bytes; /* that pages in use may take; 0 for no limit */
	uint64_t most_age_s; /* since a process's end; 0 for no limit */
	int64_t now_ns;	     /* since 1970 */
	bool dry_run;	     /* only count */
	/* Is asked between transactions; false ends the run with ERROR_SYSTEM "interrupted". NULL for none. */
	bool (*go_on)(void *context);
	void *context;
};

struct store_pruned {
	uint64_t processes, deaths; /* that were removed, and how many of them had died of a signal or so */
	uint64_t kept;		    /* processes */
	uint64_t rows;		    /* removed, of all tables; 0 of a dry run */
	uint64_t used_before, used; /* bytes of the pages in use; of a dry run what is expected */
	bool recorder_runs;
	bool compacted; /* the file became smaller */
};

/* Keeps the database within its limits: whole processes go, with everything that names them, the longest dead first.
 * Those whose death by a signal (or by an exit under uretprobes) was recorded go by their age, or for the size when no
 * other is left. What stays: processes that live, or may live as far as the running recorder knows; those from which a
 * process that stays was forked; the holders of the newest ids, because no id may be given twice; recordings with their
 * books and gaps. The table "pruned" tells what went.
 *
 * A recorder may be writing, and others reading: each transaction takes milliseconds, and a process goes in one. Rows
 * of its events go afterwards; when this ends early, the next run removes them. Stacks, whose rows a running recorder
 * remembers, go when none runs; then a file that is mostly empty is also made smaller, if the disk has room. A recorder
 * that is started in that time is told that another one is writing.
 *
 * Errors as of store_writer_create(), and ERROR_SYSTEM for a database that is locked for five seconds or a full disk:
 * what was done until then stays done. *ret is valid even so. */
struct error *store_prune(const char *path, const struct store_prune_limits *limits,
			  struct store_pruned *ret) must_check;

/* ---- reading ---- */

struct store_reader;

struct error *store_reader_create(const char *path, struct store_reader **ret_reader) must_check;
void store_reader_destroy(struct store_reader *reader);

/* Single rows by id. The strings inside belong to the caller (the _deinit functions free them). ERROR_NOT_FOUND when
 * there is no such row. */
struct error *store_reader_recording(struct store_reader *, int64_t id, struct recording *ret) must_check;
/* The last one that was begun; ERROR_NOT_FOUND for none. */
struct error *store_reader_newest_recording(struct store_reader *, struct recording *ret) must_check;
struct error *store_reader_process(struct store_reader *, int64_t id, struct process *ret) must_check;
/* The process of a recording that had this pid of the initial namespace at that moment: the last one to have begun
 * before it, unless its end was seen earlier. */
struct error *store_reader_process_at(struct store_reader *, int64_t recording_id, uint32_t pid, uint64_t time_ns,
				      struct process *ret) must_check;
struct error *store_reader_space(struct store_reader *, int64_t id, struct space *ret) must_check;
struct error *store_reader_file(struct store_reader *, int64_t id, struct file_identity *ret) must_check;
struct error *store_reader_signal(struct store_reader *, int64_t id, struct signal_event *ret) must_check;

/* Who sent that signal; ERROR_NOT_FOUND when it was not seen. */
struct error *store_reader_signal_sender(struct store_reader *, int64_t signal_id,
					 struct signal_sender *ret) must_check;
void recording_deinit(struct recording *);
void file_identity_deinit(struct file_identity *);
void signal_event_deinit(struct signal_event *);

/* All address spaces whose four auxiliary-vector values equal the given ones, newest first. *ret_spaces is freed by the
 * caller; *ret_count may be 0. */
struct error *store_reader_find_spaces(struct store_reader *, uint64_t sysinfo_ehdr, uint64_t random, uint64_t entry,
				       uint64_t base, struct space **ret_spaces, size_t *ret_count) must_check;

/* The signals that processes died of (the first fatal one of each), newest first, at most `limit`. Free each element
 * with signal_event_deinit() and then the array. */
struct error *store_reader_fatal_signals(struct store_reader *, size_t limit, struct signal_event **ret_signals,
					 size_t *ret_count) must_check;

/* The signal that the process died of for which the space was made. ERROR_NOT_FOUND when there is none. */
struct error *store_reader_space_fatal_signal(struct store_reader *, int64_t space_id,
					      struct signal_event *ret) must_check;

/* What a history is asked for. */
struct history_query {
	int64_t space_id;
	uint64_t start, end; /* events whose effect overlaps [start, end) */
	uint64_t until_ns;   /* events that began before this moment; UINT64_MAX for all */
	size_t limit;	     /* keep at most this many, the newest ones */
};

/* The memory events of a space and of the spaces that it was forked from (those until the fork), oldest first (by id),
 * failed calls left out. *ret_truncated tells that older ones were left out because of `limit`. The array is freed by
 * the caller. Reads the database newest first through the block summaries, so that its cost follows what overlaps, not
 * what was recorded. */
struct error *store_reader_history(struct store_reader *, const struct history_query *,
				   struct memory_event **ret_events, size_t *ret_count, bool *ret_truncated) must_check;

/* Markers of a space (and of those it was forked from, until the fork) in [from_ns, to_ns], oldest first, the newest
 * `limit` of them. Free with markers_destroy(). */
struct error *store_reader_markers(struct store_reader *, int64_t space_id, uint64_t from_ns, uint64_t to_ns,
				   size_t limit, struct marker **ret_markers, size_t *ret_count) must_check;
void markers_destroy(struct marker *markers, size_t count);

/* The last marker of that thread that ended before `time_ns`, or the first that began after it. ERROR_NOT_FOUND when
 * none. Free the text with marker_deinit(). */
struct error *store_reader_marker_before(struct store_reader *, int64_t space_id, uint32_t tid, uint64_t time_ns,
					 struct marker *ret) must_check;
struct error *store_reader_marker_after(struct store_reader *, int64_t space_id, uint32_t tid, uint64_t time_ns,
					struct marker *ret) must_check;
void marker_deinit(struct marker *marker);

/* The gaps up to `until_ns` that concern an address space: those of nobody in particular, of the processes that use it,
 * and of its ancestors and their sharers before the fork. Freed by the caller. */
struct error *store_reader_space_gaps(struct store_reader *, int64_t space_id, uint64_t until_ns,
				      struct gap **ret_gaps, size_t *ret_count) must_check;

/* Pending uretprobes recorded with a fatal signal, by thread and depth; freed by the caller. */
struct error *store_reader_return_instances(struct store_reader *, int64_t signal_id, struct return_instance **ret,
					    size_t *ret_count) must_check;

/* The same for those that were recorded with an exit_state. */
struct error *store_reader_exit_return_instances(struct store_reader *, int64_t exit_state_id,
						 struct return_instance **ret, size_t *ret_count) must_check;

/* Deaths by exit with a status other than 0 while uretprobes were at work, newest first, at most `limit`; freed by the
 * caller. With `space_id` other than 0 only those of that address space. */
struct error *store_reader_exit_states(struct store_reader *, int64_t space_id, size_t limit, struct exit_state **ret,
				       size_t *ret_count) must_check;

/* The stack of an event, by its stack_id; ERROR_NOT_FOUND when there is no such row. Free with
 * recorded_stack_deinit(). */
struct error *store_reader_stack(struct store_reader *, int64_t id, struct recorded_stack *ret) must_check;

/* What was mapped in a space just before `time_ns`, wherever a file was ever mapped or a mapping was found in place:
 * the mappings that memory events left standing there, as MEMORY_SEEN rows do (args: start, length, prot, flags, 0,
 * file offset; file_id; id and enter_ns of the event that made it), by rising start; freed by the caller. Memory that
 * was anonymous from the beginning is left out, so that its cost follows the number of libraries and not of
 * allocations. ERROR_INVALID for more mappings than a kernel allows. */
struct error *store_reader_maps_at(struct store_reader *, int64_t space_id, uint64_t time_ns,
				   struct memory_event **ret_mappings, size_t *ret_count) must_check;

/* What can tell at any moment which files' code was mapped where: the events before `until_ns` that concern a place
 * where a file was ever mapped executable, of the space and of those that it was forked from, by rising id; freed by
 * the caller. Costs what one store_reader_maps_at() does. */
struct error *store_reader_code_events(struct store_reader *, int64_t space_id, uint64_t until_ns,
				       struct memory_event **ret_events, size_t *ret_count) must_check;

/* A heap's history: calls whose block or old_block overlaps [start, end), of the space and of those that it was forked
 * from (until the fork), oldest first (by id), the newest `limit` of them; *ret_truncated tells that older ones were
 * left out. A free names only an address: it overlaps when that address does. Freed by the caller. Its cost follows
 * what overlaps, not what was recorded. */
struct error *store_reader_heap_history(struct store_reader *, const struct history_query *,
					struct heap_event **ret_events, size_t *ret_count,
					bool *ret_truncated) must_check;

/* Calls of --probe functions that had an integer or pointer argument, or a result, in [start, end); oldest first, the
 * newest `limit` of them. Free each with call_event_deinit(), then the array. */
struct error *store_reader_calls(struct store_reader *, const struct history_query *, struct call_event **ret_events,
				 size_t *ret_count, bool *ret_truncated) must_check;

struct error *store_reader_function(struct store_reader *, int64_t id, struct probed_function *ret) must_check;
/* All functions of a recording; free each with probed_function_deinit(), then the array. */
struct error *store_reader_functions(struct store_reader *, int64_t recording_id, struct probed_function **ret,
				     size_t *ret_count) must_check;

/* From when on the calls of a process were seen, by the earliest of its rows (and of those for every process).
 * ERROR_NOT_FOUND: its calls were not recorded at all. */
struct error *store_reader_probe_coverage(struct store_reader *, int64_t recording_id, int64_t process_id,
					  struct probe_coverage *ret) must_check;

/* Recorded truncations of a recording, oldest first, at most `limit` of the newest: those of the file with that
 * identity, whatever its path then, and those whose file is not known and whose path ends in the component `name`
 * (NULL: none of these). Free each with truncation_deinit(), then the array. */
struct error *store_reader_truncations(struct store_reader *, int64_t recording_id, const struct file_identity *file,
				       const char *name, size_t limit, struct truncation **ret,
				       size_t *ret_count) must_check;

/* Which probes of the ledger are asked for. */
struct attached_probe_query {
	int64_t recording_id;
	bool any_place; /* ignore the place below */
	uint32_t device_major;
	uint32_t device_minor;
	uint64_t inode; /* matches the inode that carries the breakpoint, and the one that mappings show */
	uint64_t offset;
	int at_return;	  /* 1 uretprobes, 0 uprobes, -1 both */
	bool any_time;	  /* ignore the time below */
	uint64_t time_ns; /* those that were, or may have been, held at that moment */
	uint32_t pid;	  /* 0: no matter; else leave out those that are for another process alone */
};

/* Those probes, the certain ones first (attached_probe_held), then the longest attached. Free with
 * attached_probes_destroy(). */
struct error *store_reader_attached_probes(struct store_reader *, const struct attached_probe_query *query,
					   struct attached_probe **ret_probes, size_t *ret_count) must_check;
void attached_probe_deinit(struct attached_probe *probe);
void attached_probes_destroy(struct attached_probe *probes, size_t count);

/* Number of memory events, markers and signals of a space and of those it was forked from. */
struct error *store_reader_count_events(struct store_reader *, int64_t space_id, uint64_t *ret_count) must_check;

/* How many processes store_prune() has removed, and when the last of them had ended (ns since 1970); 0 for none. */
struct error *store_reader_pruned(struct store_reader *, uint64_t *ret_processes, int64_t *ret_until_ns) must_check;

/* All files that the store names; free each with file_identity_deinit(), then the array. */
struct error *store_reader_files(struct store_reader *, struct file_identity **ret_files, size_t *ret_count) must_check;

/* What an extract is made of. */
struct extract_query {
	int64_t space_id;    /* 0: an empty store */
	uint32_t sender_pid; /* a process of the same recording that is named in it; 0: none */
};

/* Writes a new store to `path` that answers every question about that space as this one does: its rows and those of
 * the spaces that it was forked from (until the fork), everything that these name, and what the recording knows beside
 * them (gaps, attached probes, functions, truncations of its files), with their ids. One file, without a log. On an
 * error nothing is left of it; ERROR_NOT_FOUND when there is no such space. The cost is that of reading the space's
 * events, and of passing over all heap calls. */
struct error *store_reader_extract(struct store_reader *, const struct extract_query *query,
				   const char *path) must_check;

/* ---- SQL for people ---- */

/* One result row as text; `values[i]` is NULL for SQL NULL. Return false to stop. */
typedef bool (*store_row_function)(void *context, int columns, const char *const *names, const char *const *values);

enum store_value_type { STORE_NULL = 0, STORE_INTEGER, STORE_TEXT };

struct store_value {
	enum store_value_type type;
	int64_t integer;
	const char *text; /* the owner's */
};

/* A value for a parameter of a statement, which is bound and never becomes part of its text. */
struct store_argument {
	const char *name; /* ":address"; NULL for the one that stands at this place: ?1, ?2 and so on */
	struct store_value value;
};

/* Runs one read-only statement. ERROR_INVALID with SQLite's text for a bad statement, for more than one statement, for
 * any statement that would write, for parameters that got no value and for values that no parameter takes.
 *
 * Every statement has the functions addr(x), address(text), page_floor(x), page_ceil(x), overlaps(a, b, c, d),
 * errno_name(n), signal_name(n), protection(prot), map_flags(flags), date_of(ns[, recording]), and the table-valued
 * functions mapping_life, unmap_again, heap_life and free_again (sql_replay_table.c). */
struct error *store_reader_query_bound(struct store_reader *, const char *sql, const struct store_argument *arguments,
				       size_t argument_count, store_row_function row, void *context) must_check;
/* The same without parameters. */
struct error *store_reader_query(struct store_reader *, const char *sql, store_row_function row,
				 void *context) must_check;

#define STORE_FUNCTION_ARGUMENTS_MAX 4

/* A function that SQL can call afterwards. Its arguments are numbers and texts; where one is NULL, the result is, and
 * the function is not called. *ret_text is a text from malloc, or stays NULL for NULL. Its errors end the statement. It
 * may ask the reader. `context` must live as long as the reader. */
typedef struct error *(*store_sql_function)(void *context, const struct store_value *arguments, int count,
					    char **ret_text);
struct error *store_reader_add_function(struct store_reader *, const char *name, int arguments,
					store_sql_function function, void *context) must_check;

/* Is asked many times a second while a statement runs; false ends it, with ERROR_SYSTEM "interrupted". NULL for none.
 */
typedef bool (*store_progress_function)(void *context);
void store_reader_set_progress(struct store_reader *, store_progress_function progress, void *context);

#endif
