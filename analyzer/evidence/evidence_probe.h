/* SPDX-License-Identifier: MIT */
/* What the causes of tracing share: which uretprobe took a return address, and probes in words. Pure. */
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

/* The repaired slot of the return address that led to frame `frame` of the crashed thread; NULL: no uretprobe took it.
 */
const struct repaired_slot *evidence_slot_of_frame(const struct crash *crash, size_t frame);

/* Had a uretprobe taken the return address that led to frame `frame` of the crashed thread? A frame that is lost for
 * another reason is not one of these. */
bool evidence_return_taken(const struct crash *crash, size_t frame);

/* The repaired slot at that address, or NULL. */
const struct repaired_slot *evidence_slot_at(const struct crash *crash, uint64_t slot);

/* The uretprobe that took the return address in that slot: on the function that the slot belongs to, or, where the
 * ledger knows a uretprobe there, on the one that jumps to it. NULL where the function is not known, where two share
 * the slot (a tail call), and for NULL: a probe that is merely in the process is none. */
const struct probe *evidence_probe_of_slot(const struct crash *crash, const struct repaired_slot *slot);

/* Entry of the function whose return address the trampoline at that place had replaced, whether a thread's stack leads
 * there or not; 0: not known. */
uint64_t evidence_function_of_word(const struct crash *crash, uint64_t address);

/* The uretprobe on the function at that address; NULL for none. */
const struct probe *evidence_return_probe_at(const struct crash *crash, uint64_t function);

/* Has a uretprobe been at work in the process? A plain uprobe makes the kernel map its page, too, so the page says
 * nothing; a trampoline in writable memory, a pending return and the ledger do. */
bool evidence_return_probes_seen(const struct crash *crash);

/* "a uretprobe on libcall.so call, attached by bpftrace (pid 5955)". */
const char *words_probe(struct words *words, const struct probe *probe);

/* "; attached by one of agent (pid 7), bpftrace (pid 9)", "" when the holder is known or nobody is. */
const char *words_possible_holders(struct words *words, const struct probe *probe);

/* "function of module", as a culprit is named; "" for NULL. */
const char *words_probed_function(struct words *words, const struct probe *probe);

/* What to do instead of a uretprobe. */
struct error *evidence_set_advice(struct finding *finding, const struct probe *probe) must_check;

#endif
