/* SPDX-License-Identifier: MIT */
/*
 * use-after-free: the process used a block that had been given back.
 *
 * Two shapes. A large block is a mapping: free() unmaps it, and the use faults at the block itself. A small one stays
 * mapped, and the allocator or the next owner writes into it: what is read from it is no pointer any more (a mangled
 * link of a free list, a random key, a list head in libc's data), and the fault comes when that is used as an address.
 * Then a pointer into the freed block is still in a register, and the value that was used stands in the block.
 *
 * What it could be mistaken for: a stale pointer in a register is common and harmless, so it counts only when the block
 * holds the very value that faulted. A block that was handed out again since is nobody's to blame: such a pointer may
 * be the new owner's. A value that a return took from the stack, or that was given back to a register from an
 * overwritten frame, was not read from a block that holds the same bytes: an overrun of the stack had copied them.
 * Without a record, glibc's free lists tell that a block is free, not who freed it.
 */
#include <inttypes.h>
#include <stdio.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence.h"
#include "analyzer/evidence/evidence_heap.h"
#include "analyzer/facts/overrun.h"
#include "analyzer/facts/stack_corruption.h"

/* The youngest life around the address, when it had ended for good. */
static const struct heap_life *ended_life(const struct heap_subject *subject)
{
	const struct heap_life *life = heap_last_life(&subject->heap, subject->address);

	if (!life || life->died == HEAP_ALIVE || heap_life_resized(&subject->heap, life))
		return NULL;
	return life;
}

static struct error *add_lives(const struct crash *crash, struct finding *finding, const struct heap_subject *subject,
			       const struct heap_life *life)
{
	return evidence_add_heap_call(crash, finding, subject, life->born, "allocated")
		       ?: evidence_add_heap_call(crash, finding, subject, life->died, "freed");
}

/* "in libx.so use+0x12 (use.c:9), had been freed by thread 7 in liby.so drop+0x9 (drop.c:4), 3 ms before the crash" */
static const char *words_freed(struct words *words, const struct crash *crash, const struct heap_subject *subject,
			       const struct heap_life *life)
{
	struct words who, when;

	if (life->died >= subject->event_count)
		snprintf(words->text, sizeof(words->text), "had been freed by a call that was not seen");
	else
		snprintf(words->text, sizeof(words->text), "%s by thread %" PRIu32 " in %s, %s",
			 subject->events[life->died].block ? "had been moved away by realloc" : "had been freed",
			 subject->events[life->died].tid, words_heap_caller(&who, subject, life->died),
			 words_before_crash(&when, crash, subject->events[life->died].enter_ns));
	return words->text;
}

static struct error *weigh(const struct crash *crash, struct finding *finding, const struct heap_subject *subject,
			   const struct heap_life *life)
{
	size_t from = life->died < subject->event_count ? life->died : life->born;
	struct error *err = NULL;

	if (from < subject->event_count)
		err = evidence_heap_weigh(crash, finding, subject, subject->events[from].enter_ns,
					  "the block may have been handed out again unseen");
	if (life->died >= subject->event_count)
		evidence_lower(finding, CONFIDENCE_POSSIBLE);
	return err;
}

/* The fault lies in the block. */
static struct error *tell_fault(const struct crash *crash, struct finding_list *findings)
{
	const struct heap_subject *subject = heap_facts_find(&crash->facts.heap, HEAP_SUBJECT_FAULT);
	const struct heap_life *life = subject ? ended_life(subject) : NULL;
	struct words block, freed, site;
	struct finding *finding;
	struct error *err;

