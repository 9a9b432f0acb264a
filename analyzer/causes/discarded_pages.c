/* SPDX-License-Identifier: MIT */
/*
 * discarded-pages: the contents of memory that was in use were discarded (madvise with MADV_DONTNEED, MADV_FREE or
 * MADV_REMOVE), or a guard was put over it (MADV_GUARD_INSTALL).
 *
 * What is seen: a guard makes every access fault, although the page's mapping is there (SEGV_MAPERR inside a mapping:
 * Linux mm/memory.c, VM_FAULT_SIGSEGV). Pages that were discarded read as zero, so the fault comes later: the failing
 * pointer was loaded, as zero, from a page that is zero from end to end and was discarded by a recorded call after it
 * was mapped.
 *
 * What it could be mistaken for: an allocator that gives back what was freed (freed-memory), which is what these calls
 * are for. Then a null pointer loaded from the page was never set: the call comes from within an allocator or the C
 * library (possible at most, and nobody is accused). A program that empties its own pool or table and forgets to look
 * for null: then something is mostly written to the page since, which must not be so but for what the crashing
 * functions themselves just stored (assemble_path.c); it is likely at most in any case, since what was in the word
 * before is not recorded (null-before). The guard of a thread's stack: the fault lies by the stack pointer, and the
 * overflowed stack is another's to tell. A mapping of a file is not emptied by it, only read again, so only anonymous
 * memory counts. Without a record a guard can be told only by the fault in a mapping that allows the access; another
 * thread that mapped the page just after the fault looks the same (mapped-since), and so does a signal handler that
 * mapped it: a fault that was handled before the process ended says nothing without a record.
 */
#include <inttypes.h>
#include <signal.h>
#include <sys/mman.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence_culprit.h"
#include "analyzer/evidence/evidence_mapping.h"
#include "analyzer/evidence/link_mapping.h"
#include "analyzer/evidence/link_page.h"
#include "replay/effect.h"

static const char *const absent_alternatives[] = {"mapped-since", "stack-guard", NULL};

/* The access found no page in a mapping that allows it. */
const struct link_kind link_absent_page = {"absent-page", FINDING_UNKNOWN, absent_alternatives};

static const char *const guard_alternatives[] = {"unseen-change", "partial-call", NULL};

/* A call put a guard over the page. */
const struct link_kind link_guard_installed = {"guard-installed", FINDING_DISCARDED_PAGES, guard_alternatives};

static const char *const inferred_alternatives[] = {"mapped-since", NULL};

/* Nothing was recorded: what else makes a page fault in such a mapping? */
const struct link_kind link_guard_inferred = {"guard-inferred", FINDING_DISCARDED_PAGES, inferred_alternatives};

static const char *const emptied_alternatives[] = {"unseen-change", "partial-call", "freed-memory", "null-before",
						   NULL};

/* A call discarded the page's contents. */
const struct link_kind link_page_emptied = {"page-emptied", FINDING_DISCARDED_PAGES, emptied_alternatives};

enum { ADVICE_REMOVE = 9 };

/* How far from the stack pointer a function's own frame reaches. */
#define FRAME_REACH_BYTES 65536

struct story {
	const struct life *life;	   /* the mapping; NULL when nothing was recorded */
	size_t call;			   /* the madvise, when `life` is set */
	const struct biography *biography; /* of the view, or of the fault's own page */
	const struct memory_view *view;	   /* NULL: a guard at the fault's own page */
};

/* The last advice about the page since its mapping was made that says something of its contents; SIZE_MAX: none. */
static size_t last_discard(const struct biography *biography, const struct life *life)
{
	for (size_t i = biography->event_count; i-- > life->born + 1;) {
		const struct memory_event *event = &biography->events[i];
		struct memory_effect effect = memory_event_reach(event);

		if (event->kind == MEMORY_MADVISE && biography->address >= effect.touched_start &&
		    biography->address < effect.touched_end && evidence_discards(event))
			return i;
	}
	return SIZE_MAX;
}

static bool by_the_stack(const struct crash *crash)
{
	uint64_t sp = crash->facts.fault.has_registers ? crash->facts.fault.registers[CORE_RSP]
						       : crash->facts.registers[CORE_RSP];

	return (crash->facts.has_registers || crash->facts.fault.has_registers) &&
	       crash->facts.fault.address + FRAME_REACH_BYTES >= sp &&
	       crash->facts.fault.address < sp + FRAME_REACH_BYTES;
}

