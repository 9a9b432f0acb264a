/* SPDX-License-Identifier: MIT */
/*
 * use-after-free: the process used a block that had been freed.
 *
 * Two shapes. A large block is a mapping: free() unmaps it, and the use faults at the block itself. A small one stays
 * mapped, and the allocator or the next owner writes into it: what is loaded from it is no pointer any more (a mangled
 * link of a free list, a random key, a list head in libc's data), and the fault comes when that is dereferenced. Then
 * the code before the fault loaded it from the block, or a pointer into the block is still in a register and the value
 * stands in the block.
 *
 * What it could be mistaken for: a stale pointer in a register is common and harmless, so it counts only when the block
 * holds the very value that faulted, and no other place may have given it (read-elsewhere, stack-overrun). A pointer
 * whose low bytes were overwritten leads anywhere in the heap, into freed blocks too: only one that is the block's
 * start shows that it was made for this block (stray-pointer). A block that was handed out again is its new owner's
 * (handed-out-again). A pointer may be of an earlier life of the address (other-life): that is a use after free as
 * well, but of another free. Without a record, glibc's free lists show that a block is free, not who freed it.
 */
#include <inttypes.h>
#include <stdio.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence.h"
#include "analyzer/evidence/evidence_culprit.h"
#include "analyzer/evidence/evidence_heap.h"
#include "analyzer/evidence/link_mapping.h"
#include "analyzer/facts/fault.h"
#include "analyzer/facts/overrun.h"
#include "analyzer/facts/stack_corruption.h"
#include "analyzer/facts/reentry.h"

static const char *const in_block_alternatives[] = {"handed-out-again", "page-mapped", "other-address", NULL};
static const char *const loaded_alternatives[] = {"read-elsewhere", "stack-overrun", "read-before-free", NULL};
static const char *const word_alternatives[] = {"handed-out-again", "stray-pointer", NULL};
static const char *const freed_alternatives[] = {"other-life", NULL};

const struct link_kind link_in_freed_block = {"in-freed-block", FINDING_USE_AFTER_FREE, in_block_alternatives};
const struct link_kind link_loaded_from_block = {"loaded-from-block", FINDING_USE_AFTER_FREE, loaded_alternatives};
const struct link_kind link_word_in_freed_block = {"word-in-freed-block", FINDING_USE_AFTER_FREE, word_alternatives};
const struct link_kind link_freed_before_use = {"freed-before-use", FINDING_USE_AFTER_FREE, freed_alternatives};
const struct link_kind link_unmapped_by_free = {"unmapped-by-free", FINDING_USE_AFTER_FREE, freed_alternatives};

/* The youngest life around the address, when it had ended for good. */
static const struct heap_life *ended_life(const struct heap_subject *subject)
{
	const struct heap_life *life = heap_last_life(&subject->heap, subject->address);

	if (!life || life->died == HEAP_ALIVE || heap_life_resized(&subject->heap, life))
		return NULL;
	return life;
}

/* "freed by thread 7 in liby.so drop+0x9 (drop.c:4), 3 ms before the crash" */
static const char *words_freed(struct words *words, const struct crash *crash, const struct heap_subject *subject,
			       const struct heap_life *life)
{
	struct words who, when;

	if (life->died >= subject->event_count)
		snprintf(words->text, sizeof(words->text), "freed by an unrecorded call");
	else
		snprintf(words->text, sizeof(words->text), "%s by thread %" PRIu32 " in %s, %s",
			 subject->events[life->died].block ? "moved by realloc" : "freed",
			 subject->events[life->died].tid, words_heap_caller(&who, subject, life->died),
			 words_before_crash(&when, crash, subject->events[life->died].enter_ns));
	return words->text;
}

