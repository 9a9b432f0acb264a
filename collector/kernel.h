/* SPDX-License-Identifier: MIT */
/*
 * The kernel side as the recorder sees it: loads the BPF programs, attaches them, takes the snapshot of running
 * processes, hands out records, and reads the books. The only place that knows libbpf.
 */
#ifndef COLLECTOR_KERNEL_H
#define COLLECTOR_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/event.h"
#include "common/error.h"

struct kernel;

struct kernel_options {
	struct event_filter filter;
	size_t ring_bytes; /* a power of two and at least a page */
	uint32_t
		stack_bytes; /* most of a stack that is copied: 0 or a power of two from 512 to EVENT_STACK_MAX_BYTES */
	bool stack_at_mmap;  /* stacks of mmap that replaces nothing, too */
	bool calls;	     /* results of system calls: bpf/result.bpf.h */
	bool stack_at_malloc; /* and of the heap functions that give back nothing */
	/* Probed functions, and results that are not where a return leaves them; kernel_attach_sites() names them by
	 * their index. */
	const struct event_function *functions;
	size_t function_count;
	const struct event_source *results;
	size_t result_count;
};

/* Opens and loads, attaches nothing yet. ERROR_PERMISSION without the privilege, ERROR_UNSUPPORTED without BTF; the
 * message carries the verifier's last lines when it refused. */
struct error *kernel_create(const struct kernel_options *options, struct kernel **ret_kernel) must_check;

/* Detaches and frees. NULL is fine. */
void kernel_destroy(struct kernel *kernel);

/* Adds a process to those followed with their descendants (event_filter.has_pid), also those that run already. Before
 * kernel_attach(). */
struct error *kernel_follow(struct kernel *kernel, pid_t pid) must_check;

/* From the return of this function on, every event that passes the filter is emitted. */
struct error *kernel_attach(struct kernel *kernel) must_check;

/* Emits EVENT_PROCESS and EVENT_MAPPING records for what runs already. The ring must be emptied meanwhile by another
 * thread: a full ring makes this function wait, it loses nothing. */
struct error *kernel_snapshot(struct kernel *kernel) must_check;

/* Emits EVENT_MAPPING records for one process that is recorded, if the ring takes them in a moment. */
struct error *kernel_snapshot_process(struct kernel *kernel, uint32_t pid) must_check;

/* A probe that a process holds now: `path` is that of the probed file, NUL-terminated components as in event_file
 * (record->used is their size); both are valid during the call. */
typedef void (*kernel_probe_function)(void *context, const struct event_probe *record, const char *path);

/* Walks the descriptors of all processes in the kernel. ERROR_UNSUPPORTED when this kernel has no such iterator. */
struct error *kernel_walk_probes(struct kernel *kernel, kernel_probe_function function, void *context) must_check;

/* A probe of the plan. */
struct kernel_site {
	uint64_t offset;    /* in its file */
	uint64_t semaphore; /* file offset of the counter that switches a static probe on; 0: none */
	uint32_t index;	    /* of the function at an entry; of the result at a return, 0 for the usual place */
};

/* Sites of one file, all entries or all returns. */
struct kernel_sites {
	const char *path; /* of the file, for this process */
	bool at_return;
	const struct kernel_site *sites;
	size_t count;
};

/* Attaches plain uprobes, for one process (its main thread's id; not for those that share its memory) or for all (-1).
 * ret_fds has room for one descriptor a site; the *ret_fd_count that are used hold the probes: closing detaches. One
 * link holds them all where the kernel has such links (6.6); perf events hold one each, whose removal takes a grace
 * period of the kernel (0.1 s) each. On failure none is left. ERROR_NOT_FOUND when the process is gone. */
struct error *kernel_attach_sites(struct kernel *kernel, const struct kernel_sites *sites, pid_t pid, int *ret_fds,
				  size_t *ret_fd_count) must_check;

/* No call is emitted any more, although its probe may still be there. */
void kernel_end_calls(struct kernel *kernel);

/* Stacks are not taken while `paused`. */
void kernel_pause_stacks(struct kernel *kernel, bool paused);

/* Slices that were handed over are handed over again when they come up: some of them did not arrive. */
void kernel_forget_stacks(struct kernel *kernel);

/* No further event is emitted after this. Sites stay attached but are silent. */
void kernel_detach(struct kernel *kernel);

/* A record, valid during the call. Return false to stop the drain after it. */
typedef bool (*kernel_record_function)(void *context, const struct event_header *record);

/* Hands out what is in the ring, until it is empty (*ret_emptied) or the function says stop. */
struct error *kernel_drain(struct kernel *kernel, kernel_record_function function, void *context,
			   bool *ret_emptied) must_check;

/* Waits until the kernel side says that much has come, or for `timeout_ms`; then it is time to drain. */
void kernel_wait(struct kernel *kernel, int timeout_ms);

/* The books so far: sums over all CPUs. Costs no system call. */
void kernel_read_books(struct kernel *kernel, struct event_counters *ret_books);

/* Runs of our programs that the kernel skipped, so far. One system call a program. */
uint64_t kernel_read_missed(struct kernel *kernel);

/* Takes the losses by process since the last call; calls `function` once a process. Their sum can stay below what the
 * books say: then some process is not known. */
typedef void (*kernel_loss_function)(void *context, uint32_t pid, const struct event_loss *loss);
void kernel_take_losses(struct kernel *kernel, kernel_loss_function function, void *context);

#endif
