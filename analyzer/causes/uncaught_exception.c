/* SPDX-License-Identifier: MIT */
/*
 * uncaught-exception: an exception of C++ that nothing catches, or that would leave a function that may throw nothing
 * (noexcept, a destructor); or a panic of Rust or Go that nothing recovers.
 *
 * What is seen: SIGABRT that the process sent to itself, with std::terminate (or the panic's functions) among the
 * frames, and who called it. The exception's type and text are read from the core (thrown.h).
 *
 * What it could be mistaken for: std::terminate called without an exception (runtime-fatal); a uretprobe's trampoline
 * that hides the handler: where the exception's way leads over a return address that was taken, the two cannot be told
 * apart; std::terminate called by the program itself while it handles an exception; abort() in a handler of the
 * program's own (set_terminate), which is still this; a panic in a program where panics unwind ends with no signal at
 * all; Go's fatal errors, which are no panics, are runtime-fatal.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "analyzer/causes.h"
#include "analyzer/ends/go_nil_pointer.h"
#include "analyzer/evidence/evidence_probe.h"
#include "analyzer/evidence/evidence_process.h"
#include "analyzer/evidence/link_process.h"
#include "analyzer/facts/terminate_reason.h"

static const char *const exception_alternatives[] = {"no-exception", "hidden-handler", "guessed-frames", NULL};
static const char *const panic_alternatives[] = {"uretprobe", "guessed-frames", NULL};

const struct link_kind link_uncaught_exception = {"uncaught-exception", FINDING_UNCAUGHT_EXCEPTION,
						  exception_alternatives};
const struct link_kind link_unrecovered_panic = {"unrecovered-panic", FINDING_UNCAUGHT_EXCEPTION, panic_alternatives};

/* The first frame from the end on whose return address a uretprobe had taken; SIZE_MAX for none. */
static size_t taken_frame(const struct crash *crash, const struct ending *ending)
{
	for (size_t i = ending->teller; i < crash->facts.stacks.threads[0].frame_count; i++) {
		if (evidence_return_taken(crash, i))
			return i;
	}
	return SIZE_MAX;
}

/* "an exception of type shop::OrderError (\"order 17 has no items\")" */
static const char *exception_words(struct words *words, const struct crash *crash)
{
	const struct thrown *thrown = &crash->facts.thrown;

	if (!thrown->found)
		snprintf(words->text, sizeof(words->text), "an exception");
	else if (thrown->has_text)
		snprintf(words->text, sizeof(words->text), "an exception of type %.180s (\"%.280s\")", thrown->type,
			 thrown->text);
	else
		snprintf(words->text, sizeof(words->text), "an exception of type %.300s", thrown->type);
	return words->text;
}

static struct error *summarize(const struct crash *crash, const struct ending *ending, enum terminate_reason reason,
			       struct finding *finding)
{
	struct words exception, caller, capital;
	const char *in;

	exception_words(&exception, crash);
	snprintf(capital.text, sizeof(capital.text), "A%.500s", exception.text + 1);
	evidence_frame_words(&caller, crash, ending->caller);
	in = caller.text[0] ? " in " : "";
	switch (reason) {
	case TERMINATE_UNCAUGHT:
		return finding_set_summary(finding, "%s was thrown%s%s and not caught.", capital.text, in, caller.text);
	case TERMINATE_RETHROWN:
		return finding_set_summary(finding, "%s was rethrown%s%s and not caught.", capital.text, in,
					   caller.text);
	case TERMINATE_NOEXCEPT:
		return finding_set_summary(finding, "%s%s%s%s would have left a noexcept function or a destructor.",
					   capital.text, caller.text[0] ? ", thrown" : "", in, caller.text);
	case TERMINATE_PROGRAM:
		return finding_set_summary(finding, "std::terminate() was called%s%s while %s was handled.", in,
					   caller.text, exception.text);
	default:
		return finding_set_summary(finding, "std::terminate() ended the program%s%s.",
					   crash->facts.thrown.found ? "; the last exception was " : "",
					   crash->facts.thrown.found ? exception.text : "");
	}
}

static struct error *add_object(const struct crash *crash, struct finding *finding)
{
	const struct thrown *thrown = &crash->facts.thrown;