	if (!life || !crash->facts.fault.is_fault || (crash->facts.fault.mapping_known && crash->facts.fault.mapped))
		return NULL;
	err = finding_append(findings, FINDING_USE_AFTER_FREE, &finding);
	if (err)
		return err;
	finding->confidence = CONFIDENCE_PROVEN;
	err = weigh(crash, finding, subject, life);
	if (!err && !crash->facts.fault.mapping_known) {
		evidence_lower(finding, CONFIDENCE_LIKELY);
		err = finding_add_missing(finding, "the core, which would show that the page is not mapped");
	}
	if (!err && !crash->facts.signal.trustworthy)
		err = evidence_doubt(finding, "the signal's own address cannot be trusted; it was worked out from the "
					      "instruction");
	words_crash_site(&site, crash);
	return err
		?: finding_set_summary(
			finding, "Thread %" PRIu32 " used 0x%" PRIx64 "%s%s, %" PRIu64 " bytes into %s, which %s.",
			evidence_dead_thread(crash), crash->facts.fault.address, site.text[0] ? " in " : "", site.text,
			crash->facts.fault.address - life->start, words_heap_block(&block, life),
			words_freed(&freed, crash, subject, life))
		?: evidence_heap_blame(finding, subject, life->died)
		?: add_lives(crash, finding, subject, life)
		?: evidence_add_fault(crash, finding)
		?: evidence_add_crash_site(crash, finding, "used")
		?: finding_set_next_step(finding, "look at who still holds 0x%" PRIx64, life->start);
}

/* The value is the mark of a block that was given back, where the mark stands. */
static bool holds_mark(const struct crash *crash, const struct heap_subject *subject)
{
	return subject->holds && subject->spot.known && subject->held == crash->facts.heap.free_mark &&
	       subject->holds_at == subject->spot.chunk.address + GLIBC_CHUNK_HEADER_BYTES + 8;
}

static bool seems_free(const struct crash *crash, const struct heap_subject *subject)
{
	if (holds_mark(crash, subject))
		return true;
	return subject->spot.known &&
	       (subject->spot.chunk.state == CHUNK_FREE_CACHED || subject->spot.chunk.state == CHUNK_FREE_BINNED);
}

/* Some place of the heap that holds the value is in a block that is not free: it may have come from there. */
static bool may_be_of_live(const struct crash *crash)
{
	for (size_t i = 0; i < crash->facts.heap.subject_count; i++) {
		const struct heap_subject *subject = &crash->facts.heap.subjects[i];

		if (subject->kind == HEAP_SUBJECT_WORD && !ended_life(subject) &&
		    (heap_last_life(&subject->heap, subject->address) || !seems_free(crash, subject)))
			return true;
	}
	return false;
}

/* Text, also of four bytes a character: no pointer was ever that, and more places than one hold it. */
static bool is_copied_about(uint64_t value)
{
	uint32_t low = (uint32_t)value, high = (uint32_t)(value >> 32);

	return corruption_is_text(value) || (low >= 0x20 && low < 0x7f && high >= 0x20 && high < 0x7f);
}

/* Where in the block the value stands: where the instructions in front say that it was read from, if they do. A block
 * that was filled when it was freed holds it many times. */
static uint64_t place_of_value(const struct crash *crash, const struct heap_subject *subject, uint64_t start,
			       uint64_t end, bool *ret_was_read)
{
	uint64_t word = crash->facts.path.end == PATH_WORD && crash->facts.path.count
				? crash->facts.path.words[0].address
				: subject->holds_at;

	*ret_was_read = crash->facts.path.end == PATH_WORD && crash->facts.path.count && word >= start && word < end &&
			crash->facts.path.words[0].value == subject->held;
	return *ret_was_read ? word : subject->holds_at;
}

/* Do they say that it was read from a block that is in use? */
static bool was_read_from_live(const struct crash *crash, const struct heap_subject *subject)
{
	const struct pointer_path *path = &crash->facts.path;

	if (path->end != PATH_WORD || !path->count || !path->is_exact || path->words[0].value != subject->held)
		return false;
	for (size_t i = 0; i < crash->facts.heap.subject_count; i++) {
		const struct heap_subject *other = &crash->facts.heap.subjects[i];

		if (other->holds && other->holds_at == path->words[0].address)
			return !ended_life(other) && !seems_free(crash, other);
	}
	return false;
}

