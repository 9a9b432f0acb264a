/* SPDX-License-Identifier: MIT */
/*
 * uncaught-exception: std::terminate ended the program: an exception that nothing catches, one that leaves a noexcept
 * function or a destructor on the way of another, a thread object that is destroyed while its thread can be joined, a
 * pure virtual call; or a panic of Rust or Go that nothing recovers.
 *
 * What is seen: SIGABRT that the process sent to itself, with std::terminate (or the panic's functions) among the
 * frames. Who called it tells the reason. The exception's type and text are read from the core (thrown.h).
 *
 * Near misses: a uretprobe's trampoline that hides the handler: where the exception's way leads over a return address
 * that was taken, the finding is `possible` only; std::terminate called by the program itself while it handles an
 * exception; abort() in a handler of the program's own (set_terminate), which is still this; a panic in a program where
 * panics unwind ends with no signal at all; Go's fatal errors, which are no panics, are a deliberate abort.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence_probe.h"
#include "analyzer/evidence/evidence_process.h"

enum reason {
	REASON_UNKNOWN,	 /* who called std::terminate cannot be told */
	REASON_UNCAUGHT, /* thrown, and nothing catches it */
	REASON_NOEXCEPT, /* it would have left a function that may throw nothing */
	REASON_RETHROWN,
	REASON_THREAD,
	REASON_PURE_VIRTUAL,
	REASON_PROGRAM, /* the program called std::terminate */
};

static bool begins(const struct frame *frame, const char *name)
{
	return frame->symbol.function && strncmp(frame->symbol.function, name, strlen(name)) == 0;
}

/* Reads the frames above std::terminate up to the program's own. */
static enum reason find_reason(const struct crash *crash, const struct ending *ending)
{
	const struct thread_stack *stack = &crash->facts.stacks.threads[0];
	bool in_personality = false;

	if (ending_is_function(&stack->frames[ending->teller], "__clang_call_terminate"))
		return REASON_NOEXCEPT;
	for (size_t i = ending->first; i < stack->frame_count && i < ending->teller + 12; i++) {
		const struct frame *frame = &stack->frames[i];

		if (ending_is_function(frame, "__cxa_pure_virtual") ||
		    ending_is_function(frame, "__cxa_deleted_virtual"))
			return REASON_PURE_VIRTUAL;
		in_personality |= begins(frame, "__gxx_personality") ||
				  ending_is_function(frame, "__cxa_call_terminate") ||
				  begins(frame, "_Unwind_RaiseException") || begins(frame, "_Unwind_Resume");
		if (ending_is_function(frame, "__cxa_throw"))
			return in_personality ? REASON_NOEXCEPT : REASON_UNCAUGHT;
		if (ending_is_function(frame, "__cxa_rethrow") || begins(frame, "_ZSt17rethrow_exception"))
			return in_personality ? REASON_NOEXCEPT : REASON_RETHROWN;
		if (begins(frame, "_ZNSt6threadD") || begins(frame, "_ZNSt6threadaS") ||
		    begins(frame, "_ZNSt3__16threadD"))
			return REASON_THREAD;
		/* Inlined: the program's own function, right above. */
		if (i > ending->teller && !ending_is_runtime(frame))
			break;
	}
	if (in_personality)
		return REASON_NOEXCEPT;
	return ending->caller == SIZE_MAX || ending->caller > ending->teller + 1 ? REASON_UNKNOWN : REASON_PROGRAM;
}

