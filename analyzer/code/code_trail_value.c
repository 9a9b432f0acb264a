/* SPDX-License-Identifier: MIT */
/* What a register held before an instruction: the one at the crash, where nothing has changed it since, else what the
 * only instruction that can have set it made of it. */
#include <string.h>

#include "analyzer/code/code_call_site.h"
#include "analyzer/code/code_trail_walk.h"

#define ENTRY (SIZE_MAX - 1)

static bool sets(struct code_trail_walk *walk, int context, size_t node, const struct code_trail_location *location,
		 bool *ret_is_whole)
{
	enum code_trail_write write;

	*ret_is_whole = true;
	if (location->number >= 0)
		return code_trail_writes_register(walk, &code_trail_node(walk, context, node)->code, location->number);
	write = code_trail_writes(walk, context, node, location, 1);
	*ret_is_whole = write == CODE_TRAIL_WRITES;
	return write != CODE_TRAIL_WRITES_NOT;
}

/* The only node that can have set the location, ENTRY for none; SIZE_MAX: there are several. */
static size_t find_setter(struct code_trail_walk *walk, int context, size_t node,
			  const struct code_trail_location *location)
{
	const struct code_graph *graph = walk->contexts[context].graph;
	uint16_t work[CODE_GRAPH_NODES];
	bool seen[CODE_GRAPH_NODES];
	size_t count = 0, setter = SIZE_MAX;
	bool is_whole;

	memset(seen, 0, graph->count);
	work[count++] = (uint16_t)node;
	while (count) {
		size_t to = work[--count];

		if (to == 0) {
			if (setter != SIZE_MAX && setter != ENTRY)
				return SIZE_MAX;
			setter = ENTRY;
		} else if (graph->nodes[to].edges < 0) {
			return SIZE_MAX;
		}
		for (int32_t edge = graph->nodes[to].edges; edge >= 0; edge = graph->edges[edge].next) {
			size_t from = graph->edges[edge].from;

			if (seen[from])
				continue;
			seen[from] = true;
			if (++walk->looks > CODE_TRAIL_LOOKS)
				return SIZE_MAX;
			if (!sets(walk, context, from, location, &is_whole))
				work[count++] = (uint16_t)from;
			else if (setter != SIZE_MAX || !is_whole)
				return SIZE_MAX;
			else
				setter = from;
		}
	}
	return setter;
}

bool code_trail_is_index(struct code_trail_walk *walk, int context, size_t node, int number)
{
	const struct code_trail_location whole = {.number = number, .bits = 64};
	size_t setter = find_setter(walk, context, node, &whole);
	const struct code_instruction *code;

	if (setter == SIZE_MAX || setter == ENTRY)
		return false;
	code = &code_trail_node(walk, context, setter)->code;
	if (code->op == CODE_OP_WIDEN_RAX)
		return true;
	if (code->operands[0].kind != CODE_OPERAND_REGISTER || code->operands[0].reg != number)
		return false;
	return code->op == CODE_OP_MOVE_SIGN || code->op == CODE_OP_MOVE_ZERO || code->op == CODE_OP_SHIFT_LEFT ||
	       (code->op == CODE_OP_MOVE && code->operands[0].bits == 32) ||
	       (code->op == CODE_OP_ADDRESS && code->operands[1].memory.base == CODE_REGISTER_NONE &&
		code->operands[1].memory.index != CODE_REGISTER_NONE);
}

static bool is_constant(const struct core *core, uint64_t address)
{
	const struct core_segment *segment = core_find_segment(core, address);

	return segment && segment->flags && !(segment->flags & 2 /* PF_W */);
}

static bool operand_value(struct code_trail_walk *walk, int context, size_t node, const struct code_operand *from,
			  unsigned depth, uint64_t *ret);

/* What the function itself put into a word of its frame, where it does so in one place alone. */
static bool stored(struct code_trail_walk *walk, int context, size_t node, const struct code_trail_location *word,
		   unsigned depth, uint64_t *ret)
{
	const struct code_instruction *code;
	size_t setter;

	if (depth == 0 || !code_trail_is_private(walk, context, word->address))
		return false;
	setter = find_setter(walk, context, node, word);
	if (setter == SIZE_MAX || setter == ENTRY)
		return false;
	code = &code_trail_node(walk, context, setter)->code;
	if (!operand_value(walk, context, setter, &code->operands[code->op == CODE_OP_PUSH ? 0 : 1], depth, ret))
		return false;
	*ret = code_lowest_bits(*ret, word->bits);
	return true;
}

