/* SPDX-License-Identifier: MIT */
/*
 * Turns records of the kernel side into rows of the store: keeps which process has which address space, gives every
 * event its space, and keeps the books of what was stored and what was lost. Used by one thread. Knows no libbpf and no
 * SQL.
 */
#ifndef COLLECTOR_INGEST_H
#define COLLECTOR_INGEST_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/event.h"
#include "collector/plan.h"
#include "common/error.h"
#include "schema/record_probe.h"
#include "schema/record_recording.h"

struct ingest;
struct store_writer;

/* What the ingest must know of the recording. */
struct ingest_options {
	int64_t recording_id; /* and */
	uint64_t started_ns;  /* are those of the recording's row */
	/* No event is stored once the store is larger than this (0: no limit); it is counted as lost instead. */
	uint64_t quota_bytes;
	uint32_t stack_bytes; /* how much of a stack the kernel side was asked to copy */
};

/* `writer` must outlive the ingest. */
struct error *ingest_create(struct store_writer *writer, const struct ingest_options *options,
			    struct ingest **ret_ingest) must_check;
void ingest_destroy(struct ingest *ingest);

/* Adds the rows of the plan's functions; before the first record. The identities of its files are known. Commits
 * nothing. */
struct error *ingest_add_functions(struct ingest *ingest, const struct plan *plan) must_check;

/* Stores one record. A record that cannot be stored is counted as lost, with its time, and never an error here; the
 * text of the first such failure is kept for ingest_failure(). */
void ingest_record(struct ingest *ingest, const struct event_header *record);

/* The ledger: who holds which uprobe. Between begin and end, everything that is held now is told: descriptors as the
 * records of the kernel's iterator, or as holders.h finds them, and what tracefs defines. What was known and is not
 * told is gone; without `descriptors` only what tracefs defined. Time is that of the begin. */
void ingest_look_begin(struct ingest *ingest, uint64_t now_ns);
void ingest_look_record(struct ingest *ingest, const struct event_probe *record, const char *path);
void ingest_look_probe(struct ingest *ingest, const struct attached_probe *probe);
void ingest_look_end(struct ingest *ingest, bool descriptors, bool tracefs);

/* The path of a process's cgroup (v2) below the hierarchy's root, from /proc/PID/cgroup; NULL when not known. The
 * caller frees it. */
char *ingest_read_cgroup(uint32_t pid);

/* A process died in a way that makes a look worth while at once. The call answers once. */
bool ingest_wants_look(struct ingest *ingest);

/* A process whose exec was announced late, so that its mappings were not told: they should be looked for. Each is told
 * once; false when there is none. */
bool ingest_wants_snapshot(struct ingest *ingest, uint32_t *ret_pid);

/* Events named a slice of stack that is not there: the kernel side should hand all of them over again. The call answers
 * once. */
bool ingest_wants_slices(struct ingest *ingest);

/* Does any process hold a probe, as far as is known? */
bool ingest_has_holders(const struct ingest *ingest);

/* Losses that others saw. Adds to the books and to the next gap rows. */
void ingest_add_loss(struct ingest *ingest, enum gap_cause cause, uint32_t pid, uint64_t from_ns, uint64_t to_ns,
		     uint64_t lost);

/* Commits rows and gaps; `complete_until_ns` as store_writer_commit() has it. Failures are counted, as above. */
void ingest_commit(struct ingest *ingest, uint64_t complete_until_ns);

/* Before the recording ends, and before its last commit: completes rows that a rollback has left incomplete. */
void ingest_complete(struct ingest *ingest);

/* Events stored and lost so far. After everything was drained their sum equals what was emitted. */
void ingest_books(const struct ingest *ingest, uint64_t *ret_stored, uint64_t *ret_lost);

/* Processes that had ended before the calls of probed functions were seen in them. */
uint64_t ingest_uncovered(const struct ingest *ingest);

/* Why storing failed for the first time since the last call, or NULL. The caller owns it. */
struct error *ingest_failure(struct ingest *ingest);

#endif
