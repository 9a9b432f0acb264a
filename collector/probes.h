/* SPDX-License-Identifier: MIT */
/*
 * The uprobes of a plan: attached once for every process, or process by process where the recorder was asked for some,
 * so that no other process pays for them. Descendants get theirs as soon as their birth is told, also those that share
 * their parent's memory; what they called before is not seen, and probes_take_coverage()
 * tells from when on it is, or that it never was.
 *
 * Attaching a process takes milliseconds, so it has a thread of its own.
 */
#ifndef COLLECTOR_PROBES_H
#define COLLECTOR_PROBES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/event.h"
#include "collector/kernel.h"
#include "collector/plan.h"
#include "common/error.h"

struct probes;

/* Opens the plan's files, and notes the identity of those that have none; both must outlive it. ERROR_INVALID for a
 * file that is not the one whose code was read. */
struct error *probes_create(struct kernel *kernel, struct plan *plan, struct probes **ret_probes) must_check;

/* Ends the thread; probes stay where they are. Processes that were still to be probed are told as never covered. */
void probes_unfollow(struct probes *probes);

/* The same, and detaches everything: no call is emitted after this. Others may go on using it. */
void probes_stop(struct probes *probes);

/* The same, and frees. NULL is fine. */
void probes_destroy(struct probes *probes);

/* Attaches all sites, for one process or for all (-1), before anything is recorded. The error names the function. */
struct error *probes_attach(struct probes *probes, pid_t pid) must_check;

/* From now on probes_note() has its effect. Only where the recorder was asked for some processes. */
struct error *probes_follow(struct probes *probes) must_check;

/* A record that went through the ring: a process that began, or one that ended. Does not wait. */
void probes_note(struct probes *probes, const struct event_header *record);

/* What `*ret_from_ns` is of a process that had ended before it could be probed, or could not be. */
#define PROBES_NEVER_NS ((uint64_t)INT64_MAX)

/* A process whose calls are seen from `*ret_from_ns` on (pid 0: all of them), each told once; false when there is none.
 * It may have ended before that moment. `*ret_start_ns` is 0 for one that was attached to by probes_attach(), which
 * knows its pid alone. */
bool probes_take_coverage(struct probes *probes, uint32_t *ret_pid, uint64_t *ret_start_ns, uint64_t *ret_from_ns);

/* Processes that could not be probed, and why the first of them. The caller owns the error, NULL for none. */
struct error *probes_failure(struct probes *probes);

#endif
