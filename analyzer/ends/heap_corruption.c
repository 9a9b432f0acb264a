/* SPDX-License-Identifier: MIT */
/*
 * heap-corruption: the allocator found its own metadata damaged: its abort message, or a fault in its own code while it
 * followed its metadata. Who did the damage is not shown by this: whoever detects it is mostly innocent.
 *
 * It is the general end of the heap. A free of a pointer that was never allocated faults in the allocator too, and is
 * an invalid free; a freed block that was freed again is a double free; a header that was overwritten from the block in
 * front is an overflow: those causes say more where their facts are there, and rank above where they are likely. A
 * message about the pointer may be the caller's fault, unless the heap itself shows the damage: possible only.
 */
#include <inttypes.h>
#include <signal.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence.h"
#include "analyzer/evidence/evidence_heap.h"

/* A fault in the allocator's own code. One that hands out may be given a bad place for its result. */
static bool faulted_inside(const struct crash *crash)
{
	const struct thread_stack *stack = crash->facts.stacks.thread_count ? &crash->facts.stacks.threads[0] : NULL;

	return crash->facts.fault.is_fault && stack && crash->facts.heap.call.kind != HEAP_CALL_NONE &&
	       crash->facts.fault.access != ACCESS_EXECUTE &&
	       (crash->facts.fault.source == ADDRESS_UNKNOWN || crash->facts.fault.address >= PLACE_NULL_BYTES ||
		crash->facts.heap.call.kind != HEAP_CALL_ALLOCATE);
}

static struct error *describe_break(const struct crash *crash, struct finding *finding)
{
	const struct heap_facts *heap = &crash->facts.heap;

	if (!heap->walk_broken)
		return NULL;
	return finding_add_evidence(finding, EVIDENCE_MEMORY, 0, heap->broken_at + 8,
				    "the heap's chunk headers make sense up to 0x%" PRIx64
				    ", where the size is 0x%" PRIx64,
				    heap->broken_at, heap->broken_word);
}

struct error *end_heap_corruption(const struct crash *crash, struct finding_list *findings)
{
	enum heap_sign sign = heap_sign_of(crash->core.abort_message);
	struct finding *finding;
	struct words site;
	struct error *err;

	if (sign == HEAP_SIGN_NONE && !faulted_inside(crash))
		return NULL;
	/* These say what it was. */
	if (sign == HEAP_SIGN_FREED_TWICE)
		return NULL;
	err = finding_append(findings, FINDING_HEAP_CORRUPTION, &finding);
	if (err)
		return err;
	/* A message about the pointer may be the caller's fault, unless the heap itself shows the damage. */
	finding->confidence = crash->facts.heap.walk_broken && sign != HEAP_SIGN_NONE ? CONFIDENCE_LIKELY
			      : sign == HEAP_SIGN_BAD_POINTER || sign == HEAP_SIGN_MAYBE_TWICE || sign == HEAP_SIGN_NONE
				      ? CONFIDENCE_POSSIBLE
				      : CONFIDENCE_LIKELY;
	words_crash_site(&site, crash);
	err = finding_set_summary(finding, "Heap metadata corrupted; thread %" PRIu32 " detected it in %s%s%s.",
				  evidence_dead_thread(crash), crash->facts.heap.call.function ?: "the allocator",
				  site.text[0] ? ", called by " : "", site.text)
		      ?: evidence_add_abort_message(crash, finding);
	if (!err && sign == HEAP_SIGN_NONE)
		err = evidence_add_fault(crash, finding);
	if (!err)
		err = describe_break(crash, finding)
			?: evidence_add_crash_site(crash, finding, "detected")
			?: finding_add_missing(finding, "the write that did the damage");
	if (err)
		return err;
	return finding_set_lost(finding, "an earlier write damaged the metadata",
				crash->facts.heap.recorded
					? "a build with -fsanitize=address"
					: "a heap record (corelate record --heap), or a build with -fsanitize=address")
		       ?: finding_set_next_step(finding, "which code writes past its block, or to a freed one?");
}
