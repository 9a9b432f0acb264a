/* SPDX-License-Identifier: MIT */
#include "analyzer/evidence/link_mapping.h"

#include <inttypes.h>

#include "analyzer/evidence/evidence.h"
#include "analyzer/facts/event_stack.h"
#include "analyzer/words.h"
#include "replay/effect.h"

static const char *const ended_alternatives[] = {"unseen-mapping", "page-mapped", "other-address", "other-order", NULL};

const struct link_kind link_ended_mapping = {"ended-mapping", FINDING_USE_AFTER_MUNMAP, ended_alternatives};

struct node link_call_node(const struct biography *biography, size_t index)
{
	const struct memory_event *event = &biography->events[index];
	struct node node = {.kind = NODE_CALL, .id = event->id};

	timeline_removed_range(event, &node.start, &node.end);
	if (node.start >= node.end)
		timeline_added_range(event, &node.start, &node.end);
	return node;
}

struct node link_mapping_node(const struct biography *biography, const struct life *life)
{
	struct node node = {.kind = NODE_MAPPING, .id = biography->events[life->born].id};

	timeline_mapping_range(&biography->timeline, life, &node.start, &node.end);
	return node;
}

struct error *link_examine_coverage(const struct crash *crash, const struct biography *biography,
				    struct finding *finding, const char *name, uint64_t from_ns,
				    const char *consequence)
{
	const struct gap *gap = NULL;
	struct words span, when;
	struct error *err;

	if (crash_unseen_between(crash, from_ns, crash->record.time_ns, &gap)) {
		if (gap && gap->lost)
			err = finding_add_missing(
				finding, "%" PRIu64 " events were lost (%s) in a span of %s that ended %s: %s",
				gap->lost, gap_cause_name(gap->cause), words_duration(&span, gap->to_ns - gap->from_ns),
				words_before_crash(&when, crash, gap->to_ns), consequence);
		else
			err = finding_add_missing(finding, "not all of the time before the crash was recorded (%s): %s",
						  gap ? gap_cause_name(gap->cause)
						      : "the recording began later or ended earlier",
						  consequence);
		link_mark_gap(finding);
		return err ?: link_leave_unseen(finding, name, "the record has a gap: %s", consequence);
	}
	if (biography->truncated) {
		link_mark_gap(finding);
		return finding_add_missing(finding, "the older history of this memory is too long to read: %s",
					   consequence)
			       ?: link_leave_unseen(finding, name, "the history that was read is cut: %s", consequence);
	}
	return link_rule_out(finding, name, EVIDENCE_COVERAGE, (int64_t)from_ns, 0,
			     "every call of the process from then to the crash was recorded");
}

struct error *link_examine_order(const struct biography *biography, struct finding *finding, const char *name,
				 const struct life *life)
{
	const struct memory_event *events = biography->events;
	size_t other =
		life->has_other_end && life->other_end != TIMELINE_ALIVE ? life->other_end : life->other_protector;
	struct words call, caller;

	if (!life->is_open)
		return link_rule_out(finding, name, EVIDENCE_EVENT, events[life->born].id, 0,
				     "no other call on this memory overlaps in time");
	if (life->died != TIMELINE_ALIVE && memory_event_failed(&events[life->died]))
		return link_leave_open(finding, name, "%s failed: only the end shows that it unmapped the range first",
				       words_call(&call, &events[life->died]));
	if (life->protected_by != life->born && memory_event_failed(&events[life->protected_by]))
		return link_leave_open(finding, name, "%s failed: how much it changed is not known",
				       words_call(&call, &events[life->protected_by]));
	if (other == TIMELINE_ALIVE)
		return link_leave_open(finding, name, "some of the calls overlap in time: their order is not known");
	return link_leave_open(
		finding, name, "%s by thread %" PRIu32 " in %s overlaps in time%s: the order is not known",
		words_call(&call, &events[other]), events[other].tid, words_caller(&caller, biography, other),
		memory_event_failed(&events[other]) ? " or failed, and may have acted" : "");
}

