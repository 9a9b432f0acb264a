/* SPDX-License-Identifier: MIT */
/*
 * runtime-fatal: the language's runtime ended the program for a rule that the program had broken, without an exception:
 * C++ for a std::thread that was destroyed while joinable, for a call of a pure virtual function, for throw; with
 * nothing to throw, or because std::terminate was called; Go for a fatal error, which no code can recover ("concurrent
 * map writes", "all goroutines are asleep").
 *
 * What is seen: SIGABRT that the process sent to itself, with std::terminate or runtime.throw among the frames, and who
 * called it.
 *
 * What it could be mistaken for: an exception that nothing caught, which goes through the functions that throw. A
 * destructor that was inlined shows only a header of libstdc++ as the caller; where the program calls std::terminate
 * itself, an exception whose object was not found may be in flight (GCC calls std::terminate straight from the landing
 * pad of a noexcept region). Go's fatal error for a fault is the end of that fault, and Go's own unwinder falls over a
 * uretprobe's trampoline; a goroutine's stack that could not grow is stack-overflow.
 */
#include <signal.h>
#include <stdio.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence_probe.h"
#include "analyzer/evidence/evidence_process.h"
#include "analyzer/evidence/link_process.h"
#include "analyzer/facts/terminate_reason.h"

static const char *const terminate_alternatives[] = {"exception-in-flight", "guessed-frames", NULL};
static const char *const go_alternatives[] = {"earlier-fault", "uretprobe", "guessed-frames", NULL};

const struct link_kind link_terminated = {"terminated", FINDING_RUNTIME_FATAL, terminate_alternatives};
const struct link_kind link_go_fatal_error = {"go-fatal-error", FINDING_RUNTIME_FATAL, go_alternatives};

static const char *reason_words(enum terminate_reason reason)
{
	switch (reason) {
	case TERMINATE_THREAD:
		return "a std::thread was destroyed or assigned to while joinable";
	case TERMINATE_HEADER:
		return "inlined code of libstdc++ called std::terminate()";
	case TERMINATE_PURE_VIRTUAL:
		return "a pure virtual function was called";
	case TERMINATE_RETHROWN:
		return "throw; was executed with no exception to rethrow";
	default:
		return "std::terminate() was called without an exception";
	}
}

static struct error *summarize(const struct crash *crash, const struct ending *ending, enum terminate_reason reason,
			       struct finding *finding)
{
	struct words caller;
	const char *in;

	evidence_frame_words(&caller, crash, ending->caller);
	in = caller.text[0] ? " in " : "";
	switch (reason) {
	case TERMINATE_THREAD:
		return finding_set_summary(finding,
					   "A std::thread was destroyed%s%s, neither joined nor detached: "
					   "std::terminate() ended the program.",
					   in, caller.text);
	case TERMINATE_HEADER:
		return finding_set_summary(finding,
					   "Inlined libstdc++ code%s%s called std::terminate() with no exception in "
					   "flight, as the destructor of a joinable std::thread does.",
					   in, caller.text);
	case TERMINATE_PURE_VIRTUAL:
		return finding_set_summary(finding,
					   "A pure virtual function was called%s%s: the object is being constructed or "
					   "destroyed, or is gone.",
					   in, caller.text);
	case TERMINATE_RETHROWN:
		return finding_set_summary(finding, "throw; was executed%s%s with no exception to rethrow.", in,
					   caller.text);
	default:
		return finding_set_summary(finding, "std::terminate() was called%s%s, with no exception in flight.", in,
					   caller.text);
	}
}

static const char *next_step(enum terminate_reason reason)
{
	switch (reason) {
	case TERMINATE_THREAD:
	case TERMINATE_HEADER:
		return "which path destroys the thread object without join() or detach()?";
	case TERMINATE_PURE_VIRTUAL:
		return "was the object's destructor, or its constructor, running when the function was called?";
	default:
		return "why does the program call std::terminate() there?";
	}
}

static struct error *examine_exception(const struct crash *crash, const struct ending *ending,
				       enum terminate_reason reason, struct finding *finding)
{
	const struct frame *teller = &crash->facts.stacks.threads[0].frames[ending->teller];

	if (reason == TERMINATE_THREAD || reason == TERMINATE_PURE_VIRTUAL)
		return link_rule_out(finding, "exception-in-flight", EVIDENCE_FRAME, (int64_t)ending->teller,
				     teller->pc, "none of the runtime's throwing functions called std::terminate()");
	return finding_add_missing(finding, "an exception object: none was found, which does not exclude one")
		       ?: link_leave_unseen(finding, "exception-in-flight",
					    "an exception whose object was not found may be in flight");
}

