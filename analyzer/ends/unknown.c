/* SPDX-License-Identifier: MIT */
#include "analyzer/ends/unknown.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#include "analyzer/evidence/evidence.h"
#include "analyzer/evidence/evidence_process.h"
#include "analyzer/facts/ending.h"
#include "analyzer/facts/system_call.h"
#include "analyzer/words.h"

/* "libc.so.6 (build-id 7c3f…)" */
static const char *module_words(struct words *words, const struct symbol *symbol)
{
	const char *name = words_base_name(symbol->module);

	snprintf(words->text, sizeof(words->text), "%.200s%s%.128s%s", name, symbol->build_id[0] ? " (build-id " : "",
		 symbol->build_id, symbol->build_id[0] ? ")" : "");
	return words->text;
}

#define OPEN "an abort, a failed check and an uncaught exception look the same"

/* Of the code that led to the system call nothing can be named. */
static struct error *describe_nameless(const struct crash *crash, const struct frame *frame, const char *what,
				       struct finding *finding)
{
	struct error *err;

	if (!frame)
		return finding_set_summary(finding, "%s; the backtrace does not show why.", what)
			       ?: finding_set_lost(finding, "the caller of the system call is not known",
						   "the files of the program and its libraries");
	err = finding_set_summary(finding, "%s, called from code of no known file: " OPEN ".", what)
		      ?: finding_set_lost(finding, "the code that sent the signal is in no known file",
					  "the list of mapped files (NT_FILE), or a recording");
	if (err)
		return err;
	return finding_add_missing(
		finding, "the file of the code at 0x%" PRIx64 "%s", frame->pc,
		crash->core.image && (!crash->core.image->file_count || crash->core.image->files_are_linked)
			? ": the core has no list of mapped files (NT_FILE)"
			: "");
}

/* The thread ended the process by a system call, and the frames do not show what for. */
static struct error *describe_lost_way(const struct crash *crash, const struct ending *ending, struct finding *finding)
{
	const struct thread_stack *stack = &crash->facts.stacks.threads[0];
	const struct frame *frame = ending->lost_frame == SIZE_MAX ? NULL : &stack->frames[ending->lost_frame];
	const char *reason = ending->lost == LOST_GONE ? "is missing" : "has no symbols";
	struct words signal, call, module;
	char what[700], at[400], would_show[400];
	struct error *err;

	if (ending->teller != SIZE_MAX)
		words_function(&call, &stack->frames[ending->teller].symbol);
	else
		words_system_call(&call, crash->facts.sending.crashed);
	snprintf(what, sizeof(what), "Thread %" PRIu32 " sent %s to its own process by %s()", crash->facts.tid,
		 words_signal(&signal, crash->facts.signal.number), call.text);
	if (!frame || !frame->symbol.module)
		return describe_nameless(crash, frame, what, finding);
	module_words(&module, &frame->symbol);
	snprintf(at, sizeof(at), "the function of %.300s that sent the signal has no name", module.text);
	snprintf(would_show, sizeof(would_show), "%.300s%s", module.text,
		 ending->lost == LOST_GONE ? ", the file of that build" : "'s symbols");
	err = finding_set_summary(finding, "%s, called from %s, which %s: " OPEN ".", what, module.text, reason)
		      ?: finding_add_missing(finding, "the names of %s's functions: %s %s", module.text,
					     frame->symbol.module, reason)
		      ?: finding_set_lost(finding, at, would_show);
	if (err)
		return err;
	if (ending->lost == LOST_GONE)
		return finding_set_next_step(
			finding,
			"put %s of that build back at %s and explain again (its package has it, or debuginfod by the "
			"build-id)",
			module.text, frame->symbol.module);
	return finding_set_next_step(
		finding, "install the debug file of %s (/usr/lib/debug/.build-id) and explain again", module.text);
}

/* The thread's memory was taken away under it. */
static struct error *describe_lost_stack(const struct crash *crash, struct finding *finding)
{
	return finding_set_summary(finding, "The stack and the thread block of thread %" PRIu32 " were not mapped: the kernel "
					    "could not write to them.",
				   evidence_dead_thread(crash))
		?: finding_add_evidence(finding, EVIDENCE_REGISTER, CORE_RSP, crash->facts.fault.address,
					"rsp is 0x%" PRIx64 ", where nothing is mapped", crash->facts.fault.address)
		?: finding_set_lost(finding, "who unmapped the thread's stack is not known",
				    "a recording of the process (corelate record)");
}

/* A signal that no instruction raised, from a sender that is not known. */
static struct error *describe_sent(const struct crash *crash, struct finding *finding)
{
	const struct crash_signal *signal = &crash->facts.signal;
	struct words name, code;
	struct error *err;

	words_signal(&name, signal->number);
	err = finding_set_summary(finding, "%s (%s) ended the process; its sender is not known.", name.text,
				  words_signal_origin(&code, signal))
		      ?: finding_set_lost(finding, "the sender of the signal is not known",
					  "a recording of the host (corelate record), which sees who sends signals");
	if (err)
		return err;
	if (signal->only_number)
		err = finding_add_missing(finding, "the sender of %s: %s", name.text,
					  crash->core.image
						  ? "the core has no siginfo"
						  : "the kernel keeps none for a signal that ends a process without "
						    "a core, and no process was seen sending it; the kernel itself "
						    "sends signals, too");
	else
		err = finding_add_missing(finding,
					  "the sender of %s: pid 0 is a process outside the pid namespace, or none, "
					  "where the kernel had no room for a siginfo",
					  name.text);
	if (!err && signal->number == SIGKILL)
		err = finding_set_next_step(
			finding, "does the kernel's log (dmesg) show the OOM killer? Else ask the service manager "
				 "or container runtime");
	return err;
}

/* Might a process have sent it, or the kernel for a reason of its own? */
static bool is_sent(const struct crash_signal *signal)
{
	bool is_fault = signal->number == SIGSEGV || signal->number == SIGBUS || signal->number == SIGILL ||
			signal->number == SIGFPE || signal->number == SIGTRAP || signal->number == SIGSYS;

	return !signal->only_number ? signal->code <= 0 && !signal->sender_pid : !is_fault;
}

static struct error *describe(const struct crash *crash, struct finding *finding)
{
	struct words signal, code;
	struct ending ending;

	ending_find(crash, &ending);
	if (crash->record.has_exit_state)
		return finding_set_summary(finding, "The process exited by itself; the cause is not known.");
	if (crash->facts.fault.is_fault && crash->facts.fault.source == ADDRESS_STACK)
		return describe_lost_stack(crash, finding);
	if (ending.own && ending.sends && ending.lost)
		return describe_lost_way(crash, &ending, finding);
	if (!ending.own && is_sent(&crash->facts.signal))
		return describe_sent(crash, finding);
	return finding_set_summary(finding, "Signal %s (%s) ended the process; the cause is not known.",
				   words_signal(&signal, crash->facts.signal.number),
				   words_signal_origin(&code, &crash->facts.signal));
}

struct error *unknown_append(const struct crash *crash, struct finding_list *list)
{
	struct finding *finding;
	struct error *err = finding_append(list, FINDING_UNKNOWN, &finding) ?: describe(crash, finding);

	if (!err && !crash->record.known)
		err = finding_add_missing(finding, "a record of the process: it was not recorded");
	if (!err && !crash->core.image)
		err = finding_add_missing(finding, "the core of the process");
	if (!err && !finding->next_step)
		err = finding_set_next_step(
			finding, "%s",
			crash->record.known ? "see corelate stack, and corelate why ADDRESS for the pointers in it"
					    : "run the program under corelate record: the next crash has a history");
	return err;
}
