/* SPDX-License-Identifier: MIT */
/*
 * use-after-munmap: the fault address lies where a mapping was until somebody unmapped it.
 *
 * What is seen: the page is not mapped in the dead process, and the last recorded thing about it is a call that took
 * its mapping away (munmap, shmdt, an mremap that moved it, or a brk that shrank the heap).
 *
 * What it could be mistaken for: double-munmap, when the call named another range than the mapping's, or when another
 * mapping had stood and ended there before: then whoever used the memory may have been in the right; both lower the
 * confidence. A heap block that malloc took by mmap and free gave back looks the same, and is a use after free: where
 * the call's stack or the record of heap calls shows a free, that class has it. With neither the two cannot be told
 * apart, and the finding says so.
 */
#include <inttypes.h>

#include "analyzer/detect.h"
#include "analyzer/evidence/evidence.h"
#include "analyzer/evidence/evidence_heap.h"
#include "analyzer/evidence/evidence_mapping.h"
#include "analyzer/words.h"
#include "replay/effect.h"

static bool takes_away(enum memory_kind kind)
{
	return kind == MEMORY_MUNMAP || kind == MEMORY_MREMAP || kind == MEMORY_SHMDT || kind == MEMORY_BRK;
}

/* Why the pointer may belong to an earlier mapping at the address than the one that ended last. */
static struct error *doubt_earlier_lives(const struct crash *crash, const struct life *last, struct finding *finding)
{
	const struct biography *biography = &crash->biography;
	struct words caller, when;

	for (size_t i = 0; i < biography->timeline.life_count; i++) {
		const struct life *life = &biography->timeline.lives[i];
		const struct memory_event *ended;

		if (life == last || life->born >= last->born || life->died == TIMELINE_ALIVE ||
		    biography->address < life->start || biography->address >= life->end)
			continue;
		if (evidence_is_loader_scratch(crash, life))
			continue;
		/* Memory that is reserved first and then mapped over by the same party stays the same memory. */
		ended = &biography->events[life->died];
		if (ended->kind == MEMORY_MMAP && evidence_same_party(crash, life->born, life->died))
			continue;
		return evidence_doubt(finding,
				      "the address had been %s before, by thread %" PRIu32
				      " in %s, %s: the pointer may belong to the "
				      "mapping of then; or, if that caller unmapped it again with a stale pointer, "
				      "this is a double munmap",
				      ended->kind == MEMORY_MUNMAP ? "unmapped" : "taken away", ended->tid,
				      words_caller(&caller, crash, life->died),
				      words_before_crash(&when, crash, ended->exit_ns));
	}
	return NULL;
}

/* Another call took memory away from the address while the mapping was made or ended. */
static bool ran_beside_another(const struct biography *biography, const struct life *life)
{
	for (size_t i = 0; i < biography->event_count; i++) {
		const struct memory_event *event = &biography->events[i];
		struct memory_effect effect = memory_event_effect(event);
		bool removes = biography->address >= effect.removed_start && biography->address < effect.removed_end;

		if (!removes || i == life->born || i == life->died)
			continue;
		for (int j = 0; j < 2; j++) {
			const struct memory_event *other = &biography->events[j ? life->died : life->born];

			if (!timeline_ordered(event, other) && !timeline_ordered(other, event))
				return true;
		}
	}
	return false;
}

static struct error *judge(const struct crash *crash, const struct life *life, struct finding *finding)
{
	const struct biography *biography = &crash->biography;
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
	if (!err && (!timeline_ordered(born, died) || ran_beside_another(biography, life)))
		err = evidence_doubt(finding, "two of the calls ran at the same time: their order is not known");
	if (!err)
		err = doubt_earlier_lives(crash, life, finding);
	return err;
}

struct error *detect_use_after_munmap(const struct crash *crash, struct finding_list *findings)
{
	const struct biography *biography = &crash->biography;
	const struct memory_event *born, *died;
	const struct life *life;
	uint64_t born_start, born_end;
	struct words when, lived, caller;
	struct finding *finding;
	struct error *err;

	life = evidence_ended_life(crash);
	if (!life || !takes_away(biography->events[life->died].kind) || evidence_unmapped_by_free(crash, life))
		return NULL;
	born = &biography->events[life->born];
	died = &biography->events[life->died];
	timeline_mapping_range(&biography->timeline, life, &born_start, &born_end);
	err = finding_append(findings, FINDING_USE_AFTER_MUNMAP, &finding);
	if (!err)
		err = judge(crash, life, finding);
	if (!err)
		err = finding_set_summary(
			finding,
			"Thread %" PRIu32 " used 0x%" PRIx64 ", in a mapping of %" PRIu64 " bytes at 0x%" PRIx64
			" that thread %" PRIu32 " had unmapped in %s, %s, after a life of %s.",
			evidence_dead_thread(crash), crash->fault.address, born_end - born_start, born_start, died->tid,
			words_caller(&caller, crash, life->died), words_before_crash(&when, crash, died->exit_ns),
			words_duration(&lived, died->exit_ns - born->exit_ns));
	if (!err && words_offender(&caller, crash, life->died))
		err = finding_set_offender(finding, "%s", caller.text);
	if (!err)
		err = evidence_add_call(crash, finding, life->born, "mapped");
	if (!err)
		err = evidence_add_call(crash, finding, life->died, "unmapped");
	if (!err)
		err = evidence_add_fault(crash, finding);
	if (!err && !crash->heap.recorded)
		err = finding_add_missing(
			finding,
			"heap calls were not recorded: a large block of malloc is a mapping too, and this may be "
			"its use after free");
	if (!err)
		err = finding_set_next_step(finding, "look at who still holds 0x%" PRIx64 " after %s unmapped it",
					    crash->fault.address, words_caller(&caller, crash, life->died));
	return err;
}
