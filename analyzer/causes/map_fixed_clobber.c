/* SPDX-License-Identifier: MIT */
/*
 * map-fixed-clobber: a mapping was put over memory that was in use, with MAP_FIXED, MREMAP_FIXED or SHM_REMAP, and the
 * process died of what it found there.
 *
 * What is seen: the page was made by such a call, which ended another mapping in the same moment; and the death hangs
 * on that page. Either the processor refused an access that the old mapping had allowed; or the failing pointer was
 * loaded from there; or the code that ran lies there.
 *
 * What it could be mistaken for: reserving memory without permission and mapping over it piece by piece, which is what
 * MAP_FIXED is for (silent when the old mapping had no permission); the dynamic linker's own layout (silent); an
 * allocator that gives pages back by mapping over them (own-memory): then the same function, or the same library, made
 * the mapping, and a null pointer loaded from the fresh page may be one that was never set. What the overwritten word
 * was before is not recorded (same-before), so a word that was loaded from there never makes it proven.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence.h"
#include "analyzer/evidence/evidence_culprit.h"
#include "analyzer/evidence/evidence_mapping.h"
#include "analyzer/evidence/link_mapping.h"
#include "analyzer/evidence/link_page.h"

static const char *const code_alternatives[] = {"wild-jump", NULL};

/* The code that ran lies in the new mapping. */
const struct link_kind link_code_in_page = {"code-in-page", FINDING_UNKNOWN, code_alternatives};

static const char *const refused_alternatives[] = {"unseen-change", "other-order", "own-memory", NULL};

/* The new mapping refuses what the old one allowed. */
const struct link_kind link_mapped_over = {"mapped-over", FINDING_MAP_FIXED_CLOBBER, refused_alternatives};

static const char *const contents_alternatives[] = {"unseen-change", "other-order",  "own-memory",
						    "same-before",   "stored-since", NULL};

/* The new mapping replaced the contents of the old one. */
const struct link_kind link_contents_mapped_over = {"contents-mapped-over", FINDING_MAP_FIXED_CLOBBER,
						    contents_alternatives};

struct story {
	const struct life *over;	   /* the mapping that is there now */
	const struct life *under;	   /* the one that it was put over */
	const struct biography *biography; /* of the view, or of the fault's own page */
	const struct memory_view *view;	   /* NULL: the fault's own page */
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

/* ---- the links ---- */

static struct error *append_code(const struct crash *crash, const struct story *story, struct finding *finding)
{
	const struct memory_event *under = &story->biography->events[story->under->born];
	struct node node = {.kind = NODE_CODE, .start = story->view->address, .id = 0};
	struct error *err = link_append(finding, &link_code_in_page, BASIS_COMPUTED, node,
					"the code that ran, at 0x%" PRIx64 ", lies in that mapping",
					story->view->address)
		?: link_add_end(crash, finding)
		?: evidence_add_view(finding, story->view);

	if (err)
		return err;
	if (story->under->protection >= 0)
		return link_rule_out(finding, "wild-jump", EVIDENCE_EVENT, under->id, 0,
				     "executable memory was mapped there before");
	return link_leave_open(finding, "wild-jump", "whether the old mapping was executable is not recorded");
}

static struct error *append_end(const struct crash *crash, const struct story *story, struct finding *finding)
{
	if (!story->view)
		return link_append_refused_access(crash, finding, story->over)
			       ?: evidence_add_faulting_frame(crash, finding);
	return story->view->role == VIEW_CODE ? append_code(crash, story, finding)
					      : link_append_pointer_from_page(crash, finding, story->view);
}

static struct error *examine_owner(const struct story *story, struct finding *finding)
{
	const struct memory_event *under = &story->biography->events[story->under->born];

	switch (story->parties) {
	case PARTIES_STRANGERS:
		return link_rule_out(finding, "own-memory", EVIDENCE_EVENT, under->id, 0,
				     "another module made the mapping that was replaced");
	case PARTIES_SAME_FUNCTION:
		if (story->view)
			return link_leave_as_likely(finding, "own-memory",
						    "the same function made the old mapping: it may replace its own "
						    "memory on purpose");
		return link_leave_open(
			finding, "own-memory",
			"the same function made the old mapping: it may replace its own memory on purpose");
	case PARTIES_SAME_MODULE:
		return link_leave_open(
			finding, "own-memory",
			"the same module made both mappings: one part of it may give the other's memory back");
	default:
		return link_leave_open(finding, "own-memory",
				       "the callers of the two calls are not known well enough to tell them apart");
	}
}

static struct error *examine_contents(const struct story *story, struct finding *finding)
{
	const struct memory_event *over = &story->biography->events[story->over->born];
	bool is_fresh = over->kind == MEMORY_MREMAP || (over->kind == MEMORY_MMAP && !over->file_id);
	const struct memory_view *view = story->view;
	struct error *err;

