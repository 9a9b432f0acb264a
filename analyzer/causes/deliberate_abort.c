/* SPDX-License-Identifier: MIT */
/*
 * deliberate-abort: the program ended itself: it called abort(), raise() or kill(), ran into an instruction that was
 * compiled in to stop it, or a timer of its own sent the signal.
 *
 * What is seen: the crashed thread is in the system call that sends the signal, and its frames show the call that led
 * there. Or siginfo says that the process itself sent it, and the thread that got it is in no such call: a signal for
 * the process goes to any thread, so another one sent it, which may have run on. Or the instruction: hlt, with which
 * musl and, as a last resort, glibc stop a program; int3 with ud2 behind it, with which V8 and Chromium do.
 *
 * What it could be mistaken for: an assertion, a canary, a complaint about the heap, std::terminate and panics abort
 * too. They have causes of their own; where the caller of abort() has no name they cannot be told apart (`possible`),
 * and in a library that is gone, or without any name, nothing is concluded. A sanitizer or the C library aborts for
 * what it found. A handler that aborts for a fault is the end of that fault. SIGPIPE and SIGXFSZ carry the process's
 * own pid though the kernel sends them. With sigqueue(3) the sender chooses the pid and the code. An int3 that a
 * debugger left looks like one that was compiled in.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence.h"
#include "analyzer/evidence/evidence_culprit.h"
#include "analyzer/evidence/evidence_process.h"
#include "analyzer/evidence/link_process.h"
#include "analyzer/facts/system_call.h"

static const char *const call_alternatives[] = {"library-complaint",
						"sanitizer-finding",
						"earlier-fault",
						"exception-in-flight",
						"unnamed-runtime",
						"guessed-frames",
						NULL};
static const char *const process_alternatives[] = {"other-sender",	"other-thread", "other-code",
						   "library-complaint", "in-handler",	NULL};
static const char *const timer_alternatives[] = {"forged-code", NULL};
static const char *const stop_alternatives[] = {"stray-jump", "breakpoint", NULL};

const struct link_kind link_called_abort = {"called-abort", FINDING_DELIBERATE_ABORT, call_alternatives};
const struct link_kind link_own_process_signal = {"own-process-signal", FINDING_DELIBERATE_ABORT, process_alternatives};
const struct link_kind link_own_timer = {"own-timer", FINDING_DELIBERATE_ABORT, timer_alternatives};
const struct link_kind link_stop_instruction = {"stop-instruction", FINDING_DELIBERATE_ABORT, stop_alternatives};

static bool is_fault_signal(int number)
{
	return number == SIGSEGV || number == SIGBUS || number == SIGFPE || number == SIGILL || number == SIGTRAP;
}

/* ---- the thread that got the signal is not known to have sent it ---- */

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

/* The first frame of the program's own; NULL for none. */
static const struct frame *place_of_thread(const struct crash *crash, size_t index)
{
	const struct thread_stack *stack = index == SIZE_MAX ? NULL : &crash->facts.stacks.threads[index];

	for (size_t i = 0; stack && i < stack->frame_count; i++) {
		const struct frame *frame = &stack->frames[i];

		if (frame->symbol.module && frame->symbol.function && !ending_is_runtime(frame))
			return frame;
	}
	return NULL;
}

static struct error *examine_other_sender(const struct crash *crash, struct finding *finding)
{
	struct evidence siginfo = link_siginfo_citation(crash);

	if (crash->record.has_sender)
		return link_rule_out(finding, "other-sender", EVIDENCE_SIGNAL, crash->record.sender.signal_id, 0,
				     "the recorder saw the process send it");
	if (crash->facts.signal.code == SI_QUEUE)
		return link_leave_as_likely(finding, "other-sender",
					    "with sigqueue(3) the sender chooses the pid in siginfo");
	return link_rule_out(finding, "other-sender", siginfo.kind, siginfo.id, 0,
			     "the kernel put the process's own pid into siginfo");
}

