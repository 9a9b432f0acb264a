/* SPDX-License-Identifier: MIT */
#include "analyzer/evidence/evidence_lost.h"

#include <inttypes.h>
#include <sys/mman.h>

#include "analyzer/evidence/evidence_mapping.h"
#include "replay/effect.h"

struct loss {
	size_t call;	  /* among the events of the view's biography */
	const char *what; /* what it did to the page */
};

/* The call was made by the C library or an allocator for itself: what called the wrapper is a library, too. */
static bool by_allocator(const struct biography *biography, size_t index)
{
	const struct event_stack *stack = &biography->contexts[index].stack;

	return stack->frame_count > 1 && event_stack_is_library(&stack->frames[1]);
}

/* The newest discard of the page in that life. */
static size_t last_discard(const struct biography *biography, const struct life *life)
{
	for (size_t i = biography->event_count; i-- > life->born + 1;) {
		struct memory_effect effect = memory_event_effect(&biography->events[i]);

		if (evidence_discards(&biography->events[i]) && biography->address >= effect.touched_start &&
		    biography->address < effect.touched_end)
			return i;
	}
	return SIZE_MAX;
}

/* An earlier mapping at the address that the program had unmapped. */
static size_t earlier_unmapping(const struct biography *biography, const struct life *life)
{
	size_t found = SIZE_MAX;

	for (size_t i = 0; i < biography->timeline.life_count; i++) {
		const struct life *other = &biography->timeline.lives[i];

		if (other->died == TIMELINE_ALIVE || other->died >= life->born || biography->address < other->start ||
		    biography->address >= other->end || biography_is_scratch(biography, other) ||
		    evidence_by_dynamic_linker(biography, other->died) || by_allocator(biography, other->died))
			continue;
		if (found == SIZE_MAX || other->died > found)
			found = other->died;
	}
	return found;
}

/* The pointer to the word lies in the same mapping: then it was stored there since that was made. */
static bool is_led_to_since(const struct pointer_path *path, const struct timeline *timeline, const struct life *life)
{
	uint64_t start, end;

	timeline_mapping_range(timeline, life, &start, &end);
	return path->count > 1 && path->words[1].address >= start && path->words[1].address < end;
}

/* What is there was stored by the new owner, or this is the old one's pointer to it; a discarded page has no new owner.
 */
static bool may_be_emptied(const struct memory_view *view)
{
	return view->role == VIEW_NEARBY || (!view->value && view->surroundings_are_zero);
}

static bool find_loss(const struct crash *crash, const struct memory_view *view, struct loss *ret)
{
	const struct life *life = evidence_life_at_death(crash, &view->biography), *under;
	const struct memory_event *born;

	if (!life)
		return false;
	born = &view->biography.events[life->born];
	ret->call = may_be_emptied(view) ? last_discard(&view->biography, life) : SIZE_MAX;
	if (ret->call != SIZE_MAX && !by_allocator(&view->biography, ret->call) &&
	    (!born->file_id || view->biography.events[ret->call].args[2] == MADV_REMOVE)) {
		ret->what = "emptied";
		return true;
	}
	under = evidence_is_placed_over(born) && !evidence_by_dynamic_linker(&view->biography, life->born)
			? evidence_life_under(&view->biography, life)
			: NULL;
	if (under && under->protection != PROT_NONE) {
		ret->call = life->born;
		ret->what = "mapped over";
		return true;
	}
	/* A null pointer between other data is its owner's. */
	if (view->role != VIEW_SOURCE || (!view->value && !view->surroundings_are_zero) ||
	    by_allocator(&view->biography, life->born) || evidence_by_dynamic_linker(&view->biography, life->born) ||
	    is_led_to_since(&crash->facts.path, &view->biography.timeline, life))
		return false;
	ret->call = earlier_unmapping(&view->biography, life);
	ret->what = "unmapped (mapped again since)";
	return ret->call != SIZE_MAX;
}

static struct error *tell(const struct crash *crash, const struct memory_view *view, const struct loss *loss,
			  struct finding *finding)
{
	const struct memory_event *call = &view->biography.events[loss->call];
	struct words caller, when;

	words_caller(&caller, &view->biography, loss->call);
	words_before_crash(&when, crash, call->exit_ns);
	if (finding->confidence > CONFIDENCE_LIKELY)
		finding->confidence = CONFIDENCE_LIKELY;
	if (view->role == VIEW_SOURCE)
		return finding_add_counter(finding,
					   "the pointer was loaded from 0x%" PRIx64 ", in a page that thread %" PRIu32
					   " %s in %s, %s: another value may have been there before",
					   view->address, call->tid, loss->what, caller.text, when.text);
	return finding_add_counter(finding,
				   "a pointer at hand leads to 0x%" PRIx64 ", in a page that thread %" PRIu32
				   " %s in %s, %s, and that is zero: the null pointer may have been loaded from there",
				   view->address, call->tid, loss->what, caller.text, when.text)
		       ?: (view->role == VIEW_NEARBY
				   ? finding_add_missing(finding, "the memory that the null pointer was loaded from")
				   : NULL);
}

struct error *evidence_weigh_lost(const struct crash *crash, struct finding *finding)
{
	for (size_t i = 0; i < crash->facts.view_count; i++) {
		const struct memory_view *view = &crash->facts.views[i];
		struct loss loss;

		if (view->role == VIEW_CODE)
			continue;
		if (find_loss(crash, view, &loss))
			return tell(crash, view, &loss, finding);
	}
	return NULL;
}
