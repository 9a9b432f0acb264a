/* SPDX-License-Identifier: MIT */
/*
 * discarded-pages: the contents of memory that was in use were thrown away (madvise with MADV_DONTNEED, MADV_FREE or
 * MADV_REMOVE), or a guard was put over it (MADV_GUARD_INSTALL).
 *
 * What is seen: a guard makes every access fault, although the page's mapping stands (SEGV_MAPERR inside a mapping:
 * Linux mm/memory.c, VM_FAULT_SIGSEGV). Pages that were discarded read as zero, so the fault comes later: the failing
 * pointer was read, as zero, from a page that is zero from end to end and was discarded by a recorded call after it was
 * mapped.
 *
 * What it could be mistaken for: an allocator that gives back what was freed, which is what these calls are for. Then a
 * null pointer read from the page was never set: the call comes from within an allocator or the C library (possible at
 * most). A program that empties its own pool or table and forgets to look for null: then something is mostly written to
 * the page since, which must not be so but for what the crashing functions themselves just stored (assemble_path.c); it
 * is likely at most in any case. The guard of a thread's stack: the fault lies by the stack pointer, and the overflowed
 * stack is another's to tell. A mapping of a file is not emptied by it, only read again, so only anonymous memory
 * counts. Without a record a guard can be told only by the fault in a mapping that allows the access; that another
 * thread mapped the page just after the fault looks the same.
 */
#include <inttypes.h>
#include <signal.h>
#include <sys/mman.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence_mapping.h"
#include "replay/effect.h"

enum { ADVICE_REMOVE = 9, ADVICE_GUARD_INSTALL = 102, ADVICE_GUARD_REMOVE = 103 };

/* How far from the stack pointer a function's own frame reaches. */
#define FRAME_REACH_BYTES 65536

struct story {
	const struct life *life;	/* the mapping; NULL when nothing was recorded */
	size_t call;			/* the madvise, when `life` is set */
	const struct biography *biography; /* of the view, or of the fault's own page */
	const struct memory_view *view; /* NULL: a guard at the fault's own page */
};

/* The last advice about the page since its mapping was made that says something of its contents; SIZE_MAX: none. */
static size_t last_advice(const struct biography *biography, const struct life *life, bool of_guards)
{
	for (size_t i = biography->event_count; i-- > life->born + 1;) {
		const struct memory_event *event = &biography->events[i];
		struct memory_effect effect = memory_event_reach(event);
		bool guards = event->args[2] == ADVICE_GUARD_INSTALL || event->args[2] == ADVICE_GUARD_REMOVE;

		if (event->kind == MEMORY_MADVISE && biography->address >= effect.touched_start &&
		    biography->address < effect.touched_end && (of_guards ? guards : evidence_discards(event)))
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

/* A fault of an absent page, in a mapping that stands and allows the access. */
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
	if (!ret->life)
		return !crash->record.known;
	ret->call = last_advice(biography, ret->life, true);
	return ret->call != SIZE_MAX && biography->events[ret->call].args[2] == ADVICE_GUARD_INSTALL;
}

static bool find_discard(const struct crash *crash, const struct memory_view *view, struct story *ret)
{
	const struct biography *biography = &view->biography;

	*ret = (struct story){.life = evidence_life_at_death(crash, biography), .biography = biography, .view = view};
	if (!ret->life || !view->page_is_zero || view->value != 0 || view->role != VIEW_SOURCE)
		return false;
	ret->call = last_advice(biography, ret->life, false);
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

static struct error *judge(const struct crash *crash, const struct story *story, struct finding *finding)
{
	enum evidence_parties parties;
	struct error *err;

	if (!story->life) {
		finding->confidence = CONFIDENCE_POSSIBLE;
		return finding_add_missing(finding,
					   "a record: another thread may have mapped the page just after the fault");
	}
	finding->confidence = story->view ? CONFIDENCE_LIKELY : CONFIDENCE_PROVEN;
	err = evidence_weigh_gaps(crash, story->biography, finding, story->biography->events[story->call].enter_ns,
				  "the page may have been changed again unseen");
	if (!err && may_have_stopped(&story->biography->events[story->call]))
		err = evidence_doubt(finding, "the call failed: how far it came is not known");
	if (err || !story->view)
		return err;
	parties = evidence_parties(story->biography, story->life->born, story->call);
	err = finding_add_missing(finding, "what stood at 0x%" PRIx64 " before the call", story->view->address);
	if (!err && by_allocator(story->biography, story->call)) {
		err = evidence_doubt(finding,
				     "an allocator gave the page back: its blocks had been freed, and the pointer may "
				     "never have been set since");
		finding->confidence = CONFIDENCE_POSSIBLE;
	} else if (!err && parties == PARTIES_SAME_FUNCTION) {
		err = evidence_doubt(finding,
				     "the same function had made the mapping: it may have known the page to be "
				     "free, and the pointer may never have been set since");
	} else if (!err && parties != PARTIES_STRANGERS) {
		err = evidence_doubt(finding, "the owner of the memory may have known that it was free");
	}
	if (!err && !story->view->is_exact)
		err = finding_add_missing(finding, "the way through the code: the text alone says that the pointer was "
						   "read from there");
	return err;
}

static struct error *summarize(const struct crash *crash, const struct story *story, struct finding *finding)
{
	const struct memory_event *call = story->life ? &story->biography->events[story->call] : NULL;
	struct words code, caller, when;

	evidence_faulting_code(&code, crash);
	if (!call)
		return finding_set_summary(
			finding,
			"The %s of 0x%" PRIx64 " in %s found no page, although the mapping stands and allows it: "
			"a guard (MADV_GUARD_INSTALL) lies there.",
			words_access(crash->facts.fault.access), crash->facts.fault.address, code.text);
	words_caller(&caller, story->biography, story->call);
	words_before_crash(&when, crash, call->exit_ns);
	if (!story->view)
		return finding_set_summary(finding,
					   "The %s of 0x%" PRIx64 " in %s hit a guard that thread %" PRIu32
					   " had put over that memory in %s, %s.",
					   words_access(crash->facts.fault.access), crash->facts.fault.address,
					   code.text, call->tid, caller.text, when.text);
	return finding_set_summary(finding,
				   "%s read a null pointer from 0x%" PRIx64 ", in a page whose contents thread %" PRIu32
				   " had thrown away in %s, %s.",
				   code.text, story->view->address, call->tid, caller.text, when.text);
}

static struct error *tell(const struct crash *crash, const struct story *story, struct finding_list *findings)
{
	struct finding *finding;
	struct words offender;
	struct error *err = finding_append(findings, FINDING_DISCARDED_PAGES, &finding)
		?: judge(crash, story, finding)
		?: summarize(crash, story, finding);

	if (!err && story->life)
		err = evidence_add_call(crash, story->biography, finding, story->life->born, "mapped");
	if (!err && story->life)
		err = evidence_add_call(crash, story->biography, finding, story->call,
					story->view ? "emptied" : "guarded");
	if (!err && story->view)
		err = evidence_add_view(finding, story->view);
	if (!err)
		err = evidence_add_fault(crash, finding) ?: evidence_add_faulting_frame(crash, finding);
	if (err)
		return err;
	if (story->life ? words_offender(&offender, story->biography, story->call) != NULL
			: evidence_faulting_function(&offender, crash) != NULL)
		err = finding_set_offender(finding, "%s", offender.text);
	if (!err && story->life)
		err = finding_set_next_step(finding, "ask what %s takes for unused, and why the memory is still in use",
					    words_caller(&offender, story->biography, story->call));
	return err;
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
