/* SPDX-License-Identifier: MIT */
#include "analyzer/evidence/evidence_heap.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "analyzer/evidence/evidence.h"
#include "analyzer/evidence/evidence_culprit.h"
#include "analyzer/facts/heap_call.h"
#include "common/array.h"

/* How many callers of a call are named. */
#define CALLERS_NAMED 4

bool evidence_fault_unmapped(const struct crash *crash)
{
	const struct fault *fault = &crash->facts.fault;

	if (!fault->is_fault || fault->source == ADDRESS_UNKNOWN ||
	    (crash->facts.fault.mapping_known && crash->facts.fault.mapped))
		return false;
	return fault->source != ADDRESS_SIGNAL ||
	       (crash->facts.signal.number == SIGSEGV && crash->facts.signal.code == SEGV_MAPERR);
}

static bool gives_back(const char *function)
{
	enum heap_call_kind kind = heap_call_kind_of(function);

	return kind == HEAP_CALL_FREE || kind == HEAP_CALL_REALLOC ||
	       (function && strcmp(function, "munmap_chunk") == 0);
}

static bool is_ended_block(const struct heap_subject *subject, uint64_t start, uint64_t end)
{
	const struct heap_life *life = heap_last_life(&subject->heap, subject->address);

	return life && life->died != HEAP_ALIVE && life->start >= start && life->start < end;
}

bool evidence_unmapped_by_free(const struct crash *crash, const struct life *life)
{
	const struct event_context *context = &crash->facts.biography.contexts[life->died];
	const struct memory_event *event = &crash->facts.biography.events[life->died];
	uint64_t start, end;

	for (size_t i = 0; i < context->stack.frame_count && i < context->stack.caller; i++) {
		if (gives_back(context->stack.frames[i].symbol.function))
			return true;
	}
	if (gives_back(context->caller.function) || gives_back(context->jumper.function))
		return true;
	timeline_removed_range(event, &start, &end);
	for (size_t i = 0; i < crash->facts.heap.subject_count; i++) {
		const struct heap_subject *subject = &crash->facts.heap.subjects[i];

		if ((subject->kind == HEAP_SUBJECT_FAULT || subject->kind == HEAP_SUBJECT_GIVEN) &&
		    is_ended_block(subject, start, end))
			return true;
	}
	return false;
}

size_t evidence_heap_dying(const struct crash *crash, const struct heap_subject *given)
{
	if (!given || crash->facts.heap.pointer_source != HEAP_POINTER_RECORDED)
		return SIZE_MAX;
	for (size_t i = given->event_count; i-- > 0;) {
		if (given->events[i].old_block == crash->facts.heap.pointer &&
		    given->events[i].tid == evidence_dead_thread(crash))
			return given->heap.outer[i];
	}
	return SIZE_MAX;
}

/* ---- words ---- */

/* The program's own code that wanted the call; where the standard library is all that is known, its innermost frame. */
static const struct frame *caller_of(const struct heap_subject *subject, size_t event)
{
	const struct event_stack *stack = heap_subject_stack(subject, event);

	for (size_t i = stack ? stack->caller : 0; stack && i < stack->frame_count; i++) {
		if (stack->frames[i].symbol.module && !event_stack_is_standard(&stack->frames[i]))
			return &stack->frames[i];
	}
	return stack && stack->caller < stack->frame_count ? &stack->frames[stack->caller] : NULL;
}

const char *words_heap_caller(struct words *words, const struct heap_subject *subject, size_t event)
{
	const struct frame *frame = caller_of(subject, event);

	if (frame && frame->symbol.module)
		return words_symbol(words, &frame->symbol);
	if (event < subject->event_count && subject->events[event].top_word)
		snprintf(words->text, sizeof(words->text), "code at 0x%" PRIx64, subject->events[event].top_word);
	else
		snprintf(words->text, sizeof(words->text), "unknown code");
	return words->text;
}

const char *words_heap_block(struct words *words, const struct heap_life *life)
{
	struct words size;

	if (life->born == HEAP_UNSEEN)
		snprintf(words->text, sizeof(words->text), "the block at 0x%" PRIx64, life->start);
	else if (life->size < 10240)
		snprintf(words->text, sizeof(words->text), "the %" PRIu64 "-byte block at 0x%" PRIx64, life->size,
			 life->start);
	else
		snprintf(words->text, sizeof(words->text), "the %s block at 0x%" PRIx64, words_bytes(&size, life->size),
			 life->start);
	return words->text;
}

