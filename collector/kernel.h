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

/* Opens and loads, attaches nothing yet. `ring_bytes` is a power of two and at least a page. ERROR_PERMISSION without
 * the privilege, ERROR_UNSUPPORTED without BTF; the message carries the verifier's last lines when it refused. */
struct error *kernel_create(const struct event_filter *filter, size_t ring_bytes,
			    struct kernel **ret_kernel) must_check;

/* Detaches and frees. NULL is fine. */
void kernel_destroy(struct kernel *kernel);

/* Adds a process to those followed with their descendants (event_filter.has_pid). Before kernel_attach(). */
struct error *kernel_follow(struct kernel *kernel, pid_t pid) must_check;

/* From the return of this function on, every event that passes the filter is emitted. */
struct error *kernel_attach(struct kernel *kernel) must_check;

/* Emits EVENT_PROCESS and EVENT_MAPPING records for what runs already. The ring must be emptied meanwhile by another
 * thread: a full ring makes this function wait, it loses nothing. */
struct error *kernel_snapshot(struct kernel *kernel) must_check;

/* A probe that a process holds now: `path` is that of the probed file, NUL-terminated components as in event_file
 * (record->used is their size); both are valid during the call. */
typedef void (*kernel_probe_function)(void *context, const struct event_probe *record, const char *path);

/* Walks the descriptors of all processes in the kernel. ERROR_UNSUPPORTED when this kernel has no such iterator. */
struct error *kernel_walk_probes(struct kernel *kernel, kernel_probe_function function, void *context) must_check;

/* No further event is emitted after this. */
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