/* From the block to the call that freed it; nothing where that was not recorded. */
static struct error *append_free(const struct crash *crash, const struct heap_subject *subject,
				 const struct heap_life *life, struct finding *finding)
{
	const struct heap_life *other = evidence_other_life(subject, life, life->start);
	struct words caller, when;
	struct error *err;

	if (life->died >= subject->event_count)
		return NULL;
	err = link_append(finding, &link_freed_before_use, BASIS_OBSERVED, link_heap_node(subject, life->died),
			  "thread %" PRIu32 " had %s the block in %s", subject->events[life->died].tid,
			  subject->events[life->died].block ? "moved" : "freed",
			  words_heap_caller(&caller, subject, life->died))
		      ?: evidence_add_heap_call(crash, finding, subject, life->born, "allocated")
		      ?: evidence_add_heap_call(crash, finding, subject, life->died, "freed");
	if (err)
		return err;
	if (other)
		return link_leave_open(
			finding, "other-life",
			"an earlier block at the address was freed by other code, %s: the pointer may be of that "
			"one",
			words_before_crash(&when, crash, subject->events[other->died].enter_ns));
	return link_rule_out(finding, "other-life", EVIDENCE_HEAP, subject->events[life->died].id, 0,
			     "no other code freed a recorded block at the address")
		       ?: (link_chain_confidence(finding) >= CONFIDENCE_LIKELY
				   ? evidence_accuse_heap_caller(finding, subject, life->died)
				   : NULL);
}

/* Was the block still free when it was used? */
static struct error *examine_record(const struct crash *crash, const struct heap_subject *subject,
				    const struct heap_life *life, struct finding *finding)
{
	static const char consequence[] = "the block may have been handed out again unseen";
	size_t from = life->died < subject->event_count ? life->died : life->born;

	if (life->died >= subject->event_count)
		return finding_add_missing(finding, "the call that freed the block")
			       ?: link_leave_as_likely(
					  finding, "handed-out-again",
					  "the call that freed the block was not recorded: others may be missing, too");
	if (from >= subject->event_count)
		return finding_add_missing(finding, "the calls that handed the block out and freed it")
			       ?: link_leave_unseen(finding, "handed-out-again", "%s", consequence);
	return link_examine_heap_record(crash, finding, "handed-out-again", subject->events[from].enter_ns,
					consequence);
}

/* ---- the fault lies in the block ---- */

/* A younger live block that begins where the freed one did: a pointer to that start may be of either. */
static const struct heap_life *life_in_its_place(const struct heap_subject *subject, const struct heap_life *freed)
{
	for (size_t i = 0; i < subject->heap.life_count; i++) {
		const struct heap_life *life = &subject->heap.lives[i];

		if (life->start == freed->start && life->died == HEAP_ALIVE)
			return life;
	}
	return NULL;
}

static struct error *examine_place(const struct heap_subject *subject, const struct heap_life *life,
				   struct finding *finding)
{
	const struct heap_life *younger = life_in_its_place(subject, life);
	struct words block;

	if (!younger)
		return NULL;
	return link_leave_as_likely(
		finding, "handed-out-again",
		"its start was handed out again as %s: the access may have gone past the end of that one",
		words_heap_block(&block, younger));
}

static struct error *examine_page(const struct crash *crash, struct finding *finding)
{
	uint64_t address = crash->facts.fault.address;
	struct error *err = NULL;

	if (!crash->facts.fault.mapping_known)
		err = finding_add_missing(finding, "the core, which would show that the page is not mapped")
			      ?: link_leave_unseen(finding, "page-mapped", "no core shows that the page was unmapped");
	if (!err && !crash->facts.signal.trustworthy)
		err = link_leave_open(
			finding, "other-address",
			"the fault address was computed from the instruction: the signal's own cannot be trusted");
	return err
		?: link_rule_out(finding, "page-mapped", EVIDENCE_MAPPING, 0, address, "the core has no mapping at 0x%" PRIx64,
				 address)
		?: link_rule_out(finding, "other-address", EVIDENCE_SIGNAL,
				 crash->record.has_signal_event ? crash->record.signal_event.id : 0, address,
				 "the kernel gave the fault address");
}

