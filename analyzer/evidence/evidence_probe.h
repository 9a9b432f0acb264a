/* SPDX-License-Identifier: MIT */
/* What the detectors of tracing share: probes in words, and as evidence. Pure. */
#ifndef ANALYZER_EVIDENCE_PROBE_H
#define ANALYZER_EVIDENCE_PROBE_H

#include "analyzer/crash.h"
#include "analyzer/finding.h"
#include "analyzer/words.h"

/* A plain uprobe of the recorder itself (--heap, --probe): no suspect, and there are many of them. */
bool evidence_is_own_probe(const struct probe *probe);

/* "corelated (pid 7) watches 21 places in this process by plain uprobes": all of the recorder's in one line; NULL for
 * none. */
const char *words_own_probes(struct words *words, const struct repair *repair);

/* The probe whose uretprobe took the return address of frame `frame` of the crashed thread, or NULL. */
const struct probe *evidence_probe_of_frame(const struct crash *crash, size_t frame);

/* The one probe that is the likeliest to have done it when no frame tells: a pending uretprobe, else the only one there
 * is; NULL when several are left. */
const struct probe *evidence_likely_probe(const struct crash *crash);

/* "a uretprobe on libcall.so call, attached by bpftrace (pid 5955)". */
const char *words_probe(struct words *words, const struct probe *probe);

/* "function of module", for the offender; "" for NULL. */
const char *words_probed_function(struct words *words, const struct probe *probe);

/* Adds every probe but the recorder's, with how it is known, and the trampoline's page. */
struct error *evidence_add_probes(const struct crash *crash, struct finding *finding) must_check;

/* What to do instead of a uretprobe. */
struct error *evidence_set_advice(struct finding *finding, const struct probe *probe) must_check;

#endif
