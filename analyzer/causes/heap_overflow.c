/* SPDX-License-Identifier: MIT */
/*
 * heap-overflow: somebody went past the end of a block: into a page that is not mapped, or into the header of the next
 * chunk, where the allocator found it.
 *
 * What is seen: a fault behind the last recorded live block before it, in the first page that the block does not reach;
 * or the first chunk header of the heap that cannot be one, and the block in front of it. Who wrote is never seen: the
 * crash comes later.
 *
 * What it could be mistaken for: a wild pointer that happens to point there (so the instruction's base register in the
 * block, or the first byte behind the mapping, is asked for); a write through a stale pointer to a block that was where
 * the header is; a free of the inside of a block, which makes the allocator take contents for a header: then the
 * chunks make sense from the heap's start on. Without a record the block in front need not be the one: `possible`.
 */
#include <inttypes.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence.h"
#include "analyzer/evidence/evidence_heap.h"

/* How far behind the end of a mapping one access reaches that runs over it. */
#define FIRST_BYTES 64

#define PAGE_ROUND(address) (((address) + RECORD_PAGE_BYTES - 1) & ~(RECORD_PAGE_BYTES - 1))

/* The live block that the instruction's base register points into, while its index led out of it. */
static const struct heap_subject *indexed_block(const struct crash *crash, const struct heap_life **ret_life)
{
	const struct fault *fault = &crash->facts.fault;
	const struct fault_operand *operand;

	if (fault->operand >= fault->operand_count)
		return NULL;
	operand = &fault->operands[fault->operand];
	for (size_t i = 0; i < crash->facts.heap.subject_count; i++) {
		const struct heap_subject *subject = &crash->facts.heap.subjects[i];
		const struct heap_life *life;

		if (subject->kind != HEAP_SUBJECT_REGISTER || operand->base != (int)subject->number ||
		    operand->index < 0)
			continue;
		life = heap_last_life(&subject->heap, subject->address);
		if (!life || life->died != HEAP_ALIVE || life->born == HEAP_UNSEEN || life->size == 0 ||
		    fault->address < life->start + life->size)
			continue;
		*ret_life = life;
		return subject;
	}
	return NULL;
}

/* The live block whose mapping ends right in front of the fault. */
static const struct heap_subject *block_in_front(const struct crash *crash, const struct heap_life **ret_life)
{
	const struct heap_subject *subject = heap_facts_find(&crash->facts.heap, HEAP_SUBJECT_FAULT);
	const struct heap_life *life;

	if (!subject || heap_last_life(&subject->heap, subject->address))
		return NULL;
	life = heap_live_before(&subject->heap, subject->address);
	if (!life || !life->size || crash->facts.fault.address < PAGE_ROUND(life->start + life->size) ||
	    crash->facts.fault.address >= PAGE_ROUND(life->start + life->size) + FIRST_BYTES)
		return NULL;
	*ret_life = life;
	return subject;
}

static struct error *tell_fault(const struct crash *crash, struct finding_list *findings)
{
	const struct heap_life *life = NULL;
	const struct heap_subject *subject = indexed_block(crash, &life);
	bool indexed = subject != NULL;
	struct words block, born, site;
	struct finding *finding;
	struct error *err;
	uint64_t past;

	if (!evidence_fault_unmapped(crash) || crash->facts.fault.access == ACCESS_EXECUTE)
		return NULL;
	if (!subject)
		subject = block_in_front(crash, &life);
	if (!subject)
		return NULL;
	past = crash->facts.fault.address - life->start - life->size;
	err = finding_append(findings, FINDING_HEAP_OVERFLOW, &finding);
	if (err)
		return err;
	finding->confidence = indexed ? CONFIDENCE_PROVEN : CONFIDENCE_LIKELY;
	err = evidence_heap_weigh(crash, finding, subject, subject->events[life->born].enter_ns,
				  "another block may have been there");
	if (!err && !crash->facts.signal.trustworthy)
		evidence_lower(finding, CONFIDENCE_LIKELY);
	words_crash_site(&site, crash);
	if (!err)
		err = finding_set_summary(finding,
					  "Thread %" PRIu32 " went %" PRIu64 " bytes past the end of %s%s%s; it was "
					  "allocated in %s.",
					  evidence_dead_thread(crash), past, words_heap_block(&block, life),
					  site.text[0] ? " in " : "", site.text,
					  words_heap_caller(&born, subject, life->born))
			?: evidence_blame_crash_site(crash, finding)
			?: evidence_add_heap_call(crash, finding, subject, life->born, "allocated")
			?: evidence_add_fault(crash, finding)
			?: evidence_add_crash_site(crash, finding, "went past the end");
	if (!err && !indexed)
		err = finding_add_missing(finding, "the way there: no register of the instruction points into the "
						   "block any more");
	return err;
}

/* The block in front of the broken header runs into it: its last word, which the allocator leaves alone, is not zero,
 * and neither is what stands in the size's place. */
static bool runs_over(const struct crash *crash)
{
	uint64_t last;

	return crash->facts.heap.broken_word && crash->core.image &&
	       core_read_word(crash->core.image, crash->facts.heap.broken_at, &last) && last;
}