static struct error *tell_fault(const struct crash *crash, struct finding_list *findings)
{
	const struct heap_subject *subject = heap_facts_find(&crash->facts.heap, HEAP_SUBJECT_FAULT);
	const struct heap_life *life = subject ? ended_life(subject) : NULL;
	uint64_t address = crash->facts.fault.address;
	struct words block, freed, site;
	struct finding *finding;

	if (!life || !crash->facts.fault.is_fault || (crash->facts.fault.mapping_known && crash->facts.fault.mapped))
		return NULL;
	words_crash_site(&site, crash);
	words_heap_block(&block, life);
	return finding_append(findings, FINDING_USE_AFTER_FREE, &finding)
		?: link_append(finding, &link_in_freed_block, BASIS_OBSERVED, link_block_node(subject, life),
			       "0x%" PRIx64 " lay %" PRIu64 " bytes into %s, which had been freed", address,
			       address - life->start, block.text)
		?: evidence_add_fault(crash, finding)
		?: evidence_add_crash_site(crash, finding, "used")
		?: examine_place(subject, life, finding)
		?: examine_record(crash, subject, life, finding)
		?: examine_page(crash, finding)
		?: append_free(crash, subject, life, finding)
		?: finding_set_summary(finding,
				       "Thread %" PRIu32 " %s 0x%" PRIx64 "%s%s, %" PRIu64 " bytes into %s, %s.",
				       evidence_dead_thread(crash), words_did(crash->facts.fault.access), address, site.text[0] ? " in " : "",
				       site.text, address - life->start, block.text,
				       words_freed(&freed, crash, subject, life))
		?: finding_set_next_step(finding, "who still holds 0x%" PRIx64 " after that free?", life->start);
}

/* ---- the value that was dereferenced lies in the block ---- */

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

/* A freed block, and the word in it that was dereferenced. */
struct story {
	const struct heap_subject *subject;
	const struct heap_life *life; /* NULL: by the core alone */
	uint64_t start, end;
	uint64_t held_at;
	bool was_read; /* by the code before the fault, from there */
};

/* Did another place give the value? */
static struct error *examine_source(const struct crash *crash, const struct story *story, struct finding *finding)
{
	const struct heap_subject *subject = story->subject;
	const struct pointer_path *path = &crash->facts.path;
	struct error *err = NULL;

	if (was_read_from_live(crash, subject))
		err = link_leave_as_likely(finding, "read-elsewhere",
					   "the code before the fault loaded it from 0x%" PRIx64 ", in a live block",
					   path->words[0].address);
	else if (is_copied_about(subject->held) && !story->was_read)
		err = link_leave_as_likely(finding, "read-elsewhere",
					   "the value is text, which programs copy: it may have been loaded elsewhere");
	else if (subject->kind == HEAP_SUBJECT_WORD && may_be_of_live(crash))
		err = link_leave_as_likely(finding, "read-elsewhere", "a live block holds the same value");
	if (err)
		return err;
	if (story->was_read)
		return link_rule_out(finding, "read-elsewhere", EVIDENCE_MEMORY, 0, story->held_at,
				     "the code before the fault loaded it from there");
	if (subject->kind == HEAP_SUBJECT_REGISTER)
		return link_rule_out(finding, "read-elsewhere", EVIDENCE_REGISTER, subject->number, subject->address,
				     "%s still points into the block", fault_register_name((int)subject->number));
	return link_rule_out(finding, "read-elsewhere", EVIDENCE_MEMORY, 0, story->held_at,
			     "no live block holds the value");
}

static struct error *examine_overrun(const struct crash *crash, const struct story *story, struct finding *finding)
{
	const struct overrun *overrun = &crash->facts.overrun;
	struct words run;

	if (overrun->by != TAKEN_RETURN && overrun->run.make && overrun->value == story->subject->held)
		return link_leave_as_likely(finding, "stack-overrun",
					    "it also lies at 0x%" PRIx64
					    " on the stack, and %s: an array below may have been overrun",
					    overrun->slot, words_run(&run, &overrun->run));
	return link_rule_out(finding, "stack-overrun", EVIDENCE_MEMORY, 0, story->held_at,
			     "no overrun of a stack array left the value on the stack");
}

