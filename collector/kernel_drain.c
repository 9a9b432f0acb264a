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
#include <time.h>

#include "collector/kernel_internal.h"
#include "common/cleanup.h"
#include "common/vector.h"
#include "corelate.skel.h"

struct kept_record {
	struct kept_record *next;
	uint64_t time_ns; /* of the oldest record from here on: one that is stamped late must not hold up the others */
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

	while ((kept = kernel->kept) && kept->time_ns <= until_ns) {
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
	kept->time_ns = ((const struct event_header *)data)->time_ns;
	memcpy(kept->bytes, data, size);
	if (kept->time_ns < kernel->newest_kept_ns)
		for (struct kept_record *before = kernel->kept; before; before = before->next)
			if (before->time_ns > kept->time_ns)
				before->time_ns = kept->time_ns;
	kernel->newest_kept_ns = kept->time_ns;
	*kernel->last_kept = kept;
	kernel->last_kept = &kept->next;
	return 0;
}

#define KEPT_PAUSE_NS 50000
#define KEPT_PAUSES 400

/* The kernel side counts before it fills in. One that is not finished yet hides those behind it, which the next record
 * of the other ring may need: it is waited for. Its program may have been preempted, hence not for ever. */
static void look_for_kept(struct kernel *kernel)
{
	const struct timespec pause = {.tv_nsec = KEPT_PAUSE_NS};
	uint64_t wanted = __atomic_load_n(&kernel->skeleton->bss->kept_count, __ATOMIC_ACQUIRE);

	if (wanted == kernel->kept_taken)
		return;
	ring_buffer__consume(kernel->kept_ring);
	for (int i = 0; kernel->kept_taken < wanted && i < KEPT_PAUSES; i++) {
		nanosleep(&pause, NULL);
		ring_buffer__consume(kernel->kept_ring);
	}
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

/* ---- what had no room in either ring ---- */

static int compare_beginnings(const void *a, const void *b)
{
	const struct event_process *first = a, *second = b;

	return (first->since_ns > second->since_ns) - (first->since_ns < second->since_ns);
}

/* Each call of it takes one entry out, so that the walk begins anew. */
static bool take_owed(struct bpf_map *map, void *record, size_t bytes)
{
	struct event_exit_key key;

	return bpf_map__get_next_key(map, NULL, &key, sizeof(key)) == 0 &&
	       bpf_map__lookup_and_delete_elem(map, &key, sizeof(key), record, bytes, 0) == 0;
}

/* Ends first: whose announcement is owed, too, left that before. Without memory the rest stays for another time. */
static void collect_owed(struct kernel *kernel)
{
	const struct corelate_bpf__bss *bss = kernel->skeleton->bss;

	while (__atomic_load_n(&bss->owed_exit_count, __ATOMIC_ACQUIRE) != kernel->exits_taken &&
	       !array_reserve(kernel->exits, kernel->exit_room, kernel->exit_count + 1) &&
	       take_owed(kernel->skeleton->maps.owed_exits, &kernel->exits[kernel->exit_count],
			 sizeof(*kernel->exits))) {
		kernel->exits_taken++;
		kernel->exit_count++;
	}
	while (__atomic_load_n(&bss->owed_process_count, __ATOMIC_ACQUIRE) != kernel->processes_taken &&
	       !array_reserve(kernel->processes, kernel->process_room, kernel->process_count + 1) &&
	       take_owed(kernel->skeleton->maps.owed_processes, &kernel->processes[kernel->process_count],
			 sizeof(*kernel->processes))) {
		kernel->processes_taken++;
		kernel->process_count++;
	}
}

/* What their processes had put into the rings before they were collected has been handed out; parents before children.
 */
static void hand_out_owed(struct kernel *kernel)
{
	if (kernel->process_count)
		qsort(kernel->processes, kernel->process_count, sizeof(*kernel->processes), compare_beginnings);
	for (size_t i = 0; i < kernel->process_count; i++)
		hand_out(kernel, &kernel->processes[i].header);
	for (size_t i = 0; i < kernel->exit_count; i++)
		hand_out(kernel, &kernel->exits[i].header);
	kernel->process_count = kernel->exit_count = 0;
}

struct error *kernel_drain(struct kernel *kernel, kernel_record_function function, void *context, bool *ret_emptied)
{
	int result;

	kernel->function = function;
	kernel->context = context;
	collect_owed(kernel);
	/* Before the other: what is there now is not younger than what that holds at its end. */
	look_for_kept(kernel);
	result = ring_buffer__consume(kernel->ring);
	*ret_emptied = result >= 0;
	if (*ret_emptied) {
		hand_out_kept(kernel, UINT64_MAX);
		hand_out_owed(kernel);
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
	free(kernel->processes);
	free(kernel->exits);
	while (kernel->kept) {
		struct kept_record *next = kernel->kept->next;

		free(kernel->kept);
		kernel->kept = next;
	}
}