/* Which thread, and which of its code. */
static struct error *examine_thread(const struct crash *crash, size_t index, struct finding *finding)
{
	struct words call;

	if (crash->record.has_sender)
		return link_rule_out(finding, "other-thread", EVIDENCE_SIGNAL, crash->record.sender.signal_id, 0,
				     "the recorder saw thread %" PRIu32 " send it", crash->record.sender.tid)
			?: finding_add_missing(finding, "the sending call: only the thread's current frames are known")
			?: link_leave_unseen(finding, "other-code", "the thread may have returned from the function");
	if (index != SIZE_MAX)
		return link_leave_open(finding, "other-thread", "another thread may have sent it and run on")
			       ?: link_rule_out(finding, "other-code", EVIDENCE_MEMORY, 0,
						crash->facts.stacks.threads[index].frame_count
							? crash->facts.stacks.threads[index].frames[0].sp
							: 0,
						"thread %" PRIu32 " is in %s()", crash->facts.stacks.threads[index].tid,
						words_system_call(&call, crash->facts.sending.other_call));
	return finding_add_missing(finding, "the thread that sent the signal: none is in such a system call any more")
		?: link_leave_unseen(finding, "other-thread", "no thread is in a call that sends it")
		?: link_leave_unseen(finding, "other-code", "no thread is in a call that sends it");
}

static struct error *examine_rest(const struct crash *crash, struct finding *finding)
{
	struct evidence siginfo = link_siginfo_citation(crash);
	int first = crash->record.has_sender ? crash->record.sender.first_number : 0;
	struct words signal;
	struct error *err;

	err = crash->core.abort_message
		      ? link_leave_as_likely(finding, "library-complaint", "the C library had printed: %s",
					     crash->core.abort_message)
		      : link_rule_out(finding, "library-complaint", siginfo.kind, siginfo.id, 0,
				      "the C library left no message");
	if (err)
		return err;
	if (first)
		return link_leave_as_likely(finding, "in-handler", "it was sent in a handler for %s",
					    words_signal(&signal, first));
	if (crash->record.has_sender)
		return link_rule_out(finding, "in-handler", EVIDENCE_SIGNAL, crash->record.sender.signal_id, 0,
				     "the sender was in no signal handler");
	return link_leave_unseen(finding, "in-handler", "the sender was not seen");
}

static struct error *add_place(const struct thread_stack *stack, const struct frame *place, struct finding *finding)
{
	struct words symbol;

	return finding_add_evidence(finding, EVIDENCE_MEMORY, 0, place->sp, "thread %" PRIu32 " is in %s", stack->tid,
				    words_symbol(&symbol, &place->symbol))
		       ?: evidence_suspect_code(finding, &place->symbol, EVIDENCE_MEMORY, 0, place->sp);
}

static struct error *summarize_thread(const struct crash *crash, size_t index, const struct frame *place,
				      struct finding *finding)
{
	const struct signal_sender *sender = &crash->record.sender;
	struct words signal, when, call, function;
	char in[560] = "";
	uint32_t tid;

	words_signal(&signal, crash->facts.signal.number);
	if (place)
		snprintf(in, sizeof(in), ", and is in %.200s%s%.100s", words_function(&function, &place->symbol),
			 place->symbol.file ? " of " : "",
			 place->symbol.file ? words_base_name(place->symbol.file) : "");
	if (index == SIZE_MAX && !crash->record.has_sender)
		return finding_set_summary(finding,
					   "The process sent %s to itself; which of its threads did so is not known.",
					   signal.text);
	tid = index == SIZE_MAX ? sender->tid : crash->facts.stacks.threads[index].tid;
	if (crash->record.has_sender)
		return finding_set_summary(finding, "Thread %" PRIu32 " sent %s to its own process, %s%s.", tid,
					   signal.text, words_before_crash(&when, crash, sender->time_ns), in);
	return finding_set_summary(finding, "Thread %" PRIu32 " sent %s to its own process: it is in %s()%s.", tid,
				   signal.text, words_system_call(&call, crash->facts.sending.other_call), in);
}

