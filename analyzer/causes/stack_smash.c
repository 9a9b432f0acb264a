/* SPDX-License-Identifier: MIT */
/*
 * stack-smash: a buffer on the stack was written past its end, and something noticed: the canary between a function's
 * arrays and its return address (__stack_chk_fail), a checked function of the C library that knows the size of what it
 * writes to (__chk_fail, "*** buffer overflow detected ***"), or the end of the stack itself, when the write ran over
 * everything up to there.
 *
 * The function whose canary died is the one that called __stack_chk_fail; what overwrote it may have been any function
 * that it called. A checked function stops before it writes, and its buffer need not be on the stack: it says so.
 *
 * What it could be mistaken for: an abort() of the program's own; the C library's message about the heap; a stack that
 * ran out downwards, which is stack-overflow; a read past the end of the stack. Who wrote is on the stack only for a
 * checked function and for a write that ran off the top; the owner of a canary is a suspect.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence_process.h"
#include "analyzer/evidence/evidence_stack.h"
#include "analyzer/evidence/link_process.h"
#include "analyzer/facts/stack_corruption.h"

static const char *const check_alternatives[] = {"other-abort", "guessed-frames", NULL};
static const char *const top_alternatives[] = {"wild-pointer", NULL};

/* A canary, or the size that a checked function knew. */
const struct link_kind link_failed_canary = {"failed-canary", FINDING_STACK_SMASH, check_alternatives};
const struct link_kind link_stopped_overflow = {"stopped-overflow", FINDING_STACK_SMASH, check_alternatives};
const struct link_kind link_ran_off_the_top = {"ran-off-the-top", FINDING_STACK_SMASH, top_alternatives};

/* The checked function ("__strcpy_chk") between __chk_fail and its caller, or SIZE_MAX. */
static size_t checked_function(const struct thread_stack *stack, size_t teller, size_t caller)
{
	for (size_t i = teller + 1; i < stack->frame_count && i < teller + 6 && i <= caller; i++) {
		const char *function = stack->frames[i].symbol.function;
		size_t length = function ? strlen(function) : 0;

		if (length > 4 && strcmp(function + length - 4, "_chk") == 0)
			return i;
	}
	return SIZE_MAX;
}

/* Did something else abort? The message alone does not show it. */
static struct error *examine_check(const struct crash *crash, const struct ending *ending, bool shown, size_t last,
				   const char *function, struct finding *finding)
{
	const struct thread_stack *stack = &crash->facts.stacks.threads[0];

	if (shown)
		return link_rule_out(finding, "other-abort", EVIDENCE_FRAME, (int64_t)ending->teller,
				     stack->frames[ending->teller].pc, "%s ended the program", function)
			       ?: link_examine_frames(crash, finding, "guessed-frames", ending->first, last);
	return finding_add_missing(finding, "the frame of %s: the stack does not show it", function)
		?: link_leave_unseen(finding, "other-abort", "the stack does not show %s", function)
		?: link_leave_unseen(finding, "guessed-frames", "the stack does not show %s", function);
}

/* musl halts instead of sending a signal. */
static struct error *append_signal(const struct crash *crash, const struct ending *ending, struct finding *finding)
{
	return ending->own && ending->sends && ending->kind != ENDING_NONE
		       ? link_append_own_signal(crash, ending, finding)
		       : NULL;
}

static struct node owner_node(const struct crash *crash, size_t frame)
{
	bool known = frame != SIZE_MAX && crash->facts.stacks.thread_count &&
		     frame < crash->facts.stacks.threads[0].frame_count;

	return known ? link_frame_node(crash, frame) : (struct node){.kind = NODE_CODE, .id = -1};
}

static struct error *report_canary(const struct crash *crash, const struct ending *ending,
				   struct finding_list *findings)
{
	bool shown = ending->kind == ENDING_CANARY;
	size_t owner = shown ? ending->teller + 1 : SIZE_MAX;
	struct words function;
	struct finding *finding;
	struct error *err;

	evidence_frame_words(&function, crash, owner);
	err = finding_append(findings, FINDING_STACK_SMASH, &finding)
		?: append_signal(crash, ending, finding)
		?: link_append(finding, &link_failed_canary, BASIS_COMPUTED, owner_node(crash, owner),
			       "the stack canary of %s had changed", function.text[0] ? function.text : "a function")
		?: evidence_add_signal(crash, finding)
		?: evidence_add_crash_frame(crash, finding, ending->teller,
					    shown ? "the canary check failed" : "the C library ended the program")
		?: evidence_add_crash_frame(crash, finding, owner, "the function with that canary")
		?: evidence_add_corruption(crash, finding);
	if (!err && crash->core.abort_message)
		err = finding_add_evidence(finding, EVIDENCE_MEMORY, 0, 0, "the C library printed: %s",
					   crash->core.abort_message);
	return err
		?: examine_check(crash, ending, shown, ending->teller, "__stack_chk_fail()", finding)
		?: finding_add_missing(finding, "the write: it may have been in any function that got the buffer")
		?: evidence_suspect_frame(crash, finding, owner)
		?: finding_set_summary(finding, "Stack buffer overflow: the stack canary of %s was overwritten before it "
						"returned.",
				       function.text[0] ? function.text : "a function that the backtrace does not show")
		?: finding_set_next_step(finding, "which array of that function is written past its end? "
						  "-fsanitize=address shows the write");
}

