/* SPDX-License-Identifier: MIT */
/* What the record tells about the heap. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/assemble/assemble_heap.h"
#include "common/cleanup.h"
#include "schema/reader.h"
#include "schema/reader_calls.h"
#include "schema/reader_history.h"
#include "schema/record_call.h"

/* Calls of an address, and around an address that no recorded block covers. */
#define HISTORY_LIMIT 16384
#define NEIGHBOUR_BYTES 65536ull
/* The newest calls of all threads, in search of the dying thread's last. */
#define NEWEST_LIMIT 1024
#define ANCESTORS_MAX 64
/* Stacks a subject: of its last life's two ends, of the one before, and of the calls that went wrong. */
#define PARTIES_MAX 8

/* Since when every call was seen: a program that was executed under recording, or a fork of one. */
static struct error *judge_coverage(struct store_reader *store, const struct space *died_in, struct heap_facts *heap)
{
	struct space space = *died_in;

	for (unsigned i = 0; i < ANCESTORS_MAX; i++) {
		struct error *err;

		if (space.origin == SPACE_EXEC) {
			heap->covered_whole = space.from_ns >= heap->covered_from_ns;
			return NULL;
		}
		if (space.origin != SPACE_FORK || !space.parent_space_id)
			return NULL;
		err = store_reader_space(store, space.parent_space_id, &space);
		if (error_catch(&err, ERROR_NOT_FOUND))
			return NULL;
		if (err)
			return err;
	}
	return NULL;
}

/* Who shares the memory shares the heap; what they called before they were probed is not known. */
static struct error *judge_sharers(struct store_reader *store, const struct crash *crash, struct heap_facts *heap)
{
	uint64_t until_ns = crash->record.time_ns ?: UINT64_MAX, from_ns;
	struct error *err = store_reader_sharers_covered(store, crash->record.space.id, until_ns, &from_ns);

	if (!err && from_ns > heap->covered_from_ns) {
		heap->covered_from_ns = from_ns;
		heap->covered_whole = false;
	}
	return err;
}

static bool is_allocator(enum function_role role)
{
	return role >= FUNCTION_MALLOC && role <= FUNCTION_DELETE;
}

static struct error *load_hole(struct store_reader *store, const struct crash *crash, struct heap_facts *heap)
{
	struct probed_function *functions = NULL;
	size_t count = 0;
	struct error *err = store_reader_functions(store, crash->record.recording.id, &functions, &count);

	for (size_t i = 0; i < count; i++) {
		if (!err && !heap->hole && is_allocator(functions[i].role) && functions[i].hole &&
		    functions[i].hole[0] && asprintf(&heap->hole, "%s: %s", functions[i].name, functions[i].hole) < 0) {
			heap->hole = NULL;
			err = &error_no_memory;
		}
		probed_function_deinit(&functions[i]);
	}
	free(functions);
	return err;
}

static struct error *load_coverage(struct store_reader *store, const struct crash *crash, struct crash_notes *notes,
				   struct heap_facts *heap)
{
	struct probe_coverage coverage;
	struct error *err =
		store_reader_probe_coverage(store, crash->record.recording.id, crash->record.process.id, &coverage);

	if (error_catch(&err, ERROR_NOT_FOUND))
		return NULL;
	if (err || !coverage.heap)
		return err;
	if (crash->record.time_ns && coverage.from_ns >= crash->record.time_ns)
		return crash_add_note(notes, "no heap calls recorded: the process died before it was probed");
	heap->recorded = true;
	heap->covered_from_ns = coverage.from_ns;
	return judge_coverage(store, &crash->record.space, heap)
		       ?: judge_sharers(store, crash, heap)
		       ?: load_hole(store, crash, heap);
}

/* Was this the call in which the thread died? Its return address stands right below the caller's frame. */
static bool is_dying_call(const struct crash *crash, const struct heap_call *call, const struct heap_event *event)
{
	const struct thread_stack *stack = crash->facts.stacks.thread_count ? &crash->facts.stacks.threads[0] : NULL;

	return stack && call->kind != HEAP_CALL_NONE && call->caller < stack->frame_count &&
	       stack->frames[call->caller].sp == event->sp + 8 && stack->frames[call->caller].pc == event->top_word;
}

