/* SPDX-License-Identifier: MIT */
/*
 * The two rings as one stream. What is told once goes into the kept ring when the other is full; then it is older than
 * whatever comes into the other after it, and younger than what is still in there. So a kept record waits here until a
 * record of the other ring is as young as it is, or that ring is empty.
 *
 * That this is the right order for one process: it has made one record before it makes the next, except threads, whose
 * records have no order, and who have all ended before an exec or the exit is told. Across processes: a fork is told by
 * the parent before the child makes any record, and a path before the record that names the file.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "collector/kernel_internal.h"
#include "common/cleanup.h"
#include "corelate.skel.h"

struct kept_record {
	struct kept_record *next;
	uint64_t bytes[]; /* the record: u64 for its alignment */
};

static bool hand_out(struct kernel *kernel, const struct event_header *record)
{
	return kernel->function(kernel->context, record);
}

/* Of those that wait, the records that are not younger than `until_ns`. */
static void hand_out_kept(struct kernel *kernel, uint64_t until_ns)
{
	struct kept_record *kept;

	while ((kept = kernel->kept) && ((const struct event_header *)kept->bytes)->time_ns <= until_ns) {
		hand_out(kernel, (const void *)kept->bytes);
		kernel->kept = kept->next;
		free(kept);
	}
	if (!kernel->kept)
		kernel->last_kept = &kernel->kept;
}

int kernel_take_kept(void *context, void *data, size_t size)
{
	struct kernel *kernel = context;
	struct kept_record *kept;

	kernel->kept_taken++;
	if (size < sizeof(struct event_header))
		return 0;
	kept = malloc(sizeof(*kept) + size);
	if (!kept) {
		/* Out of its order is better than lost. */
		hand_out(kernel, data);
		return 0;
	}
	kept->next = NULL;
	memcpy(kept->bytes, data, size);
	*kernel->last_kept = kept;
	kernel->last_kept = &kept->next;
	return 0;
}

/* The kernel side counts before it fills in: one that is not finished yet is waited for with the next record. */
static void look_for_kept(struct kernel *kernel)
{
	if (__atomic_load_n(&kernel->skeleton->bss->kept_count, __ATOMIC_ACQUIRE) != kernel->kept_taken)
		ring_buffer__consume(kernel->kept_ring);
}

int kernel_take_record(void *context, void *data, size_t size)
{
	struct kernel *kernel = context;
	const struct event_header *record = data;

	if (size < sizeof(*record))
		return 0;
	look_for_kept(kernel);
	if (kernel->kept)
		hand_out_kept(kernel, record->time_ns);
	return hand_out(kernel, record) ? 0 : -EAGAIN;
}

/* Ends that had no room in either ring. The ring is empty, so that what came before them has been handed out. */
static void take_owed_exits(struct kernel *kernel)
{
	struct bpf_map *owed = kernel->skeleton->maps.owed_exits;
	struct event_exit_key key;
	struct event_exit record;

	if (__atomic_load_n(&kernel->skeleton->bss->owed_exit_count, __ATOMIC_ACQUIRE) == kernel->owed_taken)
		return;
	/* Taking an entry out restarts the walk from the beginning, so this ends when the table is empty. */
	while (bpf_map__get_next_key(owed, NULL, &key, sizeof(key)) == 0 &&
	       bpf_map__lookup_and_delete_elem(owed, &key, sizeof(key), &record, sizeof(record), 0) == 0) {
		kernel->owed_taken++;
		hand_out(kernel, &record.header);
	}
}

struct error *kernel_drain(struct kernel *kernel, kernel_record_function function, void *context, bool *ret_emptied)
{
	int result;

	kernel->function = function;
	kernel->context = context;
	/* Before the other: what is there now is not younger than what that holds at its end. */
	look_for_kept(kernel);
	result = ring_buffer__consume(kernel->ring);
	*ret_emptied = result >= 0;
	if (*ret_emptied) {
		hand_out_kept(kernel, UINT64_MAX);
		take_owed_exits(kernel);
	}
	if (result < 0 && result != -EAGAIN)
		return error_errno(-result, "cannot read the ring buffer");
	return NULL;
}

void kernel_wait(struct kernel *kernel, int timeout_ms)
{
	struct epoll_event event;

	epoll_wait(ring_buffer__epoll_fd(kernel->ring), &event, 1, timeout_ms);
}

void kernel_drop_kept(struct kernel *kernel)
{
	while (kernel->kept) {
		struct kept_record *next = kernel->kept->next;

		free(kernel->kept);
		kernel->kept = next;
	}
}
