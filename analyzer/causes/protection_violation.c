/* SPDX-License-Identifier: MIT */
/*
 * protection-violation: memory was used in a way that its mapping forbids.
 *
 * What is seen: the processor refused a read, write or execution of a page that is mapped (SEGV_ACCERR, SEGV_PKUERR),
 * or the instruction needs a permission that the core shows the mapping not to have. With a record: the call that
 * removed the permission, or the one that mapped the memory without it.
 *
 * What it could be mistaken for, and is left to others: an overflowed stack (the guard page lies right below the
 * mapping of the stack pointer, and the fault lies by the stack pointer); execution of data, unless the permission to
 * execute was removed. A wild pointer can hit read-only memory too (wild-pointer): it is called proven only where a
 * recorded call removed a permission that the page had had, because without that call the access would have gone
 * through; that call's code is then the culprit, else nobody is: the access itself is the end. What the dynamic linker
 * makes read-only after relocation (RELRO) always was meant to be, and is treated as if it had been mapped so. A stale
 * pointer into memory that has become somebody else's read-only mapping (earlier-mapping): said, and at most possible.
 * An overflow of the writable memory right below (overrun-of-neighbour): malloc takes large blocks by mmap, and the
 * kernel puts them right below the libraries, so a loop that runs past such a block's end dies in the first, read-only
 * page of a library.
 *
 * What is heuristic: that a read-only section, a string literal, was written to on purpose; how far an overrun gets
 * into the memory that refuses it (overrun_reach()): beyond that it is open only.
 */
#include <inttypes.h>
#include <signal.h>
#include <sys/mman.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence.h"
#include "analyzer/evidence/evidence_culprit.h"
#include "analyzer/evidence/evidence_fault.h"
#include "analyzer/evidence/evidence_mapping.h"
#include "analyzer/evidence/link_mapping.h"
#include "analyzer/evidence/link_page.h"
#include "analyzer/facts/place.h"
#include "replay/effect.h"

/* Without a core that shows what lies by the stack: how far from the stack pointer a fault is still taken for one of
 * its guard page. */
#define FRAME_REACH_BYTES 65536

static const char *const removed_alternatives[] = {"unseen-change", "other-order", NULL};

/* A call removed a permission that the page had. */
const struct link_kind link_permission_removed = {"permission-removed", FINDING_PROTECTION_VIOLATION,
						  removed_alternatives};

static const char *const use_alternatives[] = {"wild-pointer", "earlier-mapping", "overrun-of-neighbour", NULL};

/* The memory was so from its beginning, and was used against it. */
const struct link_kind link_forbidden_use = {"forbidden-use", FINDING_PROTECTION_VIOLATION, use_alternatives};

/* How far into a file's mapping an overrun of the memory below may get. */
#define FILE_REACH_BYTES 4096

struct story {
	int needed;		 /* PROT_* */
	const struct life *life; /* NULL: nothing was recorded there */
	bool has_taker;
	size_t taker; /* the call that removed the permission */
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
		return false; /* nobody saw what was there, and another thread may have changed it since */
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
		return "memory without permissions";
	if (mapping->file.is_relro)
		return "data that is read-only after relocation";
	if (mapping->protection & PROT_EXEC)
		return "code";
	return "read-only memory";
}

/* ---- the links ---- */

static struct error *append_removal(const struct crash *crash, const struct story *story, struct finding *finding)
{
	const struct biography *biography = &crash->facts.biography;
	const struct memory_event *taker = &biography->events[story->taker];
	struct words call;

	return link_append(finding, &link_permission_removed, BASIS_OBSERVED, link_call_node(biography, story->taker),
			   "%s by thread %" PRIu32 " removed the permission", words_call(&call, taker), taker->tid)
		?: evidence_add_call(crash, biography, finding, story->taker, "the permission was removed")
		?: link_examine_coverage(crash, biography, finding, "unseen-change", taker->enter_ns,
					 "the permission may have been restored, and removed by another call")
		?: link_examine_order(biography, finding, "other-order", story->life);
}

static struct error *examine_pointer(const struct crash *crash, const struct story *story, struct finding *finding)
{
	struct error *err = finding_add_missing(
		finding, "whether the pointer was meant to point here: a wild one can hit %s as well",
		kind_of_memory(crash));

	if (err)
		return err;
	if (crash->facts.mapping.known && (crash->facts.mapping.protection & PROT_EXEC) && story->needed == PROT_WRITE)
		return link_leave_as_likely(finding, "wild-pointer", "few programs write to their code on purpose");
	return link_leave_unseen(finding, "wild-pointer", "nothing shows that the pointer was meant to point here");
}

