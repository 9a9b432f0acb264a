/* SPDX-License-Identifier: MIT */
#include "analyzer/evidence/link_failure.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *words_failed_call(struct words *words, const struct memory_event *event)
{
	const char *name = strerrorname_np((int)-event->result);
	struct words size;

	switch (event->kind) {
	case MEMORY_MMAP:
		snprintf(words->text, sizeof(words->text), "mmap of %s", words_bytes(&size, event->args[1]));
		break;
	case MEMORY_MREMAP:
		snprintf(words->text, sizeof(words->text), "mremap to %s", words_bytes(&size, event->args[2]));
		break;
	default:
		snprintf(words->text, sizeof(words->text), "shmat(%" PRIu64 ")", event->args[0]);
	}
	snprintf(words->text + strlen(words->text), sizeof(words->text) - strlen(words->text), " (%s)",
		 name ?: "an unknown error");
	return words->text;
}

struct error *link_append_failure(const struct crash *crash, struct finding *finding, const struct link_kind *kind,
				  size_t index)
{
	const struct memory_event *event = &crash->facts.failed_calls.events[index];
	struct node node = {.kind = NODE_CALL, .id = event->id};
	struct words call, who, when;

	words_failed_call(&call, event);
	words_context(&who, &crash->facts.failed_calls.contexts[index]);
	return link_append(finding, kind, BASIS_INFERRED, node, "thread %" PRIu32 "'s %s had returned it", event->tid,
			   call.text)
		       ?: finding_add_evidence(finding, EVIDENCE_EVENT, event->id, 0,
					       "failed: %s by thread %" PRIu32 "%s%s, %s", call.text, event->tid,
					       who.text[0] ? " in " : "", who.text,
					       words_before_crash(&when, crash, event->exit_ns));
}
