/* SPDX-License-Identifier: MIT */
/*
 * forwarded-signal: a handler ran for one signal, and sent the one that ended the process.
 *
 * What is seen: the process sent the last signal to itself, from within a handler whose signal frame says what it was
 * called for. A handler that has sent the signal again and returned before it arrived leaves no frame: where the
 * current instruction would fault, that is the first signal's cause. A record shows it of another process, too, and of
 * a handler that has returned: whether the thread that sent the signal was in a handler then, and what that had been
 * called for.
 *
 * What it could be mistaken for: where the first signal reports a fault, the fault is the cause and this only says how
 * the end came (`possible`). A handler that calls abort() decided for itself: deliberate-abort; a SIGABRT that the
 * process sent itself through code without names may be one, and nothing is concluded. Of a chain of handlers only the
 * first and the last are known.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence_culprit.h"
#include "analyzer/evidence/evidence_process.h"
#include "analyzer/evidence/link_process.h"

static const char *const handled_alternatives[] = {"earlier-fault", "library-complaint", "other-thread-first",
						   "unseen-links",  "handler-aborts",	 NULL};
static const char *const resent_alternatives[] = {"other-sender", NULL};

const struct link_kind link_handled_signal = {"handled-signal", FINDING_FORWARDED_SIGNAL, handled_alternatives};
const struct link_kind link_resent_signal = {"resent-signal", FINDING_FORWARDED_SIGNAL, resent_alternatives};

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

/* The signal that the handler was called for, and what cites it. */
struct handled {
	struct crash_signal first;
	struct evidence citation;
	bool is_relay;	   /* Go's runtime passes SIGQUIT from thread to thread */
	bool is_chain;	   /* other handlers lie between the first signal and the last */
	bool is_own_fault; /* the first was a fault of the process that died */
};

static struct error *rule_out(struct finding *finding, const struct handled *handled, const char *name,
			      const char *text)
{
	const struct evidence *citation = &handled->citation;

	return link_rule_out(finding, name, citation->kind, citation->id, citation->address, "%s", text);
}

static struct error *examine_first(const struct handled *handled, struct finding *finding)
{
	if (!handled->first.number)
		return finding_add_missing(finding, "which signal the handler was called for: it was installed without "
						    "SA_SIGINFO")
			       ?: link_leave_unseen(finding, "earlier-fault",
						    "the handler may have been called for a fault");
	if (handled->is_own_fault)
		return link_leave_as_likely(finding, "earlier-fault",
					    "the handler was called for a fault, which is the cause");
	return rule_out(finding, handled, "earlier-fault", "the first signal was sent: it reports no fault");
}

static struct error *examine_way(const struct crash *crash, const struct handled *handled, struct finding *finding)
{
	struct error *err;

	err = crash->core.abort_message
		      ? link_leave_as_likely(finding, "library-complaint", "the C library had printed: %s",
					     crash->core.abort_message)
		      : rule_out(finding, handled, "library-complaint", "the C library left no message");
	if (!err && handled->is_relay)
		err = link_leave_as_likely(finding, "other-thread-first",
					   "Go's runtime ends one thread after the other with SIGQUIT")
			      ?: finding_add_missing(finding, "what began it, on another thread (corelate stack)");
	else if (!err)
		err = rule_out(finding, handled, "other-thread-first", "no runtime passes this signal on by itself");
	if (!err && handled->is_chain)
		err = finding_add_missing(finding, "the handlers between the first signal and the last")
			      ?: link_leave_unseen(finding, "unseen-links",
						   "only the first and the last signal are recorded");
	else if (!err)
		err = rule_out(finding, handled, "unseen-links",
			       "the handler that sent the last signal took the first");
	return err;
}

/* The handler ends the process by its own decision with abort(), which is SIGABRT by tgkill(2). */
static struct error *examine_abort(const struct crash *crash, const struct ending *ending,
				   const struct handled *handled, struct finding *finding)
{
	if (crash->facts.signal.number != SIGABRT)
		return rule_out(finding, handled, "handler-aborts", "the C library's abort sends no other signal");
	if (!ending->own)
		return rule_out(finding, handled, "handler-aborts", "another process sent it");
	if (ending->kind == ENDING_PLAIN && ending->in_handler)
		return link_rule_out(finding, "handler-aborts", EVIDENCE_FRAME, (int64_t)ending->teller,
				     crash->facts.stacks.threads[0].frames[ending->teller].pc,
				     "the handler called no function of that name");
	return link_leave_as_likely(finding, "handler-aborts", "a handler that aborts looks the same");
}

