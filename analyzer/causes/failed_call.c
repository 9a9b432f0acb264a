/* SPDX-License-Identifier: MIT */
/*
 * failed-call: a pointer was used that a failed call had returned: MAP_FAILED of mmap or mremap, -1 of shmat.
 *
 * What is seen: the register that the failed access goes through is exactly -1, and the record has a call of the dying
 * thread for memory that failed, after which that thread made no other one that did.
 *
 * What it could be mistaken for: another function's -1 that was used as a pointer (iconv_open, signal): open unless the
 * code that used the pointer is of the module whose function had made the call; the index -1 of an array at null: the
 * base register is then zero, and this is silent; several failed calls: which of them is open. A call whose error is
 * returned as such (-ENOMEM) belongs to no wrapper of the C library.
 */
#include <inttypes.h>
#include <string.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence.h"
#include "analyzer/evidence/evidence_culprit.h"
#include "analyzer/evidence/evidence_fault.h"
#include "analyzer/evidence/link_failure.h"

#define MAP_FAILED_VALUE UINT64_MAX

static const char *const value_alternatives[] = {"arithmetic", NULL};
static const char *const call_alternatives[] = {"other-function", "other-call", NULL};

const struct link_kind link_error_pointer = {"error-pointer", FINDING_WILD_POINTER, value_alternatives};
const struct link_kind link_unchecked_failure = {"unchecked-failure", FINDING_FAILED_CALL, call_alternatives};

static struct error *append_pointer(const struct crash *crash, int reg, struct finding *finding)
{
	struct node node = {.kind = NODE_REGISTER, .start = MAP_FAILED_VALUE, .id = reg};

	return link_append(finding, &link_error_pointer, BASIS_COMPUTED, node,
			   "the pointer, %s, was MAP_FAILED (-1)", fault_register_name(reg))
		?: evidence_add_fault(crash, finding)
		?: finding_add_evidence(finding, EVIDENCE_REGISTER, reg, MAP_FAILED_VALUE, "%s is -1",
					fault_register_name(reg))
		?: link_rule_out(finding, "arithmetic", EVIDENCE_REGISTER, reg, MAP_FAILED_VALUE,
				 "the base register itself is -1: no index and no offset is in it");
}

/* Is the code that used the pointer of the module that had made the call? */
static bool same_module(const struct crash *crash, const struct symbol *caller)
{
	const struct thread_stack *stack = crash->facts.stacks.thread_count ? &crash->facts.stacks.threads[0] : NULL;

	for (size_t i = 0; caller->module && stack && i < stack->frame_count; i++) {
		const struct frame *frame = &stack->frames[i];

		if (frame->symbol.module && !event_stack_is_library(frame))
			return strcmp(frame->symbol.module, caller->module) == 0;
	}
	return false;
}

static struct error *examine(const struct crash *crash, size_t newest, struct finding *finding)
{
	const struct failed_calls *failed = &crash->facts.failed_calls;
	const struct memory_event *event = &failed->events[newest];
	struct error *err;

	err = same_module(crash, &failed->contexts[newest].caller)
		      ? link_rule_out(finding, "other-function", EVIDENCE_EVENT, event->id, 0,
				      "the module that used the pointer made the call")
		      : link_leave_open(finding, "other-function",
					"another function that returns -1 may have made the pointer");
	if (err)
		return err;
	return failed->count == 1
		       ? link_rule_out(finding, "other-call", EVIDENCE_EVENT, event->id, 0,
				       "no other recorded call of this thread for memory failed")
		       : link_leave_open(finding, "other-call",
					 "this thread made %zu calls for memory that failed: which one returned "
					 "this pointer is not known",
					 failed->count);
}

struct error *cause_failed_call(const struct crash *crash, struct finding_list *findings)
{
	const struct failed_calls *failed = &crash->facts.failed_calls;
	size_t newest = failed->count - 1;
	const struct event_context *context;
	struct words call, who, when, code;
	struct finding *finding;
	uint64_t value = 0;
	struct error *err;
	int reg;

	if (!failed->count || !crash->facts.fault.is_fault)
		return NULL;
	reg = evidence_base_register(crash, &value);
	if (reg < 0 || value != MAP_FAILED_VALUE)
		return NULL;
	context = &failed->contexts[newest];
	err = finding_append(findings, FINDING_FAILED_CALL, &finding)
		      ?: append_pointer(crash, reg, finding)
		      ?: link_append_failure(crash, finding, &link_unchecked_failure, newest)
		      ?: examine(crash, newest, finding);
	if (err)
		return err;
	words_failed_call(&call, &failed->events[newest]);
	words_context(&who, context);
	return finding_set_summary(finding, "%s dereferenced MAP_FAILED: %s had failed%s%s, %s.",
				   evidence_fault_code(&code, crash), call.text, who.text[0] ? " in " : "",
				   who.text,
				   words_before_crash(&when, crash, failed->events[newest].exit_ns))
		?: evidence_suspect_code(finding, &context->caller, EVIDENCE_EVENT, failed->events[newest].id, 0)
		?: finding_set_next_step(finding, "does %s check the result before it uses it?",
					 who.text[0] ? who.text : "the caller");
}
