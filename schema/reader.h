/* SPDX-License-Identifier: MIT */
/*
 * Rows out: recordings, processes, address spaces and files by what names them. A reader opens the file read-only and
 * may run beside a writer (WAL). It is used by one thread. A file of an older version is read through a private copy
 * that has been brought to the newest one; what is written to the file later is not seen then.
 *
 * Strings inside of what is returned belong to the caller; the _deinit functions of the schema/record headers free
 * them. An array is freed by the caller, after its elements where these own something.
 *
 * Errors of all functions that read, here and in the other reader headers: ERROR_SYSTEM or ERROR_INVALID (a damaged
 * file) with SQLite's own text, error_no_memory; error_not_found where one row was asked for and there is none.
 */
#ifndef SCHEMA_READER_H
#define SCHEMA_READER_H

#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "common/error.h"
#include "schema/record_file.h"
#include "schema/record_process.h"
#include "schema/record_recording.h"

struct store_reader;

/* Errors as of schema/migrate.h; ERROR_INVALID also for an empty file. */
struct error *store_reader_create(const char *path, struct store_reader **ret_reader) must_check;
void store_reader_destroy(struct store_reader *reader);
DEFINE_CLEANUP(struct store_reader, store_reader_destroy)

struct error *store_reader_recording(struct store_reader *, int64_t id, struct recording *ret) must_check;
/* The last one that was begun; ERROR_NOT_FOUND for none. */
struct error *store_reader_newest_recording(struct store_reader *, struct recording *ret) must_check;
struct error *store_reader_process(struct store_reader *, int64_t id, struct process *ret) must_check;
/* Those that use or used that space: the one that it was made for, and those that shared it (vfork, CLONE_VM). Freed by
 * the caller. */
struct error *store_reader_space_users(struct store_reader *, int64_t space_id, struct process **ret_processes,
				       size_t *ret_count) must_check;
/* The process of a recording that had this pid of the initial namespace at that moment: the last one to have begun
 * before it, unless its end was seen earlier. */
struct error *store_reader_process_at(struct store_reader *, int64_t recording_id, uint32_t pid, uint64_t time_ns,
				      struct process *ret) must_check;
struct error *store_reader_space(struct store_reader *, int64_t id, struct space *ret) must_check;
struct error *store_reader_file(struct store_reader *, int64_t id, struct file_identity *ret) must_check;

/* All files that the store names; free each with file_identity_deinit(), then the array. */
struct error *store_reader_files(struct store_reader *, struct file_identity **ret_files, size_t *ret_count) must_check;

/* All address spaces whose four auxiliary-vector values equal the given ones, newest first. *ret_spaces is freed by the
 * caller; *ret_count may be 0. */
struct error *store_reader_find_spaces(struct store_reader *, uint64_t sysinfo_ehdr, uint64_t random, uint64_t entry,
				       uint64_t base, struct space **ret_spaces, size_t *ret_count) must_check;

#endif
