/* SPDX-License-Identifier: MIT */
/*
 * invalid-free: the process died in the allocator, in a call that was given what the allocator never handed out: memory
 * of the stack, of a program's data, the inside of a block, or a block of another allocator.
 *
 * What is seen: the pointer (by the record of that call, else as the one pair of a block and its chunk in the
 * allocator's own frames), where it lies, and, with a record of heap calls, that no call ever handed it out. Memory of
 * the stack or of a file is never malloc's, whatever was recorded; memory of the heap may be a block that is older than
 * the recording.
 *
 * What it could be mistaken for: a block whose own header was overwritten gives the same words ("free(): invalid
 * pointer", "invalid size"); there the pointer is a block's start. A block that is unmapped when it is freed twice
 * faults in free(): the record tells; without it, it stays possible.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence.h"
#include "analyzer/evidence/evidence_heap.h"

/* What operator new[] puts before an array, and wrappers before a block. */
#define COOKIE_BYTES_MAX 64
#define ARENA_BYTES (64ULL << 20)

struct wrong {
	const struct heap_subject *given;
	size_t dying;			/* SIZE_MAX: not recorded */
	const struct heap_life *inside; /* the live block around the pointer, or right behind it */
	int64_t distance;		/* of the pointer from that block's start */
	struct place place;
	bool never;	/* its place alone says that it never was the allocator's */
	bool mismatch;	/* the outermost call was given a live block, of another family */
	size_t wrapper; /* that call */
};

static bool is_never_heap(const struct place *place)
{
	switch (place->kind) {
	case PLACE_MAIN_STACK:
	case PLACE_STACK:
	case PLACE_FILE:
	case PLACE_BSS:
	case PLACE_VDSO:
	case PLACE_VVAR:
	case PLACE_VSYSCALL:
	case PLACE_NULL:
	case PLACE_NON_CANONICAL:
	case PLACE_KERNEL:
		return true;
	default:
		return false;
	}
}

/* An operator delete of a malloc'd block, or the reverse, that ended in this free: the last call of the thread. */
static size_t find_mismatch(const struct crash *crash, const struct heap_subject *given, size_t dying)
{
	for (size_t i = given->event_count; i-- > 0;) {
		const struct heap_event *event = &given->events[i];
		const struct heap *heap = &given->heap;
		const struct heap_life *life;
		bool made_by_new;

		if (event->tid != evidence_dead_thread(crash) || !heap_gives_back(event))
			continue;
		if (event->old_block == crash->facts.heap.pointer && i != dying)
			continue;
		if (heap->ends[i] != HEAP_END_LIFE || heap->ended[i] >= heap->life_count)
			return SIZE_MAX;
		life = &heap->lives[heap->ended[i]];
		if (life->born >= given->event_count)
			return SIZE_MAX;
		made_by_new = given->events[life->born].role == FUNCTION_NEW;
		return made_by_new != (event->role == FUNCTION_DELETE) ? i : SIZE_MAX;
	}
	return SIZE_MAX;
}

static void look_around(const struct crash *crash, struct wrong *wrong)
{
	const struct heap_subject *given = wrong->given;
	const struct heap *heap = &given->heap;
	const struct heap_life *after = heap_live_after(heap, given->address);

	if (wrong->dying != SIZE_MAX && heap->ends[wrong->dying] == HEAP_END_INTERIOR)
		wrong->inside = &heap->lives[heap->ended[wrong->dying]];
	else if (wrong->dying != SIZE_MAX && after && after->start - given->address <= COOKIE_BYTES_MAX)
		wrong->inside = after;
	if (wrong->inside)
		wrong->distance = (int64_t)(given->address - wrong->inside->start);
	wrong->wrapper = find_mismatch(crash, given, wrong->dying);
	wrong->mismatch = wrong->wrapper != SIZE_MAX;
}

/* Its words are about the pointer; "(out)" is said of a chunk that reaches beyond the heap. */
static bool complains_of_pointer(const struct crash *crash)
{
	return heap_sign_of(crash->core.abort_message) == HEAP_SIGN_BAD_POINTER ||
	       (crash->core.abort_message && strstr(crash->core.abort_message, "corruption (out)") &&
		crash->facts.heap.walk_complete);
}

/* Does anything say that this pointer was wrong? */
static bool is_wrong(const struct crash *crash, const struct wrong *wrong)
{
	const struct heap_subject *given = wrong->given;
	bool complains = complains_of_pointer(crash);

	if (wrong->never)
		return true;
	if (wrong->dying != SIZE_MAX) {
		enum heap_end end = given->heap.ends[wrong->dying];

		if (end == HEAP_END_INTERIOR || (wrong->mismatch && (complains || crash->facts.fault.is_fault)))
			return true;
		/* Never handed out as far as is known; the allocator complained of just that, or fell over it. */
		return end == HEAP_END_UNKNOWN &&
		       (complains || crash->facts.fault.is_fault || crash->facts.heap.covered_whole);
	}
	/* A block's own start with a bad header is damage. */
	if (complains)
		return !(given->spot.known && given->spot.is_block);
	return crash->facts.fault.is_fault && given->address != 0 && !(given->spot.known && given->spot.is_block);
}

