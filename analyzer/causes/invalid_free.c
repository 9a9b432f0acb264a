/* SPDX-License-Identifier: MIT */
/*
 * invalid-free: the process died in the allocator, in a call that was given what the allocator never handed out: memory
 * of the stack, of a program's data, the inside of a block, or a block of another allocator.
 *
 * What is seen: the pointer (by the record of that call, else as the one pair of a block and its chunk in the
 * allocator's own frames), where it lies, and, with a record of heap calls, that no call ever handed it out. Memory of
 * the stack or of a file is never malloc's, whatever was recorded; memory of the heap may be a block that is older than
 * the recording (older-block) or whose allocation was missed (handed-out-unseen).
 *
 * What it could be mistaken for: a block whose own header was overwritten gives the same messages ("free(): invalid
 * pointer", "invalid size"); there the pointer is a block's start (damaged-header). A block of another allocator of the
 * program's is unknown to the record (other-allocator). A block that is unmapped when it is freed twice faults in
 * free(): the record shows it; without one it stays possible.
 *
 * The culprit is who called free, where that call was recorded. Without a record the pointer is worked out from the
 * allocator's frames, so that its caller is a suspect.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence.h"
#include "analyzer/evidence/evidence_heap.h"
#include "analyzer/facts/reentry.h"
#include "common/array.h"

static const char *const pointer_alternatives[] = {"other-pointer", NULL};
static const char *const block_alternatives[] = {"older-block", "handed-out-unseen", "damaged-header",
						 "other-allocator", NULL};

const struct link_kind link_freed_pointer = {"freed-pointer", FINDING_INVALID_FREE, pointer_alternatives};
const struct link_kind link_not_a_block = {"not-a-block", FINDING_INVALID_FREE, block_alternatives};

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

/* Its message is about the pointer; "(out)" is said of a chunk that reaches beyond the heap. */
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

static struct error *examine_unrecorded(const struct crash *crash, const struct wrong *wrong, struct finding *finding)
{
	const struct heap_subject *given = wrong->given;
	uint64_t chunk = given->spot.chunk.address;

	(void)crash;
	if (!given->spot.known)
		return link_leave_as_likely(finding, "older-block", "a block may have started at the pointer")
			?: link_leave_unseen(finding, "handed-out-unseen", "heap calls were not recorded")
			?: link_leave_open(finding, "damaged-header",
					   "a block whose header was overwritten gives the same message")
			?: link_leave_unseen(finding, "other-allocator", "heap calls were not recorded");
	return link_rule_out(finding, "older-block", EVIDENCE_MEMORY, 0, chunk,
			     "the heap's chunk headers lead past the pointer")
		?: link_rule_out(finding, "handed-out-unseen", EVIDENCE_MEMORY, 0, chunk,
				 "the heap's chunk headers lead past the pointer")
		?: link_rule_out(finding, "damaged-header", EVIDENCE_MEMORY, 0, chunk,
				 "the header of the chunk around the pointer makes sense")
		?: link_rule_out(finding, "other-allocator", EVIDENCE_MEMORY, 0, chunk, "glibc's heap holds the pointer");
}

/* A place where malloc's blocks never are. */
static struct error *examine_place(const struct wrong *wrong, struct finding *finding)
{
	static const char *const names[] = {"older-block", "handed-out-unseen", "damaged-header", "other-allocator"};
	struct error *err = NULL;

	for (size_t i = 0; i < array_size(names) && !err; i++)
		err = link_rule_out(finding, names[i], EVIDENCE_MAPPING, 0, wrong->place.start,
				    "allocators never hand out memory there");
	return err;
}

static struct error *examine_inside(const struct crash *crash, const struct wrong *wrong, struct finding *finding)
{
	const struct heap_subject *given = wrong->given;
	const struct heap_event *born =
		wrong->inside->born < given->event_count ? &given->events[wrong->inside->born] : NULL;
	bool is_apart = wrong->distance < -(int64_t)GLIBC_CHUNK_HEADER_BYTES;
	int64_t id = born ? born->id : given->events[wrong->dying].id;
	struct error *err = NULL;

	/* So far in front of the block there is room for another one. */
	if (is_apart && !crash->facts.heap.covered_whole)
		err = link_leave_open(finding, "older-block",
				      "a block from before the recording may have started there");
	return err
		?: link_rule_out(finding, "older-block", EVIDENCE_HEAP, id, 0, "the live block leaves no room for another")
		?: link_examine_heap_record(crash, finding, "handed-out-unseen", born ? born->enter_ns : 0,
					    "the block around it may have been freed, and others handed out there")
		?: link_rule_out(finding, "damaged-header", EVIDENCE_HEAP, id, 0, "the pointer is not the block's start")
		?: link_rule_out(finding, "other-allocator", EVIDENCE_HEAP, id, 0, "the recorded allocator owns the memory");
}

