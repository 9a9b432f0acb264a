/* SPDX-License-Identifier: MIT */
/*
 * seccomp-kill: the process's seccomp filter refused a system call and ended the process for it.
 *
 * What is seen: SIGSYS with the code SYS_SECCOMP, which only the kernel sends, and the number of the system call in the
 * siginfo, or in rax: the kernel puts it back for the dump (Linux kernel/seccomp.c, __seccomp_filter). Whether the
 * filter said kill, or trap and the program has no handler, looks the same.
 *
 * A handler that passes it on leaves a signal that the process sent itself; a record has the first one.
 *
 * What it could be mistaken for: SIGSYS sent by a process; system call 335 from a uretprobe's trampoline, which is
 * uretprobe-seccomp, and cannot be told where the call's number is not known; a system call that does not exist merely
 * fails.
 */
#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence_process.h"
#include "analyzer/evidence/link_process.h"
#include "analyzer/facts/system_call.h"

#define CODE_SECCOMP 1 /* SYS_SECCOMP, include/uapi/asm-generic/siginfo.h */
#define URETPROBE_SYSTEM_CALL 335

static const char *const alternatives[] = {"sent-signal", "uretprobe", NULL};

const struct link_kind link_refused_call = {"refused-call", FINDING_SECCOMP_KILL, alternatives};

/* The first frame that is the program's: whoever called the C library for it. */
static size_t find_caller(const struct crash *crash, const char *name)
{
	const struct thread_stack *stack = crash->facts.stacks.thread_count ? &crash->facts.stacks.threads[0] : NULL;

	for (size_t i = 0; stack && i < stack->frame_count; i++) {
		const char *module = stack->frames[i].symbol.module, *function = stack->frames[i].symbol.function;

		/* In a static program the C library's own functions stand in the program: the one that makes the call
		 * is named after it. */
		if (i == 0 && function && stack->frame_count > 1 &&
		    (strncmp(function, "__", 2) == 0 || strstr(name, function)))
			continue;
		/* A guessed frame may be the caller's caller. */
		if (module && !ending_is_runtime(&stack->frames[i]))
			return stack->frames[i].trust == FRAME_SCAN || stack->frames[i].trust == FRAME_POINTER
				       ? SIZE_MAX
				       : i;
	}
	return SIZE_MAX;
}

/* The record shows the refusal: a handler of the process took it, and sent the signal that ended it. */
static bool was_passed_on(const struct crash *crash)
{
	const struct signal_sender *sender = &crash->record.sender;

	return crash->record.has_sender && sender->first_number == SIGSYS && sender->first_code == CODE_SECCOMP &&
	       sender->first_pid == crash->record.process.pid && sender->pid == sender->first_pid;
}

static struct error *report_passed_on(const struct crash *crash, struct finding_list *findings)
{
	const struct signal_sender *sender = &crash->record.sender;
	struct words name, caller, signal, when;
	struct finding *finding;
	size_t frame;

	words_system_call(&name, sender->first_system_call);
	/* Where the handler has returned, the thread is still at the system call. */
	frame = sender->first_tid == crash->record.signal_event.tid ? find_caller(crash, name.text) : SIZE_MAX;
	evidence_frame_words(&caller, crash, frame);
	return finding_append(findings, FINDING_SECCOMP_KILL, &finding)
		?: link_append_sent_in_handler(crash, finding)
		?: link_append(finding, &link_refused_call, BASIS_OBSERVED,
			       (struct node){.kind = NODE_SIGNAL, .id = SIGSYS},
			       "the handler was called because the seccomp filter refused %s()", name.text)
		?: finding_add_evidence(finding, EVIDENCE_SIGNAL, sender->signal_id, sender->first_address,
					"thread %" PRIu32 " took SIGSYS, SYS_SECCOMP, for system call %d %s, and sent "
					"the last signal in that handler",
					sender->first_tid, sender->first_system_call,
					words_before_crash(&when, crash, sender->first_time_ns))
		?: evidence_add_crash_frame(crash, finding, frame, "called by")
		?: link_rule_out(finding, "sent-signal", EVIDENCE_SIGNAL, sender->signal_id, 0,
				 "only the kernel sends the code SYS_SECCOMP")
		?: link_rule_out(finding, "uretprobe", EVIDENCE_SIGNAL, sender->signal_id, 0,
				 "the call is not that of a uretprobe's trampoline (335)")
		?: finding_set_summary(finding, "The process's seccomp filter refused %s()%s%s; its SIGSYS handler ended the "
						"process with %s.",
				       name.text, caller.text[0] ? ", called in " : "", caller.text,
				       words_signal(&signal, crash->facts.signal.number))
		?: evidence_suspect_frame(crash, finding, frame)
		?: finding_set_next_step(finding, "should the filter allow %s(), or the code not call it?", name.text);
}

