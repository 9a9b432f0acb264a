/* SPDX-License-Identifier: MIT */
/* What the core alone tells about the heap. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/core/core_symbol.h"
#include "analyzer/assemble/assemble_heap.h"
#include "analyzer/facts/heap_call.h"
#include "common/cleanup.h"
#include "common/vector.h"

/* How much of a block is searched for a value, and how much of the heap. */
#define BLOCK_BYTES_MAX 65536u
#define SEARCH_BYTES_MAX (256ull << 20)
#define WORD_SUBJECTS_MAX 4
/* How many of the thread's stack words above the stack pointer may be pointers of the crashed function. */
#define STACK_WORDS_MAX 64

struct error *assemble_heap_add(struct heap_facts *facts, enum heap_subject_kind kind, uint64_t address,
				struct heap_subject **ret_subject)
{
	if (array_resize(facts->subjects, facts->subject_count + 1))
		return &error_no_memory;
	*ret_subject = &facts->subjects[facts->subject_count++];
	**ret_subject = (struct heap_subject){.kind = kind, .address = address};
	return NULL;
}

/* The mapping of the program break; 0, 0 when there is none. */
static void find_break(const struct crash *crash, uint64_t *ret_start, uint64_t *ret_end)
{
	*ret_start = *ret_end = 0;
	for (size_t i = 0; i < crash->core.image->segment_count; i++) {
		struct place place;

		place_of(crash, crash->core.image->segments[i].start, &place);
		if (place.kind != PLACE_HEAP)
			continue;
		*ret_start = place.start;
		*ret_end = place.end;
		return;
	}
}

static bool find_heap(const struct crash *crash, uint64_t address, struct glibc_heap *ret_heap)
{
	uint64_t start, end;

	find_break(crash, &start, &end);
	return glibc_heap_find(crash->core.image, start, end, address, ret_heap);
}

void assemble_heap_spot(const struct crash *crash, struct heap_subject *subject)
{
	struct glibc_walk walk;
	struct glibc_heap heap;

	if (glibc_mapped_chunk(crash->core.image, subject->address, &subject->spot.chunk)) {
		subject->spot.known = subject->spot.is_block = true;
		return;
	}
	if (!find_heap(crash, subject->address, &heap))
		return;
	glibc_heap_walk(crash->core.image, &heap, subject->address, &walk);
	if (!walk.found)
		return;
	subject->spot = (struct heap_spot){
		.known = true,
		.is_block = subject->address == walk.chunk.address + GLIBC_CHUNK_HEADER_BYTES,
		.chunk = walk.chunk,
	};
}

/* ---- values that were used as addresses ---- */

#define VALUES_MAX 5
/* From here up a small number may be glibc's mangled end of a free list: the address of its place, less 12 bits. */
#define MANGLED_MIN 4096

/* Small numbers stand everywhere; as the mangled end of a list each stands in one page alone. */
static bool is_value_at(uint64_t word, uint64_t value, uint64_t at)
{
	return word == value && (value >= PLACE_NULL_BYTES || value == at >> 12);
}

static size_t used_values(const struct crash *crash, const struct heap_facts *facts, uint64_t values[VALUES_MAX])
{
	const struct fault *fault = &crash->facts.fault;
	size_t count = 0;

	if (fault->operand < fault->operand_count) {
		const struct fault_operand *operand = &fault->operands[fault->operand];

		if (operand->base >= 0 && operand->base != CORE_RIP && operand->base != CORE_RSP)
			values[count++] = fault->registers[operand->base];
		if (count && fault->added)
			values[count++] = fault->registers[operand->base] - fault->added;
		if (operand->index >= 0)
			values[count++] = fault->registers[operand->index];
	}
	if (fault->access == ACCESS_EXECUTE)
		values[count++] = fault->address;
	if (facts->pointer_source != HEAP_POINTER_UNKNOWN)
		values[count++] = facts->pointer;
	for (size_t i = 0; i < count;) {
		if (values[i] < MANGLED_MIN)
			values[i] = values[--count];
		else
			i++;
	}
	return count;
}

bool assemble_heap_holds(const struct crash *crash, const struct heap_facts *facts, uint64_t start, uint64_t end,
			 struct heap_subject *subject)
{
	uint64_t values[VALUES_MAX], words[512];
	size_t value_count = used_values(crash, facts, values);

	start = (start + 7) & ~7ull;
	if (end > start && end - start > BLOCK_BYTES_MAX)
		end = start + BLOCK_BYTES_MAX;
	while (value_count && start + 8 <= end) {
		size_t wanted = end - start < sizeof(words) ? (end - start) & ~7ull : sizeof(words);
		size_t count = core_read_dumped(crash->core.image, start, words, wanted) / 8;

		for (size_t i = 0; i < count * value_count; i++) {
			if (!is_value_at(words[i / value_count], values[i % value_count], start + i / value_count * 8))
				continue;
			subject->holds = true;
			subject->holds_at = start + i / value_count * 8;
			subject->held = words[i / value_count];
			return true;
		}
		if (count * 8 < wanted)
			break;
		start += wanted;
	}
	return false;
}

