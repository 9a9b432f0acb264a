/* SPDX-License-Identifier: MIT */
/*
 * protection-violation: memory was used in a way that its mapping forbids.
 *
 * What is seen: the processor refused a read, write or execution of a page that is mapped (SEGV_ACCERR, SEGV_PKUERR),
 * or the instruction needs a permission that the core shows the mapping not to have. With a record: the call that took
 * the permission away, or the one that mapped the memory without it.
 *
 * What it could be mistaken for, and is left to others: an overflowed stack (the guard page lies right below the
 * mapping of the stack pointer, and the fault lies by the stack pointer); execution of data, unless the permission to
 * execute was taken away. A wild pointer can hit read-only memory too: it is called proven only where a recorded call
 * took away a permission that the page had had, because without that call the access would have gone through. What the
 * dynamic linker makes read-only after relocation (RELRO) always was meant to be, and is treated as if it had been
 * mapped so. A stale pointer into memory that has become somebody else's read-only mapping: said, and at most possible.
 *
 * What is heuristic: that a read-only section, a string literal, was written to on purpose.
 */
#include <inttypes.h>
#include <signal.h>
#include <sys/mman.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence.h"
#include "analyzer/evidence/evidence_mapping.h"
#include "replay/effect.h"

/* Without a core that shows what lies by the stack: how far from the stack pointer a fault is still taken for one of
 * its guard page. */
#define FRAME_REACH_BYTES 65536

struct story {
	int needed;		 /* PROT_* */
	const struct life *life; /* NULL: nothing was recorded there */
	bool has_taker;
	size_t taker; /* the call that took the permission away */
};

static int needed_permission(enum access_kind access)
{
	switch (access) {
	case ACCESS_READ:
		return PROT_READ;
	case ACCESS_WRITE:
		return PROT_WRITE;
	case ACCESS_EXECUTE:
		return PROT_EXEC;
	default:
		return 0;
	}
}

static bool is_refused(const struct crash *crash, int needed)
{
	const struct crash_signal *signal =
		crash->facts.fault.in_handler ? &crash->facts.fault.signal : &crash->facts.signal;

	if (!crash->facts.fault.is_fault && signal->trustworthy && !crash->facts.fault.in_handler)
		return false;
	if (signal->number != SIGSEGV || crash->facts.fault.source == ADDRESS_UNKNOWN)
		return false;
	if (crash->facts.mapping.known && needed && (crash->facts.mapping.protection & needed))
		return signal->trustworthy && signal->code == SEGV_PKUERR;
	if (signal->trustworthy)
		return signal->code == SEGV_ACCERR || signal->code == SEGV_PKUERR;
	return crash->facts.mapping.known && needed;
}

static bool by_the_stack(const struct crash *crash)
{
	uint64_t sp = crash->facts.registers[CORE_RSP], address = crash->facts.fault.address;

	if (crash->facts.mapping.known)
		return crash->facts.mapping.guards_stack;
	return crash->facts.has_registers && address + FRAME_REACH_BYTES >= sp && address < sp + FRAME_REACH_BYTES;
}

/* What the page was allowed to before event number `index`. */
static int protection_before(const struct biography *biography, const struct life *life, size_t index)
{
	const struct memory_event *born = &biography->events[life->born];
	int protection = born->kind == MEMORY_BRK ? PROT_READ | PROT_WRITE : -1;

	if (born->kind == MEMORY_MMAP || born->kind == MEMORY_SEEN)
		protection = (int)born->args[2];
	for (size_t i = life->born + 1; i < index; i++) {
		const struct memory_event *event = &biography->events[i];
		struct memory_effect effect = memory_event_effect(event);

		if ((event->kind == MEMORY_MPROTECT || event->kind == MEMORY_PKEY_MPROTECT) &&
		    biography->address >= effect.touched_start && biography->address < effect.touched_end)
			protection = (int)event->args[2];
	}
	return protection;
}