static struct error *examine_mismatch(const struct crash *crash, const struct wrong *wrong, struct finding *finding)
{
	const struct heap_subject *given = wrong->given;
	const struct heap_life *life = &given->heap.lives[given->heap.ended[wrong->wrapper]];
	const struct heap_event *born = &given->events[life->born];

	return link_rule_out(finding, "older-block", EVIDENCE_HEAP, born->id, 0, "the block's allocation was recorded")
		?: link_examine_heap_record(crash, finding, "handed-out-unseen", born->enter_ns,
					    "the block may have been freed and handed out again unseen")
		?: link_rule_out(finding, "damaged-header", EVIDENCE_HEAP, born->id, 0,
				 "another family's function allocated the block")
		?: link_leave_open(finding, "other-allocator",
				   "where operator new and malloc share one heap, the mismatch is harmless");
}

static struct error *examine_never(const struct crash *crash, const struct wrong *wrong, struct finding *finding)
{
	const struct heap_subject *given = wrong->given;
	struct error *err;

	if (!crash->facts.heap.covered_whole || given->truncated)
		err = finding_add_missing(finding, "allocator calls from before the recording: the block may be older")
			      ?: link_leave_as_likely(finding, "older-block",
						      "the block may be older than the recording");
	else
		err = link_rule_out(finding, "older-block", EVIDENCE_COVERAGE,
				    (int64_t)crash->facts.heap.covered_from_ns, 0,
				    "allocator calls were recorded from the program's start");
	return err
		?: link_examine_heap_record(crash, finding, "handed-out-unseen", crash->facts.heap.covered_from_ns,
					    "a call may have handed it out unseen")
		?: link_rule_out(finding, "damaged-header", EVIDENCE_HEAP, given->events[wrong->dying].id, 0,
				 "no recorded block starts at the pointer")
		?: finding_add_missing(finding, "the calls of other allocators in the program: only one is recorded")
		?: link_leave_unseen(finding, "other-allocator", "another allocator may have handed it out");
}

static struct error *append_call(const struct crash *crash, const struct wrong *wrong, struct finding *finding)
{
	const struct heap_subject *given = wrong->given;
	int64_t frame = (int64_t)crash->facts.heap.call.frame;
	struct error *err;

	if (wrong->dying != SIZE_MAX)
		return link_append(finding, &link_freed_pointer, BASIS_OBSERVED, link_heap_node(given, wrong->dying),
				   "thread %" PRIu32 " freed 0x%" PRIx64, given->events[wrong->dying].tid, given->address)
			?: evidence_add_heap_call(crash, finding, given, wrong->dying, "freed")
			?: evidence_add_abort_message(crash, finding)
			?: link_rule_out(finding, "other-pointer", EVIDENCE_HEAP, given->events[wrong->dying].id, 0,
					 "the call was recorded with its argument");
	err = link_append(finding, &link_freed_pointer, BASIS_INFERRED, link_site_node(crash),
			  "the allocator's frames hold 0x%" PRIx64, given->address)
		      ?: evidence_add_crash_site(crash, finding, "freed")
		      ?: evidence_add_abort_message(crash, finding);
	if (!err && !finding->evidence_count)
		err = evidence_add_fault(crash, finding);
	return err
		?: finding_add_missing(finding, "the call itself: the pointer was found in the allocator's frames")
		?: link_rule_out(finding, "other-pointer", EVIDENCE_FRAME, frame, 0,
				 "no other value in the allocator's frames fits a block and its chunk");
}

static struct node wrong_node(const struct wrong *wrong)
{
	const struct heap_subject *given = wrong->given;

	if (wrong->inside)
		return link_block_node(given, wrong->inside);
	if (wrong->mismatch)
		return link_block_node(given, &given->heap.lives[given->heap.ended[wrong->wrapper]]);
	return (struct node){.kind = NODE_MAPPING, .start = wrong->place.start, .end = wrong->place.end};
}

