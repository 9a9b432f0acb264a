/* SPDX-License-Identifier: MIT */
/*
 * deliberate-abort: the program ended itself: abort(), raise() or kill() of its own, a fatal error of Go's runtime, or
 * one of the C library that has no class of its own.
 *
 * What is seen: the crashed thread is in the system call that sends the signal, and its frames show the way there. Or
 * the signal says that the process itself sent it, and the thread that got it is in no such call: a signal for the
 * process goes to any thread, so another one sent it: the one that the recorder saw, or one that is still in the call;
 * whoever sent it may have run on, and then it is not known (`likely`).
 *
 * Near misses, left to their own classes: an assertion, a canary, a complaint about the heap, std::terminate and panics
 * abort too, and so does a sanitizer, whose finding is the cause (`possible`), so that a caller of abort() without a
 * name leaves them open (`possible`), and one in a library that is gone, or a way without any name, leaves the class
 * unknown. A handler that sends a signal on is forwarded-signal, and one that aborts because of a fault is only the
 * messenger (`possible`); SIGPIPE and SIGXFSZ carry the process's own id though the kernel sends them.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence_probe.h"
#include "analyzer/evidence/evidence_process.h"
#include "analyzer/facts/system_call.h"

static bool is_fault_signal(int number)
{
	return number == SIGSEGV || number == SIGBUS || number == SIGFPE || number == SIGILL || number == SIGTRAP;
}

/* The other thread that sent the signal, as an index into the stacks: the one that was seen sending it, else one that
 * is in such a call. SIZE_MAX: not known. */
static size_t sending_thread(const struct crash *crash)
{
	const struct signal_sender *sender = &crash->record.sender;
	uint32_t tid = sender->tid == sender->pid ? crash->record.process.namespace_pid : sender->tid;
	/* Thread ids of the initial namespace, of which only the first thread's is known in another one. */
	bool same = crash->record.process.namespace_pid == crash->record.process.pid || sender->tid == sender->pid;

	if (!crash->record.has_sender)
		return crash->facts.sending.other ?: SIZE_MAX;
	for (size_t i = 0; same && i < crash->facts.stacks.thread_count; i++) {
		if (crash->facts.stacks.threads[i].tid == tid)
			return i;
	}
	return SIZE_MAX;
}

/* Where that thread is now: the first frame of its own. */
static struct error *add_place(const struct thread_stack *stack, struct finding *finding, struct words *ret_place)
{
	struct words symbol;

	for (size_t i = 0; i < stack->frame_count; i++) {
		const struct frame *frame = &stack->frames[i];

		if (!frame->symbol.module || !frame->symbol.function || ending_is_runtime(frame))
			continue;
		words_function(&symbol, &frame->symbol);
		snprintf(ret_place->text, sizeof(ret_place->text), ", and is in %.200s%s%.100s", symbol.text,
			 frame->symbol.file ? " of " : "",
			 frame->symbol.file ? words_base_name(frame->symbol.file) : "");
		return finding_add_evidence(finding, EVIDENCE_FRAME, (int64_t)i, frame->pc,
					    "frame %zu of thread %" PRIu32 ": %s", i, stack->tid,
					    words_symbol(&symbol, &frame->symbol));
	}
	return NULL;
}

static struct error *report_recorded_thread(const struct crash *crash, size_t index, struct finding *finding)
{
	const struct signal_sender *sender = &crash->record.sender;
	struct words signal, when, place = {.text = ""};
	struct error *err;

	words_before_crash(&when, crash, sender->time_ns);
	err = finding_add_evidence(finding, EVIDENCE_SIGNAL, crash->record.signal_event.id, 0,
				   "thread %" PRIu32 " (%.16s) sent it, %s", sender->tid, sender->comm, when.text);
	if (!err && index != SIZE_MAX)
		err = add_place(&crash->facts.stacks.threads[index], finding, &place);
	return err
		?: finding_set_summary(finding, "Thread %" PRIu32 " of the process sent %s to it, %s%s.",
				       index == SIZE_MAX ? sender->tid : crash->facts.stacks.threads[index].tid,
				       words_signal(&signal, crash->facts.signal.number), when.text, place.text)
		?: finding_add_missing(finding, "the very call: it is told from where that thread is now");
}

static struct error *report_calling_thread(const struct crash *crash, size_t index, struct finding *finding)
{
	const struct thread_stack *stack = &crash->facts.stacks.threads[index];
	struct words signal, call, place = {.text = ""};

