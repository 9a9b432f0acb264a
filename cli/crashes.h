/* SPDX-License-Identifier: MIT */
/*
 * The crashes that are known of: recorded deaths by a signal, recorded exits with uretprobes at work, and what lies in
 * the vault. One row each, newest first; a recorded death and its entry in the vault are one row. Nothing is judged, no
 * core is opened before it is asked for, and none is unpacked before it is read.
 *
 * A row owns what it holds.
 */
#ifndef CLI_CRASHES_H
#define CLI_CRASHES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/core/core.h"
#include "cli/match.h"
#include "common/error.h"
#include "schema/record_death.h"
#include "schema/record_process.h"
#include "vault/vault.h"

/* coredumpctl's words, of which "none" is for a death that left no core that could be found. */
enum crash_core { CRASH_CORE_NONE, CRASH_CORE_PRESENT, CRASH_CORE_TRUNCATED, CRASH_CORE_MISSING, CRASH_CORE_ERROR };
const char *crash_core_name(enum crash_core state);

struct crash_row {
	char id[17];	 /* as struct crash has it; "" when it is not known: the entry's name has to do */
	int64_t real_ns; /* date of the death; 0 when not known */
	char boot_id[37];
	uint32_t pid; /* in the initial pid namespace */
	uint32_t namespace_pid;
	uint32_t tid; /* in the initial pid namespace */
	bool has_uid, has_gid;
	uint32_t uid, gid;
	int32_t signal; /* 0: it exited */
	int32_t status; /* of an exit, as wait(2) gives it */
	char comm[17];	/* of the process */
	char thread_comm[17];
	char *executable; /* NULL when not known */
	char *hostname;	  /* NULL when not known */
	/* from the vault */
	char *entry;		     /* its name; NULL when it does not lie there */
	enum crash_core stored_core; /* what became of the entry's core */
	uint64_t stored_bytes;	     /* of the core's file */
	char *note;		     /* why there is no core, or not all of it; NULL for nothing to say */
	char *class, *confidence;    /* of the stored report's verdict; NULL when there is none */
	/* from the record */
	bool has_signal;
	struct signal_event signal_event;
	bool has_exit;
	struct exit_state exit;
	struct process process; /* both of these when has_signal or has_exit */
	struct space space;
};

/* Where crashes are looked for; either may be NULL. */
struct crash_sources {
	struct store_reader *store;
	struct vault *vault;
	bool vault_forbidden; /* there is one, which others may read */
};

struct crash_rows {
	struct crash_row *rows;
	size_t count, capacity;
};

/* The newest `limit` crashes (0: all of them, but never more than 10000 of the record) that the query means. A row of
 * the database that contradicts itself is an error; an entry of the vault that cannot be read is a row that says so. */
struct error *crashes_collect(const struct crash_sources *sources, const struct match_query *query, size_t limit,
			      struct crash_rows *ret) must_check;
void crash_rows_deinit(struct crash_rows *rows);
void crash_row_deinit(struct crash_row *row);

/* Where a row's core is and how large the file is; ret_bytes is 0 where there is none. Opens a core, unpacks nothing.
 */
enum crash_core crash_row_core(const struct crash_row *row, uint64_t *ret_bytes);

/* A core, opened. One that lies in the vault is unpacked for it, into a file that is gone with it. */
struct crash_core_file {
	struct core *core; /* NULL when there is none. Its modules are not looked for yet. */
	char *name;	   /* what to call it; NULL: its path */
	bool has_fd;
	int fd; /* what core->path leads to */
};
struct error *crash_row_open_core(const struct crash_sources *sources, const struct crash_row *row,
				  struct crash_core_file *ret) must_check;
void crash_core_file_deinit(struct crash_core_file *file);

#endif
