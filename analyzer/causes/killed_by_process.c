/* SPDX-License-Identifier: MIT */
/*
 * killed-by-process: somebody outside the process sent the signal: another process, the terminal, or the kernel; where
 * the kernel sent it because a limit was reached, resource-limit.
 *
 * What is seen: the recorder saw a process send that signal to this one; or the signal's siginfo says that a process
 * sent it (SI_USER, SI_TKILL), and its id is not the dead process's own. The kernel fills that in; of SI_QUEUE the
 * sender chooses it, so it is only `likely`; so is a signal in the name of a process that may have been the parent and
 * have ended. SI_KERNEL is the kernel's: for SIGQUIT and SIGINT a key of the terminal,
 * for SIGXCPU the processor time.
 *
 * No sender was seen: a core without NT_SIGINFO; an id of 0, which stands for a process outside the pid namespace and
 * for no process at all (Linux kernel/signal.c, collect_signal). Only a user id beside it shows that somebody filled it
 * in. A process that ends without a core is killed by the kernel's own SIGKILL, which has no siginfo: then the record
 * of the sending is all there is.
 *
 * What it could be mistaken for: a fault has a positive code and an address; a signal that the process sent to itself
 * is deliberate-abort, SIGPIPE and SIGXFSZ too, unless the call that the thread comes from failed as the kernel then
 * lets it fail; SI_KERNEL with SIGSEGV or SIGBUS is a fault whose address the processor does not report; the OOM
 * killer's SIGKILL comes from no process; a sender that was in a handler only passed on what it had got
 * (forwarded-signal).
 */
#include <ctype.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence_culprit.h"
#include "analyzer/evidence/evidence_process.h"
#include "analyzer/evidence/link_process.h"
#include "common/array.h"

static const char *const process_alternatives[] = {"no-process", "forged-sender", "parent-ended", "passed-on", NULL};
static const char *const kernel_alternatives[] = {"other-reason", NULL};

const struct link_kind link_sent_by_process = {"sent-by-process", FINDING_KILLED_BY_PROCESS, process_alternatives};
const struct link_kind link_reached_limit = {"reached-limit", FINDING_RESOURCE_LIMIT, kernel_alternatives};
const struct link_kind link_sent_by_kernel = {"sent-by-kernel", FINDING_KILLED_BY_PROCESS, kernel_alternatives};

/* Signals that the kernel sends for a reason that the number shows. */
static const struct kernel_reason {
	int number;
	int code;
	bool is_only; /* it sends this signal with this code for nothing else */
	const char *text;
	const char *limit; /* that was reached; NULL for another reason */
} kernel_reasons[] = {
	{SIGQUIT, SI_KERNEL, false, "the terminal's quit key (Ctrl-\\) was pressed", NULL},
	{SIGINT, SI_KERNEL, false, "the terminal's interrupt key (Ctrl-C) was pressed", NULL},
	{SIGHUP, SI_KERNEL, false, "its terminal was closed, or the leader of its session or job ended", NULL},
	{SIGXCPU, SI_KERNEL, true,
	 "it reached its limit of CPU time (RLIMIT_CPU; under real-time scheduling RLIMIT_RTTIME or the deadline)",
	 "CPU time"},
	{SIGXFSZ, SI_USER, false, "it wrote past its file size limit (RLIMIT_FSIZE)", "RLIMIT_FSIZE"},
	{SIGPIPE, SI_USER, false, "it wrote to a pipe or socket that nobody reads", NULL},
};

/* The crashed thread is in a call that makes a file longer: the kernel sends SIGXFSZ from there. */
static bool is_writing(const struct crash *crash)
{
	static const int64_t calls[] = {SYS_write,    SYS_pwrite64,	   SYS_writev,	 SYS_pwritev,
					SYS_pwritev2, SYS_ftruncate,	   SYS_truncate, SYS_sendfile,
					SYS_splice,   SYS_copy_file_range, SYS_fallocate};

	for (size_t i = 0; crash->core.image && i < array_size(calls); i++) {
		if ((int64_t)crash->facts.registers[CORE_ORIG_RAX] == calls[i])
			return true;
	}
	return false;
}