static bool loaded(struct code_trail_walk *walk, int context, size_t node, const struct code_operand *from,
		   unsigned depth, uint64_t *ret)
{
	struct code_trail_location word = {.number = -1, .bits = from->bits};
	uint64_t value = 0;

	if (from->bits > 64 || !code_trail_address(walk, context, node, &from->memory, depth, &word.address))
		return false;
	if (!is_constant(walk->core, word.address) && !code_trail_is_unchanged(walk, context, node, &word, depth - 1))
		return stored(walk, context, node, &word, depth - 1, ret);
	if (from->bits == 64)
		return code_origin_read_word(walk->core, word.address, ret);
	if (core_read(walk->core, word.address, &value, from->bits / 8) != from->bits / 8)
		return false;
	*ret = value;
	return true;
}

static bool operand_value(struct code_trail_walk *walk, int context, size_t node, const struct code_operand *from,
			  unsigned depth, uint64_t *ret)
{
	switch (from->kind) {
	case CODE_OPERAND_IMMEDIATE:
		*ret = from->immediate;
		return true;
	case CODE_OPERAND_REGISTER:
		if (from->is_high_byte || !code_trail_value_before(walk, context, node, from->reg, depth, ret))
			return false;
		*ret = code_lowest_bits(*ret, from->bits);
		return true;
	case CODE_OPERAND_MEMORY:
		return loaded(walk, context, node, from, depth, ret);
	default:
		return false;
	}
}

bool code_trail_operand_before(struct code_trail_walk *walk, int context, size_t node,
			       const struct code_operand *operand, uint64_t *ret)
{
	return operand_value(walk, context, node, operand, CODE_TRAIL_DEPTH, ret);
}

static uint64_t extended(uint64_t value, unsigned bits)
{
	return bits >= 64 ? value : (uint64_t)((int64_t)(value << (64 - bits)) >> (64 - bits));
}

/* What the instruction leaves in its operand 0, a register. */
static bool value_set(struct code_trail_walk *walk, int context, size_t node, int number, unsigned depth, uint64_t *ret)
{
	const struct code_instruction *code = &code_trail_node(walk, context, node)->code;
	const struct code_operand *to = &code->operands[0], *from = &code->operands[1];
	uint64_t a, b;

	if (code->op == CODE_OP_WIDEN_RAX) {
		if (!code_trail_value_before(walk, context, node, CORE_RAX, depth, &a))
			return false;
		*ret = extended(a, 32);
		return true;
	}
	if (code->flow != CODE_FLOW_NEXT || to->kind != CODE_OPERAND_REGISTER || to->reg != number || to->bits < 32 ||
	    code->visible_count != 2)
		return false;
	switch (code->op) {
	case CODE_OP_MOVE:
	case CODE_OP_MOVE_ZERO:
		if (!operand_value(walk, context, node, from, depth, ret))
			return false;
		break;
	case CODE_OP_MOVE_SIGN:
		if (!operand_value(walk, context, node, from, depth, &a))
			return false;
		*ret = extended(a, from->bits);
		break;
	case CODE_OP_ADDRESS:
		if (!code_trail_address(walk, context, node, &from->memory, depth, ret))
			return false;
		break;
	case CODE_OP_XOR:
		*ret = 0;
		if (from->kind != CODE_OPERAND_REGISTER || from->reg != to->reg)
			return false;
		break;
	case CODE_OP_ADD:
	case CODE_OP_SUBTRACT:
	case CODE_OP_SHIFT_LEFT:
		if (!operand_value(walk, context, node, to, depth, &a) ||
		    !operand_value(walk, context, node, from, depth, &b))
			return false;
		*ret = code->op == CODE_OP_ADD ? a + b : code->op == CODE_OP_SUBTRACT ? a - b : a << (b & 63);
		break;
	default:
		return false;
	}
	*ret = code_lowest_bits(*ret, to->bits);
	return true;
}

