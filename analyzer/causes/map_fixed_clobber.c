/* SPDX-License-Identifier: MIT */
/*
 * map-fixed-clobber: a mapping was put over memory that was in use, with MAP_FIXED, MREMAP_FIXED or SHM_REMAP, and the
 * process died of what it found there.
 *
 * What is seen: the page was made by such a call, which took another mapping's life in the same moment; and the death
 * hangs on that page. Either the processor refused an access that the old mapping had allowed; or the pointer that
 * failed was read from there; or the code that ran lies there.
 *
 * What it could be mistaken for: reserving memory without permission and mapping over it piece by piece, which is what
 * MAP_FIXED is for (silent when the old mapping had no permission); the dynamic linker's own layout (silent); an
 * allocator that gives pages back by mapping over them: then the same function, or the same library, made the mapping,
 * and a null pointer read from the fresh page may be one that nobody has set yet. So strangers make it likely, and the
 * same function makes it possible at most. What the overwritten word had been is not recorded: a word that was read
 * from there never makes it proven.
 */
#include <inttypes.h>
#include <sys/mman.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence.h"
#include "analyzer/evidence/evidence_mapping.h"

struct story {
	const struct life *over;	/* the mapping that stands there now */
	const struct life *under;	/* the one that it was put over */
	const struct biography *biography; /* of the view, or of the fault's own page */
	const struct memory_view *view; /* NULL: the fault's own page */
	enum evidence_parties parties;
};

static bool find_story(const struct crash *crash, const struct memory_view *view, struct story *ret)
{
	const struct biography *biography = view ? &view->biography : &crash->facts.biography;

	*ret = (struct story){.over = evidence_life_at_death(crash, biography), .biography = biography, .view = view};
	if (view && view->role == VIEW_NEARBY)
		return false;
	if (!ret->over || !evidence_is_placed_over(&biography->events[ret->over->born]) ||
	    evidence_by_dynamic_linker(biography, ret->over->born))
		return false;
	ret->under = evidence_life_under(biography, ret->over);
	/* What nobody could use was only kept free. */
	if (!ret->under || ret->under->protection == PROT_NONE)
		return false;
	ret->parties = evidence_parties(biography, ret->under->born, ret->over->born);
	return true;
}

static int needed_permission(enum access_kind access)
{
	return access == ACCESS_READ	  ? PROT_READ
	       : access == ACCESS_WRITE	  ? PROT_WRITE
	       : access == ACCESS_EXECUTE ? PROT_EXEC
					  : 0;
}

/* The access would have been allowed in the old mapping, and is not in the new one. */
static bool is_refused(const struct crash *crash, const struct story *story)
{
	int needed = needed_permission(crash->facts.fault.access);

	return !story->view && needed && story->under->protection >= 0 && (story->under->protection & needed) &&
	       story->over->protection >= 0 && !(story->over->protection & needed) &&
	       story->over->protected_by == story->over->born && crash->facts.fault.is_fault;
}

static bool hangs_on_it(const struct crash *crash, const struct story *story)
{
	if (!story->view)
		return is_refused(crash, story);
	if (story->view->role == VIEW_CODE) /* code was there, or nobody could have run it */
		return story->under->protection < 0 || (story->under->protection & PROT_EXEC);
	return true;
}

static struct error *judge(const struct crash *crash, const struct story *story, struct finding *finding)
{
	const struct memory_event *over = &story->biography->events[story->over->born];
	struct error *err;

	finding->confidence = story->view ? CONFIDENCE_LIKELY : CONFIDENCE_PROVEN;
	err = evidence_weigh_gaps(crash, story->biography, finding, over->enter_ns,
				  "something else may have been put there unseen")
		      ?: evidence_doubt_order(story->biography, finding,
					      story->under->is_open ? story->under : story->over);
	if (!err && story->view && story->view->role == VIEW_SOURCE) {
		err = finding_add_missing(finding, "what stood at 0x%" PRIx64 " before the call", story->view->address);
		if (!err && !story->view->page_is_zero &&
		    (over->kind == MEMORY_MREMAP || (over->kind == MEMORY_MMAP && !over->file_id))) {
			finding->confidence = CONFIDENCE_POSSIBLE;
			err = finding_add_counter(finding,
						  "the new mapping was written to since: the word may be of that time");
		}
	} else if (!err && story->view) {
		err = finding_add_missing(finding, "what code stood there before the call");
	}
	if (!err && story->parties == PARTIES_SAME_FUNCTION) {
		err = evidence_doubt(finding,
				     "the same function had made the mapping: it may put new memory over its own on "
				     "purpose");
		if (story->view)
			finding->confidence = CONFIDENCE_POSSIBLE;
	} else if (!err && story->parties == PARTIES_SAME_MODULE) {
		err = evidence_doubt(finding,
				     "both calls come from the same file: one part of it may give the other's memory "
				     "back in this way");
	} else if (!err && story->parties == PARTIES_UNKNOWN) {
		err = evidence_doubt(finding, "who made the two calls is not known well enough to tell them apart");
	}
	return err;
}