struct error *assemble_heap_pointer(struct store_reader *store, const struct crash *crash, struct crash_notes *notes,
				    struct heap_facts *heap)
{
	struct history_query query = {.space_id = crash->record.space.id,
				      .end = UINT64_MAX,
				      .until_ns = crash->record.time_ns ?: UINT64_MAX,
				      .limit = NEWEST_LIMIT};
	cleanup_free struct heap_event *events = NULL;
	size_t count = 0;
	bool truncated;
	struct error *err = load_coverage(store, crash, notes, heap);

	if (err || !heap->recorded || heap->call.kind == HEAP_CALL_NONE || !crash->record.has_signal_event)
		return err;
	err = store_reader_heap_history(store, &query, &events, &count, &truncated);
	for (size_t i = count; !err && i-- > 0;) {
		if (events[i].tid != crash->record.signal_event.tid || !is_dying_call(crash, &heap->call, &events[i]))
			continue;
		if (!heap_gives_back(&events[i]))
			break;
		heap->pointer = events[i].old_block;
		heap->pointer_source = HEAP_POINTER_RECORDED;
		break;
	}
	return err;
}

static struct error *read_window(struct store_reader *store, const struct crash *crash, struct heap_subject *subject,
				 uint64_t below, uint64_t above)
{
	struct history_query query = {
		.space_id = crash->record.space.id,
		.start = subject->address > below ? subject->address - below : 0,
		.end = subject->address < UINT64_MAX - above ? subject->address + above : UINT64_MAX,
		.until_ns = crash->record.time_ns ?: UINT64_MAX,
		.limit = HISTORY_LIMIT,
	};

	heap_deinit(&subject->heap);
	free(subject->events);
	subject->events = NULL;
	subject->event_count = 0;
	return store_reader_heap_history(store, &query, &subject->events, &subject->event_count, &subject->truncated)
		       ?: heap_build(subject->events, subject->event_count, &subject->heap);
}

/* The blocks around an address that is in none. A block may begin far in front, and its free is told by its start. */
static struct error *read_neighbours(struct store_reader *store, const struct crash *crash,
				     struct heap_subject *subject)
{
	struct error *err = read_window(store, crash, subject, NEIGHBOUR_BYTES, NEIGHBOUR_BYTES);
	const struct heap_life *before = err ? NULL : heap_live_before(&subject->heap, subject->address);

	if (before && subject->address - before->start > NEIGHBOUR_BYTES)
		err = read_window(store, crash, subject, subject->address - before->start, NEIGHBOUR_BYTES);
	return err;
}

static void add_party(struct heap_subject *subject, size_t event)
{
	if (event >= subject->event_count || subject->party_count == PARTIES_MAX)
		return;
	for (size_t i = 0; i < subject->party_count; i++) {
		if (subject->parties[i].event == event)
			return;
	}
	subject->parties[subject->party_count++] = (struct heap_party){.event = event};
}

static void add_life(struct heap_subject *subject, const struct heap_life *life)
{
	if (!life)
		return;
	add_party(subject, life->born);
	add_party(subject, life->died);
}

static struct error *choose_parties(struct heap_subject *subject)
{
	const struct heap *heap = &subject->heap;
	const struct heap_life *last = heap_last_life(heap, subject->address);
	unsigned wrong = 0;

	subject->parties = calloc(PARTIES_MAX, sizeof(*subject->parties));
	if (!subject->parties)
		return &error_no_memory;
	add_life(subject, last);
	if (!last) {
		add_life(subject, heap_live_before(heap, subject->address));
		add_life(subject, heap_live_after(heap, subject->address));
	}
	/* The newest frees of what was no live block. */
	for (size_t i = subject->event_count; i-- > 0 && wrong < 2;) {
		if (subject->events[i].old_block != subject->address ||
		    (heap->ends[i] != HEAP_END_AGAIN && heap->ends[i] != HEAP_END_INTERIOR &&
		     heap->ends[i] != HEAP_END_UNKNOWN))
			continue;
		add_party(subject, i);
		if (heap->ended[i] < heap->life_count)
			add_life(subject, &heap->lives[heap->ended[i]]);
		wrong++;
	}
	return NULL;
}