static struct error *report_terminate(const struct crash *crash, const struct ending *ending,
				      enum terminate_reason reason, struct finding_list *findings)
{
	size_t last = ending->caller == SIZE_MAX ? ending->teller : ending->caller;
	struct finding *finding;

	return finding_append(findings, FINDING_RUNTIME_FATAL, &finding)
		?: link_append_own_signal(crash, ending, finding)
		?: link_append(finding, &link_terminated, BASIS_COMPUTED, link_frame_node(crash, last), "%s",
			       reason_words(reason))
		?: evidence_add_crash_frame(crash, finding, ending->teller, "the runtime ended the program")
		?: evidence_add_crash_frame(crash, finding, ending->caller, "called by")
		?: examine_exception(crash, ending, reason, finding)
		?: link_examine_frames(crash, finding, "guessed-frames", ending->first, last)
		?: summarize(crash, ending, reason, finding)
		?: evidence_accuse_frame(crash, finding, ending->caller)
		?: finding_set_next_step(finding, "%s", next_step(reason));
}

/* ---- Go ---- */

static bool is_of_fault(const struct crash *crash, const struct ending *ending)
{
	const struct crash_signal *first = &crash->facts.interruptions[ending->interruption].signal;

	return ending->in_handler && first->code > 0 &&
	       (first->number == SIGSEGV || first->number == SIGBUS || first->number == SIGFPE ||
		first->number == SIGILL || first->number == SIGTRAP);
}

static struct error *examine_go(const struct crash *crash, const struct ending *ending, struct finding *finding)
{
	const struct frame *teller = &crash->facts.stacks.threads[0].frames[ending->teller];
	struct error *err;

	err = is_of_fault(crash, ending)
		      ? link_leave_as_likely(finding, "earlier-fault",
					     "Go's handler was called for a fault, which is the cause")
		      : link_rule_out(finding, "earlier-fault", EVIDENCE_FRAME, (int64_t)ending->teller, teller->pc,
				      "it was not called in a handler for a fault");
	if (err)
		return err;
	if (evidence_return_probes_seen(crash))
		return link_leave_as_likely(finding, "uretprobe",
					    "uretprobes were at work, whose trampolines Go's unwinder cannot pass");
	return link_rule_out(finding, "uretprobe", EVIDENCE_FRAME, (int64_t)ending->teller, teller->pc,
			     "no uretprobe was seen in the process");
}

static struct error *report_go(const struct crash *crash, const struct ending *ending, struct finding_list *findings)
{
	size_t last = ending->caller == SIZE_MAX ? ending->teller : ending->caller;
	const char *message = crash->facts.panic_message;
	struct words caller;
	struct finding *finding;
	struct error *err;

	evidence_frame_words(&caller, crash, ending->caller);
	err = finding_append(findings, FINDING_RUNTIME_FATAL, &finding)
		?: link_append_own_signal(crash, ending, finding)
		?: link_append(finding, &link_go_fatal_error, BASIS_COMPUTED, link_frame_node(crash, last),
			       "Go's runtime ended the program with a fatal error%s%s%s", message ? " (\"" : "", message ?: "",
			       message ? "\")" : "")
		?: evidence_add_crash_frame(crash, finding, ending->teller, "the runtime ended the program")
		?: evidence_add_crash_frame(crash, finding, ending->caller, "called by")
		?: examine_go(crash, ending, finding)
		?: link_examine_frames(crash, finding, "guessed-frames", ending->first, last)
		?: finding_set_summary(finding, "Go fatal error%s%s%s%s; no code can recover from it.",
				       message ? ": " : "", message ?: "", caller.text[0] ? " in " : "", caller.text);
	if (!err && !message)
		err = finding_add_missing(finding, "the fatal error's message, which goes to standard error");
	if (!err && !is_of_fault(crash, ending) && !evidence_return_probes_seen(crash))
		err = evidence_accuse_frame(crash, finding, ending->caller);
	return err
		       ?: finding_set_next_step(finding,
						"what does the message on standard error say, with every goroutine's "
						"stack?");
}

struct error *cause_runtime_fatal(const struct crash *crash, struct finding_list *findings)
{
	enum terminate_reason reason;
	struct ending ending;

	ending_find(crash, &ending);
	if (!ending.own || crash->core.snapshot || crash->record.has_exit_state)
		return NULL;
	if (ending.kind == ENDING_GO_THROW)
		return report_go(crash, &ending, findings);
	if (ending.kind != ENDING_TERMINATE || crash->facts.signal.number != SIGABRT)
		return NULL;
	reason = terminate_reason_find(crash, &ending);
	return terminate_is_of_exception(crash, reason) ? NULL : report_terminate(crash, &ending, reason, findings);
}
