/* SPDX-License-Identifier: MIT */
/* Facts about the heap: recorded calls of the allocator, its last words, what the core's chunks say. README.md has the
 * lines. The subjects are put together as analyzer/assemble/assemble_heap_record.c does it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tests/causes/facts_parser.h"

#define MAX_CALLS 128
#define NEIGHBOUR_BYTES 65536ull

static struct heap_event calls[MAX_CALLS];
static struct symbol callers[MAX_CALLS];
static size_t call_count;

static const struct call_shape {
	const char *name;
	enum function_role role;
	bool gives, takes; /* a block back, a size */
} shapes[] = {
	{"malloc", FUNCTION_MALLOC, false, true},  {"calloc", FUNCTION_CALLOC, false, true},
	{"realloc", FUNCTION_REALLOC, true, true}, {"aligned_alloc", FUNCTION_ALIGNED_ALLOC, false, true},
	{"new", FUNCTION_NEW, false, true},	   {"free", FUNCTION_FREE, true, false},
	{"delete", FUNCTION_DELETE, true, false},
};

static void expect(struct parser *parser, const char *text)
{
	if (!facts_accept(parser, text))
		facts_bad(parser, text);
}

/* heap ENTER EXIT THREAD CALL(ARGUMENTS) [= BLOCK] [by MODULE FUNCTION+OFFSET] */
static void read_call(struct parser *parser)
{
	struct heap_event *event = &calls[call_count];
	const struct call_shape *shape = NULL;
	char name[16];

	if (call_count == MAX_CALLS)
		facts_bad(parser, "too many calls");
	*event = (struct heap_event){.id = (int64_t)call_count + 1, .ip = 0x400000, .sp = 0x7000};
	event->top_word = 0x500000 + call_count;
	event->enter_ns = facts_read_time(parser);
	event->exit_ns = facts_accept(parser, "never") ? 0 : facts_read_time(parser);
	event->tid = (uint32_t)facts_read_number(parser);
	facts_read_word(parser, name, sizeof(name));
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		if (strcmp(name, shapes[i].name) == 0)
			shape = &shapes[i];
	}
	if (!shape)
		facts_bad(parser, "an unknown call of the allocator");
	event->role = shape->role;
	expect(parser, "(");
	if (shape->gives)
		event->old_block = facts_read_number(parser);
	if (shape->gives && shape->takes)
		expect(parser, ",");
	if (shape->takes)
		event->size = facts_read_number(parser);
	expect(parser, ")");
	if (facts_accept(parser, "="))
		event->block = facts_read_number(parser);
	callers[call_count] = (struct symbol){0};
	if (facts_accept(parser, "by"))
		facts_read_caller(parser, &callers[call_count]);
	call_count++;
}

/* heap-record whole | heap-record from TIME [hole TEXT] */
static void read_record(struct parser *parser)
{
	struct heap_facts *heap = &facts_crash(parser)->facts.heap;

	heap->recorded = true;
	if (facts_accept(parser, "whole"))
		heap->covered_whole = true;
	else if (facts_accept(parser, "from"))
		heap->covered_from_ns = facts_read_time(parser);
	else
		facts_bad(parser, "expected whole or from");
	if (facts_accept(parser, "hole")) {
		const char *rest = facts_rest(parser, NULL);

		heap->hole = strdup(rest);
		facts_rest(parser, rest + strlen(rest));
	}
}

/* abort-message TEXT */
static void read_message(struct parser *parser)
{
	const char *rest = facts_rest(parser, NULL);

	facts_crash(parser)->core.abort_message = strdup(rest);
	facts_rest(parser, rest + strlen(rest));
}

/* heap-call free|realloc|malloc [POINTER recorded|found] */
static void read_dying(struct parser *parser)
{
	struct heap_facts *heap = &facts_crash(parser)->facts.heap;

	heap->call = (struct heap_call){.frame = 1, .caller = 2, .function = "free"};
	if (facts_accept(parser, "free"))
		heap->call.kind = HEAP_CALL_FREE;
	else if (facts_accept(parser, "realloc"))
		heap->call.kind = HEAP_CALL_REALLOC;
	else if (facts_accept(parser, "malloc"))
		heap->call.kind = HEAP_CALL_ALLOCATE;
	else
		facts_bad(parser, "expected free, realloc or malloc");
	if (facts_at_end(parser))
		return;
	heap->pointer = facts_read_number(parser);
	if (facts_accept(parser, "recorded"))
		heap->pointer_source = HEAP_POINTER_RECORDED;
	else if (facts_accept(parser, "found"))
		heap->pointer_source = HEAP_POINTER_FOUND;
	else
		facts_bad(parser, "expected recorded or found");
}