static struct error *report_other_thread(const struct crash *crash, struct finding *finding)
{
	const struct signal_sender *sender = &crash->record.sender;
	size_t index = sending_thread(crash);
	const struct frame *place = place_of_thread(crash, index);
	struct evidence siginfo = link_siginfo_citation(crash);
	struct words signal, when;
	struct error *err;

	err = link_append(finding, &link_own_process_signal, crash->record.has_sender ? BASIS_OBSERVED : BASIS_COMPUTED,
			  (struct node){.kind = NODE_PROCESS, .id = crash->facts.pid}, "the process sent %s to itself",
			  words_signal(&signal, crash->facts.signal.number))
		      ?: evidence_add_signal(crash, finding);
	if (!err && crash->record.has_sender)
		err = finding_add_evidence(finding, EVIDENCE_SIGNAL, sender->signal_id, 0,
					   "thread %" PRIu32 " (%.16s) sent it, %s", sender->tid, sender->comm,
					   words_before_crash(&when, crash, sender->time_ns));
	else if (!err)
		err = finding_add_evidence(finding, siginfo.kind, siginfo.id, 0, "siginfo has the process's own pid");
	if (!err && place)
		err = add_place(&crash->facts.stacks.threads[index], place, finding);
	return err
		?: examine_other_sender(crash, finding)
		?: examine_thread(crash, index, finding)
		?: examine_rest(crash, finding)
		?: summarize_thread(crash, index, place, finding)
		?: finding_set_next_step(finding, "which thread calls kill() or raise()? corelate stack shows them all");
}

/* ---- the crashed thread's frames show the call ---- */

/* What ended the program, where that was not the program's own call of abort(). */
static bool is_messenger(const struct crash *crash, const struct ending *ending)
{
	const struct crash_signal *first = &crash->facts.interruptions[ending->interruption].signal;

	return ending->kind != ENDING_PLAIN || ending->lost || crash->core.abort_message ||
	       (ending->in_handler && is_fault_signal(first->number) && first->code > 0);
}

/* "abort()", or "the system call tgkill" of the program's own code. */
static void name_call(const struct crash *crash, const struct ending *ending, struct words *ret)
{
	const struct frame *teller = &crash->facts.stacks.threads[0].frames[ending->teller];
	struct words name;

	if (ending->teller == ending->caller)
		snprintf(ret->text, sizeof(ret->text), "the system call %.200s",
			 words_system_call(&name, crash->facts.sending.crashed));
	else
		snprintf(ret->text, sizeof(ret->text), "%.300s()", words_function(&name, &teller->symbol));
}

static struct error *summarize_call(const struct crash *crash, const struct ending *ending, struct finding *finding)
{
	struct words caller, call, signal, first;
	char handler[64] = "", sent[64] = "";

	evidence_frame_words(&caller, crash, ending->caller);
	name_call(crash, ending, &call);
	if (ending->kind == ENDING_SANITIZER)
		return finding_set_summary(finding, "A sanitizer aborted: it had found an error%s%s.",
					   caller.text[0] ? " in " : "", caller.text);
	if (ending->kind == ENDING_LIBRARY)
		return finding_set_summary(finding, "The C library aborted%s%s%s%s.",
					   crash->core.abort_message ? ": " : "", crash->core.abort_message ?: "",
					   caller.text[0] ? ", called in " : "", caller.text);
	if (ending->in_handler && !crash->facts.interruptions[ending->interruption].signal.number)
		snprintf(handler, sizeof(handler), " in a signal handler");
	else if (ending->in_handler)
		snprintf(handler, sizeof(handler), " in its handler for %.20s",
			 words_signal(&first, crash->facts.interruptions[ending->interruption].signal.number));
	if (crash->facts.signal.number != SIGABRT)
		snprintf(sent, sizeof(sent), ", which sent %.20s to its own process",
			 words_signal(&signal, crash->facts.signal.number));
	return finding_set_summary(finding, "%s called %s%s%s.", caller.text[0] ? caller.text : "The program",
				   call.text, handler, sent);
}

