/* SPDX-License-Identifier: MIT */
/* What the files of the ingest share: its state, and who makes which rows. Not for others. */
#ifndef COLLECTOR_INGEST_INTERNAL_H
#define COLLECTOR_INGEST_INTERNAL_H

#include "collector/ingest.h"
#include "common/id_table.h"
#include "schema/record_call.h"
#include "schema/record_file.h"
#include "schema/record_process.h"

struct memory_event;

/* What the return instances that follow belong to: one of the two. */
struct death {
	uint32_t tid; /* the thread that tells them */
	int64_t signal_id;
	int64_t exit_state_id;
};

/* A process and the address space that it uses now, or used last. Rows have an id of 0 until they are in the store. */
struct tenant {
	struct process process;
	struct space space;
	struct event_file_id executable;
	struct death death;
	struct attached_segment {
		uint64_t address, bytes;
	} * segments; /* of the space that was made for it */
	size_t segment_count;
	bool shares_space;			 /* the space's row belongs to the parent (vfork) */
	bool share_stored, share_committed;	 /* the row that says so is in the store; outlives a rollback */
	bool process_committed, space_committed; /* the row outlives a rollback */
	bool changed;				 /* the rows have older values */
	bool written;				 /* values of the rows were changed since the last commit */
	bool lacks_parent;			 /* forked by a process that has not been announced yet */
	bool adopted;				 /* which has been since */
	bool ended;				 /* it is in the list of those, and */
	bool out;				 /* (its pid has another owner) no longer in the tree */
	struct tenant *next_ended;
};

/* Coverage that is not in the store for good yet. */
struct waiting_coverage {
	struct waiting_coverage *next;
	uint32_t pid;
	uint64_t start_ns;
	struct probe_coverage row; /* id 0: not stored yet */
	bool is_empty;		   /* the process ended before it */
};

struct file_entry {
	struct event_file_id key;
	int64_t id;
	bool committed;
	bool is_nameless; /* the row was made by this recording, without a path */
	struct file_identity identity;
};

/* A row of the ledger that is still of interest. */
struct ledger_row {
	struct attached_probe probe; /* id 0: not in the store (yet) */
	bool committed;		     /* the row outlives a rollback */
	bool changed;		     /* the store has older values */
	uint64_t look;		     /* number of the last look that found it */
};

struct ingest {
	struct store_writer *writer;
	int64_t recording_id;
	uint64_t started_ns;
	uint64_t complete_until_ns; /* as the store has it */
	uint64_t quota_bytes;
	uint32_t stack_bytes; /* what the kernel side was asked to copy */
	bool over_quota;
	void *tenants; /* tsearch trees */
	void *files;
	int64_t older_file_id; /* rows up to it are of older recordings */
	struct tenant *latest; /* most events come from the process of the event before */
	struct gap *gaps;      /* waiting for the next commit */
	size_t gap_count, gap_room;
	struct tenant *ended, **last_ended; /* oldest first */
	size_t ended_count;
	size_t orphans;	   /* tenants that lack their parent */
	bool tenants_owed; /* some row of a tenant has to be written before the next commit */
	bool rolled_back;  /* at least once */
	bool unsettled;	   /* something may have been added since the last commit */
	struct waiting_coverage *coverage;
	uint64_t uncovered;    /* rows of coverage in the store that began after the process's end */
	uint32_t unmapped[64]; /* pids of processes whose mappings were not told; what is too many stays so */
	size_t unmapped_count;
	void *ledger; /* tsearch tree */
	size_t ledger_count;
	uint64_t look; /* number of the look that is going on, or was the last */
	uint64_t look_began_ns;
	bool look_wanted;
	struct ingest_function {
		int64_t id;
		enum function_role role;
	} * functions; /* of the plan, by their index in it */
	size_t function_count;
	bool heap;		  /* heap functions are among them */
	struct call_texts *texts; /* what arguments pointed to, until the calls are told */
	struct id_table slices;	  /* rows of slices, by the hash that the kernel side gave them */
	bool slices_missed;	  /* one was named that never came, or whose row is gone */
	uint64_t pending;	  /* events added since the last commit */
	uint64_t oldest_pending_ns, newest_pending_ns;
	uint64_t stored, lost;
	struct error *failure;
};

/* ingest_file.c: files by identity. */

/* The row of a file, made when it is not there; *ret_id is 0 for no file. One whose path is not known has the path "".
 */
struct error *ingest_file_row(struct ingest *ingest, const struct event_file_id *key, int64_t *ret_id) must_check;
struct error *ingest_take_file(struct ingest *ingest, const struct event_file *record) must_check;
/* After a commit: what was added is there to stay, or (`kept` false) gone. */
void ingest_settle_files(struct ingest *ingest, bool kept);
void ingest_free_files(struct ingest *ingest);
/* True when a known file's path ends in the same component as `path`. */
bool ingest_knows_file_name(struct ingest *ingest, const char *path);
/* "/usr/lib/x" from the components "x", "lib", "usr", each with its NUL. The caller frees it; NULL without memory. */
char *ingest_join_path(const char *components, uint32_t used, bool truncated, bool deleted);

