/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "collector/ingest_internal.h"
#include "common/cleanup.h"
#include "common/vector.h"
#include "schema/writer.h"

static struct error *look_at_quota(struct ingest *ingest)
{
	uint64_t bytes;
	struct error *err;

	if (!ingest->quota_bytes)
		return NULL;
	err = store_writer_size(ingest->writer, &bytes);
	if (!err)
		ingest->over_quota = bytes >= ingest->quota_bytes;
	return err;
}

struct error *ingest_create(struct store_writer *writer, const struct ingest_options *options,
			    struct ingest **ret_ingest)
{
	struct ingest *ingest = calloc(1, sizeof(*ingest));
	struct error *err;

	if (!ingest)
		return &error_no_memory;
	ingest->writer = writer;
	ingest->recording_id = options->recording_id;
	ingest->started_ns = options->started_ns;
	ingest->complete_until_ns = options->started_ns;
	ingest->quota_bytes = options->quota_bytes;
	ingest->stack_bytes = options->stack_bytes;
	ingest->older_file_id = store_writer_last_file(writer);
	/* A store that is full from the beginning takes nothing, not even until the first commit. */
	err = look_at_quota(ingest);
	if (err) {
		ingest_destroy(ingest);
		return err;
	}
	*ret_ingest = ingest;
	return NULL;
}

void ingest_destroy(struct ingest *ingest)
{
	if (!ingest)
		return;
	ingest_free_tenants(ingest);
	ingest_free_ledger(ingest);
	ingest_free_files(ingest);
	ingest_free_functions(ingest);
	ingest_free_coverage(ingest);
	id_table_clear(&ingest->slices);
	error_destroy(ingest->failure);
	free(ingest->gaps);
	free(ingest);
}

void ingest_add_loss(struct ingest *ingest, enum gap_cause cause, uint32_t pid, uint64_t from_ns, uint64_t to_ns,
		     uint64_t lost)
{
	ingest->lost += lost;
	for (size_t i = 0; i < ingest->gap_count; i++) {
		struct gap *gap = &ingest->gaps[i];

		if (gap->cause != cause || gap->pid != pid)
			continue;
		/* What lies between two of these was recorded. */
		if (cause == GAP_FILTER && (from_ns > gap->to_ns || to_ns < gap->from_ns))
			continue;
		gap->lost += lost;
		if (from_ns < gap->from_ns)
			gap->from_ns = from_ns;
		if (to_ns > gap->to_ns)
			gap->to_ns = to_ns;
		return;
	}
	if (array_reserve(ingest->gaps, ingest->gap_room, ingest->gap_count + 1))
		return; /* the books still show the loss: they will not balance with the gap rows */
	ingest->gaps[ingest->gap_count++] = (struct gap){
		.recording_id = ingest->recording_id,
		.pid = pid,
		.cause = cause,
		.from_ns = from_ns,
		.to_ns = to_ns,
		.lost = lost,
	};
}

static void keep_failure(struct ingest *ingest, struct error *err)
{
	if (ingest->failure)
		error_destroy(err);
	else
		ingest->failure = err;
}

void ingest_complete(struct ingest *ingest)
{
	struct error *err;

	if (!ingest->rolled_back)
		return;
	err = ingest_store_tenants(ingest) ?: store_writer_end_left_spaces(ingest->writer, ingest->recording_id);
	if (err)
		keep_failure(ingest, err);
}

struct error *ingest_failure(struct ingest *ingest)
{
	return take_pointer(ingest->failure);
}

void ingest_books(const struct ingest *ingest, uint64_t *ret_stored, uint64_t *ret_lost)
{
	*ret_stored = ingest->stored;
	*ret_lost = ingest->lost;
}

static struct error *take_record(struct ingest *ingest, const struct event_header *record)
{
	switch (record->type) {
	case EVENT_SYSCALL:
		return ingest_take_syscall(ingest, (const void *)record);
	case EVENT_RESULT:
		return ingest_take_result(ingest, (const void *)record);
	case EVENT_PRCTL:
		return ingest_take_prctl(ingest, (const void *)record);
	case EVENT_FILE:
		return ingest_take_file(ingest, (const void *)record);
	case EVENT_MAPPING:
		return ingest_take_mapping(ingest, (const void *)record);
	case EVENT_PROCESS:
		return ingest_take_process(ingest, (const void *)record);
	case EVENT_THREAD:
		return ingest_take_thread(ingest, (const void *)record);
	case EVENT_EXIT:
		return ingest_take_exit(ingest, (const void *)record);
	case EVENT_SIGNAL:
		return ingest_take_signal(ingest, (const void *)record);
	case EVENT_RETURN_INSTANCE:
		return ingest_take_return_instance(ingest, (const void *)record);
	case EVENT_EXIT_STATE:
		return ingest_take_exit_state(ingest, (const void *)record);
	case EVENT_PROBE:
		return ingest_take_probe(ingest, (const void *)record);
	case EVENT_CALL:
		return ingest_take_call(ingest, (const void *)record);
	case EVENT_CALL_TEXT:
		return ingest_take_call_text(ingest, (const void *)record);
	case EVENT_HOLDER_EXIT:
		return ingest_take_holder_exit(ingest, (const void *)record);
	case EVENT_TRUNCATION:
		return ingest_take_truncation(ingest, (const void *)record);
	default:
		return error_format(ERROR_INVALID, "record of unknown type %u", record->type);
	}
}