static bool is_heap_like(const struct place *place)
{
	return place->mapped && (place->kind == PLACE_HEAP || place->kind == PLACE_ANONYMOUS);
}

static bool has_subject(const struct heap_facts *facts, uint64_t address)
{
	for (size_t i = 0; i < facts->subject_count; i++) {
		if (facts->subjects[i].address == address)
			return true;
	}
	return false;
}

static struct error *add_pointer(const struct crash *crash, struct heap_facts *facts, enum heap_subject_kind kind,
				 uint64_t address, enum core_register number)
{
	struct heap_subject *subject;
	struct error *err;

	if (has_subject(facts, address))
		return NULL;
	err = assemble_heap_add(facts, kind, address, &subject);
	if (err)
		return err;
	subject->number = number;
	assemble_heap_spot(crash, subject);
	if (subject->spot.known)
		assemble_heap_holds(crash, facts, subject->spot.chunk.address + GLIBC_CHUNK_HEADER_BYTES,
				    subject->spot.chunk.address + subject->spot.chunk.size + 8, subject);
	return NULL;
}

static struct error *add_registers(const struct crash *crash, struct heap_facts *facts)
{
	struct error *err = NULL;

	for (size_t i = 0; i < crash->facts.pointer_count && !err; i++) {
		const struct pointer *pointer = &crash->facts.pointers[i];

		if (pointer->number != CORE_RSP && is_heap_like(&pointer->place))
			err = add_pointer(crash, facts, HEAP_SUBJECT_REGISTER, pointer->value, pointer->number);
	}
	return err;
}

/* The very word that the pointer was read from, null pointers too. */
static struct error *add_source(const struct crash *crash, struct heap_facts *facts)
{
	const struct pointer_path *path = &crash->facts.path;
	struct heap_subject *subject;
	struct place place;
	struct error *err;

	if (path->end != PATH_WORD || !path->is_exact || has_subject(facts, path->words[0].address))
		return NULL;
	place_of(crash, path->words[0].address, &place);
	if (!is_heap_like(&place))
		return NULL;
	err = assemble_heap_add(facts, HEAP_SUBJECT_WORD, path->words[0].address, &subject);
	if (err)
		return err;
	assemble_heap_spot(crash, subject);
	subject->holds = true;
	subject->holds_at = subject->address;
	subject->held = path->value;
	return NULL;
}

/* The only places of the heap that hold a value which was used as an address: one of them is where it was read from. */
static struct error *search_segment(const struct crash *crash, struct heap_facts *facts,
				    const struct core_segment *segment, const uint64_t values[VALUES_MAX],
				    size_t value_count, size_t *found)
{
	uint64_t words[1024];

	for (uint64_t at = segment->start; at < segment->start + segment->dumped_bytes; at += sizeof(words)) {
		size_t count = core_read_dumped(crash->core.image, at, words, sizeof(words)) / 8;

		for (size_t i = 0; i < count; i++) {
			struct heap_subject *subject;
			struct error *err;
			size_t which = 0;

			while (which < value_count && !is_value_at(words[i], values[which], at + i * 8))
				which++;
			if (which == value_count || at + i * 8 >= segment->end || has_subject(facts, at + i * 8))
				continue;
			if ((*found)++ >= WORD_SUBJECTS_MAX)
				return NULL;
			err = assemble_heap_add(facts, HEAP_SUBJECT_WORD, at + i * 8, &subject);
			if (err)
				return err;
			assemble_heap_spot(crash, subject);
			subject->holds = true;
			subject->holds_at = subject->address;
			subject->held = words[i];
		}
	}
	return NULL;
}

static struct error *search_heap(const struct crash *crash, struct heap_facts *facts)
{
	uint64_t values[VALUES_MAX], searched = 0;
	size_t value_count = used_values(crash, facts, values), found = 0;
	struct error *err = NULL;

	for (size_t i = 0; i < facts->subject_count; i++) {
		if (facts->subjects[i].holds)
			return NULL;
	}
	for (size_t i = 0; value_count && i < crash->core.image->segment_count && !err; i++) {
		const struct core_segment *segment = &crash->core.image->segments[i];
		struct place place;

		if (!segment->dumped_bytes)
			continue;
		place_of(crash, segment->start, &place);
		searched += segment->dumped_bytes;
		if (is_heap_like(&place) && searched <= SEARCH_BYTES_MAX)
			err = search_segment(crash, facts, segment, values, value_count, &found);
	}
	return err;
}

/* ---- the allocator's own abort ---- */

