/* SPDX-License-Identifier: MIT */
/*
 * double-free: the process died in the allocator, in a call that was to give back a block which had been given back.
 *
 * What is seen, with a record of heap calls: the call in which the thread died, the call that gave the same block back
 * before, and that nobody was handed the address in between. glibc may notice it only when it hands a thread's cache
 * on, in another call or at the end of a thread: then the record has both frees all the same. Without it: the
 * allocator's own last words, and the block on a list of free ones.
 *
 * What it could be mistaken for: an overflow from the block in front that cleared the mark "in use" gives "double free
 * or corruption (!prev)" too; so that text alone proves nothing. A block that was handed out again by a call which was
 * not seen was rightly freed: losses and coverage holes lower the confidence. Two frees at the same moment in two
 * threads have no first.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence.h"
#include "analyzer/evidence/evidence_heap.h"
#include "analyzer/facts/heap_call.h"

static const struct heap_life *freed_before(const struct heap_subject *given, size_t dying)
{
	if (dying == SIZE_MAX || given->heap.ends[dying] != HEAP_END_AGAIN)
		return NULL;
	return &given->heap.lives[given->heap.ended[dying]];
}

/* The newest recorded call that gave the dead block back once more, when the one in which the process died is another.
 */
static size_t freed_again(const struct heap_subject *given, enum heap_sign sign)
{
	if (!given || (sign != HEAP_SIGN_FREED_TWICE && sign != HEAP_SIGN_MAYBE_TWICE))
		return SIZE_MAX;
	for (size_t i = given->event_count; i-- > 0;) {
		if (given->heap.outer[i] == i && given->heap.ends[i] == HEAP_END_AGAIN &&
		    given->events[i].old_block == given->address &&
		    &given->heap.lives[given->heap.ended[i]] == heap_last_life(&given->heap, given->address))
			return i;
	}
	return SIZE_MAX;
}

static struct error *judge(const struct crash *crash, const struct heap_subject *given, const struct heap_life *life,
			   size_t dying, struct finding *finding)
{
	const struct heap_event *second = &given->events[dying];
	struct error *err;

	finding->confidence = CONFIDENCE_PROVEN;
	if (life->died >= given->event_count) {
		evidence_lower(finding, CONFIDENCE_LIKELY);
		return finding_add_missing(finding, "the call that freed the block first");
	}
	err = evidence_heap_weigh(crash, finding, given, given->events[life->died].enter_ns,
				  "the block may have been handed out again unseen");
	if (!err && !heap_ordered(&given->events[life->died], second))
		err = evidence_doubt(finding, "both frees ran at nearly the same time in two threads: which of them "
					      "came first is not known");
	if (!err && crash->core.abort_message && heap_sign_of(crash->core.abort_message) == HEAP_SIGN_NONE)
		err = evidence_doubt(finding, "the process did not abort with words of the allocator");
	return err;
}

static struct error *tell_recorded(const struct crash *crash, const struct heap_subject *given,
				   const struct heap_life *life, size_t dying, struct finding_list *findings)
{
	struct words block, first, second, when;
	const struct heap_event *freed = life->died < given->event_count ? &given->events[life->died] : NULL;
	struct finding *finding;
	struct error *err =
		finding_append(findings, FINDING_DOUBLE_FREE, &finding) ?: judge(crash, given, life, dying, finding);

	if (!err && freed)
		err = finding_set_summary(
			finding, "Thread %" PRIu32 " freed %s in %s, which thread %" PRIu32 " had freed in %s, %s.",
			given->events[dying].tid, words_heap_block(&block, life),
			words_heap_caller(&second, given, dying), freed->tid,
			words_heap_caller(&first, given, life->died),
			words_before_crash(&when, crash, freed->enter_ns));
	else if (!err)
		err = finding_set_summary(finding, "Thread %" PRIu32 " freed %s in %s, which had been freed before.",
					  given->events[dying].tid, words_heap_block(&block, life),
					  words_heap_caller(&second, given, dying));
	return err
		?: evidence_heap_blame(finding, given, dying)
		?: evidence_add_heap_call(crash, finding, given, life->born, "allocated")
		?: evidence_add_heap_call(crash, finding, given, life->died, "freed first")
		?: evidence_add_heap_call(crash, finding, given, dying, "freed again")
		?: evidence_add_abort_message(crash, finding)
		?: finding_set_next_step(finding, "decide which of the two owns the block at 0x%" PRIx64, life->start);
}