/* What was added since the last time is there to stay, or (`kept` false) gone and has to be added again. */
static void settle(struct ingest *ingest, bool kept)
{
	ingest_settle_ledger(ingest, kept);
	if (kept && !ingest->unsettled)
		return;
	ingest_settle_tenants(ingest, kept);
	ingest_settle_files(ingest, kept);
	ingest_settle_coverage(ingest, kept);
	if (!kept)
		ingest_forget_slices(ingest);
	ingest->unsettled = !kept;
}

/* Asked after each record, so that no later row names one that went with a transaction. */
static void look_for_rollback(struct ingest *ingest)
{
	if (store_writer_take_rollback(ingest->writer))
		settle(ingest, false);
}

static void store_record(struct ingest *ingest, const struct event_header *record)
{
	struct error *err = take_record(ingest, record);

	look_for_rollback(ingest);
	if (err) {
		enum gap_cause cause = err->code == ERROR_NOT_FOUND ? GAP_KERNEL_STATE : GAP_DATABASE;

		keep_failure(ingest, err);
		ingest_add_loss(ingest, cause, record->pid, record->time_ns, record->time_ns, 1);
		return;
	}
	if (!ingest->pending++)
		ingest->oldest_pending_ns = record->time_ns;
	ingest->newest_pending_ns = record->time_ns;
	ingest->stored++;
}

void ingest_record(struct ingest *ingest, const struct event_header *record)
{
	struct error *err;

	ingest->unsettled = true;
	if (record->type == EVENT_STACK_SLICE) {
		err = ingest->over_quota ? NULL : ingest_take_slice(ingest, (const void *)record);
		look_for_rollback(ingest);
		if (err)
			keep_failure(ingest, err);
		return;
	}
	if (record->type == EVENT_COVERAGE) {
		err = ingest_take_coverage(ingest, (const void *)record);
		look_for_rollback(ingest);
		if (err)
			keep_failure(ingest, err);
		return;
	}
	/* Who a process is and what a file is called is kept even over quota: it is small, and the crash needs it. */
	if (ingest->over_quota && event_is_bulk(record->type)) {
		ingest_add_loss(ingest, GAP_QUOTA, 0, record->time_ns, record->time_ns, 1);
		return;
	}
	store_record(ingest, record);
}

/* Gaps go in a transaction of their own: one that fails may have stored a part of what was added to it, and a gap must
 * be stored once. What could not be stored waits for the next commit. */
static void commit_gaps(struct ingest *ingest, uint64_t complete_until_ns)
{
	uint64_t discarded;
	size_t added = 0;
	struct error *err = NULL;

	while (added < ingest->gap_count && !err) {
		int64_t id;

		err = store_writer_add_gap(ingest->writer, &ingest->gaps[added], &id);
		added += !err;
	}
	if (err)
		keep_failure(ingest, err);
	if (!added)
		return;
	err = store_writer_commit(ingest->writer, ingest->recording_id, complete_until_ns, &discarded);
	(void)store_writer_take_rollback(ingest->writer); /* there were gaps alone in it */
	if (err) {
		keep_failure(ingest, err);
		return;
	}
	ingest->gap_count -= added;
	memmove(ingest->gaps, ingest->gaps + added, ingest->gap_count * sizeof(*ingest->gaps));
}

void ingest_commit(struct ingest *ingest, uint64_t complete_until_ns)
{
	uint64_t discarded = 0;
	struct error *err = ingest_store_ledger(ingest)
		?: ingest_store_tenants(ingest)
		?: ingest_store_coverage(ingest);

	if (err)
		keep_failure(ingest, err); /* what could not be written is tried again with the next commit */
	look_for_rollback(ingest);
	/* A recorder that is killed between the two commits must not leave a store that looks complete over a loss. */
	err = store_writer_commit(ingest->writer, ingest->recording_id,
				  ingest->gap_count ? ingest->complete_until_ns : complete_until_ns, &discarded);
	if (err) {
		keep_failure(ingest, err);
		ingest->stored -= discarded < ingest->stored ? discarded : ingest->stored;
		if (discarded)
			ingest_add_loss(ingest, GAP_DATABASE, 0, ingest->oldest_pending_ns, ingest->newest_pending_ns,
					discarded);
	}
	/* The error may be that of an earlier transaction, which was noticed then; this one was kept all the same. */
	settle(ingest, !store_writer_take_rollback(ingest->writer));
	ingest->pending = 0;
	commit_gaps(ingest, complete_until_ns);
	if (!ingest->gap_count && !err)
		ingest->complete_until_ns = complete_until_ns;
	err = look_at_quota(ingest);
	if (err)
		keep_failure(ingest, err);
}
