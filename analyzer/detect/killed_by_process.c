/* SPDX-License-Identifier: MIT */
/*
 * killed-by-process: somebody outside the process sent the signal: another process, the terminal, or the kernel for a
 * limit.
 *
 * What is seen: the signal's code says that a process sent it (SI_USER, SI_TKILL, SI_QUEUE), and its id is not the dead
 * process's own. An id of 0 is a process that the dead one's namespace does not show. SI_KERNEL is the kernel's: for
 * SIGQUIT and SIGINT a key of the terminal, for SIGXCPU the processor time, for SIGKILL mostly memory that had run out.
 *
 * Near misses: a fault has a positive code and an address; a signal that the process sent to itself is
 * deliberate-abort; SI_KERNEL with SIGSEGV or SIGBUS is a fault whose address the processor does not tell.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#include "analyzer/detect.h"
#include "analyzer/evidence/evidence_process.h"

/* Signals that the kernel sends for a reason that the number tells. */
static const struct kernel_reason {
	int number;
	int code;
	enum finding_confidence confidence;
	const char *text;
} kernel_reasons[] = {
	{SIGQUIT, SI_KERNEL, CONFIDENCE_LIKELY, "the terminal's quit key (Ctrl-\\) was pressed"},
	{SIGINT, SI_KERNEL, CONFIDENCE_LIKELY, "the terminal's interrupt key (Ctrl-C) was pressed"},
	{SIGHUP, SI_KERNEL, CONFIDENCE_LIKELY, "its terminal was closed"},
	{SIGXCPU, SI_KERNEL, CONFIDENCE_PROVEN, "it had used up the processor time that it may have (RLIMIT_CPU)"},
	{SIGXFSZ, SI_USER, CONFIDENCE_PROVEN, "it wrote past the size that a file of its may have (RLIMIT_FSIZE)"},
	{SIGPIPE, SI_USER, CONFIDENCE_LIKELY, "it wrote to a pipe or socket that nobody reads any more"},
	{SIGKILL, SI_KERNEL, CONFIDENCE_LIKELY, "memory had run out, for the machine or for its group"},
};

static struct error *report_kernel(const struct crash *crash, const struct kernel_reason *reason,
				   struct finding_list *findings)
{
	struct words signal;
	struct finding *finding;
	struct error *err = finding_append(findings, FINDING_KILLED_BY_PROCESS, &finding);

	if (err)
		return err;
	finding->confidence = reason->confidence;
	err = finding_set_summary(finding, "The kernel ended the process with %s: %s.",
				  words_signal(&signal, crash->signal.number), reason->text);
	if (!err && reason->confidence != CONFIDENCE_PROVEN)
		err = finding_add_missing(finding, "the kernel's reason, which a core does not tell: dmesg may");
	return err ?: evidence_add_signal(crash, finding);
}

static struct error *report_sender(const struct crash *crash, struct finding_list *findings)
{
	const struct crash_signal *sent = &crash->signal;
	struct words signal;
	struct finding *finding;
	struct error *err = finding_append(findings, FINDING_KILLED_BY_PROCESS, &finding);
	char sender[80];

	if (err)
		return err;
	finding->confidence = CONFIDENCE_PROVEN;
	if (!sent->sender_pid)
		snprintf(sender, sizeof(sender), "a process outside its pid namespace");
	else if (sent->sender_comm[0])
		snprintf(sender, sizeof(sender), "process %" PRIu32 " (%s)", sent->sender_pid, sent->sender_comm);
	else
		snprintf(sender, sizeof(sender), "process %" PRIu32 "%s", sent->sender_pid,
			 sent->sender_pid == 1 ? ", the service manager or the container's first process" : "");
	err = finding_set_summary(finding, "%s was sent to the process by %s.", words_signal(&signal, sent->number),
				  sender);
	if (!err && sent->number == SIGABRT)
		err = finding_set_next_step(finding,
					    "SIGABRT from outside is what watchdogs send: see what the process "
					    "was busy or stuck with (corelate stack)");
	else if (!err)
		err = finding_set_next_step(finding,
					    "find out what process %" PRIu32 " is: its log tells why it did "
					    "that",
					    sent->sender_pid);
	if (!err && !sent->sender_comm[0])
		err = finding_add_missing(finding, "the sender's name: nobody recorded it");
	if (!err && crash->has_sender && crash->sender.first_number) {
		finding->confidence = CONFIDENCE_POSSIBLE;
		err = finding_add_counter(finding,
					  "it was in a handler for %s when it sent it: it passed on what it got",
					  words_signal(&signal, crash->sender.first_number));
	}
	return err ?: evidence_add_signal(crash, finding);
}

struct error *detect_killed_by_process(const struct crash *crash, struct finding_list *findings)
{
	const struct crash_signal *signal = &crash->signal;

	if (crash->has_exit_state || !signal->number)
		return NULL;
	for (size_t i = 0; i < sizeof(kernel_reasons) / sizeof(kernel_reasons[0]); i++) {
		const struct kernel_reason *reason = &kernel_reasons[i];
		struct ending ending;

		if (signal->number != reason->number || signal->code != reason->code)
			continue;
		/* Sent with the process's own id: by the kernel, unless a frame shows that the process did it. */
		ending_find(crash, &ending);
		if (reason->code == SI_USER && (!ending.own || ending.kind != ENDING_NONE))
			continue;
		return report_kernel(crash, reason, findings);
	}
	if (signal->code != SI_USER && signal->code != SI_TKILL && signal->code != SI_QUEUE)
		return NULL;
	/* tkill(2) is for threads of one program: without a process id nothing can be said of it. */
	if (signal->sender_pid == crash->pid || (!signal->sender_pid && signal->code == SI_TKILL))
		return NULL;
	return report_sender(crash, findings);
}
