/* SPDX-License-Identifier: MIT */
/*
 * Rows in. A writer is used by one thread of the recorder; the file is its alone (a lock), and readers may run beside
 * it (WAL). Rows and units are those of the schema/record headers. This module knows nothing of BPF or ELF; it does not
 * print.
 *
 * Errors of functions that open: those of schema/migrate.h. Those of all others: ERROR_SYSTEM with SQLite's own text,
 * or error_no_memory.
 */
#ifndef SCHEMA_WRITER_H
#define SCHEMA_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "common/error.h"

struct store_writer;
/* The rows: schema/record_*.h. */
struct attached_probe;
struct call_event;
struct call_result;
struct exit_state;
struct file_identity;
struct gap;
struct heap_event;
struct marker;
struct memory_event;
struct probe_coverage;
struct probed_function;
struct process;
struct recorded_stack;
struct recording;
struct return_instance;
struct signal_event;
struct signal_sender;
struct space;
struct thread_start;
struct truncation;

/* Opens `path` for writing, creating it (mode 0600) when missing, and brings it to the newest migration. A file that is
 * not ours is refused and left untouched. Each migration runs in one transaction. The writer holds a lock on the file
 * PATH-lock, which stays there, until it is destroyed or its process ends; ERROR_SYSTEM "another recorder is writing to
 * PATH" when it is held. */
struct error *store_writer_create(const char *path, struct store_writer **ret_writer) must_check;

/* Commits what is pending and closes. NULL is fine. */
void store_writer_destroy(struct store_writer *writer);
DEFINE_CLEANUP(struct store_writer, store_writer_destroy)

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

#endif