static bool find_story(const struct crash *crash, struct story *ret)
{
	const struct biography *biography = &crash->facts.biography;

	*ret = (struct story){.needed = needed_permission(crash->facts.fault.access)};
	if (!is_refused(crash, ret->needed) || by_the_stack(crash))
		return false;
	ret->life = evidence_life_at_death(crash, &crash->facts.biography);
	/* A record that allows what the processor refused is not the whole truth. */
	if (ret->life && ret->life->protection >= 0 && ret->needed && (ret->life->protection & ret->needed))
		ret->life = NULL;
	if (!ret->life && !crash->facts.mapping.known)
		return false; /* nobody saw what stood there, and the signal may have been overtaken by another thread
			       */
	if (ret->life && ret->life->protected_by != ret->life->born && ret->needed) {
		int before = protection_before(biography, ret->life, ret->life->protected_by);

		ret->taker = ret->life->protected_by;
		/* Two calls in a row may take it away: the first one that did is the one. */
		while (before >= 0 && !(before & ret->needed) && ret->taker > ret->life->born + 1) {
			size_t earlier = ret->taker;

			while (--earlier > ret->life->born) {
				const struct memory_event *event = &biography->events[earlier];

				if (event->kind == MEMORY_MPROTECT || event->kind == MEMORY_PKEY_MPROTECT)
					break;
			}
			if (earlier <= ret->life->born)
				break;
			ret->taker = earlier;
			before = protection_before(biography, ret->life, earlier);
		}
		ret->has_taker = before >= 0 && (before & ret->needed) &&
				 !evidence_by_dynamic_linker(&crash->facts.biography, ret->taker);
	}
	/* Data that is executed has a class of its own. */
	return ret->needed != PROT_EXEC || ret->has_taker;
}

static const char *kind_of_memory(const struct crash *crash)
{
	const struct mapping_facts *mapping = &crash->facts.mapping;

	if (!mapping->known)
		return "memory";
	if (mapping->protection == PROT_NONE)
		return "memory without any permission";
	if (mapping->file.is_relro)
		return "data that is read-only once it is relocated";
	if (mapping->protection & PROT_EXEC)
		return "code";
	return "read-only memory";
}

/* How a pointer comes to where it should not write, when no call took the permission away. */
static struct error *doubt_pointer(const struct crash *crash, const struct story *story, struct finding *finding)
{
	const struct biography *biography = &crash->facts.biography;
	struct words caller, when;

	for (size_t i = 0; story->life && i < biography->timeline.life_count; i++) {
		const struct life *life = &biography->timeline.lives[i];
		const struct memory_event *ended;

		if (life == story->life || life->died == TIMELINE_ALIVE || life->born >= story->life->born ||
		    biography->address < life->start || biography->address >= life->end)
			continue;
		ended = &biography->events[life->died];
		if (biography_is_scratch(&crash->facts.biography, life) || life->died == story->life->born ||
		    ended->kind == MEMORY_MMAP ||
		    evidence_same_party(&crash->facts.biography, life->born, story->life->born))
			continue;
		finding->confidence = CONFIDENCE_POSSIBLE;
		return evidence_doubt(
			finding,
			"another mapping stood at the address before, and was taken away in %s, %s: the pointer "
			"may be of that time",
			words_caller(&caller, &crash->facts.biography, life->died),
			words_before_crash(&when, crash, ended->exit_ns));
	}
	return finding_add_missing(finding,
				   "whether the pointer was meant to point here: a wild one can hit %s as well",
				   kind_of_memory(crash));
}

static struct error *judge(const struct crash *crash, const struct story *story, struct finding *finding)
{
	struct error *err;

	if (!story->has_taker) {
		finding->confidence = CONFIDENCE_LIKELY;
		if (crash->facts.mapping.known && (crash->facts.mapping.protection & PROT_EXEC) &&
		    story->needed == PROT_WRITE)
			finding->confidence = CONFIDENCE_POSSIBLE;
		err = doubt_pointer(crash, story, finding);
		if (!err && !crash->record.known)
			err = finding_add_missing(finding, "who made this memory so: nobody recorded it");
		return err;
	}
	finding->confidence = CONFIDENCE_PROVEN;
	err = evidence_weigh_gaps(crash, &crash->facts.biography, finding,
				  crash->facts.biography.events[story->taker].enter_ns,
				  "the permission may have been given back and taken by somebody else");
	if (!err && story->life)
		err = evidence_doubt_order(&crash->facts.biography, finding, story->life);
	if (!err && !crash->facts.mapping.known)
		err = evidence_doubt(finding, "no core shows what permissions the page had in the end");
	return err;
}