/* The way of the exception leads over a return address that a uretprobe had taken. */
static bool is_hijacked(const struct crash *crash, const struct ending *ending)
{
	for (size_t i = ending->teller; i < crash->facts.stacks.threads[0].frame_count; i++) {
		if (evidence_return_taken(crash, i))
			return true;
	}
	return false;
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

static struct error *set_summary(const struct crash *crash, const struct ending *ending, enum reason reason,
				 struct finding *finding)
{
	struct words exception, caller, capital;
	const char *in;

	exception_words(&exception, crash);
	snprintf(capital.text, sizeof(capital.text), "A%.500s", exception.text + 1);
	evidence_frame_words(&caller, crash, ending->caller);
	in = caller.text[0] ? " in " : "";
	switch (reason) {
	case REASON_UNCAUGHT:
		return finding_set_summary(finding, "%s was thrown%s%s and nothing caught it.", capital.text, in,
					   caller.text);
	case REASON_RETHROWN:
		if (!crash->facts.thrown.found)
			return finding_set_summary(finding,
						   "What was being handled was to be thrown again%s%s, where the core "
						   "shows no exception that is being handled: that ends the program "
						   "(std::terminate).",
						   in, caller.text);
		return finding_set_summary(finding, "%s was thrown again%s%s and nothing caught it.", capital.text, in,
					   caller.text);
	case REASON_NOEXCEPT:
		return finding_set_summary(finding,
					   "%s%s%s%s would have left a function that may throw nothing (noexcept, or a "
					   "destructor).",
					   capital.text, caller.text[0] ? ", thrown" : "", in, caller.text);
	case REASON_THREAD:
		return finding_set_summary(finding,
					   "A std::thread was destroyed%s%s while its thread was neither joined nor "
					   "detached, which ends the program (std::terminate).",
					   in, caller.text);
	case REASON_PURE_VIRTUAL:
		return finding_set_summary(finding,
					   "A pure virtual function was called%s%s: of an object whose constructor or "
					   "destructor runs, or that is gone.",
					   in, caller.text);
	case REASON_PROGRAM:
		return finding_set_summary(finding, "std::terminate was called%s%s%s%s.", in, caller.text,
					   crash->facts.thrown.found ? " while it handled " : "",
					   crash->facts.thrown.found ? exception.text : "");
	default:
		return finding_set_summary(finding, "std::terminate ended the program%s%s.",
					   crash->facts.thrown.found ? "; last there was " : "",
					   crash->facts.thrown.found ? exception.text : "");
	}
}

static struct error *weigh(const struct crash *crash, const struct ending *ending, enum reason reason,
			   struct finding *finding)
{
	struct error *err = NULL;

	finding->confidence = reason == REASON_UNKNOWN ? CONFIDENCE_LIKELY : CONFIDENCE_PROVEN;
	if (reason == REASON_UNKNOWN)
		err = finding_add_missing(finding, "who called std::terminate");
	if ((reason == REASON_UNCAUGHT || reason == REASON_RETHROWN) && is_hijacked(crash, ending)) {
		finding->confidence = CONFIDENCE_POSSIBLE;
		err = finding_add_counter(finding, "a uretprobe had taken a return address on the exception's way: a "
						   "handler beyond it could not be found");
	}
	return err;
}

static struct error *report_terminate(const struct crash *crash, const struct ending *ending,
				      struct finding_list *findings)
{
	enum reason reason = find_reason(crash, ending);
	struct finding *finding;
	struct error *err = finding_append(findings, FINDING_UNCAUGHT_EXCEPTION, &finding)
		?: weigh(crash, ending, reason, finding)
		?: set_summary(crash, ending, reason, finding)
		?: evidence_add_crash_frame(crash, finding, ending->teller, "the runtime ended the program")
		?: evidence_add_crash_frame(crash, finding, ending->caller,
					    reason == REASON_UNCAUGHT || reason == REASON_NOEXCEPT ? "thrown by"
												   : "called by");

	if (!err && crash->facts.thrown.found)
		err = finding_add_evidence(finding, EVIDENCE_MEMORY, 0, crash->facts.thrown.object,
					   "the exception object at 0x%llx, of type %s, %s",
					   (unsigned long long)crash->facts.thrown.object, crash->facts.thrown.type,
					   crash->facts.thrown.from_list ? "is the one that the thread handles"
									 : "is pointed to by the stack");
	return err
		?: evidence_add_signal(crash, finding)
		?: evidence_set_frame_offender(crash, finding, ending->caller);
}

/* Go's own words for a fault below 4096, the only ones that it makes a panic of (runtime/signal_unix.go, sigpanic). */
#define GO_NIL "invalid memory address or nil pointer dereference"
#define GO_ERROR "runtime error: "

static struct error *set_go_summary(const struct crash *crash, const struct words *caller, struct finding *finding)
{
	const char *message = crash->facts.panic_message ?: "";
	const char *in = caller->text[0] ? " in " : "";

	if (strncmp(message, GO_ERROR, strlen(GO_ERROR)) != 0)
		return finding_set_summary(
			finding, "A Go panic%s%s%s%s%s ended the program: nothing recovered from it.",
			message[0] ? " (\"" : "", message, message[0] ? "\")" : "", in, caller->text);
	message += strlen(GO_ERROR);
	if (strcmp(message, GO_NIL) == 0)
		message = "nil pointer dereference";
	return finding_set_summary(finding, "Go runtime panic: %s%s%s; nothing recovered from it.", message, in,
				   caller->text);
}

static struct error *report_panic(const struct crash *crash, const struct ending *ending, struct finding_list *findings)
{
	bool rust = ending->kind == ENDING_RUST_PANIC;
	struct words caller;
	struct finding *finding;
	struct error *err = finding_append(findings, FINDING_UNCAUGHT_EXCEPTION, &finding);

	if (err)
		return err;
	evidence_frame_words(&caller, crash, ending->caller);
	finding->confidence = CONFIDENCE_PROVEN;
	if (!rust)
		err = set_go_summary(crash, &caller, finding);
	else
		err = finding_set_summary(finding,
					  "A Rust panic%s%s%s%s%s%s%s ended the program: it is built to abort on a "
					  "panic, or the panic may not unwind.",
					  crash->facts.panic_place[0] ? " at " : "", crash->facts.panic_place,
					  crash->facts.panic_message ? " (\"" : "", crash->facts.panic_message ?: "",
					  crash->facts.panic_message ? "\")" : "", caller.text[0] ? " in " : "",
					  caller.text);
	if (!err)
		err = evidence_add_crash_frame(crash, finding, ending->teller, "the panic's own function")
			?: evidence_add_crash_frame(crash, finding, ending->caller, "called by")
			?: evidence_add_signal(crash, finding)
			?: evidence_set_frame_offender(crash, finding, ending->caller);
	if (!err && is_hijacked(crash, ending)) {
		finding->confidence = CONFIDENCE_POSSIBLE;
		err = finding_add_counter(finding, "a uretprobe had taken a return address on the stack, which a "
						   "runtime that unwinds stumbles over");
	}
	if (!err && !crash->facts.panic_message)
		err = finding_add_missing(finding, "the panic's message, which goes to standard error");
	return err;
}

struct error *cause_uncaught_exception(const struct crash *crash, struct finding_list *findings)
{
	struct ending ending;

	ending_find(crash, &ending);
	if (crash->facts.signal.number != SIGABRT || !ending.own)
		return NULL;
	if (ending.kind == ENDING_TERMINATE)
		return report_terminate(crash, &ending, findings);
	if (ending.kind == ENDING_RUST_PANIC || ending.kind == ENDING_GO_PANIC)
		return report_panic(crash, &ending, findings);
	return NULL;
}