	if (!thrown->found)
		return NULL;
	return finding_add_evidence(
		finding, EVIDENCE_MEMORY, 0, thrown->object, "the exception object at 0x%llx, of type %s, %s",
		(unsigned long long)thrown->object, thrown->type,
		thrown->from_list ? "is the one that the thread handles" : "is on the thread's stack");
}

/* Is there an exception at all, or was std::terminate called without one? */
static struct error *examine_exception(const struct crash *crash, const struct ending *ending,
				       enum terminate_reason reason, struct finding *finding)
{
	const struct frame *teller = &crash->facts.stacks.threads[0].frames[ending->teller];

	if (reason == TERMINATE_UNKNOWN)
		return finding_add_missing(finding, "who called std::terminate()")
			       ?: link_leave_unseen(finding, "no-exception",
						    "the caller of std::terminate() is not known");
	if (reason == TERMINATE_PROGRAM)
		return link_leave_open(
			finding, "no-exception",
			"the program's own code called std::terminate(): the exception may be one that it "
			"had caught");
	if (reason == TERMINATE_RETHROWN)
		return link_rule_out(finding, "no-exception", EVIDENCE_MEMORY, 0, crash->facts.thrown.object,
				     "the exception object is in the core");
	return link_rule_out(finding, "no-exception", EVIDENCE_FRAME, (int64_t)ending->teller, teller->pc,
			     "the runtime's throwing functions called it");
}

static struct error *examine_handler(const struct crash *crash, const struct ending *ending,
				     enum terminate_reason reason, struct finding *finding)
{
	const struct frame *teller = &crash->facts.stacks.threads[0].frames[ending->teller];

	if (taken_frame(crash, ending) == SIZE_MAX)
		return link_rule_out(finding, "hidden-handler", EVIDENCE_FRAME, (int64_t)ending->teller, teller->pc,
				     "no return address on the exception's way was taken by a uretprobe");
	if (reason != TERMINATE_UNCAUGHT && reason != TERMINATE_RETHROWN)
		return link_rule_out(finding, "hidden-handler", EVIDENCE_FRAME, (int64_t)ending->teller, teller->pc,
				     "the search for a handler had ended before");
	return link_leave_as_likely(
		finding, "hidden-handler",
		"a uretprobe had taken a return address on the exception's way: a handler beyond it "
		"could not be found");
}

static struct error *report_terminate(const struct crash *crash, const struct ending *ending,
				      enum terminate_reason reason, struct finding_list *findings)
{
	size_t last = ending->caller == SIZE_MAX ? ending->teller : ending->caller;
	bool thrown_here = reason == TERMINATE_UNCAUGHT || reason == TERMINATE_NOEXCEPT;
	struct words exception;
	struct finding *finding;
	struct error *err;

	err = finding_append(findings, FINDING_UNCAUGHT_EXCEPTION, &finding)
		?: link_append_own_signal(crash, ending, finding)
		?: link_append(finding, &link_uncaught_exception, BASIS_COMPUTED, link_frame_node(crash, last),
			       "std::terminate() was called for %s", exception_words(&exception, crash))
		?: evidence_add_crash_frame(crash, finding, ending->teller, "the runtime ended the program")
		?: evidence_add_crash_frame(crash, finding, ending->caller, thrown_here ? "thrown by" : "called by")
		?: add_object(crash, finding)
		?: examine_exception(crash, ending, reason, finding)
		?: examine_handler(crash, ending, reason, finding)
		?: link_examine_frames(crash, finding, "guessed-frames", ending->first, last)
		?: summarize(crash, ending, reason, finding);
	/* Who threw what was rethrown was not seen. */
	if (!err && reason != TERMINATE_UNKNOWN && reason != TERMINATE_RETHROWN &&
	    taken_frame(crash, ending) == SIZE_MAX)
		err = evidence_accuse_frame(crash, finding, ending->caller);
	return err ?: finding_set_next_step(finding, "which caller was meant to catch it?");
}

#define GO_ERROR "runtime error: "

static struct error *summarize_go(const struct crash *crash, const struct words *caller, struct finding *finding)
{
	const char *message = crash->facts.panic_message ?: "";
	const char *in = caller->text[0] ? " in " : "";