	err = finding_add_missing(finding, "the %s at 0x%" PRIx64 " before the call",
				  view->role == VIEW_CODE ? "code" : "word", view->address)
		      ?: link_leave_unseen(finding, "same-before", "the memory before the call is not recorded");
	if (err)
		return err;
	if (view->page_is_zero)
		return link_rule_out(finding, "stored-since", EVIDENCE_MEMORY, 0, view->address,
				     "the whole page is zero: nothing was stored in it since");
	if (view->role == VIEW_SOURCE && is_fresh)
		return link_leave_as_likely(finding, "stored-since",
					    "the new mapping was written to since: the word may have been stored then");
	return link_leave_open(finding, "stored-since", "the page is not empty: its owner may have filled it since");
}

static struct error *append_act(const struct crash *crash, const struct story *story, struct finding *finding)
{
	const struct biography *biography = story->biography;
	const struct memory_event *over = &biography->events[story->over->born];
	struct words call;
	struct error *err;

	err = link_append(finding, story->view ? &link_contents_mapped_over : &link_mapped_over, BASIS_OBSERVED,
			  link_call_node(biography, story->over->born), "%s by thread %" PRIu32 " replaced a live mapping",
			  words_call(&call, over), over->tid)
		      ?: evidence_add_call(crash, biography, finding, story->under->born, "mapped")
		      ?: evidence_add_call(crash, biography, finding, story->over->born, "mapped over")
		      ?: link_examine_coverage(crash, biography, finding, "unseen-change", over->enter_ns,
					       "another mapping may have been put there unseen")
		      ?: link_examine_order(biography, finding, "other-order",
					    story->under->is_open ? story->under : story->over)
		      ?: examine_owner(story, finding);
	if (!err && story->view)
		err = examine_contents(story, finding);
	return err;
}

/* ---- the sentence ---- */

/* "libdepot.so's live", "a live": whose the replaced mapping was. */
static const char *owner(struct words *words, const struct story *story)
{
	struct words module;

	if (story->parties == PARTIES_STRANGERS && words_caller_module(&module, story->biography, story->under->born))
		snprintf(words->text, sizeof(words->text), "%.64s's live", module.text);
	else
		snprintf(words->text, sizeof(words->text), "a live");
	return words->text;
}

static struct error *summarize(const struct crash *crash, const struct story *story, struct finding *finding)
{
	const struct biography *biography = story->biography;
	const struct memory_event *over = &biography->events[story->over->born];
	const struct memory_event *under = &biography->events[story->under->born];
	struct words caller, whose, when, code, age;
	uint64_t start, end;

	timeline_added_range(over, &start, &end);
	words_caller(&caller, biography, story->over->born);
	words_before_crash(&when, crash, over->exit_ns);
	words_duration(&age, over->exit_ns > under->exit_ns ? over->exit_ns - under->exit_ns : 0);
	owner(&whose, story);
	evidence_faulting_code(&code, crash);
	if (!story->view)
		return finding_set_summary(finding,
					   "%s mapped 0x%" PRIx64 "-0x%" PRIx64
					   " over %s mapping (%s old), %s; it refused the %s of 0x%" PRIx64 " in %s.",
					   caller.text, start, end, whose.text, age.text, when.text,
					   words_access(crash->facts.fault.access), crash->facts.fault.address,
					   code.text);
	if (story->view->role == VIEW_CODE)
		return finding_set_summary(finding,
					   "%s mapped 0x%" PRIx64 "-0x%" PRIx64
					   " over code in %s mapping, %s; thread %" PRIu32 " ran what is there now.",
					   caller.text, start, end, whose.text, when.text, evidence_dead_thread(crash));
	return finding_set_summary(finding,
				   "%s mapped 0x%" PRIx64 "-0x%" PRIx64
				   " over %s mapping (%s old), %s; %s then loaded the pointer 0x%" PRIx64 " from it.",
				   caller.text, start, end, whose.text, age.text, when.text, code.text,
				   story->view->value);
}

static bool has_other_end(const struct life *life)
{
	return life->has_other_end && life->other_end != TIMELINE_ALIVE;
}

static struct error *tell(const struct crash *crash, const struct story *story, struct finding_list *findings)
{
	struct finding *finding;
	struct words caller;
	struct error *err = finding_append(findings, FINDING_MAP_FIXED_CLOBBER, &finding)
		?: append_end(crash, story, finding)
		?: append_act(crash, story, finding)
		?: summarize(crash, story, finding);

	/* Where another call may have ended the old mapping, neither is accused. */
	if (!err && !has_other_end(story->under))
		err = evidence_accuse_caller(finding, story->biography, story->over->born);
	return err
		       ?: finding_set_next_step(finding,
						"where does %s get that address? MAP_FIXED_NOREPLACE fails instead of "
						"replacing a mapping",
						words_caller(&caller, story->biography, story->over->born));
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