static struct error *examine_number(const struct crash *crash, bool known, struct finding *finding)
{
	struct evidence siginfo = link_siginfo_citation(crash);

	if (crash->core.image && crash->core.image->signal.system_call >= 0)
		return link_rule_out(finding, "uretprobe", siginfo.kind, siginfo.id, 0,
				     "the call is not that of a uretprobe's trampoline (335)");
	if (known)
		return link_rule_out(finding, "uretprobe", EVIDENCE_REGISTER, CORE_RAX,
				     crash->facts.registers[CORE_RAX],
				     "the call is not that of a uretprobe's trampoline (335)");
	return finding_add_missing(finding, "the number of the system call: there are no registers")
		       ?: link_leave_unseen(finding, "uretprobe", "the number of the system call is not known");
}

struct error *cause_seccomp_kill(const struct crash *crash, struct finding_list *findings)
{
	int number = crash->core.image && crash->core.image->signal.system_call >= 0
			     ? crash->core.image->signal.system_call
			     : (int)crash->facts.registers[CORE_RAX];
	struct evidence siginfo = link_siginfo_citation(crash);
	bool known = crash->facts.has_registers;
	struct words name, caller;
	struct finding *finding;
	struct error *err;
	size_t frame;

	if (was_passed_on(crash) && crash->record.sender.first_system_call != URETPROBE_SYSTEM_CALL)
		return report_passed_on(crash, findings);
	if (crash->facts.signal.number != SIGSYS || crash->facts.signal.code != CODE_SECCOMP ||
	    number == URETPROBE_SYSTEM_CALL)
		return NULL;
	words_system_call(&name, number);
	if (known)
		strncat(name.text, "()", sizeof(name.text) - strlen(name.text) - 1);
	frame = find_caller(crash, known ? name.text : "");
	evidence_frame_words(&caller, crash, frame);
	err = finding_append(findings, FINDING_SECCOMP_KILL, &finding)
		      ?: link_append(finding, &link_refused_call, BASIS_COMPUTED,
				     frame == SIZE_MAX ? (struct node){.kind = NODE_SIGNAL, .id = SIGSYS}
						       : link_frame_node(crash, frame),
				     "the seccomp filter refused %s", known ? name.text : "a system call");
	if (!err && known)
		err = finding_add_evidence(finding, EVIDENCE_SIGNAL,
					   crash->record.has_signal_event ? crash->record.signal_event.id : 0,
					   crash->facts.registers[CORE_RIP],
					   "SIGSYS, SYS_SECCOMP, for system call %d, made before 0x%" PRIx64, number,
					   crash->facts.registers[CORE_RIP]);
	else if (!err)
		err = evidence_add_signal(crash, finding);
	return err
		?: evidence_add_crash_frame(crash, finding, frame, "called by")
		?: link_rule_out(finding, "sent-signal", siginfo.kind, siginfo.id, 0,
				 "only the kernel sends the code SYS_SECCOMP")
		?: examine_number(crash, known, finding)
		?: evidence_accuse_frame(crash, finding, frame)
		?: finding_set_summary(finding, "The process's seccomp filter refused %s%s%s.",
				       known ? name.text : "a system call", caller.text[0] ? ", called in " : "",
				       caller.text)
		?: finding_set_next_step(finding, "should the filter allow %s, or the code not call it?",
					 known ? name.text : "the call");
}
