/* SPDX-License-Identifier: MIT */
#include "collector/recorder.h"

#define IDLE_WAIT_MS 50
#define IDLE_FLUSH_NS 1000000000ULL

struct drain_pass {
	struct queue *queue;
	struct probes *probes; /* or NULL */
	size_t bytes;
};

/* When what the record tells of began: of a call, its entry. */
static uint64_t began_ns(const struct event_header *record)
{
	uint64_t enter_ns = 0;

	switch (record->type) {
	case EVENT_SYSCALL:
		enter_ns = ((const struct event_syscall *)record)->enter_ns;
		break;
	case EVENT_RESULT:
		enter_ns = ((const struct event_result *)record)->enter_ns;
		break;
	case EVENT_PRCTL:
		enter_ns = ((const struct event_prctl *)record)->enter_ns;
		break;
	case EVENT_CALL:
		enter_ns = ((const struct event_call *)record)->enter_ns;
		break;
	default:
		break;
	}
	return enter_ns && enter_ns < record->time_ns ? enter_ns : record->time_ns;
}

static bool drain_record(void *context, const struct event_header *record)
{
	struct drain_pass *pass = context;

	if (pass->probes)
		probes_note(pass->probes, record);
	if (record->type == EVENT_STACK_SLICE)
		queue_push_optional(pass->queue, record, record->size);
	else if (event_is_bulk(record->type))
		queue_push(pass->queue, record, record->size, began_ns(record), record->time_ns);
	else
		queue_push_kept(pass->queue, record, record->size, record->time_ns);
	pass->bytes += record->size;
	/* End the pass now and then, so that a ring that never runs empty still hands on its chunks. */
	return pass->bytes < QUEUE_CHUNK_BYTES / 2;
}

/* Returns the bytes that it put into the queue. */
static size_t tell_coverage(struct recorder *recorder)
{
	struct event_coverage record = {.header = {.type = EVENT_COVERAGE, .size = sizeof(record)}};
	struct event_header *header = &record.header;
	size_t bytes = 0;

	while (recorder->probes &&
	       probes_take_coverage(recorder->probes, &header->pid, &record.start_ns, &header->time_ns)) {
		queue_push_kept(recorder->queue, &record, sizeof(record), header->time_ns);
		bytes += sizeof(record);
	}
	return bytes;
}

void *recorder_drain(void *context)
{
	struct recorder *recorder = context;
	uint64_t flushed_ns = 0;

	for (;;) {
		bool finishing = atomic_load(&recorder->finish);
		struct drain_pass pass = {.queue = recorder->queue, .probes = recorder->probes};
		uint64_t started = recorder_now_ns();
		bool emptied = false;
		struct error *err = kernel_drain(recorder->kernel, drain_record, &pass, &emptied);

		error_destroy(err); /* the books show what did not come through */
		/* Nobody is announced any more: what has no probes by now never gets any. */
		if (finishing && emptied && recorder->probes)
			probes_unfollow(recorder->probes);
		pass.bytes += tell_coverage(recorder);
		kernel_pause_stacks(recorder->kernel, queue_is_filling(recorder->queue));
		/* A record whose room was reserved before `started` may still be being written; it ends the pass, so
		 * "emptied" holds back for it. An idle ring is told of once a second, so that the storing thread can
		 * sleep. */
		if (pass.bytes || (emptied && (finishing || started - flushed_ns >= IDLE_FLUSH_NS))) {
			queue_flush(recorder->queue, emptied ? started : 0);
			flushed_ns = started;
		}
		if (!emptied)
			continue;
		if (finishing)
			break;
		kernel_wait(recorder->kernel, IDLE_WAIT_MS);
	}
	queue_close(recorder->queue);
	return NULL;
}
