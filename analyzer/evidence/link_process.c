/* SPDX-License-Identifier: MIT */
#include "analyzer/evidence/link_process.h"

#include <elf.h>
#include <inttypes.h>
#include <signal.h>

#include "analyzer/evidence/evidence_process.h"
#include "analyzer/facts/system_call.h"
#include "analyzer/words.h"

static const char *const own_alternatives[] = {"other-sender", "other-thread", NULL};

const struct link_kind link_own_signal = {"own-signal", FINDING_DELIBERATE_ABORT, own_alternatives};
const struct link_kind link_sent_in_handler = {"sent-in-handler", FINDING_KILLED_BY_PROCESS, NULL};

struct evidence link_siginfo_citation(const struct crash *crash)
{
	struct evidence citation = {.kind = EVIDENCE_NOTE, .id = NT_SIGINFO, .link = LINK_NONE};

	if (crash->record.has_signal_event && !(crash->core.image && crash->core.image->signal.has_siginfo)) {
		citation.kind = EVIDENCE_SIGNAL;
		citation.id = crash->record.signal_event.id;
	}
	return citation;
}

struct node link_frame_node(const struct crash *crash, size_t frame)
{
	return (struct node){
		.kind = NODE_CODE, .start = crash->facts.stacks.threads[0].frames[frame].pc, .id = (int64_t)frame};
}

struct error *link_examine_frames(const struct crash *crash, struct finding *finding, const char *name, size_t first,
				  size_t last)
{
	const struct thread_stack *stack = &crash->facts.stacks.threads[0];

	for (size_t i = first; i <= last && i < stack->frame_count; i++) {
		if (stack->frames[i].trust == FRAME_LOST)
			return link_leave_open(finding, name, "frame %zu is lost: what it called is not known", i);
		if (stack->frames[i].trust == FRAME_SCAN || stack->frames[i].trust == FRAME_INFERRED)
			return link_leave_open(
				finding, name,
				"frame %zu is a guess: a word on the stack that looks like a return address", i);
	}
	return link_rule_out(finding, name, EVIDENCE_FRAME, (int64_t)last, stack->frames[last].pc,
			     "the frames were unwound, not guessed");
}

struct error *link_examine_message(const struct crash *crash, struct finding *finding, const char *name, size_t frame)
{
	if (crash->core.abort_message)
		return link_leave_as_likely(finding, name, "the C library had printed: %s", crash->core.abort_message);
	return link_rule_out(finding, name, EVIDENCE_FRAME, (int64_t)frame,
			     crash->facts.stacks.threads[0].frames[frame].pc,
			     "the C library left no message, and no frame of a check of its own is on the stack");
}

/* The kernel fills in the sender's pid, but for sigqueue(3), where the sender chooses it. */
static struct error *examine_sender(const struct crash *crash, struct finding *finding)
{
	const struct crash_signal *signal = &crash->facts.signal;
	struct evidence siginfo = link_siginfo_citation(crash);
	struct words call;

	if (crash->record.has_sender)
		return link_rule_out(finding, "other-sender", EVIDENCE_SIGNAL, crash->record.sender.signal_id, 0,
				     "the recorder saw the process send it");
	if (!signal->only_number && signal->code != SI_QUEUE)
		return link_rule_out(finding, "other-sender", siginfo.kind, siginfo.id, 0,
				     "the kernel put the process's own pid into siginfo");
	return link_rule_out(finding, "other-sender", EVIDENCE_REGISTER, CORE_ORIG_RAX,
			     crash->facts.registers[CORE_ORIG_RAX], "the thread is in %s(), which sends it",
			     words_system_call(&call, crash->facts.sending.crashed));
}

struct error *link_append_own_signal(const struct crash *crash, const struct ending *ending, struct finding *finding)
{
	const struct frame *frame = &crash->facts.stacks.threads[0].frames[ending->first];
	struct words signal, call, symbol;

	words_system_call(&call, crash->facts.sending.crashed);
	return link_append(finding, &link_own_signal, BASIS_COMPUTED, link_frame_node(crash, ending->first),
			   "thread %" PRIu32 " sent %s to its own process, in %s()", crash->facts.tid,
			   words_signal(&signal, crash->facts.signal.number), call.text)
		?: evidence_add_signal(crash, finding)
		?: finding_add_evidence(finding, EVIDENCE_FRAME, (int64_t)ending->first, frame->pc,
					"frame %zu, %s, is in %s()", ending->first,
					words_symbol(&symbol, &frame->symbol)[0] ? symbol.text : "code without a name",
					call.text)
		?: examine_sender(crash, finding)
		?: link_rule_out(finding, "other-thread", EVIDENCE_REGISTER, CORE_ORIG_RAX,
				 crash->facts.registers[CORE_ORIG_RAX], "orig_rax: this thread is in %s()", call.text);
}

struct error *link_append_sent_in_handler(const struct crash *crash, struct finding *finding)
{
	const struct signal_sender *sender = &crash->record.sender;
	struct words signal, when;

	words_signal(&signal, crash->facts.signal.number);
	return link_append(finding, &link_sent_in_handler, BASIS_OBSERVED,
			   (struct node){.kind = NODE_PROCESS, .id = sender->pid},
			   "process %" PRIu32 " sent %s in a signal handler", sender->pid, signal.text)
		?: evidence_add_signal(crash, finding)
		?: finding_add_evidence(finding, EVIDENCE_SIGNAL, sender->signal_id, 0,
					"thread %" PRIu32 " of process %" PRIu32 " (%.16s) sent %s in a handler, %s",
					sender->tid, sender->pid, sender->comm, signal.text,
					words_before_crash(&when, crash, sender->time_ns));
}
