/* SPDX-License-Identifier: MIT */
/* Where the pointer that failed came from. */
#include <stdio.h>
#include <string.h>

#include "analyzer/facts/fault_frame.h"
#include "analyzer/assemble/assemble_steps.h"
#include "analyzer/facts/fault.h"
#include "analyzer/code/code_origin.h"

/* What may be stored in a page by the way, in words. */
#define OWN_STORES_MAX 8
#define SURROUNDINGS_BYTES 32

static const uint64_t *registers_of(const struct crash *crash)
{
	return crash->facts.fault.has_registers ? crash->facts.fault.registers : crash->facts.registers;
}

/* The base of the operand that faulted: the register that holds a pointer. */
static int faulting_base(const struct fault *fault)
{
	size_t operand = fault->operand < fault->operand_count ? fault->operand : 0;
	const struct fault_operand *at = &fault->operands[operand];

	if (!fault->operand_count || (fault->operand == SIZE_MAX && fault->operand_count != 1))
		return -1;
	/* No base, and an index that is a pointer by itself. */
	if (at->base < 0 && at->index >= 0 && at->scale == 1)
		return at->index;
	return at->base == CORE_RIP || at->base == CORE_RSP ? -1 : at->base;
}

/* ---- the functions on the stack ---- */

static const struct kept_registers *kept_of(const struct crash *crash, const struct frame *frame)
{
	for (size_t i = 0; i < crash->facts.stacks.kept_count; i++) {
		if (crash->facts.stacks.kept[i].pc == frame->pc && crash->facts.stacks.kept[i].sp == frame->sp)
			return &crash->facts.stacks.kept[i];
	}
	return NULL;
}

static void take_caller(const struct crash *crash, const struct frame *frame, struct code_origin_place *place)
{
	const struct kept_registers *kept = kept_of(crash, frame);

	*place = (struct code_origin_place){.pc = frame->pc, .after_call = true, .known = 1u << CORE_FS_BASE};
	place->registers[CORE_FS_BASE] = registers_of(crash)[CORE_FS_BASE]; /* the thread's */
	for (size_t i = 0; kept && i < KEPT_REGISTERS; i++) {
		if (!(kept->known & 1u << i))
			continue;
		place->registers[unwind_kept_order[i]] = kept->values[i];
		place->known |= 1u << unwind_kept_order[i];
	}
	if (frame->sp) {
		place->registers[CORE_RSP] = frame->sp;
		place->known |= 1u << CORE_RSP;
	}
}

/* From frame `first` on, as long as each is sure. */
static size_t take_callers(const struct crash *crash, size_t first, struct code_origin_place places[CODE_ORIGIN_PLACES])
{
	const struct thread_stack *stack = &crash->facts.stacks.threads[0];
	size_t count = 1;

	for (size_t i = first; i < stack->frame_count && count < CODE_ORIGIN_PLACES; i++) {
		enum frame_trust trust = stack->frames[i].trust;

		if (trust == FRAME_LOST || trust == FRAME_TAIL_CALL || trust == FRAME_SCAN)
			break;
		take_caller(crash, &stack->frames[i], &places[count++]);
	}
	return count;
}

/* The call that went where no code is: nothing was done since but to push the return address. */
static bool take_call(const struct crash *crash, struct code_origin_place *place)
{
	const struct fault_jump *jump = &crash->facts.fault.jump;
	struct code_origin_search *search;

	if (!jump->known || !jump->has_return_address || !jump->call_target_known ||
	    jump->call_target != crash->facts.fault.address)
		return false;
	*place = (struct code_origin_place){.pc = jump->return_address, .after_call = true, .known = ~0u};
	memcpy(place->registers, registers_of(crash), sizeof(place->registers));
	place->registers[CORE_RSP] += 8;
	search = code_origin_search_create(crash->core.image, place, 1);
	if (!search)
		return false;
	place->pc = code_origin_call_before(search, 0);
	place->after_call = false;
	code_origin_search_destroy(search);
	return place->pc != 0;
}

static size_t take_places(const struct crash *crash, struct code_origin_place places[CODE_ORIGIN_PLACES])
{
	const struct thread_stack *stack = crash->facts.stacks.thread_count ? &crash->facts.stacks.threads[0] : NULL;
	const struct frame *frame = fault_frame_of(crash);
	size_t index = stack && frame ? (size_t)(frame - stack->frames) + 1 : SIZE_MAX;

	places[0] = (struct code_origin_place){.pc = registers_of(crash)[CORE_RIP], .known = ~0u};
	memcpy(places[0].registers, registers_of(crash), sizeof(places[0].registers));
	if (crash->facts.fault.access == ACCESS_EXECUTE && !crash->facts.fault.jump.is_refused) {
		if (!take_call(crash, &places[0]))
			return 0;
		/* The caller stands in place 0 already. */
		index += index != SIZE_MAX;
	}
	return index == SIZE_MAX ? 1 : take_callers(crash, index, places);
}