bool link_made_by_library(const struct event_context *context)
{
	const struct frame at = {.symbol = context->at}, caller = {.symbol = context->caller};

	if (context->stack.frame_count)
		return context->stack.caller > 1;
	return context->caller.module ? event_stack_is_library(&caller)
				      : context->at.module && event_stack_is_library(&at);
}

struct error *link_examine_earlier_lives(const struct crash *crash, struct finding *finding, const char *name,
					 const struct life *last)
{
	const struct biography *biography = &crash->facts.biography;
	struct words caller, when;

	for (size_t i = 0; i < biography->timeline.life_count; i++) {
		const struct life *life = &biography->timeline.lives[i];
		const struct memory_event *ended;

		if (life == last || life->born >= last->born || life->died == TIMELINE_ALIVE ||
		    biography->address < life->start || biography->address >= life->end)
			continue;
		if (biography_is_scratch(&crash->facts.biography, life))
			continue;
		/* Memory that is reserved first and then mapped over by the same party stays the same memory. */
		ended = &biography->events[life->died];
		if (ended->kind == MEMORY_MMAP && evidence_same_party(&crash->facts.biography, life->born, life->died))
			continue;
		return link_leave_open(finding, name,
				       "thread %" PRIu32
				       " %s an earlier mapping at the address in %s, %s: the pointer may "
				       "belong to that one, or this munmap was its second (a double munmap)",
				       ended->tid, ended->kind == MEMORY_MUNMAP ? "unmapped" : "ended",
				       words_caller(&caller, &crash->facts.biography, life->died),
				       words_before_crash(&when, crash, ended->exit_ns));
	}
	return link_rule_out(finding, name, EVIDENCE_EVENT, biography->events[last->born].id, 0,
			     "no other recorded mapping held the address before");
}

static struct error *examine_page(const struct crash *crash, struct finding *finding)
{
	if (crash->facts.fault.mapped_since)
		return link_rule_out(
			finding, "page-mapped", EVIDENCE_SIGNAL, 0, crash->facts.fault.address,
			"the handler was called with SEGV_MAPERR: what the core has there was mapped afterwards");
	if (crash->facts.fault.mapping_known)
		return link_rule_out(finding, "page-mapped", EVIDENCE_MAPPING, 0, crash->facts.fault.address,
				     "the core has no mapping at 0x%" PRIx64, crash->facts.fault.address);
	return finding_add_missing(finding, "the core, which would show that the page is not mapped")
		       ?: link_leave_unseen(finding, "page-mapped", "no core shows that the page was unmapped");
}

struct error *link_examine_address(const struct crash *crash, struct finding *finding, const char *name)
{
	if (crash->facts.signal.trustworthy || crash->facts.fault.in_handler)
		return link_rule_out(finding, name, EVIDENCE_SIGNAL,
				     crash->record.has_signal_event && !crash->facts.fault.in_handler
					     ? crash->record.signal_event.id
					     : 0,
				     crash->facts.fault.address, "the kernel gave the fault address");
	if (crash->facts.fault.source == ADDRESS_STACK)
		return link_leave_open(finding, name,
				       "the kernel gave no fault address; 0x%" PRIx64 " is the stack pointer",
				       crash->facts.fault.address);
	return link_leave_open(
		finding, name,
		"the fault address was computed from the instruction: the signal's own cannot be trusted");
}

struct error *link_append_ended_mapping(const struct crash *crash, struct finding *finding, const struct life *life,
					uint64_t from_ns, const char *consequence)
{
	const struct biography *biography = &crash->facts.biography;
	struct node node = link_mapping_node(biography, life);
	struct words size;

	return link_append(finding, &link_ended_mapping, BASIS_OBSERVED, node,
			   "0x%" PRIx64 " lay in a %s mapping at 0x%" PRIx64 " that had ended",
			   crash->facts.fault.address, words_bytes(&size, node.end - node.start), node.start)
		?: evidence_add_fault(crash, finding)
		?: evidence_add_call(crash, biography, finding, life->born, "mapped")
		?: link_examine_coverage(crash, biography, finding, "unseen-mapping", from_ns, consequence)
		?: examine_page(crash, finding)
		?: link_examine_address(crash, finding, "other-address")
		?: link_examine_order(biography, finding, "other-order", life);
}