static struct heap_subject *add(struct parser *parser, enum heap_subject_kind kind, uint64_t address)
{
	struct heap_facts *heap = &facts_crash(parser)->facts.heap;

	for (size_t i = 0; i < heap->subject_count; i++) {
		if (heap->subjects[i].kind == kind && heap->subjects[i].address == address)
			return &heap->subjects[i];
	}
	heap->subjects = reallocarray(heap->subjects, heap->subject_count + 1, sizeof(*heap->subjects));
	if (!heap->subjects)
		abort();
	heap->subjects[heap->subject_count] = (struct heap_subject){.kind = kind, .address = address};
	return &heap->subjects[heap->subject_count++];
}

/* chunk HEADER SIZE used|cached|binned|top|mapped */
static void read_chunk(struct parser *parser, struct heap_subject *subject)
{
	static const char *const states[] = {"", "used", "cached", "binned", "top", "mapped"};

	expect(parser, "chunk");
	subject->spot.known = true;
	subject->spot.chunk.address = facts_read_number(parser);
	subject->spot.chunk.size = facts_read_number(parser);
	subject->spot.is_block = subject->address == subject->spot.chunk.address + GLIBC_CHUNK_HEADER_BYTES;
	for (int i = CHUNK_NOT_FREE; i <= CHUNK_MAPPED; i++) {
		if (facts_accept(parser, states[i])) {
			subject->spot.chunk.state = (enum chunk_state)i;
			return;
		}
	}
	facts_bad(parser, "a chunk's state is missing");
}

/* heap-spot chunk ...: of the pointer given to the dying call */
static void read_spot(struct parser *parser)
{
	read_chunk(parser, add(parser, HEAP_SUBJECT_GIVEN, facts_crash(parser)->facts.heap.pointer));
}

/* heap-register|heap-word ADDRESS [holds VALUE at ADDRESS] [chunk ...] */
static void read_pointer(struct parser *parser, enum heap_subject_kind kind)
{
	struct heap_subject *subject = add(parser, kind, facts_read_number(parser));

	subject->number = CORE_RBX;
	if (facts_accept(parser, "holds")) {
		subject->holds = true;
		subject->held = facts_read_number(parser);
		expect(parser, "at");
		subject->holds_at = facts_read_number(parser);
	}
	if (!facts_at_end(parser))
		read_chunk(parser, subject);
}

static void read_register(struct parser *parser)
{
	read_pointer(parser, HEAP_SUBJECT_REGISTER);
}

static void read_word(struct parser *parser)
{
	read_pointer(parser, HEAP_SUBJECT_WORD);
}

/* heap-walk complete | heap-walk broken HEADER WORD behind chunk ... */
static void read_walk(struct parser *parser)
{
	struct heap_facts *heap = &facts_crash(parser)->facts.heap;
	struct heap_subject before = {.kind = HEAP_SUBJECT_BROKEN};

	if (facts_accept(parser, "complete")) {
		heap->walk_complete = true;
		return;
	}
	expect(parser, "broken");
	heap->walk_broken = true;
	heap->broken_at = facts_read_number(parser);
	heap->broken_word = facts_read_number(parser);
	expect(parser, "behind");
	read_chunk(parser, &before);
	heap->before_broken = before.spot.chunk;
	*add(parser, HEAP_SUBJECT_BROKEN, before.spot.chunk.address + GLIBC_CHUNK_HEADER_BYTES) =
		(struct heap_subject){.kind = HEAP_SUBJECT_BROKEN,
				      .address = before.spot.chunk.address + GLIBC_CHUNK_HEADER_BYTES,
				      .spot = {.known = true, .is_block = true, .chunk = before.spot.chunk}};
}

/* ---- as the analyzer puts it together ---- */