static struct error *examine_fault(const struct crash *crash, const struct ending *ending, struct finding *finding)
{
	const struct crash_signal *first = &crash->facts.interruptions[ending->interruption].signal;
	const struct frame *teller = &crash->facts.stacks.threads[0].frames[ending->teller];

	if (!ending->in_handler)
		return link_rule_out(finding, "earlier-fault", EVIDENCE_FRAME, (int64_t)ending->teller, teller->pc,
				     "no signal handler is on the stack");
	if (is_fault_signal(first->number) && first->code > 0)
		return link_leave_as_likely(finding, "earlier-fault",
					    "its handler was called for a fault, which is the cause");
	if (!first->number)
		return finding_add_missing(finding, "the signal that the handler was called for")
			       ?: link_leave_unseen(finding, "earlier-fault",
						    "the handler may have been called for a fault");
	return link_rule_out(finding, "earlier-fault", EVIDENCE_MEMORY, 0,
			     crash->facts.interruptions[ending->interruption].address,
			     "the handler was called for a signal that reports no fault");
}

static struct error *examine_others(const struct crash *crash, const struct ending *ending, struct finding *finding)
{
	const struct frame *teller = &crash->facts.stacks.threads[0].frames[ending->teller];
	size_t thrown_at = crash->facts.exception.thrown_at;
	int64_t frame = (int64_t)ending->teller;
	struct error *err;

	err = ending->kind == ENDING_SANITIZER
		      ? link_leave_as_likely(finding, "sanitizer-finding",
					     "a sanitizer aborts for an error that it found; its report is on standard "
					     "error, or where log_path says")
		      : link_rule_out(finding, "sanitizer-finding", EVIDENCE_FRAME, frame, teller->pc,
				      "no frame of a sanitizer is on the way");
	if (err)
		return err;
	err = thrown_at != SIZE_MAX && thrown_at > ending->teller && ending->kind == ENDING_PLAIN
		      ? link_leave_open(finding, "exception-in-flight",
					"an exception was being thrown, further out on the stack")
		      : link_rule_out(finding, "exception-in-flight", EVIDENCE_FRAME, frame, teller->pc,
				      "no frame beyond it throws an exception");
	if (err)
		return err;
	return ending->lost
		       ? link_leave_as_likely(finding, "unnamed-runtime",
					      "the caller has no name: a runtime linked into the program aborts the "
					      "same way")
		       : link_rule_out(finding, "unnamed-runtime", EVIDENCE_FRAME, frame, teller->pc,
				       "the frames on the way have names");
}

static struct error *report_call(const struct crash *crash, const struct ending *ending, struct finding *finding)
{
	const struct frame *teller = &crash->facts.stacks.threads[0].frames[ending->teller];
	size_t last = ending->caller == SIZE_MAX ? ending->teller : ending->caller;
	struct words call;
	struct error *err;