/* Another mapping was at the address before, which the pointer may have been made for. */
static struct error *examine_earlier_mapping(const struct crash *crash, const struct story *story,
					     struct finding *finding)
{
	const struct biography *biography = &crash->facts.biography;
	bool is_own = false;
	struct words caller, when;

	if (!story->life)
		return link_leave_unseen(finding, "earlier-mapping", "what was mapped here before is not recorded");
	for (size_t i = 0; i < biography->timeline.life_count; i++) {
		const struct life *life = &biography->timeline.lives[i];
		const struct memory_event *ended;

		if (life == story->life || life->died == TIMELINE_ALIVE || life->born >= story->life->born ||
		    biography->address < life->start || biography->address >= life->end)
			continue;
		ended = &biography->events[life->died];
		if (biography_is_scratch(biography, life) || life->died == story->life->born ||
		    ended->kind == MEMORY_MMAP)
			continue;
		if (evidence_same_party(biography, life->born, story->life->born)) {
			is_own = true;
			continue;
		}
		return link_leave_as_likely(finding, "earlier-mapping",
					    "%s unmapped another mapping at the address, %s: the pointer may belong to "
					    "that one",
					    words_caller(&caller, biography, life->died),
					    words_before_crash(&when, crash, ended->exit_ns));
	}
	if (is_own)
		return link_leave_open(
			finding, "earlier-mapping",
			"the same module had unmapped another mapping at the address: the pointer may belong "
			"to that one");
	return link_rule_out(finding, "earlier-mapping", EVIDENCE_EVENT, biography->events[story->life->born].id, 0,
			     "no other recorded mapping was at the address before");
}

/* The address is a constant of the instruction: no pointer and no index led there. */
static bool is_constant_address(const struct crash *crash)
{
	const struct fault *fault = &crash->facts.fault;
	const struct fault_operand *operand =
		&fault->operands[fault->operand < FAULT_MAX_OPERANDS ? fault->operand : 0];

	return fault->operand < fault->operand_count && operand->index < 0 &&
	       (operand->base < 0 || operand->base == CORE_RIP);
}

/* How far into the mapping a loop over the memory below gets. The first access that touches the mapping is refused, so
 * one from byte to byte stops at its start, or an access before it. In the head of a file nobody writes on purpose:
 * there a loop with a longer step is still likelier. */
static uint64_t overrun_reach(const struct crash *crash)
{
	const struct fault *fault = &crash->facts.fault;
	uint32_t bytes = fault->operand < fault->operand_count ? fault->operands[fault->operand].bytes : 0;

	if (crash->facts.mapping.file.path && !crash->facts.mapping.file.is_relro)
		return FILE_REACH_BYTES;
	return bytes ?: sizeof(uint64_t);
}

/* Did a loop run past the end of the writable memory below, into this mapping's first bytes? */
static struct error *examine_overrun(const struct crash *crash, struct finding *finding)
{
	const struct mapping_facts *mapping = &crash->facts.mapping;
	struct place below;
	struct words size, code;

	if (!mapping->known)
		return link_leave_unseen(finding, "overrun-of-neighbour", "no core shows what is mapped right below");
	if (is_constant_address(crash))
		return link_rule_out(finding, "overrun-of-neighbour", EVIDENCE_FRAME, 0,
				     crash->facts.fault.registers[CORE_RIP],
				     "the address is a constant of the instruction");
	place_of(crash, mapping->start - 1, &below);
	if (below.kind == PLACE_UNKNOWN)
		return link_leave_unseen(finding, "overrun-of-neighbour", "what is mapped right below is not known");
	if (!below.mapped || (below.protection >= 0 && !(below.protection & PROT_WRITE)))
		return link_rule_out(finding, "overrun-of-neighbour", EVIDENCE_MAPPING, 0,
				     below.mapped ? below.start : mapping->start,
				     "nothing writable is mapped right below");
	words_bytes(&size, below.end - below.start);
	if (crash->facts.fault.address - mapping->start >= overrun_reach(crash))
		return link_leave_open(finding, "overrun-of-neighbour",
				       "a writable mapping (%s) ends at 0x%" PRIx64
				       ", below: an index may have run past its end",
				       size.text, mapping->start);
	return link_leave_as_likely(finding, "overrun-of-neighbour",
				    "a writable mapping (%s) ends at 0x%" PRIx64
				    ", right below: a loop may have run past its end",
				    size.text, mapping->start)
		       ?: finding_set_next_step(finding,
						"does %s go past the end of the memory below 0x%" PRIx64
						"? corelate record --heap shows whose block ends there",
						evidence_fault_code(&code, crash), mapping->start);
}