static void describe(struct words *words, const struct crash *crash, const struct wrong *wrong)
{
	struct words block, place, born;

	if (wrong->inside && wrong->distance > 0)
		snprintf(words->text, sizeof(words->text), "%" PRId64 " bytes inside %s (allocated in %s)%s",
			 wrong->distance, words_heap_block(&block, wrong->inside),
			 words_heap_caller(&born, wrong->given, wrong->inside->born),
			 wrong->distance == 8 && wrong->given->events[wrong->inside->born].role == FUNCTION_NEW
				 ? ", the first element of an array of new[]"
				 : "");
	else if (wrong->inside)
		snprintf(words->text, sizeof(words->text), "%" PRId64 " bytes before %s", -wrong->distance,
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
			finding, "Thread %" PRIu32 " gave %s, from %s in %s, to %s in %s: a mismatch.",
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
	return finding_set_summary(finding, "Thread %" PRIu32 " freed 0x%" PRIx64 "%s%s, not a block's start: %s.",
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
	if (!err && crash->facts.fault.is_fault)
		err = evidence_add_fault(crash, finding);
	if (err)
		return err;
	return finding_add_evidence(finding, EVIDENCE_MEMORY, 0, given->address, "0x%" PRIx64 " is %s", given->address,
				    words_place(&place, crash, &wrong->place));
}

static struct error *append_place(const struct crash *crash, const struct wrong *wrong, struct finding *finding)
{
	bool recorded = wrong->dying != SIZE_MAX;
	bool observed = recorded && !wrong->never;
	struct words what;
	struct error *err;

	describe(&what, crash, wrong);
	err = link_append(finding, &link_not_a_block, observed ? BASIS_OBSERVED : BASIS_COMPUTED, wrong_node(wrong),
			  "that is %s, which the allocator never handed out",
			  wrong->mismatch ? "another family's block" : what.text)
		      ?: add_evidence(crash, wrong, finding);
	if (err)
		return err;
	if (wrong->never)
		return examine_place(wrong, finding);
	if (!recorded)
		return examine_unrecorded(crash, wrong, finding);
	if (wrong->inside)
		return examine_inside(crash, wrong, finding);
	return wrong->mismatch ? examine_mismatch(crash, wrong, finding) : examine_never(crash, wrong, finding);
}

/* Who freed it; where the block may be an older one, nobody. */
static struct error *accuse(const struct crash *crash, const struct wrong *wrong, struct finding *finding)
{
	if (wrong->dying == SIZE_MAX)
		return evidence_suspect_crash_site(crash, finding);
	if (link_confidence(&finding->links[finding->link_count - 1]) < CONFIDENCE_LIKELY)
		return NULL;
	return evidence_accuse_heap_caller(finding, wrong->given, wrong->mismatch ? wrong->wrapper : wrong->dying);
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
static struct error *append_unknown(const struct crash *crash, struct finding *finding)
{
	static const char *const names[] = {"older-block", "handed-out-unseen", "damaged-header", "other-allocator"};
	int64_t frame = (int64_t)crash->facts.heap.call.frame;
	struct error *err = link_append(finding, &link_not_a_block, BASIS_INFERRED, link_site_node(crash),
					"the freed pointer was no block of the allocator's");

	if (!err)
		err = crash->core.abort_message ? evidence_add_abort_message(crash, finding)
						: evidence_add_fault(crash, finding);
	if (!err)
		err = evidence_add_crash_site(crash, finding, "freed");
	if (!err && !crash->facts.heap.walk_complete)
		err = link_leave_as_likely(finding, "damaged-header",
					   "an overflow into the block's own header gives the same message");
	for (size_t i = 0; i < array_size(names) && !err; i++)
		err = link_rule_out(finding, names[i], EVIDENCE_FRAME, frame, 0,
				    "free() failed on a header, and every header of the heap's own chunks makes sense");
	return err;
}

static struct error *tell_unknown(const struct crash *crash, struct finding_list *findings)
{
	struct finding *finding;
	struct words site;

	words_crash_site(&site, crash);
	return finding_append(findings, FINDING_INVALID_FREE, &finding)
		?: append_unknown(crash, finding)
		?: finding_set_summary(finding,
				       "Thread %" PRIu32 " freed a pointer that is no block of the allocator's%s%s.",
				       evidence_dead_thread(crash), site.text[0] ? ", in " : "", site.text)
		?: evidence_suspect_crash_site(crash, finding)
		?: finding_add_missing(finding, "the pointer: the allocator's frames no longer hold it")
		?: finding_set_next_step(finding, "record the program with corelate record --heap: it shows the pointer and "
						  "the block around it.");
}

struct error *cause_invalid_free(const struct crash *crash, struct finding_list *findings)
{
	struct wrong wrong = {.given = heap_facts_find(&crash->facts.heap, HEAP_SUBJECT_GIVEN), .dying = SIZE_MAX};
	struct finding *finding;
	struct words caller;
	struct error *err;

	if (reentry_is_seen(crash))
		return NULL;
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
		?: append_call(crash, &wrong, finding)
		?: append_place(crash, &wrong, finding)
		?: summarize(crash, &wrong, finding)
		?: accuse(crash, &wrong, finding);
	if (err || crash->facts.heap.recorded)
		return err
			       ?: finding_set_next_step(finding, "where does %s get the pointer from?",
							wrong.dying != SIZE_MAX
								? words_heap_caller(&caller, wrong.given, wrong.dying)
								: "the caller");
	return finding_set_next_step(finding,
				     "record the program with corelate record --heap: it shows the block around "
				     "the pointer and who allocated it.");
}
