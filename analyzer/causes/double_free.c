/* SPDX-License-Identifier: MIT */
/*
 * double-free: a block was freed twice, and nobody had been handed it in between. The process died in the second free,
 * or later, when glibc moved a thread's cache on and found the block there twice.
 *
 * What is seen, with a record of heap calls: both frees, and that no call handed the address out between them. Without
 * one: the allocator's abort message, and the block on a list of free ones.
 *
 * What it could be mistaken for: an overflow from the block in front that cleared the flag "in use" gives "double free
 * or corruption (!prev)" too, so that message alone proves nothing (overwritten-mark). A block that was handed out
 * again by an unrecorded call was freed rightly (handed-out-again): gaps and coverage holes leave that open. Two frees
 * at the same moment in two threads have no first (concurrent-frees).
 *
 * Who is to blame: the second free, as far as it can be told. But a stale pointer to an earlier life of the address may
 * have freed the block under its owner, whose own free is then the second one and right. The class is the same in both
 * stories, the culprit is not: where the record has such a life, or does not reach back to the start, the second caller
 * is a suspect only. Without a record it always is.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence.h"
#include "analyzer/evidence/evidence_culprit.h"
#include "analyzer/evidence/evidence_heap.h"
#include "analyzer/evidence/link_mapping.h"
#include "analyzer/facts/heap_call.h"
#include "analyzer/facts/reentry.h"

static const char *const again_alternatives[] = {"handed-out-again", "other-failure", NULL};
static const char *const first_alternatives[] = {"concurrent-frees", "other-life", NULL};
static const char *const found_alternatives[] = {"overwritten-mark", NULL};
static const char *const unmapped_alternatives[] = {"other-block", NULL};

const struct link_kind link_freed_again = {"freed-again", FINDING_DOUBLE_FREE, again_alternatives};
const struct link_kind link_freed_first = {"freed-first", FINDING_DOUBLE_FREE, first_alternatives};
const struct link_kind link_found_free = {"found-free", FINDING_DOUBLE_FREE, found_alternatives};
const struct link_kind link_unmapped_by_first_free = {"unmapped-by-first-free", FINDING_DOUBLE_FREE,
						      unmapped_alternatives};

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

/* ---- with a record of heap calls ---- */

static struct error *examine_failure(const struct crash *crash, const struct heap_subject *given, size_t second,
				     struct finding *finding)
{
	if (crash->core.abort_message && heap_sign_of(crash->core.abort_message) == HEAP_SIGN_NONE)
		return link_leave_open(finding, "other-failure", "the abort message is not the allocator's: \"%s\"",
				       crash->core.abort_message);
	return link_rule_out(finding, "other-failure", EVIDENCE_HEAP, given->events[second].id, 0,
			     "the allocator failed on this block");
}

static struct error *append_again(const struct crash *crash, const struct heap_subject *given,
				  const struct heap_life *life, size_t second, struct finding *finding)
{
	size_t from = life->died < given->event_count ? life->died : second;
	struct words block;

	return link_append(finding, &link_freed_again, BASIS_OBSERVED, link_heap_node(given, second),
			   "thread %" PRIu32 " freed %s when it was already free", given->events[second].tid,
			   words_heap_block(&block, life))
		?: evidence_add_heap_call(crash, finding, given, second, "freed again")
		?: evidence_add_abort_message(crash, finding)
		?: link_examine_heap_record(crash, finding, "handed-out-again", given->events[from].enter_ns,
					    "the block may have been handed out again unseen")
		?: examine_failure(crash, given, second, finding);
}

static struct error *append_first(const struct crash *crash, const struct heap_subject *given,
				  const struct heap_life *life, size_t second, struct finding *finding)
{
	const struct heap_event *first = life->died < given->event_count ? &given->events[life->died] : NULL;
	struct words caller;
	struct error *err;

	if (!first)
		return link_append(finding, &link_freed_first, BASIS_INFERRED, link_block_node(given, life),
				   "an unrecorded call had freed it")
			?: evidence_add_heap_call(crash, finding, given, second, "freed again")
			?: finding_add_missing(finding, "the call that freed the block first")
			?: link_leave_unseen(finding, "concurrent-frees", "the first free was not recorded")
			?: link_leave_unseen(finding, "other-life", "the first free was not recorded");
	err = link_append(finding, &link_freed_first, BASIS_OBSERVED, link_heap_node(given, life->died),
			  "thread %" PRIu32 " had freed it in %s", first->tid,
			  words_heap_caller(&caller, given, life->died))
		?: evidence_add_heap_call(crash, finding, given, life->born, "allocated")
		?: evidence_add_heap_call(crash, finding, given, life->died, "freed first");
	if (!err && !heap_ordered(first, &given->events[second]))
		err = link_leave_open(finding, "concurrent-frees",
				      "two threads freed the block within a millisecond: their order is not known");
	return err
		?: link_rule_out(finding, "concurrent-frees", EVIDENCE_HEAP, first->id, 0,
				 "the first free had taken effect when the second began")
		?: link_rule_out(finding, "other-life", EVIDENCE_HEAP, first->id, 0,
				 "every recorded life of the block that the pointer may be of had ended by then");
}