static struct error *append_handled(const struct crash *crash, const struct ending *ending,
				    const struct handled *handled, enum basis basis, struct finding *finding)
{
	struct words from;

	return link_append(finding, &link_handled_signal, basis,
			   (struct node){.kind = NODE_SIGNAL, .id = handled->first.number},
			   "the handler was called for %s", first_words(&from, &handled->first))
		?: examine_first(handled, finding)
		?: examine_way(crash, handled, finding)
		?: examine_abort(crash, ending, handled, finding);
}

/* Who sent the first signal: only where a pid of another process was seen. */
static struct error *accuse_first(const struct crash *crash, const struct handled *handled, struct finding *finding)
{
	const struct crash_signal *first = &handled->first;
	bool is_own = first->sender_pid == crash->facts.pid || first->sender_pid == crash->record.process.pid;

	if (!first->sender_pid || is_own || first->code == SI_QUEUE)
		return NULL;
	return evidence_accuse_process(finding, first->sender_pid, first->sender_comm, handled->citation.kind,
				       handled->citation.id);
}

/* ---- the handler's frames are on the stack ---- */

static struct error *summarize_handler(const struct crash *crash, const struct ending *ending,
				       const struct handled *handled, struct finding *finding)
{
	const char *teller = crash->facts.stacks.threads[0].frames[ending->teller].symbol.function;
	struct words from, last, caller;

	evidence_frame_words(&caller, crash, ending->caller);
	return finding_set_summary(finding, "%s%s, handling %s, sent the %s that ended the process.",
				   strncmp(teller ?: "", "runtime.", 8) == 0 ? "Go's runtime"
				   : caller.text[0] ? ""
						    : "A handler",
				   caller.text, first_words(&from, &handled->first),
				   words_signal(&last, crash->facts.signal.number));
}

static struct error *report_handler(const struct crash *crash, const struct ending *ending,
				    struct finding_list *findings)
{
	const struct interruption *interruption = &crash->facts.interruptions[ending->interruption];
	const char *teller = crash->facts.stacks.threads[0].frames[ending->teller].symbol.function;
	struct handled handled = {.first = interruption->signal};
	size_t last = ending->caller == SIZE_MAX ? ending->teller : ending->caller;
	struct words from;
	struct finding *finding;
	struct error *err;

	handled.citation = (struct evidence){.kind = EVIDENCE_MEMORY, .address = interruption->address};
	if (!handled.first.number && crash->record.has_sender) {
		/* A signal frame without a siginfo, which has no number. */
		handled.first = recorded_first(crash);
		handled.citation = (struct evidence){.kind = EVIDENCE_SIGNAL, .id = crash->record.sender.signal_id};
	}
	handled.is_own_fault = is_fault(&handled.first);
	/* Its runtime ends all threads in turn, each of which sends SIGQUIT to the next (GOTRACEBACK=crash;
	 * runtime/signal_unix.go, sighandler). */
	handled.is_relay = strncmp(teller ?: "", "runtime.", 8) == 0 && handled.first.number == SIGQUIT &&
			   ending_is_own_signal(crash, &handled.first);
	first_words(&from, &handled.first);
	err = finding_append(findings, FINDING_FORWARDED_SIGNAL, &finding)
		?: link_append_own_signal(crash, ending, finding)
		?: evidence_add_crash_frame(crash, finding, ending->teller, "it sent the signal")
		?: evidence_add_crash_frame(crash, finding, ending->caller, "called by")
		?: append_handled(crash, ending, &handled, BASIS_COMPUTED, finding)
		?: finding_add_evidence(finding, handled.citation.kind, handled.citation.id, handled.citation.address,
					"the signal frame at 0x%" PRIx64 " is of %s", interruption->address, from.text)
		?: evidence_add_crash_frame(crash, finding, last, "the handler")
		?: summarize_handler(crash, ending, &handled, finding)
		?: accuse_first(crash, &handled, finding);
	return err ?: finding_set_next_step(finding, "who sent the first signal, and why?");
}

/* ---- nothing but the current instruction is left of the fault ---- */

static struct error *report_returned(const struct crash *crash, struct finding_list *findings)
{
	struct words last;
	struct finding *finding;

