/* SPDX-License-Identifier: MIT */
/*
 * null-dereference, in Go: the runtime made a panic of a fault near address zero, and nothing recovered it.
 *
 * What is seen: Go's runtime ended the process for a panic whose message is its own for such a fault, the only one that
 * it makes a panic of (runtime/signal_unix.go, sigpanic: addresses below 4096). The signal that the core carries is the
 * abort at the end; this is the fault before it, and says no more than where it was. Without the message the panic is
 * told as one (uncaught_exception.c).
 *
 * What it could be mistaken for: a program that panics with the very words of the runtime.
 */
#include <string.h>

#include "analyzer/causes.h"
#include "analyzer/ends/go_nil_pointer.h"
#include "analyzer/evidence/evidence_process.h"
#include "analyzer/facts/ending.h"

bool go_nil_pointer(const struct crash *crash, const struct ending *ending)
{
	static const char message[] = "runtime error: invalid memory address or nil pointer dereference";

	return ending->own && ending->kind == ENDING_GO_PANIC && crash->facts.panic_message &&
	       strcmp(crash->facts.panic_message, message) == 0;
}

struct error *end_go_nil_pointer(const struct crash *crash, struct finding_list *findings)
{
	struct ending ending;
	struct finding *finding;
	struct words caller;
	struct error *err;

	ending_find(crash, &ending);
	if (!go_nil_pointer(crash, &ending))
		return NULL;
	err = finding_append(findings, FINDING_NULL_DEREFERENCE, &finding);
	if (err)
		return err;
	finding->confidence = CONFIDENCE_PROVEN;
	evidence_frame_words(&caller, crash, ending.caller);
	return finding_set_summary(finding, "Go runtime panic: nil pointer dereference%s%s; not recovered.",
				   caller.text[0] ? " in " : "", caller.text)
		?: evidence_add_crash_frame(crash, finding, ending.teller, "the panic's own function")
		?: evidence_add_crash_frame(crash, finding, ending.caller, "the fault was in")
		?: evidence_add_signal(crash, finding)
		?: finding_set_lost(finding, "the pointer was set to nil, or never set", NULL)
		?: finding_set_next_step(finding, "which path leaves the pointer nil?");
}
