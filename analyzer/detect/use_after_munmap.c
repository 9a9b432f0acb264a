/* SPDX-License-Identifier: MIT */
/*
 * use-after-munmap: the fault address lies where a mapping was until somebody unmapped it.
 *
 * What is seen: the page is not mapped in the dead process, and the last recorded thing about it is a call that took
 * its mapping away (munmap, shmdt, an mremap that moved it, a brk that shrank the heap, or an mmap with MAP_FIXED that
 * failed when it had unmapped its range).
 *
 * What it could be mistaken for: double-munmap, when the call named another range than the mapping's, or when another
 * mapping had stood and ended there before: then whoever used the memory may have been in the right; both lower the
 * confidence. A heap block that malloc took by mmap and free gave back looks the same, and is a use after free: where
 * the call's stack or the record of heap calls shows a free, that class has it. With neither the two cannot be told
 * apart, and the finding says so.
 */
#include <inttypes.h>
#include <stdio.h>

#include "analyzer/detect.h"
#include "analyzer/evidence/evidence.h"
#include "analyzer/evidence/evidence_heap.h"
#include "analyzer/evidence/evidence_mapping.h"
#include "analyzer/words.h"
#include "replay/effect.h"

static bool takes_away(const struct memory_event *event)
{
	return event->kind == MEMORY_MUNMAP || event->kind == MEMORY_MREMAP || event->kind == MEMORY_SHMDT ||
	       event->kind == MEMORY_BRK || memory_event_failed(event);
}

/* Why the pointer may belong to an earlier mapping at the address than the one that ended last. */
static struct error *doubt_earlier_lives(const struct crash *crash, const struct life *last, struct finding *finding)
{
	const struct biography *biography = &crash->facts.biography;
	struct words caller, when;

	for (size_t i = 0; i < biography->timeline.life_count; i++) {
		const struct life *life = &biography->timeline.lives[i];
		const struct memory_event *ended;

		if (life == last || life->born >= last->born || life->died == TIMELINE_ALIVE ||
		    biography->address < life->start || biography->address >= life->end)
			continue;
		if (biography_is_scratch(&crash->facts.biography, life))
			continue;
		/* Memory that is reserved first and then mapped over by the same party stays the same memory. */
		ended = &biography->events[life->died];
		if (ended->kind == MEMORY_MMAP && evidence_same_party(&crash->facts.biography, life->born, life->died))
			continue;
		return evidence_doubt(finding,
				      "the address had been %s before, by thread %" PRIu32
				      " in %s, %s: the pointer may belong to the "
				      "mapping of then; or, if that caller unmapped it again with a stale pointer, "
				      "this is a double munmap",
				      ended->kind == MEMORY_MUNMAP ? "unmapped" : "taken away", ended->tid,
				      words_caller(&caller, &crash->facts.biography, life->died),
				      words_before_crash(&when, crash, ended->exit_ns));
	}
	return NULL;
}

static struct error *judge(const struct crash *crash, const struct life *life, struct finding *finding)
{
	const struct biography *biography = &crash->facts.biography;
	const struct memory_event *born = &biography->events[life->born];
	const struct memory_event *died = &biography->events[life->died];
	uint64_t born_start, born_end, died_start, died_end;
	struct error *err;

	timeline_mapping_range(&biography->timeline, life, &born_start, &born_end);
	timeline_removed_range(died, &died_start, &died_end);
	finding->confidence = CONFIDENCE_PROVEN;
	err = evidence_weigh(crash, finding, born->enter_ns, "another mapping may have come and gone there unseen");
	if (!err && (died_start < born_start || died_end > born_end))
		err = evidence_doubt(finding,
				     "the call unmapped 0x%" PRIx64 "-0x%" PRIx64
				     ", which is more than this mapping: it may have been "
				     "meant for something else",
				     died_start, died_end);
	return err
		?: evidence_doubt_order(&crash->facts.biography, finding, life)
		?: doubt_earlier_lives(crash, life, finding);
}

static struct error *summarize(const struct crash *crash, const struct life *life, struct finding *finding)
{
	const struct memory_event *events = crash->facts.biography.events;
	const struct memory_event *born = &events[life->born], *died = &events[life->died];
	struct words when, lived, caller, other;
	uint64_t start, end;
	char or_other[sizeof(other.text) + 32] = "";

	timeline_mapping_range(&crash->facts.biography.timeline, life, &start, &end);
	if (life->has_other_end && life->other_end != TIMELINE_ALIVE)
		snprintf(or_other, sizeof(or_other), " or thread %" PRIu32 " in %s", events[life->other_end].tid,
			 words_caller(&other, &crash->facts.biography, life->other_end));
	return finding_set_summary(
		finding,
		"Thread %" PRIu32 " used 0x%" PRIx64 ", in a mapping of %" PRIu64 " bytes at 0x%" PRIx64
		" that thread %" PRIu32 " had unmapped in %s%s, %s, after a life of %s.",
		evidence_dead_thread(crash), crash->facts.fault.address, end - start, start, died->tid,
		words_caller(&caller, &crash->facts.biography, life->died), or_other,
		words_before_crash(&when, crash, died->exit_ns),
		words_duration(&lived, died->exit_ns > born->exit_ns ? died->exit_ns - born->exit_ns : 0));
}

struct error *detect_use_after_munmap(const struct crash *crash, struct finding_list *findings)
{
	const struct biography *biography = &crash->facts.biography;
	const struct life *life;
	struct words caller;
	struct finding *finding;
	struct error *err;
	bool is_one;

	life = evidence_ended_life(crash);
	if (!life || !takes_away(&biography->events[life->died]) || evidence_unmapped_by_free(crash, life))
		return NULL;
	is_one = !life->has_other_end || life->other_end == TIMELINE_ALIVE;
	err = finding_append(findings, FINDING_USE_AFTER_MUNMAP, &finding)
		?: judge(crash, life, finding)
		?: summarize(crash, life, finding);
	/* Where another call may have been the end, neither is accused. */
	if (!err && is_one && words_offender(&caller, &crash->facts.biography, life->died))
		err = finding_set_offender(finding, "%s", caller.text);
	if (!err)
		err = evidence_add_call(crash, &crash->facts.biography, finding, life->born, "mapped")
			?: evidence_add_call(crash, &crash->facts.biography, finding, life->died, "unmapped")
			?: evidence_add_fault(crash, finding);
	if (!err && !crash->facts.heap.recorded)
		err = finding_add_missing(
			finding,
			"heap calls were not recorded: a large block of malloc is a mapping too, and this may be "
			"its use after free");
	if (err)
		return err;
	return finding_set_next_step(
		finding, "look at who still holds 0x%" PRIx64 " after %s unmapped it", crash->facts.fault.address,
		is_one ? words_caller(&caller, &crash->facts.biography, life->died) : "one of them");
}
