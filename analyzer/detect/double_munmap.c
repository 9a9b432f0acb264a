/* SPDX-License-Identifier: MIT */
/*
 * double-munmap: a range is unmapped twice by the same call, and the second time somebody else lives there.
 *
 * The story: A maps a range and unmaps it. The kernel gives a part of the free range to B. A, with a stale pointer,
 * unmaps the range again, and B's memory is gone. B dies on it later and looks guilty.
 *
 * What is seen: the page of the fault address is unmapped; the call D2 that took it away has the same start and length
 * as an earlier call D1; the mapping that D2 destroyed was made between the two, and is not the range that D2 names;
 * and nobody mapped that range as a whole in between, which is what would have made D2 legitimate.
 *
 * Whose the block was is told by who mapped it: another module than the unmapper's, or, where modules are not known,
 * another thread. Where nothing tells them apart the confidence is lower, and lowest where the block's maker chose its
 * address.
 *
 * What it could be mistaken for: a program that maps, unmaps and maps the same range again and then unmaps it properly:
 * the mapping that D2 ends is then exactly D2's range, and this detector is silent (use-after-munmap speaks). An
 * allocator that maps a range piece by piece and unmaps it in one call: then D2's range has no hole, which lowers the
 * confidence. Where a gap lies between D1 and the crash, a mapping of the whole range may have been missed: never
 * proven.
 */
#include <inttypes.h>

#include "analyzer/detect.h"
#include "analyzer/evidence/evidence.h"
#include "analyzer/words.h"
#include "replay/effect.h"

struct story {
	size_t first;  /* D1 */
	size_t second; /* D2 */
	const struct life *victim;
	uint64_t start, end; /* of D1 and D2 */
};

/* The newest call before `victim` was born that unmapped the very range of `second`; SIZE_MAX when there is none, or
 * when the whole range was mapped by one call since. */
static size_t find_first(const struct biography *biography, const struct life *victim, uint64_t start, uint64_t end)
{
	const struct memory_event *second = &biography->events[victim->died];

	for (size_t i = victim->died; i-- > 0;) {
		const struct memory_event *event = &biography->events[i];
		struct memory_effect effect = memory_event_effect(event);
		uint64_t made_start, made_end;

		timeline_added_range(event, &made_start, &made_end);
		if (made_start < made_end && made_start <= start && made_end >= end)
			return SIZE_MAX;
		if (i < victim->born && event->kind == second->kind && effect.removed_start == start &&
		    effect.removed_end == end)
			return i;
	}
	return SIZE_MAX;
}

static bool find_story(const struct crash *crash, struct story *ret)
{
	const struct biography *biography = &crash->facts.biography;
	uint64_t born_start, born_end;

	ret->victim = evidence_ended_life(crash);
	if (!ret->victim || biography->events[ret->victim->died].kind != MEMORY_MUNMAP)
		return false;
	ret->second = ret->victim->died;
	timeline_removed_range(&biography->events[ret->second], &ret->start, &ret->end);
	timeline_mapping_range(&biography->timeline, ret->victim, &born_start, &born_end);
	if (born_start <= ret->start && born_end >= ret->end)
		return false; /* the call unmapped the victim or a part of it: nothing says that it was a stranger's */
	ret->first = find_first(biography, ret->victim, ret->start, ret->end);
	return ret->first != SIZE_MAX;
}

/* The unmapper made the block too, as far as can be told. */
static bool is_own(const struct crash *crash, const struct story *story)
{
	return evidence_same_party(&crash->facts.biography, story->victim->born, story->second);
}

/* The block stands where its maker asked for it, not where the kernel happened to put it. */
static bool was_placed(const struct memory_event *born)
{
	return born->kind != MEMORY_MMAP || born->args[0] != 0;
}

static bool covers_all(const struct biography *biography, const struct story *story)
{
	return timeline_bytes_removed(&biography->timeline, story->second) >= story->end - story->start;
}

static struct error *judge(const struct crash *crash, const struct story *story, struct finding *finding)
{
	const struct biography *biography = &crash->facts.biography;
	const struct memory_event *first = &biography->events[story->first];
	const struct memory_event *second = &biography->events[story->second];
	const struct memory_event *born = &biography->events[story->victim->born];
	struct error *err;