/* The parties of all subjects at once: each batch is a child process. */
static struct error *load_stacks(struct store_reader *store, const struct crash *crash, struct crash_notes *notes,
				 struct heap_facts *heap)
{
	size_t room = heap->subject_count * PARTIES_MAX + 1, count = 0;
	cleanup_free struct event_place *places = calloc(room, sizeof(*places));
	cleanup_free struct event_stack *stacks = calloc(room, sizeof(*stacks));
	struct error *err;

	if (!places || !stacks)
		return &error_no_memory;
	for (size_t i = 0; i < heap->subject_count; i++) {
		for (size_t j = 0; j < heap->subjects[i].party_count; j++) {
			const struct heap_event *event = &heap->subjects[i].events[heap->subjects[i].parties[j].event];

			places[count++] = (struct event_place){event->ip,	event->sp,	 event->top_word,
							       event->enter_ns, event->stack_id, .at_entry = true};
		}
	}
	err = event_stacks_load(store, crash, places, count, notes, stacks);
	if (err)
		return err;
	count = 0;
	for (size_t i = 0; i < heap->subject_count; i++) {
		for (size_t j = 0; j < heap->subjects[i].party_count; j++)
			heap->subjects[i].parties[j].stack = stacks[count++];
	}
	return NULL;
}

/* What the faulting instruction computed its address from. */
static bool is_base(const struct crash *crash, const struct heap_subject *subject)
{
	const struct fault *fault = &crash->facts.fault;

	int base = fault->is_fault && fault->operand < fault->operand_count ? fault->operands[fault->operand].base : -1;

	/* Several registers may hold the same pointer; the subject has one of them. */
	return subject->kind == HEAP_SUBJECT_REGISTER && base >= 0 && fault->registers[base] == subject->address;
}

/* A register's block matters when it is dead, or when it holds what was used as an address. */
static bool matters(const struct crash *crash, const struct heap_subject *subject)
{
	const struct heap_life *life = heap_last_life(&subject->heap, subject->address);

	if (is_base(crash, subject))
		return true;
	if (subject->kind != HEAP_SUBJECT_REGISTER && subject->kind != HEAP_SUBJECT_WORD)
		return true;
	return life && life->died != HEAP_ALIVE && !heap_life_resized(&subject->heap, life);
}

static struct error *load_subject(struct store_reader *store, const struct crash *crash, const struct heap_facts *heap,
				  struct heap_subject *subject)
{
	struct error *err = read_window(store, crash, subject, 0, 1);
	const struct heap_life *life;
	bool known, seen;

	/* A free names the block's start alone, which may lie far below. */
	life = err ? NULL : heap_last_life(&subject->heap, subject->address);
	known = life != NULL;
	seen = life && life->born != HEAP_UNSEEN;
	if (life && life->start < subject->address)
		err = read_window(store, crash, subject, subject->address - life->start, 1); /* makes new lives */
	/* What was given and never seen before may stand right beside a block. */
	if (!err && ((!known && subject->kind == HEAP_SUBJECT_FAULT) || (!seen && subject->kind == HEAP_SUBJECT_GIVEN)))
		err = read_neighbours(store, crash, subject);
	if (err || !matters(crash, subject))
		return err;
	life = heap_last_life(&subject->heap, subject->address);
	if (life && crash->core.image && !subject->holds)
		assemble_heap_holds(crash, heap, life->start, life->start + (life->size ?: 8), subject);
	return choose_parties(subject);
}

struct error *assemble_heap_lives(struct store_reader *store, const struct crash *crash, struct crash_notes *notes,
				  struct heap_facts *heap)
{
	struct heap_subject *subject;
	struct error *err = NULL;

	if (!heap->recorded)
		return NULL;
	if (crash->facts.fault.is_fault && crash->facts.fault.source != ADDRESS_UNKNOWN &&
	    crash->facts.fault.address >= PLACE_NULL_BYTES && !place_is_non_canonical(crash->facts.fault.address))
		err = assemble_heap_add(heap, HEAP_SUBJECT_FAULT, crash->facts.fault.address, &subject);
	for (size_t i = 0; i < heap->subject_count && !err; i++)
		err = load_subject(store, crash, heap, &heap->subjects[i]);
	return err ?: load_stacks(store, crash, notes, heap);
}
