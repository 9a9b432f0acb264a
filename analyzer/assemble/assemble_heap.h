/* SPDX-License-Identifier: MIT */
/* The two halves of the step "heap": what the core tells, and what the record tells. Only for assemble_heap*.c. */
#ifndef ANALYZER_ASSEMBLE_HEAP_H
#define ANALYZER_ASSEMBLE_HEAP_H

#include "analyzer/assemble/assemble_parts.h"

/* Adds an empty subject; it is valid until the next is added. */
struct error *assemble_heap_add(struct heap_facts *heap, enum heap_subject_kind kind, uint64_t address,
				struct heap_subject **ret_subject) must_check;

/* assemble_heap_core.c: the dying call, its pointer, registers that point into the heap, broken headers. */
struct error *assemble_heap_of_core(const struct crash *crash, struct heap_facts *heap) must_check;
/* What glibc's heap in the core says of the subject's address. */
void assemble_heap_spot(const struct crash *crash, struct heap_subject *subject);
/* Of the values that the faulting instruction used as addresses, the first that stands in [start, end). `heap`: what is
 * known up to now of the pointer that the dying call was given. */
bool assemble_heap_holds(const struct crash *crash, const struct heap_facts *heap, uint64_t start, uint64_t end,
			 struct heap_subject *subject);

/* assemble_heap_record.c: coverage and the recorded pointer; then the subjects' lives and stacks. */
struct error *assemble_heap_pointer(struct store_reader *store, const struct crash *crash, struct crash_notes *notes,
				    struct heap_facts *heap) must_check;
struct error *assemble_heap_lives(struct store_reader *store, const struct crash *crash, struct crash_notes *notes,
				  struct heap_facts *heap) must_check;

#endif