	name_call(crash, ending, &call);
	err = link_append_own_signal(crash, ending, finding)
		      ?: link_append(finding, &link_called_abort, BASIS_COMPUTED, link_frame_node(crash, last),
				     "%s was called", call.text)
		      ?: evidence_add_crash_frame(crash, finding, ending->teller, "it sent the signal")
		      ?: evidence_add_crash_frame(crash, finding, ending->caller, "called by");
	if (!err && ending->kind == ENDING_LIBRARY)
		err = link_leave_as_likely(finding, "library-complaint",
					   "the C library aborts for an error that it found%s%s",
					   crash->core.abort_message ? ": " : "", crash->core.abort_message ?: "");
	else if (!err)
		err = link_examine_message(crash, finding, "library-complaint", ending->teller);
	err = err ?: examine_fault(crash, ending, finding) ?: examine_others(crash, ending, finding)
		?: link_examine_frames(crash, finding, "guessed-frames", ending->first, last)
		?: summarize_call(crash, ending, finding);
	if (!err && !teller->symbol.module)
		err = finding_add_missing(finding, "the module of the function that ended the program");
	if (!err && !is_messenger(crash, ending))
		err = evidence_accuse_frame(crash, finding, ending->caller);
	return err ?: finding_set_next_step(finding, "what did the program print to standard error before it aborted?");
}

/* ---- a timer, an instruction ---- */

/* A timer that the process has set sends its signal with SI_TIMER. */
static struct error *report_timer(const struct crash *crash, struct finding *finding)
{
	struct evidence siginfo = link_siginfo_citation(crash);
	struct words signal;

	words_signal(&signal, crash->facts.signal.number);
	return link_append(finding, &link_own_timer, BASIS_COMPUTED,
			   (struct node){.kind = NODE_SIGNAL, .id = crash->facts.signal.number},
			   "a timer of the process expired and sent %s", signal.text)
		?: evidence_add_signal(crash, finding)
		?: finding_add_evidence(finding, siginfo.kind, siginfo.id, 0, "si_code is SI_TIMER")
		?: link_leave_unseen(finding, "forged-code", "rt_sigqueueinfo(2) can send SI_TIMER from another process")
		?: finding_add_missing(finding, "who set the timer")
		?: finding_set_summary(finding, "A timer of the process sent it %s, which it does not handle.",
				       signal.text)
		?: finding_set_next_step(finding, "which code calls timer_create()?");
}

/* The processor's own report of an instruction that was compiled in to stop the program. */
static bool find_stop(const struct crash *crash, const char **ret_name, uint64_t *ret_address)
{
	const struct crash_signal *signal = &crash->facts.signal;
	const struct fault *fault = &crash->facts.fault;
	uint64_t pc = crash->facts.registers[CORE_RIP];
	uint8_t bytes[3];

	if (fault->is_fault && fault->cause == FAULT_PRIVILEGED && strcmp(fault->mnemonic, "hlt") == 0) {
		*ret_name = "hlt";
		*ret_address = fault->registers[CORE_RIP];
		return true;
	}
	if (signal->number != SIGTRAP || signal->only_number || signal->code != SI_KERNEL || !crash->core.image ||
	    !crash->facts.has_registers || core_read(crash->core.image, pc - 1, bytes, sizeof(bytes)) != sizeof(bytes))
		return false;
	*ret_name = "int3; ud2";
	*ret_address = pc - 1;
	return memcmp(bytes, "\xcc\x0f\x0b", sizeof(bytes)) == 0;
}

/* A breakpoint that the file does not have is stray-breakpoint's. */
static bool is_in_text_alone(const struct crash *crash, uint64_t address)
{
	for (size_t i = 0; i < crash->facts.repair.probe_count; i++) {
		if (crash->facts.repair.probes[i].address == address &&
		    crash->facts.repair.probes[i].sources & PROBE_IN_TEXT)
			return true;
	}
	return false;
}

static struct error *report_stop(const struct crash *crash, const char *name, uint64_t address,
				 struct finding_list *findings)
{
	const struct thread_stack *stack = crash->facts.stacks.thread_count ? &crash->facts.stacks.threads[0] : NULL;
	bool is_breakpoint = name[0] == 'i';
	/* An int3 is left behind: the instruction pointer is at what follows it. */
	uint64_t pc = is_breakpoint ? address + 1 : address;
	bool in_frame = stack && stack->frame_count && stack->frames[0].pc == pc;
	size_t caller = SIZE_MAX;
	struct words words, signal;
	struct finding *finding;
	struct error *err = finding_append(findings, FINDING_DELIBERATE_ABORT, &finding);