static struct error *examine_reason(const struct crash *crash, const struct kernel_reason *reason,
				    struct finding *finding)
{
	struct evidence siginfo = link_siginfo_citation(crash);

	if (reason->is_only)
		return link_rule_out(finding, "other-reason", siginfo.kind, siginfo.id, 0,
				     "the kernel sends it with SI_KERNEL for that alone");
	if (reason->number == SIGXFSZ && is_writing(crash) && evidence_kernels_own(crash) == KERNEL_OWN_FAILED)
		return link_rule_out(finding, "other-reason", EVIDENCE_REGISTER, CORE_RAX,
				     crash->facts.registers[CORE_RAX], "the write failed with EFBIG");
	return finding_add_missing(finding, "the kernel's reason, which a core does not hold: see dmesg")
		       ?: link_leave_unseen(finding, "other-reason", "the kernel's reason is not in the core");
}

static struct error *report_kernel(const struct crash *crash, const struct kernel_reason *reason,
				   struct finding_list *findings)
{
	const struct link_kind *kind = reason->limit ? &link_reached_limit : &link_sent_by_kernel;
	enum node_kind node = reason->limit ? NODE_LIMIT : NODE_SIGNAL;
	int64_t row = crash->record.has_signal_event ? crash->record.signal_event.id : 0;
	struct words signal;
	struct finding *finding;

	words_signal(&signal, crash->facts.signal.number);
	return finding_append(findings, kind->class, &finding)
		?: link_append(finding, kind, BASIS_COMPUTED,
			       (struct node){.kind = node, .id = crash->facts.signal.number}, "the kernel sent %s: %s",
			       signal.text, reason->text)
		?: evidence_add_signal(crash, finding)
		?: examine_reason(crash, reason, finding)
		?: (reason->limit && link_chain_confidence(finding) == CONFIDENCE_PROVEN
			    ? evidence_accuse_limit(finding, reason->limit, EVIDENCE_SIGNAL, row)
			    : NULL)
		?: finding_set_summary(finding, "The kernel sent %s: %s.", signal.text, reason->text);
}

/* A kernel's signal that is not from the process, or one in the process's name that no thread of it is sending. */
static const struct kernel_reason *find_kernel_reason(const struct crash *crash)
{
	const struct crash_signal *signal = &crash->facts.signal;
	struct ending ending;

	ending_find(crash, &ending);
	for (size_t i = 0; i < array_size(kernel_reasons); i++) {
		const struct kernel_reason *reason = &kernel_reasons[i];

		if (signal->number != reason->number)
			continue;
		if (reason->code == SI_USER ? ending.own && evidence_kernels_own(crash) != KERNEL_OWN_NO
					    : !signal->only_number && signal->code == reason->code)
			return reason;
	}
	return NULL;
}

/* Who sent it, as far as it was seen. */
struct sender {
	uint32_t pid; /* 0: a process without an id here */
	const char *comm;
	bool is_recorded;
};

static bool find_sender(const struct crash *crash, struct sender *ret_sender)
{
	const struct crash_signal *signal = &crash->facts.signal;

	if (crash->record.has_sender) {
		*ret_sender = (struct sender){crash->record.sender.pid, crash->record.sender.comm, .is_recorded = true};
		return crash->record.sender.pid != crash->record.process.pid;
	}
	if (signal->only_number || (signal->code != SI_USER && signal->code != SI_TKILL && signal->code != SI_QUEUE))
		return false;
	*ret_sender = (struct sender){.pid = signal->sender_pid, .comm = signal->sender_comm};
	return signal->sender_pid ? signal->sender_pid != crash->facts.pid : signal->sender_uid != 0;
}

