/* SPDX-License-Identifier: MIT */
/*
 * forwarded-signal: a handler ran for one signal, and sent the one that ended the process.
 *
 * What is seen: the process sent the last signal to itself, from within a handler whose signal frame says what it was
 * called for. A handler that has sent the signal again and returned before it arrived leaves no frame: where the
 * instruction at hand would fault, that is the first signal's cause.
 *
 * A record tells it of another process, too, and of a handler that has returned: whether the thread that sent the
 * signal was in a handler then, and what that had been called for.
 *
 * Where the first signal reports a fault, the fault is the cause and this finding only says how the end came
 * (`possible`). A handler that calls abort() decided for itself: deliberate-abort.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence.h"
#include "analyzer/evidence/evidence_process.h"

static bool is_fault(const struct crash_signal *signal)
{
	return signal->code > 0 && (signal->number == SIGSEGV || signal->number == SIGBUS || signal->number == SIGFPE ||
				    signal->number == SIGILL || signal->number == SIGTRAP);
}

/* "SIGTERM from process 12 (supervisor)" */
static const char *first_words(struct words *words, const struct crash_signal *signal)
{
	struct words name, code;

	if (!signal->number) {
		snprintf(words->text, sizeof(words->text), "another signal");
		return words->text;
	}
	words_signal(&name, signal->number);
	if (signal->sender_pid)
		snprintf(words->text, sizeof(words->text), "%.20s from process %" PRIu32 "%s%s%s", name.text,
			 signal->sender_pid, signal->sender_comm[0] ? " (" : "", signal->sender_comm,
			 signal->sender_comm[0] ? ")" : "");
	else
		snprintf(words->text, sizeof(words->text), "%.20s (%.30s)", name.text,
			 words_signal_code(&code, signal->number, signal->code));
	return words->text;
}

/* What the sender's handler had been called for. */
static struct crash_signal recorded_first(const struct crash *crash)
{
	const struct signal_sender *sender = &crash->record.sender;
	struct crash_signal first = {
		.number = sender->first_number,
		.code = sender->first_code,
		.address = sender->first_address,
		.sender_pid = sender->first_sender_pid,
	};

	snprintf(first.sender_comm, sizeof(first.sender_comm), "%.*s", (int)sizeof(sender->first_sender_comm),
		 sender->first_sender_comm);
	return first;
}

static struct error *report_handler(const struct crash *crash, const struct ending *ending,
				    struct finding_list *findings)
{
	const struct crash_signal *first = &crash->facts.interruptions[ending->interruption].signal;
	const struct crash_signal recorded = recorded_first(crash);
	struct words from, last, caller;
	bool is_go;
	struct finding *finding;
	struct error *err = finding_append(findings, FINDING_FORWARDED_SIGNAL, &finding);

	if (err)
		return err;
	if (!first->number && crash->record.has_sender)
		first = &recorded; /* a signal frame without a siginfo, which tells no number */
	evidence_frame_words(&caller, crash, ending->caller);
	is_go = strncmp(crash->facts.stacks.threads[0].frames[ending->teller].symbol.function, "runtime.", 8) == 0;
	finding->confidence = CONFIDENCE_PROVEN;
	/* So its runtime ends all threads in turn, each of which sends SIGQUIT to the next (GOTRACEBACK=crash;
	 * runtime/signal_unix.go, sighandler). */
	if (is_go && first->number == SIGQUIT && ending_is_own_signal(crash, first)) {
		finding->confidence = CONFIDENCE_POSSIBLE;
		err = finding_add_missing(finding,
					  "what began it, on another thread (corelate stack): Go's runtime ends "
					  "one after the other");
	}
	if (!err)
		err = finding_set_summary(finding,
					  "A handler%s%s%s, called for %s, sent the %s that ended the process.",
					  is_go ? " of Go's runtime" : "", caller.text[0] ? ", " : "", caller.text,
					  first_words(&from, first), words_signal(&last, crash->facts.signal.number));
	if (!err && crash->core.abort_message) {
		finding->confidence = CONFIDENCE_POSSIBLE;
		err = finding_add_counter(finding, "the C library had said: %s", crash->core.abort_message);
	}
	if (!err && is_fault(first)) {
		finding->confidence = CONFIDENCE_POSSIBLE;
		err = finding_add_counter(finding, "the handler was called for a fault, which is the cause");
	} else if (!err && !first->number) {
		finding->confidence = CONFIDENCE_LIKELY;
		err = finding_add_missing(
			finding, "which signal the handler was called for: it was installed without SA_SIGINFO");
	}
	return err
		?: evidence_add_crash_frame(crash, finding, ending->teller, "it sent the signal")
		?: evidence_add_crash_frame(crash, finding, ending->caller, "called by")
		?: finding_add_evidence(finding, EVIDENCE_MEMORY, 0,
					crash->facts.interruptions[ending->interruption].address,
					"the signal frame at 0x%" PRIx64 " is of %s",
					crash->facts.interruptions[ending->interruption].address, from.text)
		?: evidence_add_signal(crash, finding)
		?: evidence_set_frame_offender(crash, finding, ending->caller);
}