	return add_place(stack, finding, &place)
		?: finding_set_summary(
			finding, "Thread %" PRIu32 " of the process sent %s to it: it is in the system call %s%s.",
			stack->tid, words_signal(&signal, crash->facts.signal.number),
			words_system_call(&call, crash->facts.sending.other_call), place.text)
		?: finding_add_missing(finding, "the sending: another thread may have done the same and run on");
}

static struct error *report_other_thread(const struct crash *crash, struct finding *finding)
{
	size_t index = sending_thread(crash);
	struct words signal;
	struct error *err;

	finding->confidence = CONFIDENCE_LIKELY;
	if (crash->record.has_sender)
		return report_recorded_thread(crash, index, finding);
	if (index != SIZE_MAX)
		return report_calling_thread(crash, index, finding);
	err = finding_set_summary(finding, "The process sent %s to itself; which of its threads did so is not known.",
				  words_signal(&signal, crash->facts.signal.number));
	if (!err && crash->facts.signal.code == SI_QUEUE) {
		finding->confidence = CONFIDENCE_POSSIBLE;
		err = finding_add_missing(finding, "the sending: with sigqueue the sender says itself who it is");
	}
	if (err)
		return err;
	return finding_add_missing(finding, "the thread that sent the signal: none is in such a system call any "
					    "more");
}

static struct error *set_summary(const struct crash *crash, const struct ending *ending, struct finding *finding)
{
	const struct frame *teller = &crash->facts.stacks.threads[0].frames[ending->teller];
	struct words caller, call, signal;
	const char *by;

	evidence_frame_words(&caller, crash, ending->caller);
	by = caller.text[0] ? " by " : "";
	/* A system call of the program's own code has no function around it. */
	if (ending->teller == ending->caller)
		words_system_call(&call, crash->facts.sending.crashed);
	else
		words_function(&call, &teller->symbol);
	if (ending->kind == ENDING_GO_THROW)
		return finding_set_summary(finding, "Go's runtime ended the program with a fatal error%s%s%s%s%s.",
					   crash->facts.panic_message ? " (\"" : "", crash->facts.panic_message ?: "",
					   crash->facts.panic_message ? "\")" : "",
					   caller.text[0] ? ", called in " : "", caller.text);
	if (ending->kind == ENDING_SANITIZER)
		return finding_set_summary(finding, "A sanitizer ended the program: it had found an error%s%s.",
					   caller.text[0] ? " in " : "", caller.text);
	if (ending->kind == ENDING_LIBRARY)
		return finding_set_summary(finding, "The C library ended the program%s%s%s%s.",
					   crash->core.abort_message ? ": " : "", crash->core.abort_message ?: "",
					   caller.text[0] ? ", called in " : "", caller.text);
	if (ending->in_handler && !crash->facts.interruptions[ending->interruption].signal.number)
		return finding_set_summary(finding, "The program ended itself: %s was called%s%s, in a signal handler.",
					   call.text, by, caller.text);
	if (ending->in_handler)
		return finding_set_summary(
			finding, "The program ended itself: %s was called%s%s, in its handler for %s.", call.text, by,
			caller.text,
			words_signal(&signal, crash->facts.interruptions[ending->interruption].signal.number));
	if (crash->facts.signal.number == SIGABRT)
		return finding_set_summary(finding, "The program ended itself: %s was called%s%s.", call.text, by,
					   caller.text);
	return finding_set_summary(finding, "The program ended itself with %s: %s was called%s%s.",
				   words_signal(&signal, crash->facts.signal.number), call.text, by, caller.text);
}

static struct error *weigh(const struct crash *crash, const struct ending *ending, struct finding *finding)
{
	const struct crash_signal *first = &crash->facts.interruptions[ending->interruption].signal;

