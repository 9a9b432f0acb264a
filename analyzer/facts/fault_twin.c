/* SPDX-License-Identifier: MIT */
#include "analyzer/facts/fault_twin.h"

#include <elf.h>

#include "analyzer/crash_from_core.h"
#include "analyzer/code/code_entry.h"
#include "analyzer/facts/fault.h"

#define SEARCH_BYTES (16u << 20)
#define LOWEST_BIT 20
#define FIRST_TELLING_BIT 36
#define FIRST_TAG_BIT 48
/* An address so near behind a mapping was reached by going on and on. */
#define OVERRUN_BYTES (1u << 20)

/* The bit in which the two differ, when there is one such bit alone; else 0. */
static unsigned differing_bit(uint64_t a, uint64_t b)
{
	uint64_t difference = a ^ b;

	if (!difference || difference & (difference - 1))
		return 0;
	return (unsigned)__builtin_ctzll(difference);
}

static bool is_twin(const struct crash_from_core *from, uint64_t pointer, uint64_t value, struct fault_twin *twin)
{
	unsigned bit = differing_bit(pointer, value);
	const struct core_segment *segment;

	if (bit < LOWEST_BIT)
		return false;
	/* Not place_of(): a hostile core may have millions of such words. */
	segment = core_find_segment(from->image, value);
	if (!segment || !(segment->flags & (PF_R | PF_W)))
		return false;
	twin->found = true;
	twin->kind = TWIN_IN_USE;
	twin->bit = bit;
	twin->value = value;
	twin->is_telling = bit >= FIRST_TELLING_BIT && bit < FIRST_TAG_BIT;
	return true;
}

static bool search_segment(const struct crash_from_core *from, const struct core_segment *segment, uint64_t pointer,
			   struct fault_twin *twin)
{
	uint64_t words[512];

	for (uint64_t at = 0; at + 8 <= segment->dumped_bytes; at += sizeof(words)) {
		size_t size = core_read_dumped(from->image, segment->start + at, words, sizeof(words));

		for (size_t i = 0; i < size / 8; i++) {
			if (differing_bit(words[i], pointer) < LOWEST_BIT || !is_twin(from, pointer, words[i], twin))
				continue;
			twin->in_register = -1;
			twin->found_at = segment->start + at + 8 * i;
			return true;
		}
	}
	return false;
}

static void search(const struct crash_from_core *from, const struct fault *fault, uint64_t pointer,
		   struct fault_twin *twin)
{
	uint64_t searched = 0;

	for (size_t i = 0; fault->has_registers && i < POINTER_REGISTERS; i++) {
		if (is_twin(from, pointer, fault->registers[pointer_registers[i]], twin)) {
			twin->in_register = pointer_registers[i];
			return;
		}
	}
	for (size_t i = 0; i < from->image->segment_count; i++) {
		const struct core_segment *segment = &from->image->segments[i];

		if (!(segment->flags & PF_W) || searched + segment->dumped_bytes > SEARCH_BYTES)
			continue;
		searched += segment->dumped_bytes;
		if (search_segment(from, segment, pointer, twin))
			return;
	}
}

static bool is_overrun(const struct place *place)
{
	return place->kind == PLACE_UNMAPPED && place->below.exists &&
	       place->address - place->below.end < OVERRUN_BYTES;
}

/* Of the values that differ in one bit from `pointer`, the only one that a program calls through: a function's entry,
 * or with `slot` (from the pointer to the word that was to be read) a table of such. Some 10^5 functions in 2^47
 * addresses: that one of 44 values hits one by chance is less than one in ten million. */
static bool find_code_twin(const struct crash_from_core *from, uint64_t pointer, bool is_jump, uint64_t slot,
			   struct fault_twin *twin)
{
	struct fault_twin found = *twin;
	unsigned count = 0;

	for (unsigned bit = LOWEST_BIT; bit < 64; bit++) {
		uint64_t value = pointer ^ 1ULL << bit;

		if (is_jump ? !code_is_entry(from->image, value) : !code_is_table(from->image, value + slot))
			continue;
		count++;
		found.bit = bit;
		found.value = value;
	}
	if (count != 1)
		return false;
	found.found = true;
	found.kind = is_jump					       ? TWIN_FUNCTION
		     : code_is_virtual_table(from->image, found.value) ? TWIN_VIRTUAL_TABLE
								       : TWIN_TABLE;
	found.wrong = pointer;
	/* Nobody adds to such a pointer but to a field of it; tags remain, and bits 31 and 32 of a target that was
	 * worked out from a 32-bit offset with the wrong extension of its sign. */
	found.is_telling = found.bit < FIRST_TAG_BIT && !(is_jump && (found.bit == 31 || found.bit == 32));
	*twin = found;
	return true;
}

static bool leads_nowhere(const struct crash_from_core *from, uint64_t pointer)
{
	struct place place;

	place_in_core(from, pointer, &place);
	return (place.kind == PLACE_UNMAPPED || place.kind == PLACE_NON_CANONICAL) && !is_overrun(&place);
}

void fault_find_twin(const struct crash_from_core *from, struct fault *fault)
{
	const struct fault_operand *operand;
	uint64_t base;

	if (!from->image || !fault->is_fault)
		return;
	if (fault->access == ACCESS_EXECUTE) {
		fault->twin.reg = -1;
		if (fault->source != ADDRESS_UNKNOWN && leads_nowhere(from, fault->address))
			find_code_twin(from, fault->address, true, 0, &fault->twin);
		return;
	}
	if (fault->operand >= fault->operand_count)
		return;
	operand = &fault->operands[fault->operand];
	if (operand->base < 0 || operand->base == CORE_RIP || operand->base == CORE_RSP)
		return;
	base = fault->registers[operand->base];
	/* The base must be wrong by itself: a good one with a bad index was computed. */
	if (!leads_nowhere(from, base))
		return;
	fault->twin.reg = operand->base;
	fault->twin.wrong = base;
	if (operand->index < 0 &&
	    (find_code_twin(from, base - fault->added, false, fault->address - base + fault->added, &fault->twin) ||
	     (fault->added && find_code_twin(from, base, false, fault->address - base, &fault->twin))))
		return;
	search(from, fault, base, &fault->twin);
}