/* What was used as an address stands in a block that is free. */
static struct error *tell_derived(const struct crash *crash, const struct heap_subject *subject,
				  const struct heap_life *life, struct finding_list *findings)
{
	uint64_t start = life ? life->start : subject->spot.chunk.address + GLIBC_CHUNK_HEADER_BYTES;
	uint64_t end = life ? life->start + life->size : subject->spot.chunk.address + subject->spot.chunk.size;
	bool was_read;
	uint64_t held_at = place_of_value(crash, subject, start, end, &was_read);
	struct words block, freed, site, run;
	struct finding *finding;
	struct error *err;

	if (overrun_gave(crash, subject->held))
		return NULL;
	/* The dynamic linker keeps the addresses of a library in a block that it frees with it. */
	if (crash->facts.remains.found || crash->facts.unloaded.path)
		return NULL;
	err = finding_append(findings, FINDING_USE_AFTER_FREE, &finding);
	if (err)
		return err;
	finding->confidence = CONFIDENCE_LIKELY;
	if (subject->kind == HEAP_SUBJECT_WORD && may_be_of_live(crash))
		evidence_lower(finding, CONFIDENCE_POSSIBLE);
	if (life)
		err = weigh(crash, finding, subject, life);
	if (!err && is_copied_about(subject->held) && !was_read) {
		evidence_lower(finding, CONFIDENCE_POSSIBLE);
		err = finding_add_counter(finding, "the value is text, which is copied about: that the block holds the "
						   "same does not show that it was read there");
	}
	if (!err && was_read_from_live(crash, subject)) {
		evidence_lower(finding, CONFIDENCE_POSSIBLE);
		err = finding_add_counter(
			finding, "the instructions in front read it from 0x%" PRIx64 ", in a block that is in use",
			crash->facts.path.words[0].address);
	}
	if (!err && crash->facts.overrun.by != TAKEN_RETURN && crash->facts.overrun.run.make &&
	    crash->facts.overrun.value == subject->held) {
		evidence_lower(finding, CONFIDENCE_POSSIBLE);
		err = finding_add_counter(
			finding, "it lies at 0x%" PRIx64 " on the stack, and %s: an array below may have been overrun",
			crash->facts.overrun.slot, words_run(&run, &crash->facts.overrun.run));
	}
	words_crash_site(&site, crash);
	if (!err && life)
		err = finding_set_summary(
			finding, "Thread %" PRIu32 " used 0x%" PRIx64 " as an address%s%s, read from %s, which %s.",
			evidence_dead_thread(crash), subject->held, site.text[0] ? " in " : "", site.text,
			words_heap_block(&block, life), words_freed(&freed, crash, subject, life));
	else if (!err)
		err = finding_set_summary(
			finding,
			"Thread %" PRIu32 " used 0x%" PRIx64 " as an address%s%s, read from the block at "
			"0x%" PRIx64 ", which is free.",
			evidence_dead_thread(crash), subject->held, site.text[0] ? " in " : "", site.text, start);
	if (!err && life)
		err = evidence_heap_blame(finding, subject, life->died);
	else if (!err)
		err = evidence_blame_crash_site(crash, finding);
	if (!err && life)
		err = add_lives(crash, finding, subject, life);
	if (!err)
		err = finding_add_evidence(
			finding, EVIDENCE_MEMORY, 0, held_at,
			"0x%" PRIx64 " stands %" PRIu64 " bytes into that block%s", subject->held, held_at - start,
			subject->kind == HEAP_SUBJECT_REGISTER ? ", and a register still points to it" : "");
	if (!err && seems_free(crash, subject))
		err = finding_add_evidence(
			finding, EVIDENCE_MEMORY, 0, subject->spot.chunk.address,
			holds_mark(crash, subject)
				? "the value is the mark that glibc writes there when a block is freed"
			: subject->spot.chunk.state == CHUNK_FREE_CACHED
				? "the block is on a thread's list of free blocks"
				: "the header behind the block says that it is free");
	if (!err)
		err = evidence_add_fault(crash, finding)
			?: evidence_add_crash_site(crash, finding, "used")
			?: finding_add_missing(finding, "the moment at which the value was read from the block");
	if (!err && !life)
		err = finding_add_missing(finding, "who allocated the block and who freed it");
	if (!err && !crash->facts.heap.recorded)
		err = finding_set_next_step(finding,
					    "run the program under corelate record --heap: it names who freed it");
	return err;
}

