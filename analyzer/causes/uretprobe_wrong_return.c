/* SPDX-License-Identifier: MIT */
/*
 * uretprobe-wrong-return: a probed function returned into another function's caller.
 *
 * The kernel keeps pending returns of a thread in one list, newest first. Where a thread runs several stacks (fibers),
 * it drops entries that look left behind, and a return on one stack can take the entry that belongs to another: the
 * program goes on with the wrong code on the wrong stack, and dies soon after.
 *
 * What is seen, of which either is enough: a pending entry whose stack slot lies just below the stack pointer of the
 * dying thread (that function has returned, yet its entry is still there: another was taken in its place); or the
 * trampoline's address in a slot that is in no thread's stack and for which the kernel has no entry any more, while the
 * dying thread's own stack does not hold together.
 *
 * What it could be mistaken for: a function left by longjmp or by an exception leaves its entry behind as well
 * (left-by-longjmp), and a smashed stack breaks off in the same way (overwritten-stack). So it is at most likely, and
 * possible without the recorded list.
 */
#include <inttypes.h>
#include <signal.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence_probe.h"
#include "analyzer/evidence/link_probe.h"

static const char *const passed_alternatives[] = {"left-by-longjmp", NULL};

const struct link_kind link_pending_passed = {"pending-return-passed", FINDING_URETPROBE_WRONG_RETURN,
					      passed_alternatives};

static const char *const orphan_alternatives[] = {"overwritten-stack", "still-pending", NULL};

const struct link_kind link_orphaned_trampoline = {"orphaned-trampoline", FINDING_URETPROBE_WRONG_RETURN,
						   orphan_alternatives};

const struct link_kind link_taken_wrong = {"return-taken-wrong", FINDING_URETPROBE_WRONG_RETURN,
					   link_taken_alternatives};

/* The code that went on may have called and returned a little before it died. */
#define NEAR_BYTES 512

static const struct return_instance *find_passed_over(const struct crash *crash)
{
	uint64_t sp = crash->facts.registers[CORE_RSP];

	for (size_t i = 0; crash->record.has_signal_event && i < crash->record.instance_count; i++) {
		const struct return_instance *instance = &crash->record.instances[i];

		if (instance->tid == crash->record.signal_event.tid && instance->stack < sp &&
		    sp - instance->stack <= NEAR_BYTES)
			return instance;
	}
	return NULL;
}

static bool has_instance(const struct crash *crash, uint64_t slot)
{
	for (size_t i = 0; i < crash->record.instance_count; i++) {
		if (crash->record.instances[i].stack == slot)
			return true;
	}
	return false;
}

/* A trampoline that nobody will return through any more. */
static const struct trampoline_word *find_orphan(const struct crash *crash)
{
	for (size_t i = 0; i < crash->facts.repair.word_count; i++) {
		const struct trampoline_word *word = &crash->facts.repair.words[i];

		if (!word->in_chain && !has_instance(crash, word->address))
			return word;
	}
	return NULL;
}

/* The dying thread's stack breaks off at once, and no trampoline on it is the reason. Without a single frame it was not
 * unwound at all, which says nothing of it. */
static bool stack_is_broken(const struct crash *crash)
{
	const struct thread_stack *stack = crash->facts.stacks.thread_count ? &crash->facts.stacks.threads[0] : NULL;

	if (!stack || !stack->end_reason || !stack->frame_count || stack->frame_count > 2)
		return false;
	for (size_t i = 0; i < stack->frame_count; i++) {
		if (stack->frames[i].pc == crash->facts.repair.trampoline || stack->frames[i].trust == FRAME_LOST)
			return false;
	}
	return true;
}

static bool is_fault_signal(int number)
{
	return number == SIGSEGV || number == SIGBUS || number == SIGILL;
}

