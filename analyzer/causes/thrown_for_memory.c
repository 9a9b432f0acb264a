/* SPDX-License-Identifier: MIT */
/*
 * allocation-failure, thrown: operator new threw std::bad_alloc because the kernel had refused memory, and nothing
 * caught it.
 *
 * What is seen: the exception that ended the process is a std::bad_alloc, and the record has calls of the dying thread
 * for memory that failed with ENOMEM. malloc tries twice or three times before it gives up: calls that follow each
 * other directly are one failure.
 *
 * What it could be mistaken for: a bad_alloc that the program throws for a reason of its own (a pool that is full, a
 * size that is refused before anything is asked of the kernel): left open where the failed call is not the allocator's;
 * an earlier failure that was handled: left open where there are several. A null pointer that malloc returned is
 * allocation_failure.c's, which needs the heap's calls.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence_process.h"
#include "analyzer/evidence/link_failure.h"
#include "analyzer/evidence/link_mapping.h"

/* Recorded calls between two attempts of one malloc. */
#define SAME_ATTEMPT 4

static const char *const thrown_alternatives[] = {"other-exception", NULL};
static const char *const refused_alternatives[] = {"own-reason", "earlier-failure", NULL};

const struct link_kind link_uncaught_bad_alloc = {"uncaught-bad-alloc", FINDING_UNCAUGHT_EXCEPTION,
						  thrown_alternatives};
const struct link_kind link_refused_memory = {"refused-memory", FINDING_ALLOCATION_FAILURE, refused_alternatives};

static bool is_bad_alloc(const struct crash *crash)
{
	return crash->facts.thrown.found && strcmp(crash->facts.thrown.type, "std::bad_alloc") == 0;
}

static bool is_one_failure(const struct failed_calls *failed)
{
	for (size_t i = 1; i < failed->count; i++) {
		if (failed->events[i].id - failed->events[i - 1].id > SAME_ATTEMPT)
			return false;
	}
	return true;
}

static struct error *append_links(const struct crash *crash, struct finding *finding)
{
	const struct thrown *thrown = &crash->facts.thrown;
	const struct failed_calls *failed = &crash->facts.failed_calls;
	const struct memory_event *event = &failed->events[failed->count - 1];
	struct node object = {.kind = NODE_WORD, .start = thrown->object, .end = thrown->object + 8};
	struct error *err;

	err = link_append(finding, &link_uncaught_bad_alloc, BASIS_COMPUTED, object,
			  "std::terminate ended the process for an uncaught std::bad_alloc")
		      ?: finding_add_evidence(finding, EVIDENCE_MEMORY, 0, thrown->object,
					      "the exception object of type std::bad_alloc at 0x%" PRIx64, thrown->object)
		      ?: evidence_add_signal(crash, finding);
	if (!err)
		err = thrown->from_list
			      ? link_rule_out(finding, "other-exception", EVIDENCE_MEMORY, 0, thrown->object,
					      "it heads the runtime's list of exceptions in flight")
			      : link_leave_open(
					finding, "other-exception",
					"the exception object was found on the stack, not in the runtime's list");
	if (!err)
		err = link_append_failure(crash, finding, &link_refused_memory, failed->count - 1);
	if (err)
		return err;
	err = link_made_by_library(&failed->contexts[failed->count - 1])
		      ? link_rule_out(finding, "own-reason", EVIDENCE_EVENT, event->id, 0,
				      "the call that failed was made inside the allocator")
		      : link_leave_open(finding, "own-reason",
					"the program may have thrown std::bad_alloc for a reason of its own");
	if (err)
		return err;
	return is_one_failure(failed)
		       ? link_rule_out(finding, "earlier-failure", EVIDENCE_EVENT, event->id, 0,
				       "this thread has no other failed call for memory")
		       : link_leave_open(finding, "earlier-failure", "this thread had other failed calls for memory");
}

struct error *cause_thrown_for_memory(const struct crash *crash, struct finding_list *findings)
{
	const struct failed_calls *failed = &crash->facts.failed_calls;
	const struct memory_event *event;
	struct words call, when;
	struct finding *finding;
	struct error *err;

	if (!is_bad_alloc(crash) || !failed->count)
		return NULL;
	event = &failed->events[failed->count - 1];
	if (event->result != -ENOMEM)
		return NULL;
	err = finding_append(findings, FINDING_ALLOCATION_FAILURE, &finding) ?: append_links(crash, finding);
	if (err)
		return err;
	return finding_set_summary(finding,
				   "operator new threw std::bad_alloc, and nothing caught it: %s had failed, %s.",
				   words_failed_call(&call, event), words_before_crash(&when, crash, event->exit_ns))
		       ?: finding_set_next_step(finding, "is that size right, and which limit was reached (RLIMIT_AS, "
							 "vm.overcommit_memory, the cgroup's)?");
}
