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
 * Near misses: an abort() of the program's own; the C library's words about the heap; a stack that ran out downwards,
 * which is stack-overflow; a read past the end of the stack.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence_process.h"
#include "analyzer/evidence/evidence_stack.h"
#include "analyzer/facts/stack_corruption.h"

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

static struct error *report_canary(const struct crash *crash, const struct ending *ending,
				   struct finding_list *findings)
{
	size_t owner = ending->kind == ENDING_CANARY ? ending->teller + 1 : SIZE_MAX;
	struct words function;
	struct finding *finding;
	struct error *err = finding_append(findings, FINDING_STACK_SMASH, &finding);

	if (err)
		return err;
	evidence_frame_words(&function, crash, owner);
	finding->confidence = ending->kind == ENDING_CANARY ? CONFIDENCE_PROVEN : CONFIDENCE_LIKELY;
	err = finding_set_summary(
		finding,
		"A buffer on the stack was overrun: the canary of %s was overwritten when the function "
		"returned. The stack is corrupted from there on.",
		function.text[0] ? function.text : "a function that the stack does not show")
		?: evidence_add_crash_frame(crash, finding, ending->teller,
					    ending->kind == ENDING_CANARY ? "the canary's check failed"
									  : "the C library ended the program")
		?: evidence_add_crash_frame(crash, finding, owner, "the function whose canary died")
		?: evidence_add_corruption(crash, finding);
	if (!err && crash->core.abort_message)
		err = finding_add_evidence(finding, EVIDENCE_MEMORY, 0, 0, "it said: %s", crash->core.abort_message);
	if (!err && ending->kind != ENDING_CANARY)
		err = finding_add_missing(finding, "the frame of __stack_chk_fail: the stack does not show it");
	if (!err)
		err = evidence_add_signal(crash, finding) ?: evidence_set_frame_offender(crash, finding, owner);
	if (err)
		return err;
	return finding_set_next_step(finding, "look at the arrays of that function, and at what it passes them "
					      "to; -fsanitize=address names the write");
}

static struct error *report_fortify(const struct crash *crash, const struct ending *ending,
				    struct finding_list *findings)
{
	const struct thread_stack *stack = &crash->facts.stacks.threads[0];
	size_t checked =
		ending->kind == ENDING_FORTIFY ? checked_function(stack, ending->teller, ending->caller) : SIZE_MAX;
	struct words function, caller;
	struct finding *finding;
	struct error *err = finding_append(findings, FINDING_STACK_SMASH, &finding);

	if (err)
		return err;
	evidence_frame_words(&caller, crash, ending->caller);
	finding->confidence = ending->kind == ENDING_FORTIFY ? CONFIDENCE_PROVEN : CONFIDENCE_LIKELY;
	err = finding_set_summary(
		finding, "A buffer overflow was stopped: %s%s%s would have written past the end of its buffer.",
		checked != SIZE_MAX ? words_function(&function, &stack->frames[checked].symbol)
				    : "a checked function of the C library",
		caller.text[0] ? ", called in " : "", caller.text)
		?: evidence_add_crash_frame(crash, finding, ending->teller, "the check failed")
		?: evidence_add_crash_frame(crash, finding, ending->caller, "called by");
	if (!err && crash->core.abort_message)
		err = finding_add_evidence(finding, EVIDENCE_MEMORY, 0, 0, "it said: %s", crash->core.abort_message);
	return err
		?: finding_add_missing(finding, "where the buffer is: the check knows its size, and it need not be on "
						"the stack")
		?: evidence_add_signal(crash, finding)
		?: evidence_set_frame_offender(crash, finding, ending->caller);
}

static struct error *report_top(const struct crash *crash, struct finding_list *findings)
{
	const struct stack_use *use = &crash->facts.stack_uses[0];
	size_t caller = SIZE_MAX;
	struct words words;
	struct finding *finding;
	struct error *err = finding_append(findings, FINDING_STACK_SMASH, &finding);

	if (err)
		return err;
	for (size_t i = 0; i < crash->facts.stacks.threads[0].frame_count && caller == SIZE_MAX; i++) {
		if (!ending_is_runtime(&crash->facts.stacks.threads[0].frames[i]))
			caller = i;
	}
	evidence_frame_words(&words, crash, caller);
	finding->confidence = CONFIDENCE_LIKELY;
	return finding_set_summary(finding,
				   "A write%s%s ran past the upper end of the stack, 0x%" PRIx64
				   ": it must have gone over everything above the buffer that it began in.",
				   words.text[0] ? " in " : "", words.text, use->area.end)
		?: finding_add_evidence(finding, EVIDENCE_SIGNAL, 0, use->touched,
					"the write of 0x%" PRIx64 " faulted, right above %s, 0x%" PRIx64 "-0x%" PRIx64,
					use->touched, stack_kind_name(use->area.kind), use->area.start, use->area.end)
		?: evidence_add_corruption(crash, finding)
		?: finding_add_missing(finding, "where the write began")
		?: evidence_set_frame_offender(crash, finding, caller);
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