/* Heap calls were not recorded, but the unmapping of the faulting page was, and its stack shows the free. */
static struct error *tell_unmapped(const struct crash *crash, struct finding_list *findings)
{
	const struct life *life = evidence_ended_life(crash);
	const struct memory_event *born, *died;
	struct words who, when, site;
	struct finding *finding;
	struct error *err;

	if (!life || crash->facts.heap.recorded || crash->facts.heap.call.kind != HEAP_CALL_NONE ||
	    !evidence_unmapped_by_free(crash, life))
		return NULL;
	born = &crash->facts.biography.events[life->born];
	died = &crash->facts.biography.events[life->died];
	err = finding_append(findings, FINDING_USE_AFTER_FREE, &finding);
	if (err)
		return err;
	finding->confidence = CONFIDENCE_PROVEN;
	err = evidence_weigh(crash, finding, born->enter_ns, "another block may have come and gone there unseen");
	words_crash_site(&site, crash);
	if (!err)
		err = finding_set_summary(finding,
					  "Thread %" PRIu32 " used 0x%" PRIx64
					  "%s%s, in a large block that thread %" PRIu32 " had freed in %s, %s.",
					  evidence_dead_thread(crash), crash->facts.fault.address,
					  site.text[0] ? " in " : "", site.text, died->tid,
					  words_caller(&who, &crash->facts.biography, life->died),
					  words_before_crash(&when, crash, died->exit_ns));
	if (!err && words_offender(&who, &crash->facts.biography, life->died))
		err = finding_set_offender(finding, "%s", who.text);
	return err
		?: evidence_add_call(crash, &crash->facts.biography, finding, life->born, "mapped for it")
		?: evidence_add_call(crash, &crash->facts.biography, finding, life->died, "unmapped by its free")
		?: evidence_add_fault(crash, finding)
		?: evidence_add_crash_site(crash, finding, "used");
}

struct error *cause_use_after_free(const struct crash *crash, struct finding_list *findings)
{
	struct error *err = tell_fault(crash, findings) ?: tell_unmapped(crash, findings);

	/* Inside the allocator its own data were damaged: another class, unless it was told to give back what it had
	 * itself written into a block that is free. */
	if (!crash->facts.fault.is_fault ||
	    (crash->facts.heap.call.kind != HEAP_CALL_NONE && crash->facts.heap.pointer_source == HEAP_POINTER_UNKNOWN))
		return err;
	for (size_t i = 0; i < crash->facts.heap.subject_count && !err; i++) {
		const struct heap_subject *subject = &crash->facts.heap.subjects[i];
		const struct heap_life *life = ended_life(subject);

		if (crash->facts.heap.call.kind != HEAP_CALL_NONE && subject->held != crash->facts.heap.pointer)
			continue;
		if (!subject->holds || (subject->kind != HEAP_SUBJECT_REGISTER && subject->kind != HEAP_SUBJECT_WORD))
			continue;
		/* What the record says of the block comes before what its header seems to say. */
		if (!life && (heap_last_life(&subject->heap, subject->address) || !seems_free(crash, subject)))
			continue;
		return tell_derived(crash, subject, life, findings);
	}
	return err;
}