/* A fault of an absent page, in a mapping that is there and allows the access. */
static bool faults_in_mapping(const struct crash *crash)
{
	const struct crash_signal *signal =
		crash->facts.fault.in_handler ? &crash->facts.fault.signal : &crash->facts.signal;

	return signal->trustworthy && signal->number == SIGSEGV && signal->code == SEGV_MAPERR &&
	       crash->facts.fault.source == ADDRESS_SIGNAL && crash->facts.mapping.known &&
	       crash->facts.mapping.protection != PROT_NONE && crash->facts.fault.access != ACCESS_UNKNOWN &&
	       !by_the_stack(crash);
}

static bool find_guard(const struct crash *crash, struct story *ret)
{
	const struct biography *biography = &crash->facts.biography;

	*ret = (struct story){.biography = biography};
	if (!faults_in_mapping(crash))
		return false;
	ret->life = evidence_life_at_death(crash, biography);
	/* What a handler mapped after the fault is no part of its place. */
	if (!ret->life)
		return !crash->record.known && !crash->facts.fault.in_handler;
	ret->call = evidence_guard_call(biography, ret->life);
	return ret->call != SIZE_MAX;
}

static bool find_discard(const struct crash *crash, const struct memory_view *view, struct story *ret)
{
	const struct biography *biography = &view->biography;

	*ret = (struct story){.life = evidence_life_at_death(crash, biography), .biography = biography, .view = view};
	if (!ret->life || !view->page_is_zero || view->value != 0 || view->role != VIEW_SOURCE)
		return false;
	ret->call = last_discard(biography, ret->life);
	return ret->call != SIZE_MAX &&
	       (!biography->events[ret->life->born].file_id || biography->events[ret->call].args[2] == ADVICE_REMOVE);
}

/* The call was made by the C library or an allocator for itself: what called the wrapper is a library, too. */
static bool by_allocator(const struct biography *biography, size_t index)
{
	const struct event_stack *stack = &biography->contexts[index].stack;

	return stack->frame_count > 1 && event_stack_is_library(&stack->frames[1]);
}

/* It failed at a mapping that refused, not for a hole, which it would have passed over. */
static bool may_have_stopped(const struct memory_event *event)
{
	const struct memory_effect effect = memory_event_effect(event);

	return memory_event_failed(event) && effect.touched_start == effect.touched_end;
}

/* ---- the links ---- */

static struct error *append_absent_page(const struct crash *crash, const struct story *story, struct finding *finding)
{
	const struct mapping_facts *mapping = &crash->facts.mapping;
	struct node node = {.kind = NODE_MAPPING, .start = mapping->start, .end = mapping->end};
	struct words protection;
	struct error *err;

	err = link_append(finding, &link_absent_page, BASIS_COMPUTED, node,
			  "no page at 0x%" PRIx64 ", although its mapping (%s) allows the %s",
			  crash->facts.fault.address, words_protection(&protection, mapping->protection),
			  words_access(crash->facts.fault.access))
		      ?: link_add_end(crash, finding)
		      ?: finding_add_evidence(finding, EVIDENCE_MAPPING, 0, mapping->start,
					      "the core has 0x%" PRIx64 "-0x%" PRIx64
					      " mapped %s, and the fault was SEGV_MAPERR",
					      mapping->start, mapping->end, protection.text)
		      ?: link_rule_out(finding, "stack-guard", EVIDENCE_REGISTER, CORE_RSP,
				       crash->facts.registers[CORE_RSP], "the fault is not near the stack pointer");
	if (err)
		return err;
	if (story->life)
		return link_rule_out(finding, "mapped-since", EVIDENCE_EVENT,
				     story->biography->events[story->life->born].id, 0,
				     "the mapping was made before the guard");
	return finding_add_missing(finding, "a record: another thread may have mapped the page just after the fault")
		       ?: link_leave_unseen(finding, "mapped-since", "nothing shows when the mapping was made");
}

static struct error *append_inferred_guard(const struct crash *crash, struct finding *finding)
{
	struct node node = {.kind = NODE_MAPPING, .start = crash->facts.fault.address & ~(RECORD_PAGE_BYTES - 1)};

	node.end = node.start + RECORD_PAGE_BYTES;
	return link_append(finding, &link_guard_inferred, BASIS_INFERRED, node, "a guard on the page makes it fault so")
		?: finding_add_evidence(finding, EVIDENCE_MEMORY, 0, node.start, "the page at 0x%" PRIx64, node.start)
		?: link_leave_unseen(finding, "mapped-since", "a page that was mapped after the fault looks the same");
}

static struct error *examine_failure(const struct story *story, struct finding *finding)
{
	const struct memory_event *call = &story->biography->events[story->call];

	if (may_have_stopped(call))
		return link_leave_open(finding, "partial-call", "the call failed: how much it changed is not known");
	return link_rule_out(finding, "partial-call", EVIDENCE_EVENT, call->id, 0, "the call reached the page");
}