	words_signal(&last, crash->facts.signal.number);
	return finding_append(findings, FINDING_FORWARDED_SIGNAL, &finding)
		?: link_append(finding, &link_resent_signal, BASIS_INFERRED,
			       (struct node){.kind = NODE_CODE, .start = crash->facts.registers[CORE_RIP], .id = -1},
			       "a handler sent %s again and returned to the instruction that faults", last.text)
		?: finding_add_evidence(finding, EVIDENCE_MEMORY, 0, crash->facts.registers[CORE_RIP],
					"the current instruction: %s", crash->facts.fault.instruction)
		?: evidence_add_signal(crash, finding)
		?: finding_add_missing(finding, "the first signal: nothing of it is left")
		?: link_leave_unseen(finding, "other-sender", "other code of the process may have sent it")
		?: finding_set_summary(finding, "The process sent %s to itself at an instruction that faults: its handler "
						"sent the signal again and returned.",
				       last.text)
		?: finding_set_next_step(finding, "what does the fault at that instruction show?");
}

/* ---- the record has the sending ---- */

static struct error *summarize_recorded(const struct crash *crash, const struct handled *handled,
					struct finding *finding)
{
	const struct signal_sender *sender = &crash->record.sender;
	char whose[80] = "the process itself";
	struct words from, last;

	if (sender->pid != crash->record.process.pid)
		snprintf(whose, sizeof(whose), "process %" PRIu32 " (%.16s)", sender->pid, sender->comm);
	first_words(&from, &handled->first);
	words_signal(&last, crash->facts.signal.number);
	if (handled->is_chain)
		return finding_set_summary(
			finding,
			"A handler of %s sent the %s that ended the process, passing on what handlers "
			"had sent, the first in process %" PRIu32 " for %s.",
			whose, last.text, sender->first_pid, from.text);
	return finding_set_summary(finding, "A handler of %s, called for %s, sent the %s that ended the process.",
				   whose, from.text, last.text);
}

static struct error *report_recorded(const struct crash *crash, const struct ending *ending,
				     struct finding_list *findings)
{
	const struct signal_sender *sender = &crash->record.sender;
	struct handled handled = {
		.first = recorded_first(crash),
		.citation = {.kind = EVIDENCE_SIGNAL, .id = sender->signal_id},
		/* Of a chain of handlers only its first signal is kept, which was another handler's. */
		.is_chain = sender->first_pid != sender->pid,
	};
	struct words from, taken;
	struct finding *finding;
	struct error *err;

	handled.is_own_fault = sender->first_pid == crash->record.process.pid &&
			       (is_fault(&handled.first) || handled.first.number == SIGSYS);
	err = finding_append(findings, FINDING_FORWARDED_SIGNAL, &finding)
		?: link_append_sent_in_handler(crash, finding)
		?: append_handled(crash, ending, &handled, BASIS_OBSERVED, finding)
		?: finding_add_evidence(finding, EVIDENCE_SIGNAL, sender->signal_id, 0,
					"thread %" PRIu32 " of process %" PRIu32 " took %s %s", sender->first_tid,
					sender->first_pid, first_words(&from, &handled.first),
					words_before_crash(&taken, crash, sender->first_time_ns))
		?: summarize_recorded(crash, &handled, finding)
		?: accuse_first(crash, &handled, finding);
	/* Who passed it on was seen, too. */
	if (!err && !finding->culprit.kind && sender->pid != crash->record.process.pid)
		err = evidence_accuse_process(finding, sender->pid, sender->comm, EVIDENCE_SIGNAL, sender->signal_id);
	return err ?: finding_set_next_step(finding, "who sent the first signal, and why?");
}

/* SIGABRT to the own thread, as abort sends it, from code without names: a handler that aborts looks the same. */
static bool may_abort(const struct crash *crash, const struct ending *ending)
{
	if (crash->facts.signal.number != SIGABRT || !ending->own)
		return false;
	if (ending->kind == ENDING_PLAIN)
		return strstr(crash->facts.stacks.threads[0].frames[ending->teller].symbol.function ?: "", "abort");
	return ending->sends && ending->lost;
}

struct error *cause_forwarded_signal(const struct crash *crash, struct finding_list *findings)
{
	struct ending ending;

	ending_find(crash, &ending);
	if (crash->core.snapshot || may_abort(crash, &ending))
		return NULL;
	if (evidence_is_passed_on(crash) && ending.kind <= ENDING_PLAIN &&
	    !(ending.kind == ENDING_PLAIN && ending.in_handler))
		return report_recorded(crash, &ending, findings);
	if (!ending.own)
		return NULL;
	if (ending.kind == ENDING_NONE)
		return crash->facts.fault.is_fault &&
				       is_fault(&(struct crash_signal){.number = crash->facts.signal.number, .code = 1})
			       ? report_returned(crash, findings)
			       : NULL;
	return ending.kind == ENDING_PLAIN && ending.in_handler ? report_handler(crash, &ending, findings) : NULL;
}