static struct error *summarize(const struct crash *crash, const struct story *story, struct finding *finding)
{
	const struct memory_event *over = &story->biography->events[story->over->born];
	const struct memory_event *under = &story->biography->events[story->under->born];
	struct words over_caller, under_caller, when, code, lived;
	uint64_t start, end;

	timeline_added_range(over, &start, &end);
	words_caller(&over_caller, story->biography, story->over->born);
	words_caller(&under_caller, story->biography, story->under->born);
	words_before_crash(&when, crash, over->exit_ns);
	evidence_faulting_code(&code, crash);
	words_duration(&lived, over->exit_ns > under->exit_ns ? over->exit_ns - under->exit_ns : 0);
	if (!story->view)
		return finding_set_summary(
			finding,
			"%s put 0x%" PRIx64 "-0x%" PRIx64 " over memory of %s that had lived %s, %s (thread "
			"%" PRIu32 "); the %s of 0x%" PRIx64 " in %s was refused by the new mapping.",
			over_caller.text, start, end, under_caller.text, lived.text, when.text, over->tid,
			words_access(crash->facts.fault.access), crash->facts.fault.address, code.text);
	if (story->view->role == VIEW_CODE)
		return finding_set_summary(finding,
					   "%s put 0x%" PRIx64 "-0x%" PRIx64
					   " over code, mapped by %s, %s (thread %" PRIu32 "); thread %" PRIu32
					   " ran what lies there now.",
					   over_caller.text, start, end, under_caller.text, when.text, over->tid,
					   evidence_dead_thread(crash));
	return finding_set_summary(finding,
				   "%s put 0x%" PRIx64 "-0x%" PRIx64
				   " over memory of %s that had lived %s, %s (thread %" PRIu32
				   "); %s read its pointer 0x%" PRIx64 " from there.",
				   over_caller.text, start, end, under_caller.text, lived.text, when.text, over->tid,
				   code.text, story->view->value);
}

static struct error *tell(const struct crash *crash, const struct story *story, struct finding_list *findings)
{
	struct finding *finding;
	struct words offender;
	struct error *err = finding_append(findings, FINDING_MAP_FIXED_CLOBBER, &finding)
		?: judge(crash, story, finding)
		?: summarize(crash, story, finding)
		?: evidence_add_call(crash, story->biography, finding, story->under->born, "mapped")
		?: evidence_add_call(crash, story->biography, finding, story->over->born, "mapped over");

	if (!err && story->view)
		err = evidence_add_view(finding, story->view);
	if (!err && crash->facts.fault.source != ADDRESS_UNKNOWN)
		err = evidence_add_fault(crash, finding);
	if (!err)
		err = evidence_add_faulting_frame(crash, finding);
	if (!err && words_offender(&offender, story->biography, story->over->born))
		err = finding_set_offender(finding, "%s", offender.text);
	if (err)
		return err;
	return finding_set_next_step(finding,
				     "look at where %s has the address from; MAP_FIXED_NOREPLACE fails instead "
				     "of destroying what is there",
				     words_caller(&offender, story->biography, story->over->born));
}

struct error *cause_map_fixed_clobber(const struct crash *crash, struct finding_list *findings)
{
	struct story story;

	if (crash->facts.has_biography && find_story(crash, NULL, &story) && hangs_on_it(crash, &story))
		return tell(crash, &story, findings);
	for (size_t i = 0; i < crash->facts.view_count; i++) {
		if (find_story(crash, &crash->facts.views[i], &story) && hangs_on_it(crash, &story))
			return tell(crash, &story, findings);
	}
	return NULL;
}