/* Is the second free the wrong one? */
static struct error *accuse(const struct crash *crash, const struct heap_subject *given, const struct heap_life *life,
			    size_t second, struct finding *finding)
{
	const struct event_stack *stack = heap_subject_stack(given, second);
	const struct heap_life *other = evidence_other_life(given, life, life->start);
	bool is_known = life->born < given->event_count && crash->facts.heap.covered_whole && !given->truncated;

	if (life->died < given->event_count && !heap_ordered(&given->events[life->died], &given->events[second]))
		return NULL;
	if (!other && is_known)
		return evidence_accuse_heap_caller(finding, given, second);
	if (!stack || stack->caller >= stack->frame_count)
		return NULL;
	return evidence_suspect_code(finding, &stack->frames[stack->caller].symbol, EVIDENCE_HEAP,
				     given->events[second].id, 0);
}

static struct error *summarize_recorded(const struct crash *crash, const struct heap_subject *given,
					const struct heap_life *life, size_t second, struct finding *finding)
{
	const struct heap_event *freed = life->died < given->event_count ? &given->events[life->died] : NULL;
	struct words block, first, again, when;

	if (!freed)
		return finding_set_summary(finding, "Thread %" PRIu32 " freed %s in %s; it was already free.",
					   given->events[second].tid, words_heap_block(&block, life),
					   words_heap_caller(&again, given, second));
	return finding_set_summary(
		finding, "Thread %" PRIu32 " freed %s in %s; thread %" PRIu32 " had freed it in %s, %s.",
		given->events[second].tid, words_heap_block(&block, life), words_heap_caller(&again, given, second),
		freed->tid, words_heap_caller(&first, given, life->died),
		words_before_crash(&when, crash, freed->enter_ns));
}

static struct error *tell_recorded(const struct crash *crash, const struct heap_subject *given,
				   const struct heap_life *life, size_t second, struct finding_list *findings)
{
	struct finding *finding;

	return finding_append(findings, FINDING_DOUBLE_FREE, &finding)
		?: append_again(crash, given, life, second, finding)
		?: append_first(crash, given, life, second, finding)
		?: summarize_recorded(crash, given, life, second, finding)
		?: accuse(crash, given, life, second, finding)
		?: finding_set_next_step(finding, "which of the two callers owns the block at 0x%" PRIx64 "?",
					 life->start);
}

/* ---- from the core alone, or where the record contradicts ---- */

static bool is_free(enum chunk_state state)
{
	return state == CHUNK_FREE_CACHED || state == CHUNK_FREE_BINNED || state == CHUNK_TOP;
}

static bool is_seen_free(const struct heap_subject *given)
{
	return given && given->spot.known && given->spot.is_block && is_free(given->spot.chunk.state);
}

static const char *state_words(enum chunk_state state)
{
	return state == CHUNK_FREE_CACHED ? "the block is in the thread's cache of free blocks (tcache)"
	       : state == CHUNK_TOP	  ? "the block is part of the unallocated top of the heap"
					  : "the header behind the block has it free";
}

/* Is the allocator's message true? */
static struct error *examine_mark(const struct heap_subject *given, enum heap_sign sign, bool contradicted,
				  struct finding *finding)
{
	bool seen_free = is_seen_free(given);

	if (contradicted)
		return link_leave_open(
			finding, "overwritten-mark",
			"the record has no free of this block since it was handed out: its mark may be damaged");
	if (sign == HEAP_SIGN_FREED_TWICE && seen_free && given->spot.chunk.state == CHUNK_FREE_CACHED)
		return link_rule_out(finding, "overwritten-mark", EVIDENCE_MEMORY, 0, given->address,
				     "the thread's cache of free blocks (tcache) leads to the block");
	if (sign == HEAP_SIGN_FREED_TWICE || seen_free)
		return link_leave_open(finding, "overwritten-mark", "%s",
				       seen_free ? "only a header has the block free, and headers can be overwritten"
						 : "the block was not found on a list of free blocks in the core");
	return link_leave_as_likely(finding, "overwritten-mark",
				    "an overflow from a neighbouring block gives the same message");
}

static struct error *tell_core(const struct crash *crash, const struct heap_subject *given, enum heap_sign sign,
			       bool contradicted, struct finding_list *findings)
{
	struct finding *finding;
	struct words site;
	struct error *err;

	/* The flag of the next chunk alone is weak: an overflow clears it, too. */
	if (sign == HEAP_SIGN_MAYBE_TWICE && crash->facts.heap.walk_broken)
		return NULL;
	words_crash_site(&site, crash);
	err = finding_append(findings, FINDING_DOUBLE_FREE, &finding)
		      ?: link_append(finding, &link_found_free, BASIS_COMPUTED, link_site_node(crash),
				     "the allocator found the block already free")
		      ?: evidence_add_abort_message(crash, finding);
	if (!err && is_seen_free(given))
		err = finding_add_evidence(finding, EVIDENCE_MEMORY, 0, given->address, "%s",
					   state_words(given->spot.chunk.state));
	if (!err)
		err = evidence_add_crash_site(crash, finding, "freed again")
			      ?: examine_mark(given, sign, contradicted, finding);
	if (!err && given)
		err = finding_set_summary(
			finding, "Thread %" PRIu32 " freed the block at 0x%" PRIx64 "%s%s; it was already free.",
			evidence_dead_thread(crash), given->address, site.text[0] ? " in " : "", site.text);
	else if (!err)
		err = finding_set_summary(finding, "Thread %" PRIu32 " freed a block%s%s that was already free.",
					  evidence_dead_thread(crash), site.text[0] ? " in " : "", site.text);
	return err
		?: evidence_suspect_crash_site(crash, finding)
		?: finding_add_missing(finding, "who allocated the block and who freed it first")
		?: finding_set_next_step(finding, "record the program with corelate record --heap: it shows both frees.");
}