	if (strncmp(message, GO_ERROR, strlen(GO_ERROR)) != 0)
		return finding_set_summary(finding, "Go panic%s%s%s%s%s; not recovered.", message[0] ? " (\"" : "",
					   message, message[0] ? "\")" : "", in, caller->text);
	message += strlen(GO_ERROR);
	return finding_set_summary(finding, "Go runtime panic: %s%s%s; not recovered.", message, in, caller->text);
}

static struct error *summarize_rust(const struct crash *crash, const struct words *caller, struct finding *finding)
{
	const char *message = crash->facts.panic_message;

	return finding_set_summary(finding,
				   "Rust panic%s%s%s%s%s%s%s; panics abort in this program, or this one may not "
				   "unwind.",
				   crash->facts.panic_place[0] ? " at " : "", crash->facts.panic_place,
				   message ? " (\"" : "", message ?: "", message ? "\")" : "",
				   caller->text[0] ? " in " : "", caller->text);
}

/* A Rust panic while another one unwinds: the one before it began what happened. The hook then aborts by itself, where
 * a first panic goes on to rust_panic() (library/std/src/panicking.rs, rust_panic_with_hook). */
static bool is_second_panic(const struct crash *crash, const struct ending *ending)
{
	const struct thread_stack *stack = &crash->facts.stacks.threads[0];
	bool hooked = false, goes_on = false;

	for (size_t i = 0; i < ending->caller && i < stack->frame_count; i++) {
		const char *function = stack->frames[i].symbol.function ?: "";

		hooked |= strstr(function, "rust_panic_with_hook") != NULL;
		goes_on |= strcmp(function, "rust_panic") == 0 || strstr(function, "__rust_start_panic") != NULL;
	}
	return hooked && !goes_on;
}

static struct error *report_panic(const struct crash *crash, const struct ending *ending, struct finding_list *findings)
{
	size_t last = ending->caller == SIZE_MAX ? ending->teller : ending->caller;
	bool rust = ending->kind == ENDING_RUST_PANIC, taken = taken_frame(crash, ending) != SIZE_MAX;
	struct words caller;
	struct finding *finding;
	struct error *err;

	evidence_frame_words(&caller, crash, ending->caller);
	err = finding_append(findings, FINDING_UNCAUGHT_EXCEPTION, &finding)
		?: link_append_own_signal(crash, ending, finding)
		?: link_append(finding, &link_unrecovered_panic, BASIS_COMPUTED, link_frame_node(crash, last),
			       "a %s panic ended the program", rust ? "Rust" : "Go")
		?: evidence_add_crash_frame(crash, finding, ending->teller, "the panic's own function")
		?: evidence_add_crash_frame(crash, finding, ending->caller, "called by");
	if (!err && taken)
		err = link_leave_as_likely(
			finding, "uretprobe",
			"a uretprobe had taken a return address on the stack: a runtime that unwinds "
			"cannot pass it");
	else if (!err)
		err = link_rule_out(finding, "uretprobe", EVIDENCE_FRAME, (int64_t)ending->teller,
				    crash->facts.stacks.threads[0].frames[ending->teller].pc,
				    "no return address on the stack was taken by a uretprobe");
	err = err ?: link_examine_frames(crash, finding, "guessed-frames", ending->first, last)
		?: (rust ? summarize_rust(crash, &caller, finding) : summarize_go(crash, &caller, finding));
	if (!err && !taken && !is_second_panic(crash, ending))
		err = evidence_accuse_frame(crash, finding, ending->caller);
	if (!err && !crash->facts.panic_message)
		err = finding_add_missing(finding, "the panic's message, which goes to standard error");
	return err ?: finding_set_next_step(finding, "what does the panic's message say of the value that it checked?");
}

struct error *cause_uncaught_exception(const struct crash *crash, struct finding_list *findings)
{
	enum terminate_reason reason;
	struct ending ending;

	ending_find(crash, &ending);
	if (crash->facts.signal.number != SIGABRT || !ending.own)
		return NULL;
	/* The panic then is the runtime's report of an end before it. */
	if (go_nil_pointer(crash, &ending))
		return NULL;
	if (ending.kind == ENDING_RUST_PANIC || ending.kind == ENDING_GO_PANIC)
		return report_panic(crash, &ending, findings);
	if (ending.kind != ENDING_TERMINATE)
		return NULL;
	reason = terminate_reason_find(crash, &ending);
	return terminate_is_of_exception(crash, reason) ? report_terminate(crash, &ending, reason, findings) : NULL;
}