static bool touches(const struct heap_event *event, uint64_t start, uint64_t end)
{
	uint64_t size = event->size ?: 1;

	return (event->old_block && event->old_block >= start && event->old_block < end) ||
	       (event->block && event->block < end && event->block + size > start);
}

static void load(struct parser *parser, struct heap_subject *subject, uint64_t around)
{
	uint64_t until_ns = facts_crash(parser)->record.time_ns ?: UINT64_MAX;
	struct error *err;

	heap_deinit(&subject->heap);
	free(subject->events);
	subject->events = calloc(call_count + 1, sizeof(*subject->events));
	if (!subject->events)
		abort();
	subject->event_count = 0;
	for (size_t i = 0; i < call_count; i++) {
		if (calls[i].enter_ns < until_ns &&
		    touches(&calls[i], subject->address - around, subject->address + around + 1))
			subject->events[subject->event_count++] = calls[i];
	}
	err = heap_build(subject->events, subject->event_count, &subject->heap);
	if (err)
		facts_bad(parser, err->message);
}

static struct symbol copy_symbol(const struct symbol *symbol)
{
	struct symbol copied = *symbol;

	copied.module = symbol->module ? strdup(symbol->module) : NULL;
	copied.function = symbol->function ? strdup(symbol->function) : NULL;
	return copied;
}

static void add_stacks(struct heap_subject *subject)
{
	subject->parties = calloc(subject->event_count + 1, sizeof(*subject->parties));
	if (!subject->parties)
		abort();
	for (size_t i = 0; i < subject->event_count; i++) {
		struct heap_party *party = &subject->parties[i];

		party->event = i;
		party->stack.frames = calloc(1, sizeof(struct frame));
		if (!party->stack.frames)
			abort();
		party->stack.frame_count = 1;
		party->stack.frames[0].symbol = copy_symbol(&callers[subject->events[i].id - 1]);
	}
	subject->party_count = subject->event_count;
}

void facts_finish_heap(struct parser *parser)
{
	struct crash *crash = facts_crash(parser);

	if (crash->facts.heap.pointer_source != HEAP_POINTER_UNKNOWN)
		add(parser, HEAP_SUBJECT_GIVEN, crash->facts.heap.pointer);
	if (crash->facts.heap.recorded && crash->facts.fault.is_fault && crash->facts.fault.source != ADDRESS_UNKNOWN &&
	    !place_is_non_canonical(crash->facts.fault.address))
		add(parser, HEAP_SUBJECT_FAULT, crash->facts.fault.address);
	for (size_t i = 0; crash->facts.heap.recorded && i < crash->facts.heap.subject_count; i++) {
		struct heap_subject *subject = &crash->facts.heap.subjects[i];
		const struct heap_life *life;
		bool known, seen;

		load(parser, subject, 0);
		life = heap_last_life(&subject->heap, subject->address);
		known = life != NULL;
		seen = life && life->born != HEAP_UNSEEN;
		if (life && life->start < subject->address)
			load(parser, subject, subject->address - life->start); /* the lives are new ones now */
		if ((!known && subject->kind == HEAP_SUBJECT_FAULT) || (!seen && subject->kind == HEAP_SUBJECT_GIVEN)) {
			load(parser, subject, NEIGHBOUR_BYTES);
			life = heap_live_before(&subject->heap, subject->address);
			if (life && subject->address - life->start > NEIGHBOUR_BYTES)
				load(parser, subject, subject->address - life->start);
		}
		add_stacks(subject);
	}
	for (size_t i = 0; i < call_count; i++)
		symbol_deinit(&callers[i]);
	call_count = 0;
}

bool facts_read_heap_line(struct parser *parser, const char *keyword)
{
	static const struct {
		const char *keyword;
		void (*read)(struct parser *parser);
	} lines[] = {
		{"heap", read_call},	   {"heap-record", read_record}, {"abort-message", read_message},
		{"heap-call", read_dying}, {"heap-spot", read_spot},	 {"heap-register", read_register},
		{"heap-word", read_word},  {"heap-walk", read_walk},
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (strcmp(keyword, lines[i].keyword) == 0) {
			lines[i].read(parser);
			return true;
		}
	}
	return false;
}
