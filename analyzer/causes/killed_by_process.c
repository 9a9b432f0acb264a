/* SPDX-License-Identifier: MIT */
/*
 * killed-by-process: somebody outside the process sent the signal: another process, the terminal, or the kernel for a
 * limit.
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
 * Near misses: a fault has a positive code and an address; a signal that the process sent to itself is
 * deliberate-abort, SIGPIPE and SIGXFSZ too, unless the call that the thread comes from failed as the kernel then lets
 * it fail; SI_KERNEL with SIGSEGV or SIGBUS is a fault whose address the processor does not tell; the OOM
 * killer's SIGKILL comes from no process.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence_process.h"
#include "common/array.h"

/* Signals that the kernel sends for a reason that the number tells. */
static const struct kernel_reason {
	int number;
	int code;
	enum finding_confidence confidence;
	const char *text;
} kernel_reasons[] = {
	{SIGQUIT, SI_KERNEL, CONFIDENCE_LIKELY, "the terminal's quit key (Ctrl-\\) was pressed"},
	{SIGINT, SI_KERNEL, CONFIDENCE_LIKELY, "the terminal's interrupt key (Ctrl-C) was pressed"},
	{SIGHUP, SI_KERNEL, CONFIDENCE_LIKELY,
	 "its terminal was closed, or the leader of its session or job had ended"},
	{SIGXCPU, SI_KERNEL, CONFIDENCE_PROVEN,
	 "it had used up the processor time that it may have (RLIMIT_CPU, or under real-time scheduling RLIMIT_RTTIME "
	 "or "
	 "the time before its deadline)"},
	{SIGXFSZ, SI_USER, CONFIDENCE_LIKELY, "it wrote past the size that a file of its may have (RLIMIT_FSIZE)"},
	{SIGPIPE, SI_USER, CONFIDENCE_LIKELY, "it wrote to a pipe or socket that nobody reads any more"},
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

static struct error *report_kernel(const struct crash *crash, const struct kernel_reason *reason,
				   struct finding_list *findings)
{
	struct words signal;
	struct finding *finding;
	struct error *err = finding_append(findings, FINDING_KILLED_BY_PROCESS, &finding);

	if (err)
		return err;
	finding->confidence = reason->confidence;
	if (reason->number == SIGXFSZ && is_writing(crash) && evidence_kernels_own(crash) == KERNEL_OWN_FAILED)
		finding->confidence = CONFIDENCE_PROVEN;
	err = finding_set_summary(finding, "The kernel ended the process with %s: %s.",
				  words_signal(&signal, crash->facts.signal.number), reason->text);
	if (!err && finding->confidence != CONFIDENCE_PROVEN)
		err = finding_add_missing(finding, "the kernel's reason, which a core does not tell: dmesg may");
	return err ?: evidence_add_signal(crash, finding);
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
			 sender->pid == 1 ? ", the service manager or the container's first process" : "");
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

static struct error *weigh(const struct crash *crash, const struct sender *sender, struct finding *finding)
{
	const struct crash_signal *sent = &crash->facts.signal;
	struct words words;
	struct error *err = NULL;

	finding->confidence = CONFIDENCE_PROVEN;
	if (sender->is_recorded)
		err = finding_add_evidence(finding, EVIDENCE_SIGNAL, crash->record.signal_event.id, 0,
					   "thread %" PRIu32 " of process %" PRIu32 " (%.16s) sent it, %s",
					   crash->record.sender.tid, sender->pid, sender->comm,
					   words_before_crash(&words, crash, crash->record.sender.time_ns));
	if (!err && !sender->comm[0])
		err = finding_add_missing(finding, "the sender's name: nobody recorded it");
	if (!err && may_have_ended(crash, sender)) {
		finding->confidence = CONFIDENCE_LIKELY;
		err = finding_add_missing(
			finding, "whether that process sent it, or was the parent and ended: a process can ask "
				 "for a signal at its parent's end (PR_SET_PDEATHSIG)");
	}
	if (!err && !sender->is_recorded && (sent->code == SI_QUEUE || !sender->pid)) {
		finding->confidence = CONFIDENCE_LIKELY;
		err = finding_add_missing(finding, "%s",
					  sender->pid ? "the sending: with sigqueue the sender says itself who it is"
						      : "the sender's id: it has none in this pid namespace");
	}
	if (!err && evidence_is_passed_on(crash)) {
		finding->confidence = CONFIDENCE_POSSIBLE;
		err = finding_add_counter(finding,
					  "it was in a handler for %s when it sent it: it passed on what it got",
					  words_signal(&words, crash->record.sender.first_number));
	}
	return err;
}

static struct error *report_sender(const struct crash *crash, const struct sender *sender,
				   struct finding_list *findings)
{
	struct words signal, words;
	struct finding *finding;
	struct error *err = finding_append(findings, FINDING_KILLED_BY_PROCESS, &finding);

	if (err)
		return err;
	err = finding_set_summary(
		finding, "%s was sent to the process by %s%s.", words_signal(&signal, crash->facts.signal.number),
		sender_words(&words, crash, sender), may_have_ended(crash, sender) ? ", or at its end" : "");
	if (!err && crash->facts.signal.number == SIGABRT)
		err = finding_set_next_step(finding,
					    "SIGABRT from outside is what watchdogs send: see what the process "
					    "was busy or stuck with (corelate stack)");
	else if (!err && sender->pid)
		err = finding_set_next_step(finding,
					    "find out what process %" PRIu32 " is: its log tells why it did "
					    "that",
					    sender->pid);
	return err ?: weigh(crash, sender, finding) ?: evidence_add_signal(crash, finding);
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