/* The allocator itself wrote the value when the block was freed: its mark, or the link of its list. */
static bool is_allocators(const struct crash *crash, const struct story *story)
{
	const struct heap_subject *subject = story->subject;

	return holds_mark(crash, subject) ||
	       (subject->spot.known && seems_free(crash, subject) &&
		story->held_at - subject->spot.chunk.address - GLIBC_CHUNK_HEADER_BYTES < 16);
}

/* Far more than the few instructions between a load and its fault take. */
#define MOMENT_NS 1000000

static struct error *examine_moment(const struct crash *crash, const struct story *story, struct finding *finding)
{
	const struct heap_life *life = story->life;
	const struct heap_subject *subject = story->subject;

	if (is_allocators(crash, story))
		return link_rule_out(finding, "read-before-free", EVIDENCE_MEMORY, 0, story->held_at,
				     "the allocator wrote the value there when the block was freed");
	/* No call lies between the load and the fault: only another thread can have freed it in between. */
	if (story->was_read && crash->facts.path.is_exact && !life)
		return link_rule_out(
			finding, "read-before-free", EVIDENCE_MEMORY, 0, subject->spot.chunk.address,
			"the block was free when the code that loaded the value faulted, a few instructions later");
	if (story->was_read && life && life->died < subject->event_count &&
	    (subject->events[life->died].tid == evidence_dead_thread(crash) ||
	     (crash->facts.path.is_exact && subject->events[life->died].enter_ns + MOMENT_NS < crash->record.time_ns)))
		return link_rule_out(finding, "read-before-free", EVIDENCE_HEAP, subject->events[life->died].id, 0,
				     "the block had been freed before this code ran");
	return finding_add_missing(finding, "when the value was loaded from the block: before or after the free")
		       ?: link_leave_unseen(finding, "read-before-free",
					    "the value may have been loaded before the free");
}

/* Was the pointer that led to the word made for this block? One that is its start was. */
static struct error *examine_pointer(const struct crash *crash, const struct story *story, struct finding *finding)
{
	const struct pointer_path *path = &crash->facts.path;

	for (size_t i = 1; story->was_read && i < path->count && i < 2; i++) {
		uint64_t value = path->words[i].value;

		if (value == story->start)
			return link_rule_out(finding, "stray-pointer", EVIDENCE_MEMORY, 0, path->words[i].address,
					     "the pointer that was followed, at 0x%" PRIx64 ", is the block's start",
					     path->words[i].address);
		if (value < story->start || value >= story->end)
			return link_leave_as_likely(
				finding, "stray-pointer",
				"the pointer that was followed, 0x%" PRIx64 ", does not point into this block", value);
	}
	for (size_t i = 0; i < crash->facts.pointer_count; i++) {
		if (crash->facts.pointers[i].value == story->start)
			return link_rule_out(finding, "stray-pointer", EVIDENCE_REGISTER,
					     crash->facts.pointers[i].number, story->start, "%s is the block's start",
					     fault_register_name((int)crash->facts.pointers[i].number));
	}
	if (story->subject->kind == HEAP_SUBJECT_REGISTER && story->subject->address == story->start)
		return link_rule_out(finding, "stray-pointer", EVIDENCE_REGISTER, story->subject->number, story->start,
				     "%s is the block's start", fault_register_name((int)story->subject->number));
	return link_leave_open(finding, "stray-pointer",
			       "no pointer to the block's start is left: a damaged pointer may have led into it");
}

static struct error *add_state(const struct crash *crash, const struct story *story, struct finding *finding)
{
	const struct heap_subject *subject = story->subject;

	if (!seems_free(crash, subject))
		return NULL;
	return finding_add_evidence(finding, EVIDENCE_MEMORY, 0, subject->spot.chunk.address, "%s",
				    holds_mark(crash, subject)
					    ? "the value is the key that glibc writes into a block when it is freed"
				    : subject->spot.chunk.state == CHUNK_FREE_CACHED
					    ? "the block is in a thread's cache of free blocks (tcache)"
					    : "the header behind the block has it free");
}

