/* SPDX-License-Identifier: MIT */
#include "analyzer/evidence/evidence_lost.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "analyzer/evidence/evidence.h"
#include "analyzer/evidence/evidence_mapping.h"
#include "analyzer/words.h"
#include "replay/effect.h"

struct loss {
	size_t call;	  /* among the events of the view's biography */
	const char *what; /* that it did to the page */
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

/* The pointer to the word stands in the same mapping: then it was stored there since that was made. */
static bool is_led_to_since(const struct pointer_path *path, const struct timeline *timeline, const struct life *life)
{
	uint64_t start, end;

	timeline_mapping_range(timeline, life, &start, &end);
	return path->count > 1 && path->words[1].address >= start && path->words[1].address < end;
}

/* What stands there was stored by the new owner, or this is the old one's pointer to it; a discarded page is nobody's
 * new. */
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
		ret->what = "emptied by";
		return true;
	}
	under = evidence_is_placed_over(born) && !evidence_by_dynamic_linker(&view->biography, life->born)
			? evidence_life_under(&view->biography, life)
			: NULL;
	if (under && under->protection != PROT_NONE) {
		ret->call = life->born;
		ret->what = "mapped over by";
		return true;
	}
	/* A null pointer between other data is its owner's. */
	if (view->role != VIEW_SOURCE || (!view->value && !view->surroundings_are_zero) ||
	    by_allocator(&view->biography, life->born) || evidence_by_dynamic_linker(&view->biography, life->born) ||
	    is_led_to_since(&crash->facts.path, &view->biography.timeline, life))
		return false;
	ret->call = earlier_unmapping(&view->biography, life);
	ret->what = "unmapped, and mapped anew since, by";
	return ret->call != SIZE_MAX;
}

static struct error *set_loss(const struct crash *crash, const struct memory_view *view, const struct loss *loss,
			      struct finding *finding)
{
	const struct memory_event *call = &view->biography.events[loss->call];
	struct words caller, when, at, shows;
	struct error *err;

	words_caller(&caller, &view->biography, loss->call);
	words_before_crash(&when, crash, call->exit_ns);
	if (view->role == VIEW_SOURCE)
		snprintf(at.text, sizeof(at.text),
			 "the page at 0x%" PRIx64 " that it was loaded from was %s thread %" PRIu32 " in %.250s, %.80s",
			 view->address, loss->what, call->tid, caller.text, when.text);
	else
		snprintf(at.text, sizeof(at.text),
			 "a page that pointers at hand lead to, 0x%" PRIx64 ", was %s thread %" PRIu32
			 " in %.250s, %.80s, and is zero",
			 view->address, loss->what, call->tid, caller.text, when.text);
	snprintf(shows.text, sizeof(shows.text), "corelate why 0x%" PRIx64, view->address);
	err = evidence_add_call(crash, &view->biography, finding, loss->call, "the memory's contents were lost")
		      ?: finding_set_lost(finding, at.text, shows.text);
	if (!err && view->role == VIEW_NEARBY)
		err = finding_add_missing(finding, "the memory that the null pointer was loaded from");
	return err;
}

/* "node" of "node->next", which is the pointer that was null; the register else. */
static const char *pointer_name(const struct crash *crash, char name[160])
{
	const char *expression = crash->facts.fault.member.expression, *arrow = NULL;

	for (const char *at = strstr(expression, "->"); at; at = strstr(at + 2, "->"))
		arrow = at;
	snprintf(name, 160, "%.*s", arrow ? (int)(arrow - expression) : 0, expression);
	if (!name[0])
		snprintf(name, 160, "%s", crash->facts.path.pointer[0] ? crash->facts.path.pointer : "the pointer");
	return name;
}

static struct error *set_word(const struct crash *crash, struct finding *finding)
{
	const struct pointer_path *path = &crash->facts.path;
	struct words where, at, shows;
	struct place place;
	char name[160];

	place_of(crash, path->words[0].address, &place);
	snprintf(at.text, sizeof(at.text), "%s, loaded from 0x%" PRIx64 " %.200s, was %s", pointer_name(crash, name),
		 path->words[0].address, words_place(&where, crash, &place),
		 path->value ? "overwritten or never set" : "set to NULL, or never set");
	snprintf(shows.text, sizeof(shows.text), "%sa watchpoint on 0x%" PRIx64,
		 place.kind == PLACE_HEAP && !crash->facts.heap.recorded ? "a heap record (corelate record --heap), or "
									 : "",
		 path->words[0].address);
	return finding_set_lost(finding, at.text, shows.text);
}

static struct error *set_origin(const struct crash *crash, struct finding *finding)
{
	const struct pointer_path *path = &crash->facts.path;
	struct words at;
	char name[160];

	switch (path->end) {
	case PATH_WORD:
		return path->count ? set_word(crash, finding) : NULL;
	case PATH_RETURNED:
		snprintf(at.text, sizeof(at.text), "%s came from a call that had returned", pointer_name(crash, name));
		return finding_set_lost(finding, at.text,
					"a probe on the function that returned it (corelate record --probe)");
	case PATH_CONSTANT:
		snprintf(at.text, sizeof(at.text), "the code sets %s to a constant", pointer_name(crash, name));
		return finding_set_lost(finding, at.text, "the source line of that instruction");
	default:
		break;
	}
	/* What the code trail knows is added where the verdict is made (ends/suspect.h). */
	if (crash->facts.blame.how != BLAME_NOT_KNOWN || crash->facts.blame.loss != CODE_TRAIL_NOT_LOST)
		return NULL;
	if (!crash->core.image)
		return finding_set_lost(finding, "where the pointer came from is not known", "the core");
	return finding_set_lost(finding, "where the pointer came from is not known",
				"a watchpoint on the variable that holds it");
}

struct error *evidence_set_lost(const struct crash *crash, struct finding *finding)
{
	for (size_t i = 0; i < crash->facts.view_count; i++) {
		const struct memory_view *view = &crash->facts.views[i];
		struct loss loss;

		if (view->role == VIEW_CODE)
			continue;
		if (find_loss(crash, view, &loss))
			return set_loss(crash, view, &loss, finding);
	}
	return set_origin(crash, finding);
}