static struct error *append_use(const struct crash *crash, const struct story *story, struct finding *finding)
{
	struct node node = {.kind = NODE_CODE, .start = crash->facts.fault.registers[CORE_RIP]};
	struct words code;
	struct error *err;

	err = link_append(finding, &link_forbidden_use, BASIS_COMPUTED, node, "%s made the %s, with that address",
			  evidence_faulting_code(&code, crash), words_access(crash->facts.fault.access))
		      ?: (crash->facts.stacks.thread_count ? evidence_add_faulting_frame(crash, finding)
							   : evidence_add_fault(crash, finding))
		      ?: examine_earlier_mapping(crash, story, finding)
		      ?: examine_pointer(crash, story, finding)
		      ?: examine_overrun(crash, finding);
	if (!err && !crash->record.known)
		err = finding_add_missing(finding, "who mapped or protected this memory: nobody recorded it");
	return err;
}

static struct error *summarize(const struct crash *crash, const struct story *story, struct finding *finding)
{
	struct words caller, when, before, after, spot, code;
	const char *access = words_access(crash->facts.fault.access);

	evidence_faulting_code(&code, crash);
	if (story->has_taker) {
		const struct biography *biography = &crash->facts.biography;
		const struct memory_event *taker = &biography->events[story->taker];

		return finding_set_summary(
			finding,
			"The %s of 0x%" PRIx64 " in %s was refused: %s changed its pages from %s to %s, %s (thread "
			"%" PRIu32 ").",
			access, crash->facts.fault.address, code.text, words_caller(&caller, biography, story->taker),
			words_protection(&before, protection_before(biography, story->life, story->taker)),
			words_protection(&after, (int)taker->args[2]), words_before_crash(&when, crash, taker->exit_ns),
			taker->tid);
	}
	if (crash->facts.mapping.known)
		return finding_set_summary(finding, "The %s of 0x%" PRIx64 " in %s was refused: it is %s (%s, %s).",
					   access, crash->facts.fault.address, code.text, kind_of_memory(crash),
					   words_protection(&after, crash->facts.mapping.protection),
					   evidence_spot(&spot, &crash->facts.mapping.file));
	return finding_set_summary(
		finding, "The %s of 0x%" PRIx64 " in %s was refused: the mapping there does not allow it (%s).", access,
		crash->facts.fault.address, code.text,
		words_protection(&after, story->life ? story->life->protection : -1));
}

/* The call that mapped it. */
static struct error *add_background(const struct crash *crash, const struct story *story, struct finding *finding)
{
	link_begin_background(finding);
	return story->life ? evidence_add_call(crash, &crash->facts.biography, finding, story->life->born, "mapped")
			   : NULL;
}

static bool has_other_protector(const struct life *life)
{
	return life->is_open && life->other_protector != TIMELINE_ALIVE;
}

static struct error *tell_removal(const struct crash *crash, const struct story *story, struct finding *finding)
{
	struct words caller;
	struct error *err = evidence_add_faulting_frame(crash, finding) ?: append_removal(crash, story, finding);

	/* Where another call may have removed it, neither is accused. */
	if (!err && !has_other_protector(story->life))
		err = evidence_accuse_caller(finding, &crash->facts.biography, story->taker);
	return err
		       ?: finding_set_next_step(finding, "may %s protect this memory while it is still in use?",
						words_caller(&caller, &crash->facts.biography, story->taker));
}

static struct error *tell_use(const struct crash *crash, const struct story *story, struct finding *finding)
{
	struct words code;

	return finding_set_next_step(finding, "where does %s get its pointer?", evidence_fault_code(&code, crash))
		       ?: append_use(crash, story, finding);
}

struct error *cause_protection_violation(const struct crash *crash, struct finding_list *findings)
{
	struct finding *finding;
	struct story story;

	if (!find_story(crash, &story))
		return NULL;
	return finding_append(findings, FINDING_PROTECTION_VIOLATION, &finding)
		?: link_append_refused_access(crash, finding, story.life)
		?: (story.has_taker ? tell_removal(crash, &story, finding) : tell_use(crash, &story, finding))
		?: summarize(crash, &story, finding)
		?: add_background(crash, &story, finding);
}