/* ---- what stands around the word ---- */

static bool is_own_work(struct code_origin_search *search, size_t places, uint64_t address)
{
	for (size_t i = 0; i < places; i++) {
		if (code_origin_stores_to(search, i, address))
			return true;
	}
	return false;
}

static bool is_blank(struct code_origin_search *search, const struct core *core, size_t places, uint64_t start,
		     uint64_t end)
{
	unsigned stores = 0;
	uint64_t word;

	for (uint64_t at = start; at < end; at += 8) {
		if (!code_origin_read_word(core, at, &word))
			return false;
		if (word && (stores++ == OWN_STORES_MAX || !is_own_work(search, places, at)))
			return false;
	}
	return true;
}

static void look_around(struct code_origin_search *search, const struct core *core, size_t places,
			struct pointer_path *path)
{
	uint64_t word = path->words[0].address & ~7ull, page = word & ~(RECORD_PAGE_BYTES - 1);
	uint64_t start = word - page > SURROUNDINGS_BYTES ? word - SURROUNDINGS_BYTES : page;
	uint64_t end = word + 8 + SURROUNDINGS_BYTES;

	if (end > page + RECORD_PAGE_BYTES)
		end = page + RECORD_PAGE_BYTES;
	/* Only of a null pointer does it say anything. */
	if (path->value)
		return;
	path->surroundings_are_blank = is_blank(search, core, places, start, end);
	path->page_is_blank =
		path->surroundings_are_blank && is_blank(search, core, places, page, page + RECORD_PAGE_BYTES);
}

/* ---- the path ---- */

static void add_word(struct pointer_path *path, uint64_t address, uint64_t value)
{
	if (path->count == POINTER_PATH_WORDS)
		return;
	path->words[path->count].address = address;
	path->words[path->count++].value = value;
}

static void take_words(struct code_origin_search *search, struct code_origin *origin, struct pointer_path *path)
{
	path->value = origin->value;
	path->is_exact = origin->is_exact;
	add_word(path, origin->address, origin->value);
	for (size_t i = 0; i < origin->more_count; i++)
		add_word(path, origin->more_addresses[i], origin->more_values[i]);
	while (path->count < POINTER_PATH_WORDS) {
		struct code_origin_value through = origin->through;

		if (origin->link_before) {
			add_word(path, origin->link_before, through.value);
			return;
		}
		if (through.number < 0 || !through.at)
			return;
		code_origin_follow(search, &through, origin);
		if (origin->end != CODE_ORIGIN_WORD)
			return;
		add_word(path, origin->address, origin->value);
	}
}

static void find(const struct crash *crash, struct code_origin_search *search, struct pointer_path *path)
{
	const struct fault *fault = &crash->facts.fault;
	struct code_origin_value wanted = {.number = faulting_base(fault)};
	struct code_origin origin = {.end = CODE_ORIGIN_LOST};
	size_t places;

	if (fault->access == ACCESS_EXECUTE) {
		code_origin_of_call(search, fault->address, &origin);
	} else if (wanted.number >= 0) {
		wanted.value = registers_of(crash)[wanted.number];
		snprintf(path->pointer, sizeof(path->pointer), "%.7s", fault_register_name(wanted.number));
		code_origin_follow(search, &wanted, &origin);
	}
	path->end = origin.end == CODE_ORIGIN_WORD	 ? PATH_WORD
		    : origin.end == CODE_ORIGIN_CONSTANT ? PATH_CONSTANT
		    : origin.end == CODE_ORIGIN_RETURNED ? PATH_RETURNED
							 : PATH_LOST;
	if (origin.end != CODE_ORIGIN_WORD)
		return;
	places = origin.through.place + 1;
	take_words(search, &origin, path);
	look_around(search, crash->core.image, places, path);
}

struct error *assemble_path(const struct assemble_request *request, struct assembly *assembly)
{
	const struct crash *crash = &assembly->crash;
	const struct fault *fault = &crash->facts.fault;
	struct code_origin_place places[CODE_ORIGIN_PLACES];
	struct code_origin_search *search;
	size_t count;

	(void)request;
	if (!crash->core.image || !crash->facts.has_registers ||
	    (!fault->is_fault && !fault->in_handler && fault->source == ADDRESS_UNKNOWN))
		return NULL;
	count = take_places(crash, places);
	search = count ? code_origin_search_create(crash->core.image, places, count) : NULL;
	if (!search)
		return NULL;
	find(crash, search, &assembly->crash.facts.path);
	code_origin_search_destroy(search);
	return NULL;
}