static struct error *summarize(const struct crash *crash, const struct story *story, struct finding *finding)
{
	struct words caller, when, before, after, spot, code;
	const char *access = words_access(crash->facts.fault.access);

	if (story->has_taker) {
		const struct memory_event *taker = &crash->facts.biography.events[story->taker];

		return finding_set_summary(finding,
					   "A %s of 0x%" PRIx64 " in %s was refused, because thread %" PRIu32
					   " had taken that permission away in %s, %s (%s became %s).",
					   access, crash->facts.fault.address, evidence_faulting_code(&code, crash),
					   taker->tid, words_caller(&caller, &crash->facts.biography, story->taker),
					   words_before_crash(&when, crash, taker->exit_ns),
					   words_protection(&before, protection_before(&crash->facts.biography,
										       story->life, story->taker)),
					   words_protection(&after, (int)taker->args[2]));
	}
	if (crash->facts.mapping.known)
		return finding_set_summary(finding, "%s attempted a %s of 0x%" PRIx64 ", which is %s: %s (%s).",
					   evidence_faulting_code(&code, crash), access, crash->facts.fault.address,
					   kind_of_memory(crash), evidence_spot(&spot, &crash->facts.mapping.file),
					   words_protection(&after, crash->facts.mapping.protection));
	return finding_set_summary(finding,
				   "%s attempted a %s of 0x%" PRIx64 ", which the mapping there does not allow (%s).",
				   evidence_faulting_code(&code, crash), access, crash->facts.fault.address,
				   words_protection(&after, story->life ? story->life->protection : -1));
}

static struct error *add_mapping(const struct crash *crash, struct finding *finding)
{
	const struct mapping_facts *mapping = &crash->facts.mapping;
	struct words protection, spot;

	if (!mapping->known)
		return NULL;
	return finding_add_evidence(finding, EVIDENCE_MEMORY, 0, crash->facts.fault.address,
				    "the core has 0x%" PRIx64 "-0x%" PRIx64 " mapped %s: %s", mapping->start,
				    mapping->end, words_protection(&protection, mapping->protection),
				    evidence_spot(&spot, &mapping->file));
}

struct error *cause_protection_violation(const struct crash *crash, struct finding_list *findings)
{
	struct finding *finding;
	struct words offender;
	struct story story;
	struct error *err;

	if (!find_story(crash, &story))
		return NULL;
	err = finding_append(findings, FINDING_PROTECTION_VIOLATION, &finding)
		?: judge(crash, &story, finding)
		?: summarize(crash, &story, finding);
	if (!err && story.life)
		err = evidence_add_call(crash, &crash->facts.biography, finding, story.life->born, "mapped");
	if (!err && story.has_taker)
		err = evidence_add_call(crash, &crash->facts.biography, finding, story.taker,
					"the permission was taken away");
	if (!err)
		err = add_mapping(crash, finding)
			?: evidence_add_fault(crash, finding)
			?: evidence_add_faulting_frame(crash, finding);
	if (err)
		return err;
	if (story.has_taker ? words_offender(&offender, &crash->facts.biography, story.taker) != NULL
			    : evidence_faulting_function(&offender, crash) != NULL)
		err = finding_set_offender(finding, "%s", offender.text);
	if (!err && story.has_taker)
		err = finding_set_next_step(finding, "ask whether %s may protect this memory while it is still used",
					    words_caller(&offender, &crash->facts.biography, story.taker));
	else if (!err)
		err = finding_set_next_step(finding, "look at where %s has its pointer from",
					    evidence_faulting_code(&offender, crash));
	return err;
}