static bool is_free(enum chunk_state state)
{
	return state == CHUNK_FREE_CACHED || state == CHUNK_FREE_BINNED || state == CHUNK_TOP;
}

/* From the core alone, or where the record contradicts. */
static struct error *tell_core(const struct crash *crash, const struct heap_subject *given, enum heap_sign sign,
			       bool contradicted, struct finding_list *findings)
{
	bool seen_free = given && given->spot.known && given->spot.is_block && is_free(given->spot.chunk.state);
	struct finding *finding;
	struct words site;
	struct error *err;

	/* The mark of the next chunk alone is weak: an overflow clears it, too. */
	if (sign == HEAP_SIGN_MAYBE_TWICE && crash->facts.heap.walk_broken)
		return NULL;
	err = finding_append(findings, FINDING_DOUBLE_FREE, &finding);
	if (err)
		return err;
	finding->confidence = sign == HEAP_SIGN_FREED_TWICE ? seen_free && given->spot.chunk.state == CHUNK_FREE_CACHED
								      ? CONFIDENCE_PROVEN
								      : CONFIDENCE_LIKELY
			      : seen_free		    ? CONFIDENCE_LIKELY
							    : CONFIDENCE_POSSIBLE;
	words_crash_site(&site, crash);
	if (given)
		err = finding_set_summary(
			finding,
			"Thread %" PRIu32 " freed the block at 0x%" PRIx64 "%s%s, which had been freed before.",
			evidence_dead_thread(crash), given->address, site.text[0] ? " in " : "", site.text);
	else
		err = finding_set_summary(finding, "Thread %" PRIu32 " freed a block%s%s which had been freed before.",
					  evidence_dead_thread(crash), site.text[0] ? " in " : "", site.text);
	if (!err)
		err = evidence_blame_crash_site(crash, finding) ?: evidence_add_abort_message(crash, finding);
	if (!err && seen_free)
		err = finding_add_evidence(finding, EVIDENCE_MEMORY, 0, given->address, "%s",
					   given->spot.chunk.state == CHUNK_FREE_CACHED
						   ? "the block is on the thread's list of free blocks"
					   : given->spot.chunk.state == CHUNK_TOP
						   ? "the block is part of the unused rest of the heap"
						   : "the header behind the block says that it is free");
	if (!err)
		err = evidence_add_crash_site(crash, finding, "freed again");
	if (!err && contradicted)
		err = evidence_doubt(finding, "the record has no free of this block since it was handed out");
	if (!err && finding->confidence == CONFIDENCE_POSSIBLE)
		err = finding_add_counter(finding, "an overflow from a neighbouring block gives the same words");
	return err
		?: finding_add_missing(finding, "who allocated the block and who freed it first")
		?: finding_set_next_step(finding, "run the program under corelate record --heap: it names both "
						  "frees");
}

/* A large block: its second free faults where its header was. Heap calls were not recorded, but the first unmapping
 * was, with a free on its stack. */
static struct error *tell_unmapped(const struct crash *crash, struct finding_list *findings)
{
	const struct life *life = evidence_ended_life(crash);
	struct words first, site, when;
	struct finding *finding;
	struct error *err;