static struct error *judge(const struct crash *crash, const struct wrong *wrong, struct finding *finding)
{
	const struct heap_subject *given = wrong->given;
	bool recorded = wrong->dying != SIZE_MAX;
	struct error *err = NULL;

	finding->confidence = CONFIDENCE_PROVEN;
	if (!recorded) {
		evidence_lower(finding, CONFIDENCE_LIKELY);
		err = finding_add_missing(finding, "the call itself: the pointer was found in the allocator's frames");
		if (!err && !wrong->never && !given->spot.known) {
			evidence_lower(finding, CONFIDENCE_POSSIBLE);
			err = finding_add_counter(finding, "where the pointer lies there may have been a block");
		}
		return err;
	}
	if (wrong->never)
		return NULL;
	if (wrong->inside)
		return evidence_heap_weigh(
			crash, finding, given,
			wrong->inside->born < given->event_count ? given->events[wrong->inside->born].enter_ns : 0,
			"the block around it may have been freed, and others handed out there");
	if (!crash->facts.heap.covered_whole || given->truncated) {
		evidence_lower(finding, CONFIDENCE_POSSIBLE);
		return finding_add_missing(finding, "calls of the allocator from before the recording: the block may "
						    "be older");
	}
	evidence_lower(finding, CONFIDENCE_LIKELY);
	err = finding_add_missing(finding,
				  "other allocators that the program may have: only the recorded one's calls are "
				  "known");
	if (err)
		return err;
	return evidence_heap_weigh(crash, finding, given, crash->facts.heap.covered_from_ns,
				   "a call may have handed it out unseen");
}

static void describe(struct words *words, const struct crash *crash, const struct wrong *wrong)
{
	struct words block, place, born;

	if (wrong->inside && wrong->distance > 0)
		snprintf(words->text, sizeof(words->text), "%" PRId64 " bytes inside %s (allocated in %s)%s",
			 wrong->distance, words_heap_block(&block, wrong->inside),
			 words_heap_caller(&born, wrong->given, wrong->inside->born),
			 wrong->distance == 8 && wrong->given->events[wrong->inside->born].role == FUNCTION_NEW
				 ? ": an array of new[], whose elements begin there"
				 : "");
	else if (wrong->inside)
		snprintf(words->text, sizeof(words->text), "%" PRId64 " bytes in front of %s", -wrong->distance,
			 words_heap_block(&block, wrong->inside));
	else if (!wrong->never && wrong->given->spot.known && !wrong->given->spot.is_block)
		snprintf(words->text, sizeof(words->text), "%" PRIu64 " bytes inside the block at 0x%" PRIx64,
			 wrong->given->address - wrong->given->spot.chunk.address - GLIBC_CHUNK_HEADER_BYTES,
			 wrong->given->spot.chunk.address + GLIBC_CHUNK_HEADER_BYTES);
	else
		snprintf(words->text, sizeof(words->text), "%s", words_place(&place, crash, &wrong->place));
}

static struct error *summarize(const struct crash *crash, const struct wrong *wrong, struct finding *finding)
{
	const struct heap_subject *given = wrong->given;
	struct words what, caller, born, block;

	if (wrong->mismatch) {
		const struct heap_life *life = &given->heap.lives[given->heap.ended[wrong->wrapper]];

		return finding_set_summary(
			finding, "Thread %" PRIu32 " gave %s, of %s in %s, to %s in %s: another allocator's.",
			evidence_dead_thread(crash), words_heap_block(&block, life),
			given->events[life->born].role == FUNCTION_NEW ? "operator new" : "malloc",
			words_heap_caller(&born, given, life->born),
			given->events[wrong->wrapper].role == FUNCTION_DELETE ? "operator delete" : "free",
			words_heap_caller(&caller, given, wrong->wrapper));
	}
	describe(&what, crash, wrong);
	if (wrong->dying != SIZE_MAX)
		words_heap_caller(&caller, given, wrong->dying);
	else
		words_crash_site(&caller, crash);
	return finding_set_summary(finding,
				   "Thread %" PRIu32 " freed 0x%" PRIx64 "%s%s, which the allocator never handed out: "
				   "it is %s.",
				   evidence_dead_thread(crash), given->address, caller.text[0] ? " in " : "",
				   caller.text, what.text);
}

static struct error *add_evidence(const struct crash *crash, const struct wrong *wrong, struct finding *finding)
{
	const struct heap_subject *given = wrong->given;
	struct words place;
	struct error *err = NULL;