static struct error *report_returned(const struct crash *crash, struct finding_list *findings)
{
	struct words last;
	struct finding *finding;
	struct error *err = finding_append(findings, FINDING_FORWARDED_SIGNAL, &finding);

	if (err)
		return err;
	finding->confidence = CONFIDENCE_POSSIBLE;
	return finding_set_summary(finding,
				   "The process sent itself the %s that ended it, and stands at an instruction that "
				   "faults: its handler sent the signal again and returned.",
				   words_signal(&last, crash->facts.signal.number))
		?: finding_add_evidence(finding, EVIDENCE_MEMORY, 0, crash->facts.registers[CORE_RIP],
					"the instruction at hand: %s", crash->facts.fault.instruction)
		?: evidence_add_signal(crash, finding)
		?: finding_add_missing(finding, "the first signal: nothing of it is left");
}

static struct error *report_recorded(const struct crash *crash, struct finding_list *findings)
{
	const struct signal_sender *sender = &crash->record.sender;
	struct crash_signal first = recorded_first(crash);
	/* Of a chain of handlers only its first signal is kept, which was another handler's. */
	bool is_chain = sender->first_pid != sender->pid;
	bool own = sender->pid == crash->record.process.pid,
	     begun_here = sender->first_pid == crash->record.process.pid;
	char whose[80] = "of the process itself";
	struct words from, last, taken, sent;
	struct finding *finding;
	struct error *err = finding_append(findings, FINDING_FORWARDED_SIGNAL, &finding);

	if (err)
		return err;
	if (!own)
		snprintf(whose, sizeof(whose), "of process %" PRIu32 " (%.16s)", sender->pid, sender->comm);
	finding->confidence = is_chain ? CONFIDENCE_LIKELY : CONFIDENCE_PROVEN;
	first_words(&from, &first);
	words_signal(&last, crash->facts.signal.number);
	if (is_chain)
		err = finding_set_summary(finding,
					  "A handler %s sent the %s that ended the process: it was called for what "
					  "handlers had passed on, the first in process %" PRIu32 ", called for %s.",
					  whose, last.text, sender->first_pid, from.text);
	else
		err = finding_set_summary(finding, "A handler %s, called for %s, sent the %s that ended the process.",
					  whose, from.text, last.text);
	if (!err && is_chain)
		err = finding_add_missing(finding,
					  "the links of the chain between the first and the last: only those are kept");
	if (!err && begun_here && (is_fault(&first) || first.number == SIGSYS)) {
		finding->confidence = CONFIDENCE_POSSIBLE;
		err = finding_add_counter(finding, "the handler was called for a fault, which is the cause");
	}
	if (!err && crash->core.abort_message) {
		finding->confidence = CONFIDENCE_POSSIBLE;
		err = finding_add_counter(finding, "the C library had said: %s", crash->core.abort_message);
	}
	return err
		?: finding_add_evidence(finding, EVIDENCE_SIGNAL, sender->signal_id, 0,
					"thread %" PRIu32 " of process %" PRIu32 " took %s %s", sender->first_tid,
					sender->first_pid, from.text,
					words_before_crash(&taken, crash, sender->first_time_ns))
		?: finding_add_evidence(finding, EVIDENCE_SIGNAL, sender->signal_id, 0,
					"thread %" PRIu32 " of process %" PRIu32 " (%.16s) sent %s in a handler, %s",
					sender->tid, sender->pid, sender->comm, last.text,
					words_before_crash(&sent, crash, sender->time_ns))
		?: evidence_add_signal(crash, finding);
}

struct error *cause_forwarded_signal(const struct crash *crash, struct finding_list *findings)
{
	const struct frame *teller;
	struct ending ending;

	ending_find(crash, &ending);
	if (crash->core.snapshot)
		return NULL;
	if (evidence_is_passed_on(crash) && ending.kind <= ENDING_PLAIN &&
	    !(ending.kind == ENDING_PLAIN && ending.in_handler))
		return report_recorded(crash, findings);
	if (!ending.own)
		return NULL;
	if (ending.kind == ENDING_NONE)
		return crash->facts.fault.is_fault &&
				       is_fault(&(struct crash_signal){.number = crash->facts.signal.number, .code = 1})
			       ? report_returned(crash, findings)
			       : NULL;
	if (ending.kind != ENDING_PLAIN || !ending.in_handler)
		return NULL;
	teller = &crash->facts.stacks.threads[0].frames[ending.teller];
	return strstr(teller->symbol.function, "abort") ? NULL : report_handler(crash, &ending, findings);
}
