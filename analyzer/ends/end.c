/* SPDX-License-Identifier: MIT */
#include "analyzer/ends/end.h"

#include <inttypes.h>
#include <stdio.h>

#include "analyzer/evidence/evidence.h"
#include "analyzer/words.h"

const char *end_confidence_name(enum finding_confidence confidence)
{
	return confidence == CONFIDENCE_PROVEN ? "certain" : finding_confidence_name(confidence);
}

/* "read 0x18", "jumped to 0x0": of the access that failed; "" where none did or its address is not known. */
static const char *access_clause(struct words *words, const struct fault *fault)
{
	static const char *const verbs[] = {"accessed", "read", "wrote", "jumped to"};
	static const enum access_kind kinds[] = {ACCESS_UNKNOWN, ACCESS_READ, ACCESS_WRITE, ACCESS_EXECUTE};

	words->text[0] = 0;
	if (!fault->is_fault || fault->source == ADDRESS_UNKNOWN || fault->source == ADDRESS_STACK)
		return words->text;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (kinds[i] == fault->access)
			snprintf(words->text, sizeof(words->text), "%s 0x%" PRIx64, verbs[i], fault->address);
	}
	return words->text;
}

static struct error *clause(const struct crash *crash, char **ret)
{
	const struct fault *fault = &crash->facts.fault;
	const struct crash_signal *signal = fault->in_handler ? &fault->signal : &crash->facts.signal;
	struct words name, access;
	int length;

	if (crash->record.has_exit_state)
		length = asprintf(ret, "the process exited with status %d", crash->facts.signal.code);
	else if (crash->core.snapshot)
		length = asprintf(ret, "the process was alive when this core was written");
	else if (fault->is_fault && fault->source == ADDRESS_STACK)
		length = asprintf(ret, "the stack of thread %" PRIu32 " was not mapped: %s",
				  evidence_dead_thread(crash), words_signal(&name, signal->number));
	else if (access_clause(&access, fault)[0])
		length = asprintf(ret, "thread %" PRIu32 " %s: %s%s", evidence_dead_thread(crash), access.text,
				  words_signal(&name, signal->number),
				  fault->in_handler ? ", before its handler ended the process" : "");
	else
		length = asprintf(ret, "%s in thread %" PRIu32, words_signal(&name, signal->number),
				  evidence_dead_thread(crash));
	if (length < 0) {
		*ret = NULL;
		return &error_no_memory;
	}
	return NULL;
}

struct error *end_describe(const struct crash *crash, struct finding_list *list)
{
	list->end.class = FINDING_UNKNOWN;
	list->end.confidence =
		crash->facts.signal.number || crash->record.has_exit_state ? CONFIDENCE_PROVEN : CONFIDENCE_NONE;
	for (size_t i = 0; i < list->count; i++) {
		const struct finding *finding = &list->findings[i];

		if (finding->class != FINDING_UNKNOWN && finding_class_is_end(finding->class)) {
			list->end.class = finding->class;
			list->end.confidence = finding->confidence;
			break;
		}
	}
	return clause(crash, &list->end.text);
}
