/* SPDX-License-Identifier: MIT */
/*
 * The link from a trampoline to the uretprobe that put it there, the last one of each cause of tracing. Pure.
 *
 * A probe is accused only where it is a uretprobe on the very function whose return address was replaced: by the
 * kernel's recorded instance for that slot, or by the trampoline's address in it, whose function repair computed. A
 * probe that is merely in the process, a plain uprobe above all, is not.
 */
#ifndef ANALYZER_LINK_PROBE_H
#define ANALYZER_LINK_PROBE_H

#include "analyzer/crash.h"
#include "analyzer/link.h"

/* The alternatives of a kind of link that says whose probe took a return address: each class has its own kind. */
extern const char *const link_taken_alternatives[];

/* Adds the trampoline's page to the last link. With `probe`, appends a link of `kind` (of link_taken_alternatives) for
 * it, which replaced the return address in `slot`, and accuses it; with NULL, says in finding->missing which probe may
 * be the one. The other uretprobes become background, and the next step says what to do instead of a uretprobe. */
struct error *link_append_probes(const struct crash *crash, struct finding *finding, const struct link_kind *kind,
				 uint64_t slot, const struct probe *probe) must_check;

#endif