	finding->confidence = CONFIDENCE_PROVEN;
	if (ending->kind == ENDING_GO_THROW && evidence_return_probes_seen(crash)) {
		finding->confidence = CONFIDENCE_POSSIBLE;
		return finding_add_counter(finding, "uretprobes were at work, which Go's runtime stumbles over");
	}
	if (ending->kind == ENDING_SANITIZER) {
		finding->confidence = CONFIDENCE_POSSIBLE;
		return finding_add_missing(finding, "what the sanitizer had found: its report is on standard error, or "
						    "where log_path says");
	}
	if (ending->kind == ENDING_LIBRARY) {
		finding->confidence = CONFIDENCE_POSSIBLE;
		return finding_add_missing(finding, "what the C library objected to: other classes know its words");
	}
	if (ending->in_handler && first->number && is_fault_signal(first->number) && first->code > 0) {
		finding->confidence = CONFIDENCE_POSSIBLE;
		return finding_add_counter(finding, "its handler was called for a fault, which is the cause");
	}
	if (crash->facts.exception.thrown_at > ending->teller && crash->facts.exception.thrown_at != SIZE_MAX &&
	    ending->kind == ENDING_PLAIN) {
		finding->confidence = CONFIDENCE_LIKELY;
		return finding_add_counter(finding, "an exception was on its way, further out on the stack");
	}
	if (crash->core.abort_message && ending->kind == ENDING_PLAIN) {
		finding->confidence = CONFIDENCE_POSSIBLE;
		return finding_add_counter(finding, "the C library had said: %s", crash->core.abort_message);
	}
	if (ending->lost) {
		finding->confidence = CONFIDENCE_POSSIBLE;
		return finding_add_missing(finding,
					   "the name of the function that called it: a runtime that is linked into "
					   "the program ends it so, too");
	}
	return NULL;
}

static struct error *report_call(const struct crash *crash, const struct ending *ending, struct finding *finding)
{
	return weigh(crash, ending, finding)
		?: set_summary(crash, ending, finding)
		?: evidence_add_crash_frame(crash, finding, ending->teller, "it ended the program")
		?: evidence_add_crash_frame(crash, finding, ending->caller, "called by")
		?: evidence_set_frame_offender(crash, finding, ending->caller)
		?: finding_set_next_step(finding, "look at the frames above, and at what the program wrote to "
						  "standard error before");
}

/* A timer that the process has set sends its signal with SI_TIMER. */
static struct error *report_timer(const struct crash *crash, struct finding *finding)
{
	struct words signal;

	finding->confidence = CONFIDENCE_LIKELY;
	return finding_set_summary(finding, "A timer of the process's own sent it %s, which it does not handle.",
				   words_signal(&signal, crash->facts.signal.number))
		       ?: finding_add_missing(finding, "who set the timer");
}

struct error *cause_deliberate_abort(const struct crash *crash, struct finding_list *findings)
{
	struct finding *finding;
	struct ending ending;
	struct error *err;

	ending_find(crash, &ending);
	if (crash->core.snapshot)
		return NULL;
	if (crash->facts.signal.code == SI_TIMER) {
		return finding_append(findings, FINDING_DELIBERATE_ABORT, &finding)
			?: report_timer(crash, finding)
			?: evidence_add_signal(crash, finding);
	}
	if (!ending.own || evidence_kernels_own(crash) != KERNEL_OWN_NO || crash->record.has_exit_state)
		return NULL;
	switch (ending.kind) {
	case ENDING_PLAIN:
		if (ending.lost == LOST_GONE)
			return NULL;
		/* A handler that sends a signal on, instead of ending the program itself. */
		if (ending.in_handler &&
		    !ending_is_function(&crash->facts.stacks.threads[0].frames[ending.teller], "abort") &&
		    !strstr(crash->facts.stacks.threads[0].frames[ending.teller].symbol.function, "abort"))
			return NULL;
		break;
	case ENDING_NONE:
		/* A handler's abort after a fault is the end of that fault. */
		if (ending.sends || (crash->facts.fault.in_handler && crash->facts.fault.is_fault))
			return NULL;
		/* A handler that has sent the signal again and returned leaves the fault's own instruction at hand. */
		if (is_fault_signal(crash->facts.signal.number) && evidence_instruction_faults(crash))
			return NULL;
		break;
	case ENDING_LIBRARY:
	case ENDING_SANITIZER:
	case ENDING_GO_THROW:
		break;
	default:
		return NULL;
	}
	err = finding_append(findings, FINDING_DELIBERATE_ABORT, &finding);
	if (!err)
		err = ending.kind == ENDING_NONE ? report_other_thread(crash, finding)
						 : report_call(crash, &ending, finding);
	if (!err && ending.kind == ENDING_NONE && crash->record.has_sender && crash->record.sender.first_number) {
		struct words first;

		finding->confidence = CONFIDENCE_POSSIBLE;
		err = finding_add_counter(finding, "it was sent in a handler for %s",
					  words_signal(&first, crash->record.sender.first_number));
	}
	if (!err && ending.kind == ENDING_NONE && crash->core.abort_message) {
		finding->confidence = CONFIDENCE_POSSIBLE;
		err = finding_add_counter(finding, "the C library had said: %s", crash->core.abort_message);
	}
	return err ?: evidence_add_signal(crash, finding);
}