	if (err)
		return err;
	for (size_t i = 0; stack && i < stack->frame_count && caller == SIZE_MAX; i++) {
		if (!ending_is_runtime(&stack->frames[i]))
			caller = i;
	}
	evidence_frame_words(&words, crash, caller);
	err = link_append(finding, &link_stop_instruction, BASIS_COMPUTED,
			  (struct node){.kind = NODE_CODE, .start = pc, .id = in_frame ? 0 : -1},
			  "%s at 0x%" PRIx64 " stopped the program", name, address)
		?: finding_add_evidence(finding, EVIDENCE_MEMORY, 0, address, "0x%" PRIx64 " holds %s", address, name)
		?: evidence_add_signal(crash, finding)
		?: evidence_add_crash_frame(crash, finding, caller, "in")
		?: link_leave_unseen(finding, "stray-jump", "a jump astray could have ended there")
		?: finding_add_missing(finding, "how the thread came to the instruction, and a message, if there was one");
	if (!err && is_breakpoint)
		err = link_leave_unseen(finding, "breakpoint", "a debugger may have written the int3");
	else if (!err)
		err = link_rule_out(finding, "breakpoint", EVIDENCE_MEMORY, 0, address, "hlt is no breakpoint");
	return err
		?: finding_set_summary(finding, "Thread %" PRIu32 " ran into %s%s%s, which is compiled in to stop the program: %s.",
				       evidence_dead_thread(crash), name, words.text[0] ? " in " : "", words.text,
				       words_signal(&signal, crash->facts.signal.number))
		?: evidence_accuse_frame(crash, finding, caller)
		?: finding_set_next_step(finding, "what did the program print to standard error before it stopped?");
}

/* ---- which of them ---- */

/* A handler that sends a signal on, instead of ending the program itself. */
static bool passes_on(const struct crash *crash, const struct ending *ending)
{
	const char *teller = crash->facts.stacks.threads[0].frames[ending->teller].symbol.function;

	return ending->in_handler && !strstr(teller ?: "", "abort");
}

static bool fits(const struct crash *crash, const struct ending *ending)
{
	switch (ending->kind) {
	case ENDING_PLAIN:
		return ending->lost != LOST_GONE && !passes_on(crash, ending);
	case ENDING_NONE:
		/* A handler's abort after a fault is the end of that fault. */
		if (ending->sends || (crash->facts.fault.in_handler && crash->facts.fault.is_fault))
			return false;
		/* A handler that has sent the signal again and returned leaves the instruction that faulted. */
		return !is_fault_signal(crash->facts.signal.number) || !evidence_instruction_faults(crash);
	case ENDING_LIBRARY:
	case ENDING_SANITIZER:
		return true;
	default:
		return false;
	}
}

struct error *cause_deliberate_abort(const struct crash *crash, struct finding_list *findings)
{
	struct finding *finding;
	struct ending ending;
	const char *name;
	uint64_t address;

	if (crash->core.snapshot)
		return NULL;
	if (find_stop(crash, &name, &address))
		return is_in_text_alone(crash, address) ? NULL : report_stop(crash, name, address, findings);
	ending_find(crash, &ending);
	if (crash->facts.signal.code == SI_TIMER && !crash->facts.signal.only_number)
		return finding_append(findings, FINDING_DELIBERATE_ABORT, &finding) ?: report_timer(crash, finding);
	if (!ending.own || evidence_kernels_own(crash) != KERNEL_OWN_NO || crash->record.has_exit_state ||
	    !fits(crash, &ending))
		return NULL;
	return finding_append(findings, FINDING_DELIBERATE_ABORT, &finding)
		       ?: (ending.kind == ENDING_NONE ? report_other_thread(crash, finding)
						      : report_call(crash, &ending, finding));
}