/* The process did not abort in the allocator, but used as an address just what stands in the broken header: the same
 * write went over both. */
static bool used_word(const struct crash *crash)
{
	const struct fault *fault = &crash->facts.fault;
	const struct fault_operand *operand;

	if (!fault->is_fault || fault->operand >= fault->operand_count ||
	    crash->facts.heap.broken_word < PLACE_NULL_BYTES)
		return false;
	operand = &fault->operands[fault->operand];
	return operand->base >= 0 && fault->registers[operand->base] == crash->facts.heap.broken_word;
}

/* How far behind the block one write goes that runs over it. */
#define RUN_BYTES 4096

/* The pointer that failed, or one on the way to it, was read from right behind the broken header: the same write went
 * over both. */
static bool path_is_behind(const struct crash *crash)
{
	for (size_t i = 0; i < crash->facts.path.count; i++) {
		if (crash->facts.path.words[i].address - crash->facts.heap.broken_at < RUN_BYTES)
			return true;
	}
	return false;
}

static struct error *tell_header(const struct crash *crash, struct finding_list *findings)
{
	const struct heap_subject *subject = heap_facts_find(&crash->facts.heap, HEAP_SUBJECT_BROKEN);
	const struct heap_life *life = subject ? heap_last_life(&subject->heap, subject->address) : NULL;
	enum heap_sign sign = heap_sign_of(crash->core.abort_message);
	struct words block, born, site;
	struct finding *finding;
	struct error *err;
	bool alive, went_on;

	went_on = sign == HEAP_SIGN_NONE && (used_word(crash) || path_is_behind(crash));
	if (!subject || sign == HEAP_SIGN_FREED_TWICE || (sign == HEAP_SIGN_NONE && !went_on))
		return NULL;
	/* The block that is being freed is still there: it is its free that found out. */
	alive = life && (life->died == HEAP_ALIVE ||
			 (crash->facts.heap.pointer_source == HEAP_POINTER_RECORDED &&
			  crash->facts.heap.pointer == life->start && life->died < subject->event_count &&
			  subject->events[life->died].tid == evidence_dead_thread(crash)));
	if (life && life->size > crash->facts.heap.broken_at + 8 - life->start)
		return NULL;
	err = finding_append(findings, FINDING_HEAP_OVERFLOW, &finding);
	if (err)
		return err;
	finding->confidence = alive || went_on || runs_over(crash) ? CONFIDENCE_LIKELY : CONFIDENCE_POSSIBLE;
	words_crash_site(&site, crash);
	if (life && life->born < subject->event_count) {
		err = evidence_heap_weigh(crash, finding, subject,
					  life->born < subject->event_count ? subject->events[life->born].enter_ns : 0,
					  "another block may have been there")
			?: finding_set_summary(finding,
					       "The chunk header right behind %s was overwritten: something went past "
					       "its end. It was allocated in %s.",
					       words_heap_block(&block, life),
					       words_heap_caller(&born, subject, life->born))
			?: evidence_heap_blame(finding, subject, life->born);
	} else {
		err = finding_set_summary(
			      finding,
			      "The chunk header at 0x%" PRIx64 " was overwritten, right behind the block of "
			      "%" PRIu64 " bytes at 0x%" PRIx64 ": something went past its end.",
			      crash->facts.heap.broken_at, crash->facts.heap.before_broken.size - 8, subject->address)
			      ?: evidence_blame_crash_site(crash, finding);
	}
	if (!err && life)
		err = evidence_add_heap_call(crash, finding, subject, life->born, "allocated");
	if (!err && life && !alive)
		err = evidence_add_heap_call(crash, finding, subject, life->died, "freed meanwhile");
	if (!err)
		err = finding_add_evidence(finding, EVIDENCE_MEMORY, 0, crash->facts.heap.broken_at + 8,
					   "the heap's chunks make sense up to 0x%" PRIx64
					   ": there a size should stand, and 0x%" PRIx64 " does",
					   crash->facts.heap.broken_at, crash->facts.heap.broken_word);
	for (size_t i = 0; i < crash->facts.path.count && !err; i++) {
		if (went_on && crash->facts.path.words[i].address - crash->facts.heap.broken_at < RUN_BYTES)
			err = finding_add_evidence(
				finding, EVIDENCE_MEMORY, 0, crash->facts.path.words[i].address,
				"the pointer came from 0x%" PRIx64 ", right behind it, where 0x%" PRIx64 " stands",
				crash->facts.path.words[i].address, crash->facts.path.words[i].value);
	}
	if (!err)
		err = evidence_add_abort_message(crash, finding)
			?: evidence_add_crash_site(crash, finding, "found out")
			?: finding_add_missing(finding, "the write: it came before, unseen");
	if (!err && !alive)
		err = finding_add_counter(finding, "a stale or wild pointer may have written there just as well");
	if (err)
		return err;
	return finding_set_next_step(finding, "look at all that writes to the block at 0x%" PRIx64 "%s",
				     subject->address, alive ? "" : "; corelate record --heap names who allocated it");
}

struct error *cause_heap_overflow(const struct crash *crash, struct finding_list *findings)
{
	return tell_fault(crash, findings) ?: tell_header(crash, findings);
}