static struct error *examine_owner(const struct story *story, struct finding *finding)
{
	const struct memory_event *born = &story->biography->events[story->life->born];

	if (by_allocator(story->biography, story->call))
		return link_leave_as_likely(
			finding, "freed-memory",
			"an allocator gave the page back: its blocks were free, and the pointer may "
			"never have been set since");
	switch (evidence_parties(story->biography, story->life->born, story->call)) {
	case PARTIES_STRANGERS:
		return link_rule_out(finding, "freed-memory", EVIDENCE_EVENT, born->id, 0,
				     "another module made the mapping");
	case PARTIES_SAME_FUNCTION:
		return link_leave_open(
			finding, "freed-memory",
			"the same function made the mapping: it may have known the page to be free, and the "
			"pointer may never have been set since");
	default:
		return link_leave_open(finding, "freed-memory", "the memory's owner may have known that it was free");
	}
}

static struct error *append_act(const struct crash *crash, const struct story *story, struct finding *finding)
{
	const struct biography *biography = story->biography;
	const struct memory_event *call = &biography->events[story->call];
	struct words words;
	struct error *err;

	err = link_append(finding, story->view ? &link_page_emptied : &link_guard_installed, BASIS_OBSERVED,
			  link_call_node(biography, story->call), "%s by thread %" PRIu32 " %s",
			  words_call(&words, call), call->tid,
			  story->view ? "discarded the page's contents" : "put a guard over the page")
		      ?: evidence_add_call(crash, biography, finding, story->call, story->view ? "emptied" : "guarded")
		      ?: link_examine_coverage(crash, biography, finding, "unseen-change", call->enter_ns,
					       "the page may have been changed again unseen")
		      ?: examine_failure(story, finding);
	if (err || !story->view)
		return err;
	return examine_owner(story, finding)
		?: finding_add_missing(finding, "the word at 0x%" PRIx64 " before the call", story->view->address)
		?: link_leave_unseen(finding, "null-before", "the word before the call is not recorded");
}

static struct error *summarize(const struct crash *crash, const struct story *story, struct finding *finding)
{
	const struct memory_event *call = story->life ? &story->biography->events[story->call] : NULL;
	struct words code, caller, when;

	evidence_faulting_code(&code, crash);
	if (!call)
		return finding_set_summary(
			finding,
			"The %s of 0x%" PRIx64 " in %s found no page, although the mapping allows it: a guard "
			"(MADV_GUARD_INSTALL) would do this.",
			words_access(crash->facts.fault.access), crash->facts.fault.address, code.text);
	words_caller(&caller, story->biography, story->call);
	words_before_crash(&when, crash, call->exit_ns);
	if (!story->view)
		return finding_set_summary(finding,
					   "The %s of 0x%" PRIx64
					   " in %s hit a guard that %s installed, %s (thread %" PRIu32 ").",
					   words_access(crash->facts.fault.access), crash->facts.fault.address,
					   code.text, caller.text, when.text, call->tid);
	return finding_set_summary(finding,
				   "%s loaded a null pointer from 0x%" PRIx64 ", in a page that %s had discarded, %s "
				   "(thread %" PRIu32 ").",
				   code.text, story->view->address, caller.text, when.text, call->tid);
}

static struct error *append_links(const struct crash *crash, const struct story *story, struct finding *finding)
{
	struct error *err = story->view ? link_append_pointer_from_page(crash, finding, story->view)
					: append_absent_page(crash, story, finding);

	if (err)
		return err;
	return story->life ? append_act(crash, story, finding) : append_inferred_guard(crash, finding);
}

static struct error *tell(const struct crash *crash, const struct story *story, struct finding_list *findings)
{
	struct finding *finding;
	struct words caller;
	struct error *err = finding_append(findings, FINDING_DISCARDED_PAGES, &finding)
		?: append_links(crash, story, finding)
		?: summarize(crash, story, finding);

	if (err || !story->life)
		return err;
	/* An allocator may give back what was freed. */
	if (!story->view || !by_allocator(story->biography, story->call))
		err = evidence_accuse_caller(finding, story->biography, story->call);
	if (err)
		return err;
	link_begin_background(finding);
	return evidence_add_call(crash, story->biography, finding, story->life->born, "mapped")
		       ?: finding_set_next_step(finding,
						"why does %s take this memory for unused while it is still in use?",
						words_caller(&caller, story->biography, story->call));
}

struct error *cause_discarded_pages(const struct crash *crash, struct finding_list *findings)
{
	struct story story;

	if (find_guard(crash, &story))
		return tell(crash, &story, findings);
	for (size_t i = 0; i < crash->facts.view_count; i++) {
		if (find_discard(crash, &crash->facts.views[i], &story))
			return tell(crash, &story, findings);
	}
	return NULL;
}