static struct error *append_loaded(const struct crash *crash, const struct story *story, struct finding *finding)
{
	const struct heap_subject *subject = story->subject;
	struct node node = {.kind = NODE_WORD, .start = story->held_at, .end = story->held_at + 8};

	return link_append(finding, &link_loaded_from_block, BASIS_INFERRED, node,
			   "0x%" PRIx64 " was loaded from 0x%" PRIx64, subject->held, story->held_at)
		?: evidence_add_fault(crash, finding)
		?: evidence_add_crash_site(crash, finding, "used")
		?: finding_add_evidence(finding, EVIDENCE_MEMORY, 0, story->held_at,
					"0x%" PRIx64 " stands %" PRIu64 " bytes into that block%s", subject->held,
					story->held_at - story->start,
					subject->kind == HEAP_SUBJECT_REGISTER ? ", and a register still points into it"
									       : "")
		?: examine_source(crash, story, finding)
		?: examine_overrun(crash, story, finding)
		?: examine_moment(crash, story, finding);
}

static struct error *append_block(const struct crash *crash, const struct story *story, struct finding *finding)
{
	const struct heap_subject *subject = story->subject;
	struct node node = {.kind = NODE_BLOCK, .start = story->start, .end = story->end};
	struct words block;
	struct error *err;

	if (story->life)
		err = link_append(finding, &link_word_in_freed_block, BASIS_OBSERVED,
				  link_block_node(subject, story->life), "that word is in %s, which had been freed",
				  words_heap_block(&block, story->life))
			      ?: evidence_add_heap_call(crash, finding, subject,
							story->life->died < subject->event_count ? story->life->died
												 : story->life->born,
							"the block's last recorded call");
	else
		err = link_append(finding, &link_word_in_freed_block, BASIS_COMPUTED, node,
				  "that word is in the block at 0x%" PRIx64 ", which is free", story->start);
	if (err)
		return err;
	err = add_state(crash, story, finding);
	if (!err && story->life)
		err = examine_record(crash, subject, story->life, finding);
	else if (!err)
		err = link_rule_out(finding, "handed-out-again", EVIDENCE_MEMORY, 0, subject->spot.chunk.address,
				    "the allocator has the block free");
	return err ?: examine_pointer(crash, story, finding);
}

static struct error *summarize(const struct crash *crash, const struct story *story, struct finding *finding)
{
	struct words block, freed, site;

	words_crash_site(&site, crash);
	if (story->life)
		return finding_set_summary(
			finding, "Thread %" PRIu32 " dereferenced 0x%" PRIx64 "%s%s, loaded from %s, %s.",
			evidence_dead_thread(crash), story->subject->held, site.text[0] ? " in " : "", site.text,
			words_heap_block(&block, story->life), words_freed(&freed, crash, story->subject, story->life));
	return finding_set_summary(
		finding,
		"Thread %" PRIu32 " dereferenced 0x%" PRIx64 "%s%s, loaded from the freed block at 0x%" PRIx64 ".",
		evidence_dead_thread(crash), story->subject->held, site.text[0] ? " in " : "", site.text, story->start);
}

static struct error *tell_derived(const struct crash *crash, const struct heap_subject *subject,
				  const struct heap_life *life, struct finding_list *findings)
{
	struct story story = {
		.subject = subject,
		.life = life,
		.start = life ? life->start : subject->spot.chunk.address + GLIBC_CHUNK_HEADER_BYTES,
		.end = life ? life->start + life->size : subject->spot.chunk.address + subject->spot.chunk.size,
	};
	struct finding *finding;
	struct error *err;

	story.held_at = place_of_value(crash, subject, story.start, story.end, &story.was_read);
	if (overrun_gave(crash, subject->held))
		return NULL;
	/* The dynamic linker keeps the addresses of a library in a block that it frees with it. */
	if (crash->facts.remains.found || crash->facts.unloaded.path)
		return NULL;
	err = finding_append(findings, FINDING_USE_AFTER_FREE, &finding)
		      ?: append_loaded(crash, &story, finding)
		      ?: append_block(crash, &story, finding);
	if (!err && life)
		err = append_free(crash, subject, life, finding);
	err = err ?: summarize(crash, &story, finding);
	if (!err)
		err = finding_add_missing(finding, "the load of the value from the block");
	if (!err && !life)
		err = finding_add_missing(finding, "who allocated the block and who freed it");
	if (!err && !crash->facts.heap.recorded)
		return finding_set_next_step(
			finding, "record the program with corelate record --heap: it shows who freed the block.");
	return err ?: finding_set_next_step(finding, "who still holds 0x%" PRIx64 " after that free?", story.start);
}