/* ---- large blocks ---- */

/* free() reads the header in front of the block: where the mapping begins, which malloc made for this block alone. */
static struct error *examine_block(const struct crash *crash, const struct life *life, struct finding *finding)
{
	const struct biography *biography = &crash->facts.biography;
	uint64_t start, end;

	timeline_mapping_range(&biography->timeline, life, &start, &end);
	if (crash->facts.fault.address - start < GLIBC_CHUNK_HEADER_BYTES)
		return link_rule_out(finding, "other-block", EVIDENCE_EVENT, biography->events[life->born].id, 0,
				     "the access hit the header of the block that the mapping was made for");
	return link_leave_open(
		finding, "other-block",
		"the access hit the mapping behind its first header: the pointer may be of another block");
}

/* A large block: its second free faults where its header was. Heap calls were not recorded, but the first unmapping
 * was, with a free on its stack. */
static struct error *tell_unmapped(const struct crash *crash, struct finding_list *findings)
{
	const struct life *life = evidence_ended_life(crash);
	const struct biography *biography = &crash->facts.biography;
	const struct memory_event *died;
	struct words first, site, when;
	struct finding *finding;

	if (!life || crash->facts.heap.recorded || !evidence_unmapped_by_free(crash, life))
		return NULL;
	died = &biography->events[life->died];
	words_crash_site(&site, crash);
	return finding_append(findings, FINDING_DOUBLE_FREE, &finding)
		?: link_append_ended_mapping(crash, finding, life, biography->events[life->born].enter_ns,
					     "another block may have come and gone there unseen")
		?: evidence_add_crash_site(crash, finding, "freed again")
		?: link_append(finding, &link_unmapped_by_first_free, BASIS_OBSERVED, link_call_node(biography, life->died),
			       "free() had unmapped it in %s", words_caller(&first, biography, life->died))
		?: evidence_add_call(crash, biography, finding, life->died, "unmapped by the first free")
		?: examine_block(crash, life, finding)
		?: finding_set_summary(finding,
				       "Thread %" PRIu32 " freed the block at 0x%" PRIx64 "%s%s; thread %" PRIu32
				       " had freed it in %s, %s.",
				       evidence_dead_thread(crash),
				       crash->facts.heap.pointer ?: crash->facts.fault.address + 8,
				       site.text[0] ? " in " : "", site.text, died->tid, first.text,
				       words_before_crash(&when, crash, died->exit_ns))
		?: evidence_suspect_crash_site(crash, finding)
		?: finding_set_next_step(finding, "which of the two callers owns the block?");
}

/* ---- another thread's ---- */

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
	struct node node = {.kind = NODE_CODE, .id = -1};
	struct words symbol, in = {""};
	struct finding *finding;

	if (!stack)
		return NULL;
	if (caller < stack->frame_count && stack->frames[caller].symbol.module)
		snprintf(in.text, sizeof(in.text), " in %.400s", words_symbol(&symbol, &stack->frames[caller].symbol));
	if (caller < stack->frame_count)
		node.start = stack->frames[caller].pc;
	return finding_append(findings, FINDING_DOUBLE_FREE, &finding)
		?: link_append(finding, &link_found_free, BASIS_COMPUTED, node,
			       "the allocator found a block already free that thread %" PRIu32 " freed", stack->tid)
		?: evidence_add_abort_message(crash, finding)
		?: link_leave_unseen(finding, "overwritten-mark", "which block it was is not known")
		?: finding_set_summary(finding, "Thread %" PRIu32 " freed a block%s that was already free.", stack->tid,
				       in.text)
		?: finding_add_missing(finding, "who allocated the block and who freed it first")
		?: finding_set_next_step(finding, "record the program with corelate record --heap: it shows both frees.");
}

struct error *cause_double_free(const struct crash *crash, struct finding_list *findings)
{
	const struct heap_subject *given = heap_facts_find(&crash->facts.heap, HEAP_SUBJECT_GIVEN);
	enum heap_sign sign = heap_sign_of(crash->core.abort_message);
	size_t dying = evidence_heap_dying(crash, given);
	const struct heap_life *life = freed_before(given, dying);
	size_t again = dying == SIZE_MAX ? freed_again(given, sign) : SIZE_MAX;

	if (reentry_is_seen(crash))
		return NULL;
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