	if (wrong->mismatch) {
		const struct heap_life *life = &given->heap.lives[given->heap.ended[wrong->wrapper]];

		err = evidence_add_heap_call(crash, finding, given, life->born, "allocated")
			      ?: evidence_add_heap_call(crash, finding, given, wrong->wrapper,
							"given to the other family");
	} else if (wrong->inside) {
		err = evidence_add_heap_call(crash, finding, given, wrong->inside->born, "the block was allocated");
	}
	if (!err && wrong->dying != SIZE_MAX)
		err = evidence_add_heap_call(crash, finding, given, wrong->dying, "freed");
	else if (!err)
		err = evidence_add_crash_site(crash, finding, "freed");
	if (!err)
		err = evidence_add_abort_message(crash, finding);
	if (!err && crash->facts.fault.is_fault)
		err = evidence_add_fault(crash, finding);
	if (!err && crash->core.image)
		err = finding_add_evidence(finding, EVIDENCE_MEMORY, 0, given->address, "0x%" PRIx64 " is %s",
					   given->address, words_place(&place, crash, &wrong->place));
	return err;
}

/* free() looks a chunk with the flag "other arena" up at the multiple of 64 MiB below it (glibc's heap_for_ptr): a
 * fault there, or through what it found there, comes from a header that is none. */
static bool faulted_on_header(const struct crash *crash)
{
	return crash->facts.fault.is_fault && crash->facts.fault.source != ADDRESS_UNKNOWN &&
	       crash->facts.heap.walk_complete &&
	       (crash->facts.fault.address % ARENA_BYTES == 0 || crash->facts.fault.address < RECORD_PAGE_BYTES);
}

/* The allocator complained of what it was given, and each of its own blocks has a sensible header: so it was none of
 * them. Which pointer it was is not known. */
static struct error *tell_unknown(const struct crash *crash, struct finding_list *findings)
{
	struct finding *finding;
	struct words site;
	struct error *err = finding_append(findings, FINDING_INVALID_FREE, &finding);

	if (err)
		return err;
	finding->confidence = crash->facts.heap.walk_complete ? CONFIDENCE_LIKELY : CONFIDENCE_POSSIBLE;
	words_crash_site(&site, crash);
	err = finding_set_summary(finding, "Thread %" PRIu32 " freed what is no block of the allocator%s%s.",
				  evidence_dead_thread(crash), site.text[0] ? ", in " : "", site.text)
		      ?: evidence_blame_crash_site(crash, finding);
	if (!err)
		err = crash->core.abort_message ? evidence_add_abort_message(crash, finding)
						: evidence_add_fault(crash, finding);
	if (!err)
		err = evidence_add_crash_site(crash, finding, "freed");
	if (!err && crash->facts.heap.walk_complete)
		err = finding_add_evidence(
			finding, EVIDENCE_MEMORY, 0, 0,
			"every chunk header of the heap makes sense, so the bad one is none of them");
	else if (!err)
		err = finding_add_counter(finding, "an overflow into the block's own header gives the same words");
	return err
		?: finding_add_missing(finding, "the pointer itself: it is in no frame of the allocator any more")
		?: finding_set_next_step(finding, "run the program under corelate record --heap: it tells the pointer, "
						  "and the block around it");
}

struct error *cause_invalid_free(const struct crash *crash, struct finding_list *findings)
{
	struct wrong wrong = {.given = heap_facts_find(&crash->facts.heap, HEAP_SUBJECT_GIVEN), .dying = SIZE_MAX};
	struct finding *finding;
	struct error *err;

	if (crash->facts.heap.call.kind == HEAP_CALL_NONE || crash->facts.heap.call.kind == HEAP_CALL_ALLOCATE)
		return NULL;
	if (!wrong.given)
		return (complains_of_pointer(crash) || faulted_on_header(crash)) && !crash->facts.heap.walk_broken
			       ? tell_unknown(crash, findings)
			       : NULL;
	if (!wrong.given->address)
		return NULL;
	wrong.dying = evidence_heap_dying(crash, wrong.given);
	if (wrong.dying != SIZE_MAX && wrong.given->heap.ends[wrong.dying] == HEAP_END_AGAIN)
		return NULL;
	/* The heap's chunks lead to that very place: it is a block, and its header was damaged. */
	if (crash->facts.heap.walk_broken &&
	    crash->facts.heap.broken_at + GLIBC_CHUNK_HEADER_BYTES == wrong.given->address)
		return NULL;
	/* A large block that was freed before: a double free. */
	if (wrong.dying == SIZE_MAX && crash->facts.fault.is_fault && evidence_ended_life(crash))
		return NULL;
	place_of(crash, wrong.given->address, &wrong.place);
	wrong.never = is_never_heap(&wrong.place);
	look_around(crash, &wrong);
	if (!is_wrong(crash, &wrong))
		return NULL;
	err = finding_append(findings, FINDING_INVALID_FREE, &finding)
		?: judge(crash, &wrong, finding)
		?: summarize(crash, &wrong, finding)
		?: add_evidence(crash, &wrong, finding);
	if (!err)
		err = wrong.dying != SIZE_MAX ? evidence_heap_blame(finding, wrong.given, wrong.dying)
					      : evidence_blame_crash_site(crash, finding);
	if (!err && !crash->facts.heap.recorded)
		err = finding_set_next_step(finding, "run the program under corelate record --heap: it names the block "
						     "around the pointer and who allocated it");
	return err;
}