static const char *sender_words(struct words *words, const struct crash *crash, const struct sender *sender)
{
	if (!sender->pid)
		snprintf(words->text, sizeof(words->text), "a process of user %" PRIu32 " outside its pid namespace",
			 crash->facts.signal.sender_uid);
	else if (sender->comm[0])
		snprintf(words->text, sizeof(words->text), "process %" PRIu32 " (%.16s)", sender->pid, sender->comm);
	else
		snprintf(words->text, sizeof(words->text), "process %" PRIu32 "%s", sender->pid,
			 sender->pid == 1 ? " (init of its pid namespace)" : "");
	return words->text;
}

/* With PR_SET_PDEATHSIG the kernel sends a signal in the name of the parent that ends (Linux kernel/exit.c,
 * forget_original_parent). The recorder sees that nobody made a call for it; a parent that is still there in the core
 * has not ended. */
static bool may_have_ended(const struct crash *crash, const struct sender *sender)
{
	if (sender->is_recorded || crash->facts.signal.code != SI_USER || !sender->pid ||
	    crash->facts.parent_pid == sender->pid)
		return false;
	return crash->record.has_signal_event || crash->facts.parent_pid;
}

static struct error *examine_siginfo(const struct crash *crash, const struct sender *sender, struct finding *finding)
{
	struct evidence siginfo = link_siginfo_citation(crash);

	if (sender->is_recorded)
		return link_rule_out(finding, "no-process", EVIDENCE_SIGNAL, crash->record.sender.signal_id, 0,
				     "the recorder saw the process send it")
			       ?: link_rule_out(finding, "forged-sender", EVIDENCE_SIGNAL,
						crash->record.sender.signal_id, 0,
						"the recorder saw the process send it");
	if (!sender->pid)
		return finding_add_missing(finding, "the sender's pid: it has none in this pid namespace")
			?: link_leave_unseen(finding, "no-process", "siginfo has a user id and no pid")
			?: link_rule_out(finding, "forged-sender", siginfo.kind, siginfo.id, 0,
					 "the kernel filled in the user id");
	if (crash->facts.signal.code == SI_QUEUE)
		return link_rule_out(finding, "no-process", siginfo.kind, siginfo.id, 0, "si_code is SI_QUEUE")
			?: finding_add_missing(finding, "the sending: with sigqueue(3) the sender chooses the pid")
			?: link_leave_unseen(finding, "forged-sender", "with sigqueue(3) the sender chooses the pid");
	return link_rule_out(finding, "no-process", siginfo.kind, siginfo.id, 0,
			     "the kernel filled in the sender's pid")
		       ?: link_rule_out(finding, "forged-sender", siginfo.kind, siginfo.id, 0,
					"with kill(2) and tgkill(2) the kernel fills in the pid");
}

static struct error *examine_parent(const struct crash *crash, const struct sender *sender, struct finding *finding)
{
	struct evidence siginfo = link_siginfo_citation(crash);

	if (may_have_ended(crash, sender))
		return finding_add_missing(finding,
					   "whether the process sent it, or was the parent and ended: a process "
					   "can ask for a signal at its parent's end (PR_SET_PDEATHSIG)")
			       ?: link_leave_unseen(finding, "parent-ended",
						    "the process may have been the parent, and ended");
	if (sender->is_recorded)
		return link_rule_out(finding, "parent-ended", EVIDENCE_SIGNAL, crash->record.sender.signal_id, 0,
				     "the recorder saw the call that sent it");
	return link_rule_out(finding, "parent-ended", siginfo.kind, siginfo.id, 0,
			     "the sender was no parent that had ended");
}

static struct error *examine_handler(const struct crash *crash, const struct sender *sender, struct finding *finding)
{
	struct evidence siginfo = link_siginfo_citation(crash);
	struct words signal;

