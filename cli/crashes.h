/* SPDX-License-Identifier: MIT */
/*
 * The crashes that are known of: recorded deaths by a signal, and recorded exits with uretprobes at work. One row each,
 * newest first; nothing of it is judged, and no core is opened before it is asked for.
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
#include "schema/store.h"

/* coredumpctl's words, of which "none" is for a death that left no core that could be found. */
enum crash_core { CRASH_CORE_NONE, CRASH_CORE_PRESENT, CRASH_CORE_TRUNCATED, CRASH_CORE_MISSING, CRASH_CORE_ERROR };
const char *crash_core_name(enum crash_core state);

struct crash_row {
	char id[17];	 /* as struct crash has it; "" when it is not known */
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
	/* from the record */
	bool has_signal;
	struct signal_event signal_event;
	bool has_exit;
	struct exit_state exit;
	struct process process; /* both of these when has_signal or has_exit */
	struct space space;
};

struct crash_rows {
	struct crash_row *rows;
	size_t count;
};

/* The newest `limit` crashes (0: all of them, but never more than 10000 of the record) that the query means. `store`
 * may be NULL. A row of the database that contradicts itself is an error. */
struct error *crashes_collect(struct store_reader *store, const struct match_query *query, size_t limit,
			      struct crash_rows *ret) must_check;
void crash_rows_deinit(struct crash_rows *rows);
void crash_row_deinit(struct crash_row *row);

/* Where a row's core is and how large the file is; ret_bytes is 0 where there is none. Opens a core, unpacks nothing.
 */
enum crash_core crash_row_core(const struct crash_row *row, uint64_t *ret_bytes);

/* The core itself; NULL when there is none. Its modules are not looked for yet. */
struct error *crash_row_open_core(const struct crash_row *row, struct core **ret_core) must_check;

#endif