/* Walks one heap; the first broken header of all is kept. False when this heap could not be followed to its top. */
static bool walk_heap(struct heap_facts *facts, const struct core *core, const struct glibc_heap *heap)
{
	struct glibc_walk walk;

	glibc_heap_walk(core, heap, 0, &walk);
	if (walk.broken && !facts->walk_broken) {
		facts->walk_broken = true;
		facts->broken_at = walk.broken_at;
		facts->broken_word = walk.broken_word;
		facts->before_broken = walk.before_broken;
	}
	return walk.complete;
}

/* The program break's heap, and those of arenas, each of which begins a mapping or follows another. */
static struct error *find_broken_header(const struct crash *crash, struct heap_facts *facts)
{
	struct heap_subject *subject;
	struct glibc_heap heap;
	uint64_t start, end;
	struct error *err;

	find_break(crash, &start, &end);
	facts->walk_complete = end && glibc_heap_find(crash->core.image, start, end, start, &heap) &&
			       walk_heap(facts, crash->core.image, &heap);
	for (size_t i = 0; i < crash->core.image->segment_count; i++) {
		if (glibc_heap_find(crash->core.image, 0, 0, crash->core.image->segments[i].start, &heap) &&
		    heap.first > crash->core.image->segments[i].start &&
		    heap.first < crash->core.image->segments[i].end)
			facts->walk_complete &= walk_heap(facts, crash->core.image, &heap);
	}
	if (!facts->walk_broken || !facts->before_broken.size)
		return NULL;
	err = assemble_heap_add(facts, HEAP_SUBJECT_BROKEN, facts->before_broken.address + GLIBC_CHUNK_HEADER_BYTES,
				&subject);
	if (!err)
		subject->spot = (struct heap_spot){.known = true, .is_block = true, .chunk = facts->before_broken};
	return err;
}

/* The first thing that a free does is to read the size in front of the block: a fault there has the pointer in its base
 * register. */
static void find_faulting_pointer(const struct crash *crash, struct heap_facts *facts)
{
	const struct fault *fault = &crash->facts.fault;
	const struct fault_operand *operand;

	if (!fault->is_fault || fault->operand >= fault->operand_count ||
	    (facts->call.kind != HEAP_CALL_FREE && facts->call.kind != HEAP_CALL_REALLOC))
		return;
	operand = &fault->operands[fault->operand];
	if (operand->base < 0 || operand->index >= 0 || operand->displacement != -8)
		return;
	facts->pointer = fault->registers[operand->base];
	facts->pointer_source = HEAP_POINTER_FOUND;
}

static struct error *add_given(const struct crash *crash, struct heap_facts *facts)
{
	struct heap_subject *subject;
	struct error *err;

	if (facts->pointer_source == HEAP_POINTER_UNKNOWN && facts->call.kind != HEAP_CALL_NONE &&
	    facts->call.kind != HEAP_CALL_ALLOCATE && crash->core.abort_message) {
		facts->pointer = heap_call_find_pointer(crash, &facts->call, facts->broken_at);
		if (facts->pointer)
			facts->pointer_source = HEAP_POINTER_FOUND;
	}
	if (facts->pointer_source == HEAP_POINTER_UNKNOWN)
		find_faulting_pointer(crash, facts);
	if (facts->pointer_source == HEAP_POINTER_UNKNOWN)
		return NULL;
	err = assemble_heap_add(facts, HEAP_SUBJECT_GIVEN, facts->pointer, &subject);
	if (!err)
		assemble_heap_spot(crash, subject);
	return err;
}

static bool any_holds(const struct heap_facts *facts)
{
	for (size_t i = 0; i < facts->subject_count; i++) {
		if (facts->subjects[i].holds)
			return true;
	}
	return false;
}

/* From libc's variable, where its symbol table has it. */
static struct error *find_mark(const struct crash *crash, struct heap_facts *facts)
{
	const struct core_module *libc = core_symbol_libc(crash->core.image);
	uint64_t variable;
	struct error *err = libc ? core_symbol_address(libc, "tcache_key", &variable) : &error_not_found;

	if (error_catch(&err, ERROR_NOT_FOUND))
		return NULL;
	if (!err && !core_read_word(crash->core.image, variable, &facts->free_mark))
		facts->free_mark = 0;
	return err;
}

struct error *assemble_heap_of_core(const struct crash *crash, struct heap_facts *facts)
{
	struct error *err = NULL;

	if (crash->facts.signal.number == SIGABRT || crash->facts.fault.is_fault)
		err = find_broken_header(crash, facts);
	if (!err)
		err = add_given(crash, facts);
	if (!err && crash->facts.fault.is_fault)
		err = add_registers(crash, facts);
	if (!err && crash->facts.fault.is_fault)
		err = add_source(crash, facts);
	if (!err && crash->facts.fault.is_fault)
		err = search_heap(crash, facts);
	/* libc's symbols are many. */
	if (!err && any_holds(facts))
		err = find_mark(crash, facts);
	return err;
}
