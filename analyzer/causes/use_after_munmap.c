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
#include <sys/mman.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence.h"
#include "analyzer/evidence/evidence_culprit.h"
#include "analyzer/evidence/evidence_heap.h"
#include "analyzer/evidence/link_mapping.h"
#include "analyzer/words.h"
#include "replay/effect.h"

static const char *const alternatives[] = {"other-target", "earlier-mapping", "heap-block", NULL};

const struct link_kind link_unmapped_before_use = {"unmapped-before-use", FINDING_USE_AFTER_MUNMAP, alternatives};

static bool takes_away(const struct memory_event *event)
{
	return event->kind == MEMORY_MUNMAP || event->kind == MEMORY_MREMAP || event->kind == MEMORY_SHMDT ||
	       event->kind == MEMORY_BRK || memory_event_failed(event);
}

/* Was the call meant for more than this mapping? */
static struct error *examine_range(const struct crash *crash, const struct life *life, struct finding *finding)
{
	const struct biography *biography = &crash->facts.biography;
	uint64_t born_start, born_end, died_start, died_end;

	timeline_mapping_range(&biography->timeline, life, &born_start, &born_end);
	timeline_removed_range(&biography->events[life->died], &died_start, &died_end);
	if (died_start < born_start || died_end > born_end)
		return link_leave_open(finding, "other-target",
				       "the call unmapped 0x%" PRIx64 "-0x%" PRIx64
				       ", more than this mapping: it may have been meant for something else",
				       died_start, died_end);
	return link_rule_out(finding, "other-target", EVIDENCE_EVENT, biography->events[life->died].id, born_start,
			     "the call unmapped nothing but this mapping");
}

/* Every function between the system call and the program's own code has a name. */
static bool shows_caller(const struct event_context *context)
{
	for (size_t i = 0; i < context->stack.frame_count && i < context->stack.caller; i++) {
		if (!context->stack.frames[i].symbol.function)
			return false;
	}
	return context->caller.function != NULL;
}

/* malloc takes large blocks by mmap, and free unmaps them. */
static struct error *examine_block(const struct crash *crash, const struct life *life, struct finding *finding)
{
	const struct event_context *context = &crash->facts.biography.contexts[life->died];
	int64_t died = crash->facts.biography.events[life->died].id;
	struct error *err;

	if (crash->facts.heap.recorded)
		return link_rule_out(finding, "heap-block", EVIDENCE_EVENT, died, 0,
				     "heap calls were recorded, and no block lay there before the call");
	err = finding_add_missing(finding,
				  "heap calls: a large block of malloc is a mapping too, and this may be its use "
				  "after free");
	if (err)
		return err;
	return shows_caller(context) ? link_rule_out(finding, "heap-block", EVIDENCE_EVENT, died, 0,
						     "the call's stack shows no free(): the program's own code made it")
				     : link_leave_unseen(finding, "heap-block",
							 "the call's stack does not show whether free() made it");
}

static struct error *append_links(const struct crash *crash, const struct life *life, struct finding *finding)
{
	const struct biography *biography = &crash->facts.biography;
	const struct memory_event *died = &biography->events[life->died];
	struct words call;

	return link_append_ended_mapping(crash, finding, life, biography->events[life->born].enter_ns,
					 "another mapping may have come and gone there unseen")
		?: link_append(finding, &link_unmapped_before_use, BASIS_OBSERVED, link_call_node(biography, life->died),
			       "%s by thread %" PRIu32 " unmapped it before the use", words_call(&call, died), died->tid)
		?: evidence_add_call(crash, biography, finding, life->died, "unmapped")
		?: examine_range(crash, life, finding)
		?: link_examine_earlier_lives(crash, finding, "earlier-mapping", life)
		?: examine_block(crash, life, finding);
}

static struct error *summarize(const struct crash *crash, const struct life *life, struct finding *finding)
{
	const struct memory_event *events = crash->facts.biography.events;
	const struct memory_event *died = &events[life->died];
	struct words when, size, caller, other;
	uint64_t start, end;
	char or_other[sizeof(other.text) + 32] = "";

	timeline_mapping_range(&crash->facts.biography.timeline, life, &start, &end);
	if (life->has_other_end && life->other_end != TIMELINE_ALIVE)
		snprintf(or_other, sizeof(or_other), " or thread %" PRIu32 " in %s", events[life->other_end].tid,
			 words_caller(&other, &crash->facts.biography, life->other_end));
	return finding_set_summary(finding,
				   "Thread %" PRIu32 " %s 0x%" PRIx64 ", in a %s mapping that thread %" PRIu32
				   " had unmapped in %s%s, %s.",
				   evidence_dead_thread(crash), words_did(crash->facts.fault.access), crash->facts.fault.address,
				   words_bytes(&size, end - start), died->tid,
				   words_caller(&caller, &crash->facts.biography, life->died), or_other,
				   words_before_crash(&when, crash, died->exit_ns));
}

/* The act is then in the function that let a pointer to its local escape (use_after_return.c), or not known. */
static bool was_stack(const struct memory_event *born)
{
	return born->kind == MEMORY_MMAP && born->args[3] & MAP_STACK;
}

struct error *cause_use_after_munmap(const struct crash *crash, struct finding_list *findings)
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
		?: append_links(crash, life, finding)
		?: summarize(crash, life, finding);
	/* Where another call may have been the end, neither is accused; nor is whoever gave back a stack rightly. */
	if (!err && is_one && !was_stack(&biography->events[life->born]))
		err = evidence_accuse_caller(finding, biography, life->died);
	return err
		       ?: finding_set_next_step(finding, "who still holds 0x%" PRIx64 " after %s unmapped it?",
						crash->facts.fault.address,
						is_one ? words_caller(&caller, biography, life->died) : "one of them");
}