const char *words_heap_call(struct words *words, const struct heap_event *event)
{
	static const char *const names[] = {
		[FUNCTION_MALLOC] = "malloc",
		[FUNCTION_CALLOC] = "calloc",
		[FUNCTION_REALLOC] = "realloc",
		[FUNCTION_REALLOCARRAY] = "reallocarray",
		[FUNCTION_FREE] = "free",
		[FUNCTION_ALIGNED_ALLOC] = "aligned_alloc",
		[FUNCTION_NEW] = "operator new",
		[FUNCTION_POSIX_MEMALIGN] = "posix_memalign",
		[FUNCTION_DELETE] = "operator delete",
	};
	const char *name = event->role <= FUNCTION_DELETE ? names[event->role] : NULL;
	char *out = words->text;
	size_t size = sizeof(words->text);

	if (!name)
		name = "a call";
	if (event->role == FUNCTION_FREE || event->role == FUNCTION_DELETE)
		snprintf(out, size, "%s(0x%" PRIx64 ")", name, event->old_block);
	else if (event->role == FUNCTION_REALLOC || event->role == FUNCTION_REALLOCARRAY)
		snprintf(out, size,
			 event->exit_ns ? "%s(0x%" PRIx64 ", %" PRIu64 ") = 0x%" PRIx64
					: "%s(0x%" PRIx64 ", %" PRIu64 ")",
			 name, event->old_block, event->size, event->block);
	else
		snprintf(out, size, "%s(%" PRIu64 ") = 0x%" PRIx64, name, event->size, event->block);
	return out;
}

/* The program's own code that the crash is laid to: in a static program the allocator's functions stand in the program,
 * too, so that the search begins with whoever called it. */
static size_t crash_site(const struct crash *crash)
{
	const struct thread_stack *stack = crash->facts.stacks.thread_count ? &crash->facts.stacks.threads[0] : NULL;

	for (size_t i = crash->facts.heap.call.kind != HEAP_CALL_NONE ? crash->facts.heap.call.caller : 0;
	     stack && i < stack->frame_count; i++) {
		if (stack->frames[i].symbol.module && !event_stack_is_standard(&stack->frames[i]))
			return i;
	}
	return SIZE_MAX;
}

const char *words_crash_site(struct words *words, const struct crash *crash)
{
	size_t site = crash_site(crash);

	words->text[0] = 0;
	return site == SIZE_MAX ? words->text
				: words_symbol(words, &crash->facts.stacks.threads[0].frames[site].symbol);
}

/* ---- evidence ---- */

/* ", called by NAME, called by NAME": the frames above the caller. */
static void append_callers(char *out, size_t size, const struct event_stack *stack, const struct frame *caller)
{
	size_t first = caller ? (size_t)(caller - stack->frames) + 1 : 0, used = 0;

	out[0] = 0;
	for (size_t i = first; caller && i < stack->frame_count && i < first + CALLERS_NAMED && used < size; i++) {
		struct words words;
		const char *name = words_symbol(&words, &stack->frames[i].symbol);

		if (!name[0] || event_stack_is_library(&stack->frames[i]))
			break;
		used += (size_t)snprintf(out + used, size - used, ", called by %s", name);
	}
}

struct error *evidence_add_heap_call(const struct crash *crash, struct finding *finding,
				     const struct heap_subject *subject, size_t event, const char *what)
{
	struct words call, caller, when;
	char callers[1024];

	if (event >= subject->event_count)
		return NULL;
	append_callers(callers, sizeof(callers), heap_subject_stack(subject, event), caller_of(subject, event));
	return finding_add_evidence(finding, EVIDENCE_HEAP, subject->events[event].id, 0,
				    "%s: %s by thread %" PRIu32 " in %s%s, %s", what,
				    words_heap_call(&call, &subject->events[event]), subject->events[event].tid,
				    words_heap_caller(&caller, subject, event), callers,
				    words_before_crash(&when, crash, subject->events[event].enter_ns));
}

struct error *evidence_add_abort_message(const struct crash *crash, struct finding *finding)
{
	if (!crash->core.abort_message)
		return NULL;
	return finding_add_evidence(finding, EVIDENCE_MEMORY, 0, 0, "the allocator aborted with \"%s\"",
				    crash->core.abort_message);
}

struct error *evidence_add_crash_site(const struct crash *crash, struct finding *finding, const char *what)
{
	size_t site = crash_site(crash);
	struct words words;

	if (site == SIZE_MAX)
		return NULL;
	return finding_add_evidence(finding, EVIDENCE_FRAME, (int64_t)site,
				    crash->facts.stacks.threads[0].frames[site].pc, "%s: %s", what,
				    words_crash_site(&words, crash));
}

struct node link_heap_node(const struct heap_subject *subject, size_t event)
{
	return (struct node){.kind = NODE_HEAP, .id = subject->events[event].id};
}

struct node link_block_node(const struct heap_subject *subject, const struct heap_life *life)
{
	return (struct node){.kind = NODE_BLOCK,
			     .start = life->start,
			     .end = life->start + life->size,
			     .id = life->born < subject->event_count ? subject->events[life->born].id : 0};
}

struct node link_site_node(const struct crash *crash)
{
	size_t site = crash_site(crash);