	if (evidence_is_passed_on(crash))
		return link_leave_as_likely(finding, "passed-on",
					    "the sender was in a handler for %s: it passed on what it got",
					    words_signal(&signal, crash->record.sender.first_number));
	if (sender->is_recorded)
		return link_rule_out(finding, "passed-on", EVIDENCE_SIGNAL, crash->record.sender.signal_id, 0,
				     "the sender was in no handler for another process's signal");
	/* What the sender did is not in this process's core; that it sent the signal is. */
	return link_rule_out(finding, "passed-on", siginfo.kind, siginfo.id, 0, "the sender named is the last one");
}

static struct error *add_sending(const struct crash *crash, const struct sender *sender, struct finding *finding)
{
	struct evidence siginfo = link_siginfo_citation(crash);
	struct words when;

	if (sender->is_recorded)
		return finding_add_evidence(finding, EVIDENCE_SIGNAL, crash->record.sender.signal_id, 0,
					    "thread %" PRIu32 " of process %" PRIu32 " (%.16s) sent it, %s",
					    crash->record.sender.tid, sender->pid, sender->comm,
					    words_before_crash(&when, crash, crash->record.sender.time_ns));
	return finding_add_evidence(finding, siginfo.kind, siginfo.id, 0,
				    "siginfo: si_pid %" PRIu32 ", si_uid %" PRIu32, sender->pid,
				    crash->facts.signal.sender_uid);
}

/* A sender is accused where the record has its call, or the kernel filled its pid in. */
static struct error *accuse(const struct crash *crash, const struct sender *sender, struct finding *finding)
{
	struct evidence siginfo = link_siginfo_citation(crash);

	if (sender->is_recorded)
		return evidence_accuse_process(finding, sender->pid, sender->comm, EVIDENCE_SIGNAL,
					       crash->record.sender.signal_id);
	if (!sender->pid || crash->facts.signal.code == SI_QUEUE || may_have_ended(crash, sender))
		return NULL;
	return evidence_accuse_process(finding, sender->pid, sender->comm, siginfo.kind, siginfo.id);
}

static struct error *report_sender(const struct crash *crash, const struct sender *sender,
				   struct finding_list *findings)
{
	struct words signal, words;
	struct finding *finding;
	struct error *err;

	words_signal(&signal, crash->facts.signal.number);
	sender_words(&words, crash, sender);
	err = finding_append(findings, FINDING_KILLED_BY_PROCESS, &finding)
		?: link_append(finding, &link_sent_by_process, sender->is_recorded ? BASIS_OBSERVED : BASIS_COMPUTED,
			       (struct node){.kind = NODE_PROCESS, .id = sender->pid}, "%s sent %s", words.text,
			       signal.text)
		?: evidence_add_signal(crash, finding)
		?: add_sending(crash, sender, finding)
		?: examine_siginfo(crash, sender, finding)
		?: examine_parent(crash, sender, finding)
		?: examine_handler(crash, sender, finding)
		?: accuse(crash, sender, finding)
		?: finding_set_summary(finding, "%s sent %s to the process%s.", words.text, signal.text,
				       may_have_ended(crash, sender) ? ", or ended as its parent" : "");
	if (!err)
		finding->summary[0] = (char)toupper((unsigned char)finding->summary[0]);
	if (!err && !sender->comm[0])
		err = finding_add_missing(finding, "the sender's name: it was not recorded");
	if (!err && crash->facts.signal.number == SIGABRT)
		err = finding_set_next_step(finding,
					    "SIGABRT from outside is what watchdogs send: what was the process "
					    "waiting for (corelate stack)?");
	else if (!err && sender->pid)
		err = finding_set_next_step(finding, "what is process %" PRIu32 ", and what does its log say?",
					    sender->pid);
	return err;
}

struct error *cause_killed_by_process(const struct crash *crash, struct finding_list *findings)
{
	const struct kernel_reason *reason;
	struct sender sender;

	if (crash->record.has_exit_state || crash->core.snapshot || !crash->facts.signal.number)
		return NULL;
	reason = find_kernel_reason(crash);
	if (reason)
		return report_kernel(crash, reason, findings);
	return find_sender(crash, &sender) ? report_sender(crash, &sender, findings) : NULL;
}