static struct error *report_fortify(const struct crash *crash, const struct ending *ending,
				    struct finding_list *findings)
{
	const struct thread_stack *stack = &crash->facts.stacks.threads[0];
	bool shown = ending->kind == ENDING_FORTIFY;
	size_t checked = shown ? checked_function(stack, ending->teller, ending->caller) : SIZE_MAX;
	size_t last = ending->caller == SIZE_MAX ? ending->teller : ending->caller;
	struct words function, caller;
	struct finding *finding;
	struct error *err;

	evidence_frame_words(&caller, crash, ending->caller);
	if (checked != SIZE_MAX) {
		words_function(&function, &stack->frames[checked].symbol);
		strncat(function.text, "()", sizeof(function.text) - strlen(function.text) - 1);
	} else {
		snprintf(function.text, sizeof(function.text), "a checked function of the C library");
	}
	err = finding_append(findings, FINDING_STACK_SMASH, &finding)
		?: append_signal(crash, ending, finding)
		?: link_append(finding, &link_stopped_overflow, BASIS_COMPUTED, owner_node(crash, ending->caller),
			       "%s would have written past the end of its buffer", function.text)
		?: evidence_add_signal(crash, finding)
		?: evidence_add_crash_frame(crash, finding, ending->teller, "the check failed")
		?: evidence_add_crash_frame(crash, finding, ending->caller, "called by");
	if (!err && crash->core.abort_message)
		err = finding_add_evidence(finding, EVIDENCE_MEMORY, 0, 0, "the C library printed: %s",
					   crash->core.abort_message);
	err = err ?: examine_check(crash, ending, shown, last, "__chk_fail()", finding)
		?: finding_add_missing(finding, "where the buffer is: the check knows its size, and it need not be on the "
						"stack");
	if (!err && shown)
		err = evidence_accuse_frame(crash, finding, ending->caller);
	return err
		?: finding_set_summary(finding, "Buffer overflow stopped: %s%s%s would have written past the end of its "
						"buffer.",
				       function.text, caller.text[0] ? ", called in " : "", caller.text)
		?: finding_set_next_step(finding, "how large is the buffer in that call, and how long is what is written "
						  "to it?");
}

static struct error *report_top(const struct crash *crash, struct finding_list *findings)
{
	const struct stack_use *use = &crash->facts.stack_uses[0];
	size_t caller = SIZE_MAX;
	struct words words;
	struct finding *finding;
	struct error *err;

	for (size_t i = 0; i < crash->facts.stacks.threads[0].frame_count && caller == SIZE_MAX; i++) {
		if (!ending_is_runtime(&crash->facts.stacks.threads[0].frames[i]))
			caller = i;
	}
	evidence_frame_words(&words, crash, caller);
	err = finding_append(findings, FINDING_STACK_SMASH, &finding)
		?: link_append(finding, &link_ran_off_the_top, BASIS_COMPUTED,
			       (struct node){.kind = NODE_ACCESS, .start = use->touched, .end = use->touched + 1},
			       "a write ran past the upper end of the stack")
		?: finding_add_evidence(finding, EVIDENCE_SIGNAL,
					crash->record.has_signal_event ? crash->record.signal_event.id : 0, use->touched,
					"the write of 0x%" PRIx64 " faulted, right above %s, 0x%" PRIx64 "-0x%" PRIx64,
					use->touched, stack_kind_name(use->area.kind), use->area.start, use->area.end)
		?: evidence_add_crash_frame(crash, finding, caller, "it writes")
		?: evidence_add_corruption(crash, finding)
		?: finding_add_missing(finding, "where the write began")
		?: link_leave_unseen(finding, "wild-pointer", "a wild pointer could hit the page above the stack")
		?: evidence_accuse_frame(crash, finding, caller);
	return err
		?: finding_set_summary(finding, "A write%s%s ran past the upper end of the stack at 0x%" PRIx64
						": it overwrote everything from its buffer on.",
				       words.text[0] ? " in " : "", words.text, use->area.end)
		?: finding_set_next_step(finding, "what bounds the length of that write?");
}

struct error *cause_stack_smash(const struct crash *crash, struct finding_list *findings)
{
	const char *message = crash->core.abort_message ?: "";
	struct ending ending;

	ending_find(crash, &ending);
	/* musl halts in __stack_chk_fail: no SIGABRT, and no words. */
	if (ending.kind == ENDING_CANARY ||
	    (crash->facts.signal.number == SIGABRT && ending.own && strstr(message, "stack smashing detected")))
		return report_canary(crash, &ending, findings);
	if (crash->facts.signal.number == SIGABRT && ending.own &&
	    (ending.kind == ENDING_FORTIFY || strstr(message, "buffer overflow detected")))
		return report_fortify(crash, &ending, findings);
	return corruption_ran_off_the_top(crash) ? report_top(crash, findings) : NULL;
}