bool code_trail_value_before(struct code_trail_walk *walk, int context, size_t node, int number, unsigned depth,
			     uint64_t *ret)
{
	const struct code_trail_context *at = &walk->contexts[context];
	const struct code_graph_node *here = &at->graph->nodes[node];
	struct code_trail_location whole = {.number = number, .bits = 64};
	const struct code_origin_place *place;
	int32_t frame;
	size_t setter;

	if (number < 0 || number >= CORE_REGISTERS || depth == 0)
		return false;
	if (number == CORE_FS_BASE) {
		*ret = walk->question->places[0].registers[number];
		return true;
	}
	frame = number == CORE_RSP ? here->sp : number == CORE_RBP ? here->frame_pointer : CODE_GRAPH_UNKNOWN;
	if (frame != CODE_GRAPH_UNKNOWN && frame != CODE_GRAPH_UNSEEN) {
		*ret = at->return_slot + (uint64_t)(int64_t)frame;
		return true;
	}
	if (number == CORE_RSP)
		return false;
	place = at->frame == SIZE_MAX ? NULL : &walk->question->places[at->frame];
	if (place && place->known & 1u << number && code_trail_is_unchanged(walk, context, node, &whole, depth)) {
		*ret = place->registers[number];
		return true;
	}
	setter = find_setter(walk, context, node, &whole);
	if (setter == SIZE_MAX)
		return false;
	if (setter != ENTRY)
		return value_set(walk, context, setter, number, depth - 1, ret);
	if (!code_is_kept(walk->machine, number) && !code_is_argument(walk->machine, number))
		return false;
	context = code_trail_caller(walk, context);
	return context >= 0 &&
	       code_trail_value_before(walk, context, walk->contexts[at - walk->contexts].call, number, depth - 1, ret);
}

bool code_trail_address(struct code_trail_walk *walk, int context, size_t node, const struct code_memory *memory,
			unsigned depth, uint64_t *ret)
{
	const struct code_instruction *code = &code_trail_node(walk, context, node)->code;
	uint64_t segment = 0, base = 0, index = 0;

	if (depth == 0 || memory->segment == CORE_GS_BASE || memory->address_bits != 64)
		return false;
	if (memory->segment == CORE_FS_BASE &&
	    !code_trail_value_before(walk, context, node, CORE_FS_BASE, depth, &segment))
		return false;
	if (memory->is_pc_relative)
		base = code->address + code->length;
	else if (memory->base != CODE_REGISTER_NONE &&
		 !code_trail_value_before(walk, context, node, memory->base, depth, &base))
		return false;
	if (memory->index != CODE_REGISTER_NONE &&
	    !code_trail_value_before(walk, context, node, memory->index, depth, &index))
		return false;
	if (memory->base == CORE_RSP)
		base += (uint64_t)(int64_t)memory->stack_shift;
	*ret = segment + base + index * memory->scale + (uint64_t)memory->displacement;
	return true;
}

uint64_t code_trail_target(struct code_trail_walk *walk, int context, size_t node)
{
	const struct code_instruction *code = &code_trail_node(walk, context, node)->code;
	const struct code_operand *operand = &code->operands[0];
	struct code_trail_location word = {.number = -1, .bits = 64};
	uint64_t target;

	if (code->has_target)
		return code_call_site_through_stub(walk->core, code->target);
	if (operand->kind == CODE_OPERAND_REGISTER)
		return operand_value(walk, context, node, operand, CODE_TRAIL_DEPTH, &target) ? target : 0;
	if (operand->kind != CODE_OPERAND_MEMORY ||
	    !code_trail_address(walk, context, node, &operand->memory, CODE_TRAIL_DEPTH, &word.address))
		return 0;
	/* A slot of the linkage table is filled once. */
	if (!operand->memory.is_pc_relative && !is_constant(walk->core, word.address) &&
	    !code_trail_is_unchanged(walk, context, node, &word, CODE_TRAIL_DEPTH - 1))
		return 0;
	return code_origin_read_word(walk->core, word.address, &target) ? target : 0;
}