/* ---- heap calls were not recorded, but the unmapping of the faulting page was, and its stack shows the free ---- */

/* Another large block, or a mapping, that ended at the address before. */
static struct error *examine_earlier_lives(const struct crash *crash, const struct life *last, struct finding *finding)
{
	const struct biography *biography = &crash->facts.biography;
	struct words caller, when;

	for (size_t i = 0; i < biography->timeline.life_count; i++) {
		const struct life *life = &biography->timeline.lives[i];

		if (life == last || life->born >= last->born || life->died == TIMELINE_ALIVE ||
		    life->died == last->died || biography->address < life->start || biography->address >= life->end ||
		    biography_is_scratch(biography, life))
			continue;
		return link_leave_open(
			finding, "other-life",
			"an earlier mapping at the address had ended in %s, %s: the pointer may be of that one",
			words_caller(&caller, biography, life->died),
			words_before_crash(&when, crash, biography->events[life->died].exit_ns));
	}
	return link_rule_out(finding, "other-life", EVIDENCE_EVENT, biography->events[last->born].id, 0,
			     "no other recorded mapping held the address before");
}

static struct error *tell_unmapped(const struct crash *crash, struct finding_list *findings)
{
	const struct biography *biography = &crash->facts.biography;
	const struct life *life = evidence_ended_life(crash);
	const struct memory_event *died;
	struct words who, when, site;
	struct finding *finding;
	struct error *err;

	if (!life || crash->facts.heap.recorded || crash->facts.heap.call.kind != HEAP_CALL_NONE ||
	    !evidence_unmapped_by_free(crash, life))
		return NULL;
	died = &biography->events[life->died];
	words_crash_site(&site, crash);
	err = finding_append(findings, FINDING_USE_AFTER_FREE, &finding)
		      ?: link_append_ended_mapping(crash, finding, life, biography->events[life->born].enter_ns,
						   "another block may have come and gone there unseen")
		      ?: evidence_add_crash_site(crash, finding, "used")
		      ?: link_append(finding, &link_unmapped_by_free, BASIS_OBSERVED,
				     link_call_node(biography, life->died), "free() had unmapped it in %s",
				     words_caller(&who, biography, life->died))
		      ?: evidence_add_call(crash, biography, finding, life->died, "unmapped by its free")
		      ?: examine_earlier_lives(crash, life, finding)
		      ?: finding_set_summary(finding,
					     "Thread %" PRIu32 " %s 0x%" PRIx64
					     "%s%s, in a large block that thread %" PRIu32 " had freed in %s, %s.",
					     evidence_dead_thread(crash), words_did(crash->facts.fault.access), crash->facts.fault.address,
					     site.text[0] ? " in " : "", site.text, died->tid, who.text,
					     words_before_crash(&when, crash, died->exit_ns));
	if (!err && link_confidence(&finding->links[finding->link_count - 1]) == CONFIDENCE_PROVEN)
		err = evidence_accuse_caller(finding, biography, life->died);
	return err ?: finding_set_next_step(finding, "who still holds the block after that free?");
}

struct error *cause_use_after_free(const struct crash *crash, struct finding_list *findings)
{
	struct error *err;

	if (reentry_is_seen(crash))
		return NULL;
	err = tell_fault(crash, findings) ?: tell_unmapped(crash, findings);
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
