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
 * the mapping that D2 ends is then exactly D2's range, and this is silent (use-after-munmap speaks). An
 * allocator that maps a range piece by piece and unmaps it in one call: then D2's range has no hole, which lowers the
 * confidence. Where a gap lies between D1 and the crash, a mapping of the whole range may have been missed: never
 * proven.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence.h"
#include "analyzer/evidence/evidence_culprit.h"
#include "analyzer/evidence/link_mapping.h"
#include "analyzer/words.h"
#include "replay/effect.h"

static const char *const alternatives[] = {"range-in-use", "concurrent-calls", "own-mapping", NULL};

const struct link_kind link_second_munmap = {"second-munmap", FINDING_DOUBLE_MUNMAP, alternatives};

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

/* The links: the access hit the victim's ended mapping; the second munmap of a range ended it. */
static struct error *append_links(const struct crash *crash, const struct story *story, struct finding *finding)
{
	const struct biography *biography = &crash->facts.biography;
	const struct memory_event *first = &biography->events[story->first];

	return link_append_ended_mapping(crash, finding, story->victim, first->enter_ns,
					 "someone may have mapped the whole range again unseen")
		?: link_append(finding, &link_second_munmap, BASIS_OBSERVED, link_call_node(biography, story->second),
			       "the second munmap of 0x%" PRIx64 "-0x%" PRIx64 " unmapped it", story->start, story->end)
		?: evidence_add_call(crash, biography, finding, story->first, "first munmap")
		?: evidence_add_call(crash, biography, finding, story->victim->born, "mapped in the freed range")
		?: evidence_add_call(crash, biography, finding, story->second, "second munmap of the same range");
}

static struct error *examine_range(const struct crash *crash, const struct story *story, struct finding *finding)
{
	const struct biography *biography = &crash->facts.biography;

	if (covers_all(biography, story))
		return link_leave_open(
			finding, "range-in-use",
			"every page of the range was mapped again before the second munmap: it may have been "
			"meant for what was there");
	return link_rule_out(finding, "range-in-use", EVIDENCE_EVENT, biography->events[story->first].id, story->start,
			     "no call mapped the whole range again between the two munmaps");
}

static struct error *examine_order(const struct crash *crash, const struct story *story, struct finding *finding)
{
	const struct memory_event *first = &crash->facts.biography.events[story->first];
	const struct memory_event *second = &crash->facts.biography.events[story->second];
	const struct memory_event *born = &crash->facts.biography.events[story->victim->born];

	/* The kernel's rules may tell the order all the same; but the story is of three calls, and hangs on it. */
	if (!timeline_ordered(first, born) || !timeline_ordered(born, second))
		return link_leave_open(finding, "concurrent-calls",
				       "two of the calls overlap in time: their order is not known");
	return link_rule_out(finding, "concurrent-calls", EVIDENCE_EVENT, born->id, 0,
			     "each call returned before the next was entered");
}

static struct error *examine_owner(const struct crash *crash, const struct story *story, struct finding *finding)
{
	const struct memory_event *born = &crash->facts.biography.events[story->victim->born];
	static const char text[] =
		"nothing distinguishes the unmapper from the block's owner: it may have unmapped its own";

	if (!is_own(crash, story))
		return link_rule_out(finding, "own-mapping", EVIDENCE_EVENT, born->id, 0,
				     "another caller than the unmapper made the mapping");
	return was_placed(born) ? link_leave_as_likely(finding, "own-mapping", "%s", text)
				: link_leave_open(finding, "own-mapping", "%s", text);
}

/* "libdepot.so's", "another thread's": whose the victim was; "" where it may have been the unmapper's own. */
static const char *owner(struct words *words, const struct crash *crash, const struct story *story)
{
	const char *module = words_caller_module(words, &crash->facts.biography, story->victim->born);

	if (is_own(crash, story))
		return "a";
	if (!module)
		return "another thread's";
	strncat(words->text, "'s", sizeof(words->text) - strlen(words->text) - 1);
	return words->text;
}

static struct error *summarize(const struct crash *crash, const struct story *story, struct finding *finding)
{
	const struct memory_event *second = &crash->facts.biography.events[story->second];
	struct words module, who, when, size, whose;
	const char *unmapper = words_caller_module(&module, &crash->facts.biography, story->second);
	uint64_t start, end;

	timeline_mapping_range(&crash->facts.biography.timeline, story->victim, &start, &end);
	snprintf(who.text, sizeof(who.text), "thread %" PRIu32, second->tid);
	return finding_set_summary(
		finding,
		"%s unmapped 0x%" PRIx64 "-0x%" PRIx64 " twice; the second munmap, %s, hit %s live %s mapping, which "
		"thread %" PRIu32 " then used.",
		unmapper ?: who.text, story->start, story->end, words_before_crash(&when, crash, second->exit_ns),
		owner(&whose, crash, story), words_bytes(&size, end - start), evidence_dead_thread(crash));
}

/* The call that had mapped the range at first. */
static struct error *add_background(const struct crash *crash, const struct story *story, struct finding *finding)
{
	link_begin_background(finding);
	for (size_t i = story->first; i-- > 0;) {
		uint64_t start, end;

		timeline_added_range(&crash->facts.biography.events[i], &start, &end);
		if (start < end && start <= story->start && end >= story->end)
			return evidence_add_call(crash, &crash->facts.biography, finding, i, "the range was mapped");
	}
	return NULL;
}

struct error *cause_double_munmap(const struct crash *crash, struct finding_list *findings)
{
	const struct biography *biography = &crash->facts.biography;
	struct words when, module, caller;
	struct finding *finding;
	struct story story;
	struct error *err;

	if (!find_story(crash, &story))
		return NULL;
	/* Pieces of its own, mapped one by one and unmapped in one call. */
	if (is_own(crash, &story) && covers_all(biography, &story))
		return NULL;
	err = finding_append(findings, FINDING_DOUBLE_MUNMAP, &finding)
		      ?: append_links(crash, &story, finding)
		      ?: examine_range(crash, &story, finding)
		      ?: examine_order(crash, &story, finding)
		      ?: examine_owner(crash, &story, finding)
		      ?: summarize(crash, &story, finding);
	/* Where another call may have been the end, neither is accused. */
	if (!err && !(story.victim->has_other_end && story.victim->other_end != TIMELINE_ALIVE))
		err = evidence_accuse_caller(finding, biography, story.second);
	if (!err && !words_caller_module(&module, biography, story.second))
		err = finding_add_missing(finding,
					  "the function that called munmap: the recorded stack does not show it");
	return err
		?: add_background(crash, &story, finding)
		?: finding_set_next_step(finding, "%s unmapped the range %s; does it reset its pointer?",
					 words_caller(&caller, biography, story.first),
					 words_before_crash(&when, crash, biography->events[story.first].exit_ns));
}