/* ingest_tenant.c: processes and their address spaces. */

/* The tenant of an event, with its rows in the store. ERROR_NOT_FOUND for one that was not announced: the kernel side
 * announces a process before anything else of it. */
struct error *ingest_tenant_of(struct ingest *ingest, const struct event_header *header,
			       struct tenant **ret_tenant) must_check;
/* The process of that pid and start (0: of whatever start), also one that has just ended; NULL when there is none. */
struct tenant *ingest_find_process(struct ingest *ingest, uint32_t pid, uint64_t start_ns);
/* One that has ended, also when its pid has had another owner since; NULL when there is none. */
struct tenant *ingest_find_ended(struct ingest *ingest, uint32_t pid, uint64_t start_ns);
/* The user that a process runs as now. */
struct error *ingest_note_user(struct ingest *ingest, struct tenant *tenant, uint32_t uid) must_check;
struct error *ingest_take_process(struct ingest *ingest, const struct event_process *record) must_check;
struct error *ingest_take_exit(struct ingest *ingest, const struct event_exit *record) must_check;
/* Before a commit: writes what an earlier one did not keep. */
struct error *ingest_store_tenants(struct ingest *ingest) must_check;
void ingest_settle_tenants(struct ingest *ingest, bool kept);
void ingest_free_tenants(struct ingest *ingest);

/* The one that the space was made for which a process uses. */
struct tenant *ingest_space_owner(struct ingest *ingest, struct tenant *tenant);

/* ingest_segment.c: segments of shared memory. `owner` is the space's. */

/* Fills in the size of what a shmdt has taken away. */
struct error *ingest_follow_segments(struct tenant *owner, struct memory_event *event) must_check;
struct error *ingest_copy_segments(struct tenant *child, const struct tenant *parent) must_check;
void ingest_forget_segments(struct tenant *tenant);

/* ingest_event.c: what happens to processes. */
struct error *ingest_take_syscall(struct ingest *ingest, const struct event_syscall *record) must_check;
struct error *ingest_take_mapping(struct ingest *ingest, const struct event_mapping *record) must_check;
struct error *ingest_take_result(struct ingest *ingest, const struct event_result *record) must_check;
struct error *ingest_take_prctl(struct ingest *ingest, const struct event_prctl *record) must_check;
struct error *ingest_take_thread(struct ingest *ingest, const struct event_thread *record) must_check;
struct error *ingest_take_signal(struct ingest *ingest, const struct event_signal *record) must_check;
struct error *ingest_take_return_instance(struct ingest *ingest, const struct event_return_instance *record) must_check;

struct error *ingest_take_exit_state(struct ingest *ingest, const struct event_exit_state *record) must_check;

/* ingest_truncation.c: files that become shorter, by whomever. */
struct error *ingest_take_truncation(struct ingest *ingest, const struct event_truncation *record) must_check;

/* ingest_stack.c: user stacks. */

/* A slice is no event: what becomes of it is not told in the books. */
struct error *ingest_take_slice(struct ingest *ingest, const struct event_stack_slice *record) must_check;
/* The row of an event's stack, which the kernel side copied at most `asked_bytes` of. */
struct error *ingest_stack_row(struct ingest *ingest, const struct event_stack *stack, int64_t *ret_id) must_check;
void ingest_forget_slices(struct ingest *ingest);

/* ingest_call.c: calls of probed functions. */
struct error *ingest_take_call(struct ingest *ingest, const struct event_call *record) must_check;
struct error *ingest_take_call_text(struct ingest *ingest, const struct event_call_text *record) must_check;
struct error *ingest_take_coverage(struct ingest *ingest, const struct event_coverage *record) must_check;
/* Stores the coverage of processes that are known by now. */
struct error *ingest_store_coverage(struct ingest *ingest) must_check;
void ingest_settle_coverage(struct ingest *ingest, bool kept);
void ingest_free_coverage(struct ingest *ingest);
void ingest_free_functions(struct ingest *ingest);

/* ingest_ledger.c: who holds which uprobe. */
struct error *ingest_take_probe(struct ingest *ingest, const struct event_probe *record) must_check;
struct error *ingest_take_holder_exit(struct ingest *ingest, const struct event_holder_exit *record) must_check;
/* Before a commit: writes what has changed. */
struct error *ingest_store_ledger(struct ingest *ingest) must_check;
void ingest_settle_ledger(struct ingest *ingest, bool kept);
void ingest_free_ledger(struct ingest *ingest);

#endif
