/* SPDX-License-Identifier: MIT */
/*
 * reentrant-call: a signal handler called the allocator while the thread that it interrupted was in the allocator. No
 * allocator may be entered twice by one thread (signal-safety(7)): its lists are half changed, and its lock is held.
 *
 * What is seen: on the crashed thread's stack an allocator's function, the frame of a signal handler, and an
 * allocator's function again, in which the thread died.
 *
 * What it could be mistaken for: a heap that had been corrupted before the signal, which no core excludes, so that this
 * is `likely` at best; a handler for a fault in the allocator, which is the end of that fault and is not taken for
 * this; a signal that arrived before the interrupted call had changed anything. A handler that has returned leaves no
 * frame: what it left behind looks like a double free or a corrupted heap.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence_process.h"
#include "analyzer/evidence/link_process.h"
#include "analyzer/facts/reentry.h"

static const char *const interrupted_alternatives[] = {"earlier-fault", "guessed-frames", NULL};
static const char *const entered_alternatives[] = {"earlier-corruption", "guessed-frames", NULL};

const struct link_kind link_allocator_interrupted = {"allocator-interrupted", FINDING_UNKNOWN,
						     interrupted_alternatives};
const struct link_kind link_allocator_reentered = {"allocator-reentered", FINDING_REENTRANT_CALL, entered_alternatives};

static const char *name(struct words *words, const struct crash *crash, size_t frame)
{
	return words_function(words, &crash->facts.stacks.threads[0].frames[frame].symbol);
}

struct error *cause_reentrant_call(const struct crash *crash, struct finding_list *findings)
{
	const struct interruption *interruption;
	struct words inner, outer, caller, signal;
	struct finding *finding;
	struct reentry reentry;

	if (!reentry_find(crash, &reentry))
		return NULL;
	interruption = &crash->facts.interruptions[reentry.interruption];
	name(&inner, crash, reentry.inner);
	name(&outer, crash, reentry.outer);
	evidence_frame_words(&caller, crash, reentry.caller);
	words_signal(&signal, interruption->signal.number);
	return finding_append(findings, FINDING_REENTRANT_CALL, &finding)
		?: link_append(finding, &link_allocator_interrupted, BASIS_COMPUTED,
			       link_frame_node(crash, reentry.outer), "%s interrupted %s()", signal.text, outer.text)
		?: evidence_add_signal(crash, finding)
		?: finding_add_evidence(finding, EVIDENCE_MEMORY, 0, interruption->address,
					"the signal frame at 0x%" PRIx64 " is of %s", interruption->address, signal.text)
		?: evidence_add_crash_frame(crash, finding, reentry.outer, "interrupted")
		?: link_rule_out(finding, "earlier-fault", EVIDENCE_MEMORY, 0, interruption->address,
				 "the handler was called for a signal that reports no fault")
		?: link_examine_frames(crash, finding, "guessed-frames", interruption->frame, reentry.outer)
		?: link_append(finding, &link_allocator_reentered, BASIS_COMPUTED,
			       link_frame_node(crash, reentry.caller), "the handler called %s()", inner.text)
		?: evidence_add_crash_frame(crash, finding, reentry.inner, "the second call")
		?: evidence_add_crash_frame(crash, finding, reentry.caller, "called by")
		?: finding_add_missing(finding, "whether the heap was sound before the signal")
		?: link_leave_unseen(finding, "earlier-corruption", "the heap may have been corrupted before")
		?: link_examine_frames(crash, finding, "guessed-frames", 0, reentry.caller)
		?: evidence_accuse_frame(crash, finding, reentry.caller)
		?: finding_set_summary(finding, "%s called %s() in a handler for %s that had interrupted %s() on the same "
						"thread: the allocator is not reentrant.",
				       caller.text[0] ? caller.text : "A function", inner.text, signal.text, outer.text)
		?: finding_set_next_step(finding, "keep the handler to async-signal-safe functions (signal-safety(7))");
}