	finding->confidence = CONFIDENCE_PROVEN;
	err = evidence_weigh(crash, finding, first->enter_ns, "someone may have mapped the whole range again unseen");
	if (!err && covers_all(biography, story))
		err = evidence_doubt(
			finding, "every page of the range was mapped again when the second call came: it may have been "
				 "meant for what was there");
	/* The kernel's rules may tell the order all the same; but the story is of three calls, and hangs on it. */
	if (!err && (!timeline_ordered(first, born) || !timeline_ordered(born, second)))
		err = evidence_doubt(finding, "two of the calls ran at the same time: their order is not known");
	else if (!err)
		err = evidence_doubt_order(&crash->facts.biography, finding, story->victim);
	if (!err && is_own(crash, story)) {
		err = evidence_doubt(
			finding,
			"nothing tells the maker of the block and the unmapper apart: it may have unmapped what was "
			"its own");
		if (was_placed(born))
			finding->confidence = CONFIDENCE_POSSIBLE;
	}
	return err;
}

struct error *detect_double_munmap(const struct crash *crash, struct finding_list *findings)
{
	const struct biography *biography = &crash->facts.biography;
	const struct memory_event *second, *born;
	uint64_t born_start, born_end;
	struct words when, lived, module, caller;
	const char *offender;
	struct finding *finding;
	struct story story;
	struct error *err;

	if (!find_story(crash, &story))
		return NULL;
	/* Pieces of its own, mapped one by one and unmapped in one call. */
	if (is_own(crash, &story) && covers_all(biography, &story))
		return NULL;
	second = &biography->events[story.second];
	born = &biography->events[story.victim->born];
	timeline_mapping_range(&biography->timeline, story.victim, &born_start, &born_end);
	err = finding_append(findings, FINDING_DOUBLE_MUNMAP, &finding);
	if (err)
		return err;
	err = judge(crash, &story, finding);
	if (err)
		return err;
	offender = words_caller_module(&module, &crash->facts.biography, story.second);
	err = finding_set_summary(
		finding,
		"%s unmapped 0x%" PRIx64 "-0x%" PRIx64 " a second time, %s (thread %" PRIu32
		"), and so destroyed a block of %" PRIu64 " bytes at 0x%" PRIx64 " that %shad lived %s; thread %" PRIu32
		" died on it.",
		offender ? offender : "The process", story.start, story.end,
		words_before_crash(&when, crash, second->exit_ns), second->tid, born_end - born_start, born_start,
		is_own(crash, &story) ? "" : "was not its own and ",
		words_duration(&lived, second->exit_ns > born->exit_ns ? second->exit_ns - born->exit_ns : 0),
		evidence_dead_thread(crash));
	if (!err && !(story.victim->has_other_end && story.victim->other_end != TIMELINE_ALIVE) &&
	    words_offender(&caller, &crash->facts.biography, story.second))
		err = finding_set_offender(finding, "%s", caller.text);
	for (size_t i = story.first; !err && i-- > 0;) {
		/* Whose range it was at first. */
		uint64_t made_start, made_end;

		timeline_added_range(&biography->events[i], &made_start, &made_end);
		if (made_start < made_end && made_start <= story.start && made_end >= story.end) {
			err = evidence_add_call(crash, &crash->facts.biography, finding, i, "the range was mapped");
			break;
		}
	}
	if (!err)
		err = evidence_add_call(crash, &crash->facts.biography, finding, story.first, "first unmap")
			?: evidence_add_call(crash, &crash->facts.biography, finding, story.victim->born,
					     "the block was mapped in the freed range")
			?: evidence_add_call(crash, &crash->facts.biography, finding, story.second,
					     "second unmap of the same range")
			?: evidence_add_fault(crash, finding);
	if (!err && !offender)
		err = finding_add_missing(
			finding, "the function that called munmap: its return address did not lie on top of the stack");
	if (err)
		return err;
	return finding_set_next_step(
		finding,
		"look at why %s still holds the address that it unmapped %s; setting the pointer to "
		"NULL after the first munmap is the usual cure",
		words_caller(&caller, &crash->facts.biography, story.second),
		words_before_crash(&when, crash, biography->events[story.first].exit_ns));
}
