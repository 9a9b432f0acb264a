/* SPDX-License-Identifier: MIT */
/*
 * Pruning (corelate gc): the longest dead go, so that the database keeps its limits.
 */
#ifndef SCHEMA_PRUNE_H
#define SCHEMA_PRUNE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

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

#endif