	if (site == SIZE_MAX)
		return (struct node){.kind = NODE_CODE, .start = crash->facts.registers[CORE_RIP], .id = -1};
	return (struct node){
		.kind = NODE_CODE, .start = crash->facts.stacks.threads[0].frames[site].pc, .id = (int64_t)site};
}

struct error *link_examine_heap_record(const struct crash *crash, struct finding *finding, const char *name,
				       uint64_t from_ns, const char *consequence)
{
	const struct heap_facts *heap = &crash->facts.heap;
	const struct gap *gap = NULL;
	struct error *err = NULL;

	if (crash_unseen_between(crash, from_ns, crash->record.time_ns, &gap)) {
		link_mark_gap(finding);
		err = finding_add_missing(finding, "not all of the time before the crash was recorded (%s): %s",
					  gap ? gap_cause_name(gap->cause)
					      : "the recording began later or ended earlier",
					  consequence)
			      ?: link_leave_unseen(finding, name, "the record has a gap: %s", consequence);
	}
	/* A child's own calls are seen a moment after its birth, its parent's from before. */
	if (!err && heap->covered_from_ns > from_ns && !heap->covered_whole) {
		bool is_sure = heap_sign_of(crash->core.abort_message) == HEAP_SIGN_FREED_TWICE;

		link_mark_gap(finding);
		err = finding_add_missing(finding,
					  "allocator calls between the fork and the start of the child's record: %s",
					  consequence);
		if (!err)
			err = (is_sure ? link_leave_unseen : link_leave_as_likely)(
				finding, name, "the child's first calls were not recorded: %s", consequence);
	}
	if (!err && heap->hole)
		err = finding_add_missing(finding, "some allocator calls cannot be seen (%s): %s", heap->hole,
					  consequence)
			      ?: link_leave_unseen(finding, name, "some allocator calls cannot be seen: %s",
						   consequence);
	return err
		       ?: link_rule_out(finding, name, EVIDENCE_COVERAGE, (int64_t)from_ns, 0,
					"every allocator call from then to the crash was recorded");
}

const struct heap_life *evidence_other_life(const struct heap_subject *subject, const struct heap_life *last,
					    uint64_t address)
{
	for (size_t i = subject->heap.life_count; i-- > 0;) {
		const struct heap_life *life = &subject->heap.lives[i];
		bool holds = address == life->start || address - life->start < life->size;

		if (life == last || !holds || life->died >= subject->event_count ||
		    heap_life_resized(&subject->heap, life))
			continue;
		if (last->died < subject->event_count &&
		    subject->events[life->died].top_word == subject->events[last->died].top_word)
			continue;
		return life;
	}
	return NULL;
}

/* Every step of the stack up to the frame is by call frame information: a guess may skip a frame. */
static bool is_certain(const struct event_stack *stack, const struct frame *frame)
{
	for (const struct frame *step = stack->frames; step <= frame; step++) {
		if (step->trust == FRAME_SCAN || step->trust == FRAME_POINTER || step->trust == FRAME_INFERRED)
			return false;
	}
	return true;
}

struct error *evidence_accuse_heap_caller(struct finding *finding, const struct heap_subject *subject, size_t event)
{
	const struct event_stack *stack = heap_subject_stack(subject, event);
	const struct frame *frame = caller_of(subject, event);

	if (!frame || event_stack_is_standard(frame))
		return NULL;
	/* What was inlined where a function jumps away from is not known. */
	if (!is_certain(stack, frame) || frame->trust == FRAME_TAIL_CALL)
		return evidence_suspect_code(finding, &frame->symbol, EVIDENCE_HEAP, subject->events[event].id, 0);
	return evidence_accuse_code(finding, &frame->symbol, EVIDENCE_HEAP, subject->events[event].id, 0);
}

struct error *evidence_accuse_crash_site(const struct crash *crash, struct finding *finding)
{
	size_t site = crash_site(crash);
	const struct frame *frame = site == SIZE_MAX ? NULL : &crash->facts.stacks.threads[0].frames[site];

	return frame ? evidence_accuse_code(finding, &frame->symbol, EVIDENCE_FRAME, (int64_t)site, frame->pc) : NULL;
}

struct error *evidence_suspect_crash_site(const struct crash *crash, struct finding *finding)
{
	size_t site = crash_site(crash);
	const struct frame *frame = site == SIZE_MAX ? NULL : &crash->facts.stacks.threads[0].frames[site];

	return frame ? evidence_suspect_code(finding, &frame->symbol, EVIDENCE_FRAME, (int64_t)site, frame->pc) : NULL;
}

bool evidence_heap_fault_inside(const struct crash *crash)
{
	return crash->facts.fault.is_fault &&
	       (crash->facts.heap.call.kind == HEAP_CALL_FREE || crash->facts.heap.call.kind == HEAP_CALL_REALLOC);
}
