/* SPDX-License-Identifier: MIT */
#include "analyzer/facts/heap_facts.h"

#include <stdlib.h>

void heap_facts_deinit(struct heap_facts *facts)
{
	for (size_t i = 0; i < facts->subject_count; i++) {
		struct heap_subject *subject = &facts->subjects[i];

		for (size_t j = 0; j < subject->party_count; j++)
			event_stack_deinit(&subject->parties[j].stack);
		free(subject->parties);
		heap_deinit(&subject->heap);
		free(subject->events);
	}
	free(facts->subjects);
	free(facts->hole);
	*facts = (struct heap_facts){0};
}

const struct heap_subject *heap_facts_find(const struct heap_facts *facts, enum heap_subject_kind kind)
{
	for (size_t i = 0; i < facts->subject_count; i++) {
		if (facts->subjects[i].kind == kind)
			return &facts->subjects[i];
	}
	return NULL;
}

const struct event_stack *heap_subject_stack(const struct heap_subject *subject, size_t event)
{
	for (size_t i = 0; i < subject->party_count; i++) {
		if (subject->parties[i].event == event)
			return &subject->parties[i].stack;
	}
	return NULL;
}