	if (!life || crash->facts.heap.recorded || !evidence_unmapped_by_free(crash, life))
		return NULL;
	err = finding_append(findings, FINDING_DOUBLE_FREE, &finding);
	if (err)
		return err;
	finding->confidence = CONFIDENCE_PROVEN;
	err = evidence_weigh(crash, finding, crash->facts.biography.events[life->born].enter_ns,
			     "another block may have come and gone there unseen");
	words_crash_site(&site, crash);
	return err
		?: finding_set_summary(
			finding,
			"Thread %" PRIu32 " freed the block at 0x%" PRIx64 "%s%s, which thread %" PRIu32
			" had freed in %s, %s.",
			evidence_dead_thread(crash), crash->facts.heap.pointer ?: crash->facts.fault.address + 8,
			site.text[0] ? " in " : "", site.text, crash->facts.biography.events[life->died].tid,
			words_caller(&first, &crash->facts.biography, life->died),
			words_before_crash(&when, crash, crash->facts.biography.events[life->died].exit_ns))
		?: evidence_blame_crash_site(crash, finding)
		?: evidence_add_call(crash, &crash->facts.biography, finding, life->born, "mapped for it")
		?: evidence_add_call(crash, &crash->facts.biography, finding, life->died, "unmapped by the first free")
		?: evidence_add_fault(crash, finding)
		?: evidence_add_crash_site(crash, finding, "freed again");
}

/* The thread whose frames show the allocator's complaint in a free, and its caller; the thread that died is another
 * where a runtime ends all of them in turn (Go). NULL when there is none. */
static const struct thread_stack *complaining_thread(const struct crash *crash, size_t *ret_caller)
{
	for (size_t i = 1; i < crash->facts.stacks.thread_count; i++) {
		const struct thread_stack *stack = &crash->facts.stacks.threads[i];
		bool complains = false;

		for (size_t j = 0; j < stack->frame_count; j++) {
			const char *function = stack->frames[j].symbol.function;

			/* malloc_printerr is in between, where it has a name. */
			complains |= function && strcmp(function, "abort") == 0;
			if (complains && !event_stack_is_library(&stack->frames[j]))
				break;
			if (!complains || heap_call_kind_of(function) != HEAP_CALL_FREE)
				continue;
			*ret_caller = j + 1;
			return stack;
		}
	}
	return NULL;
}

static struct error *tell_other_thread(const struct crash *crash, struct finding_list *findings)
{
	size_t caller;
	const struct thread_stack *stack = complaining_thread(crash, &caller);
	struct words symbol, in = {""};
	struct finding *finding;
	struct error *err;

	if (!stack)
		return NULL;
	err = finding_append(findings, FINDING_DOUBLE_FREE, &finding);
	if (err)
		return err;
	if (caller < stack->frame_count && stack->frames[caller].symbol.module)
		snprintf(in.text, sizeof(in.text), " in %.400s", words_symbol(&symbol, &stack->frames[caller].symbol));
	finding->confidence = CONFIDENCE_LIKELY;
	err = finding_set_summary(finding, "Thread %" PRIu32 " freed a block%s which had been freed before.",
				  stack->tid, in.text)
		?: evidence_add_abort_message(crash, finding)
		?: finding_add_missing(finding, "who allocated the block and who freed it first");
	if (err)
		return err;
	return finding_set_next_step(finding, "run the program under corelate record --heap: it names both frees");
}

struct error *cause_double_free(const struct crash *crash, struct finding_list *findings)
{
	const struct heap_subject *given = heap_facts_find(&crash->facts.heap, HEAP_SUBJECT_GIVEN);
	enum heap_sign sign = heap_sign_of(crash->core.abort_message);
	size_t dying = evidence_heap_dying(crash, given);
	const struct heap_life *life = freed_before(given, dying);
	size_t again = dying == SIZE_MAX ? freed_again(given, sign) : SIZE_MAX;

	if (crash->facts.heap.call.kind == HEAP_CALL_NONE && sign == HEAP_SIGN_FREED_TWICE &&
	    !crash->facts.fault.is_fault)
		return tell_other_thread(crash, findings);
	if (crash->facts.heap.call.kind == HEAP_CALL_NONE || crash->facts.heap.call.kind == HEAP_CALL_ALLOCATE)
		return NULL;
	if (life)
		return tell_recorded(crash, given, life, dying, findings);
	if (again != SIZE_MAX)
		return tell_recorded(crash, given, freed_before(given, again), again, findings);
	if (crash->facts.fault.is_fault)
		return tell_unmapped(crash, findings);
	if (sign != HEAP_SIGN_FREED_TWICE && sign != HEAP_SIGN_MAYBE_TWICE)
		return NULL;
	return tell_core(crash, given, sign, dying != SIZE_MAX && given->heap.ends[dying] == HEAP_END_LIFE, findings);
}