static struct error *append_passed_over(const struct crash *crash, struct finding *finding,
					const struct return_instance *instance)
{
	struct node node = {.kind = NODE_WORD, .start = instance->stack, .end = instance->stack + sizeof(uint64_t)};

	return link_append(finding, &link_pending_passed, BASIS_OBSERVED, node,
			   "the stack pointer is past a return that the kernel still has pending")
		?: finding_add_evidence(finding, EVIDENCE_INSTANCE, instance->id, instance->stack,
					"the kernel had the return of 0x%" PRIx64 " pending, with its slot at 0x%" PRIx64
					"; the stack pointer is 0x%" PRIx64 ": it returned by another function's entry",
					instance->function, instance->stack, crash->facts.registers[CORE_RSP])
		?: finding_add_evidence(finding, EVIDENCE_MEMORY, 0, instance->return_address,
					"it should have returned to 0x%" PRIx64, instance->return_address)
		?: link_leave_open(finding, "left-by-longjmp",
				   "a function left by longjmp or an exception leaves its entry behind too");
}

static struct error *examine_pending(const struct crash *crash, struct finding *finding)
{
	static const char text[] = "a stack that was overwritten breaks off in the same way";

	if (crash->record.has_signal_event)
		return link_rule_out(finding, "still-pending", EVIDENCE_SIGNAL, crash->record.signal_event.id, 0,
				     "the kernel had no pending return for that slot")
			       ?: link_leave_open(finding, "overwritten-stack", text);
	return finding_add_missing(finding, "the kernel's list of pending returns, which a record has")
		?: link_leave_unseen(finding, "still-pending", "the kernel's list of pending returns is not recorded")
		?: link_leave_as_likely(finding, "overwritten-stack", text);
}

static struct error *append_orphan(const struct crash *crash, struct finding *finding,
				   const struct trampoline_word *orphan)
{
	const struct thread_stack *stack = &crash->facts.stacks.threads[0];
	struct node node = {.kind = NODE_WORD, .start = orphan->address, .end = orphan->address + sizeof(uint64_t)};

	return link_append(finding, &link_orphaned_trampoline, BASIS_COMPUTED, node,
			   "a trampoline is left on a stack that no thread is on, and the thread's own stack breaks off")
		?: finding_add_evidence(finding, EVIDENCE_MEMORY, 0, orphan->address,
					"the trampoline's address is at 0x%" PRIx64 ", on no thread's stack%s",
					orphan->address,
					crash->record.has_signal_event ? ", and the kernel had no pending return for it"
								       : "")
		?: finding_add_evidence(finding, EVIDENCE_FRAME, (int64_t)stack->frame_count - 1,
					stack->frames[stack->frame_count - 1].pc,
					"the stack of the thread that died breaks off after %zu frame%s: %s",
					stack->frame_count, stack->frame_count == 1 ? "" : "s", stack->end_reason)
		?: examine_pending(crash, finding);
}

struct error *cause_uretprobe_wrong_return(const struct crash *crash, struct finding_list *findings)
{
	const struct return_instance *instance;
	const struct trampoline_word *orphan;
	const struct probe *probe;
	struct finding *finding;
	struct words words;
	uint64_t slot;

	if (!crash->facts.repair.trampoline || !crash->facts.has_registers ||
	    !is_fault_signal(crash->facts.signal.number) || crash->facts.signal.sender_pid)
		return NULL;
	/* Inside the trampoline the kernel refused to return at all: that is uretprobe-sigill. */
	if (crash->facts.registers[CORE_RIP] - crash->facts.repair.trampoline < RECORD_PAGE_BYTES)
		return NULL;
	instance = find_passed_over(crash);
	orphan = !instance && stack_is_broken(crash) ? find_orphan(crash) : NULL;
	if (!instance && !orphan)
		return NULL;
	probe = evidence_return_probe_at(crash, instance ? instance->function : orphan->function);
	slot = instance ? instance->stack : orphan->address;
	return finding_append(findings, FINDING_URETPROBE_WRONG_RETURN, &finding)
		?: (instance ? append_passed_over(crash, finding, instance) : append_orphan(crash, finding, orphan))
		?: finding_set_summary(finding,
				       "A function under %s returned into another function's caller: the kernel took a "
				       "return address that belongs to another of the thread's stacks.",
				       words_probe(&words, probe))
		?: link_append_probes(crash, finding, &link_taken_wrong, slot, probe);
}
