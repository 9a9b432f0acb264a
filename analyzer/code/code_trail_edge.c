/* SPDX-License-Identifier: MIT */
/* Branches that ask whether the value is zero, or some other constant: the value is known, so the way not taken is
 * ruled out. */
#include "analyzer/code/code_trail_walk.h"

/* Between the question and the branch. */
#define BETWEEN_MAX 4

static bool leaves_flags(const struct code_instruction *code)
{
	switch (code->op) {
	case CODE_OP_MOVE:
	case CODE_OP_MOVE_ZERO:
	case CODE_OP_MOVE_SIGN:
	case CODE_OP_MOVE_IF:
	case CODE_OP_SET_IF:
	case CODE_OP_ADDRESS:
	case CODE_OP_PUSH:
	case CODE_OP_POP:
	case CODE_OP_WIDEN_RAX:
	case CODE_OP_NOTHING:
	case CODE_OP_LANDING:
		return code->flow == CODE_FLOW_NEXT;
	default:
		return false;
	}
}

/* The only node that leads to `node`, by falling through. SIZE_MAX: there is none. */
static size_t node_before(const struct code_graph *graph, size_t node)
{
	int32_t edge = graph->nodes[node].edges;

	if (node == 0 || edge < 0 || graph->edges[edge].next >= 0 || graph->edges[edge].is_taken)
		return SIZE_MAX;
	return graph->edges[edge].from;
}

static bool changes(struct code_trail_walk *walk, int context, size_t node, const struct code_trail_location *location)
{
	const struct code_instruction *code = &code_trail_node(walk, context, node)->code;

	if (location->number >= 0)
		return code_trail_writes_register(walk, code, location->number);
	return code_trail_writes(walk, context, node, location, CODE_TRAIL_DEPTH) != CODE_TRAIL_WRITES_NOT;
}

static bool is_location(struct code_trail_walk *walk, int context, size_t node, const struct code_operand *operand,
			const struct code_trail_location *location)
{
	uint64_t address;
	int32_t offset;

	if (operand->bits > location->bits)
		return false;
	if (operand->kind == CODE_OPERAND_REGISTER)
		return operand->reg >= 0 && operand->reg == location->number && !operand->is_high_byte;
	if (operand->kind != CODE_OPERAND_MEMORY || location->number >= 0)
		return false;
	if (code_graph_frame_offset(code_trail_node(walk, context, node), &operand->memory, &offset))
		address = walk->contexts[context].return_slot + (uint64_t)(int64_t)offset;
	else if (!code_trail_address(walk, context, node, &operand->memory, CODE_TRAIL_DEPTH, &address))
		return false;
	return address == location->address;
}

bool code_trail_holds(struct code_trail_walk *walk, const struct code_trail_state *state, size_t node, int number)
{
	const struct code_graph *graph = walk->contexts[state->context].graph;
	const struct code_instruction *load;
	size_t before;

	if (number < 0 || changes(walk, state->context, node, &state->location))
		return false;
	if (state->location.number >= 0)
		return state->location.number == number;
	before = node_before(graph, node);
	if (before == SIZE_MAX)
		return false;
	load = &graph->nodes[before].code;
	return load->op == CODE_OP_MOVE && load->operands[0].kind == CODE_OPERAND_REGISTER &&
	       load->operands[0].reg == number && load->operands[0].bits == 64 &&
	       is_location(walk, state->context, before, &load->operands[1], &state->location);
}

/* `test r, r`: the register is the location, or was just loaded from it. */
static bool tests_location(struct code_trail_walk *walk, int context, size_t node,
			   const struct code_trail_location *location, unsigned *ret_bits)
{
	const struct code_graph *graph = walk->contexts[context].graph;
	const struct code_operand *operand = &graph->nodes[node].code.operands[0], *other = operand + 1;
	const struct code_instruction *load;
	size_t before;

	if (operand->kind != CODE_OPERAND_REGISTER || other->kind != CODE_OPERAND_REGISTER || operand->reg < 0 ||
	    operand->reg != other->reg || operand->is_high_byte || other->is_high_byte)
		return false;
	*ret_bits = operand->bits;
	if (is_location(walk, context, node, operand, location))
		return true;
	before = node_before(graph, node);
	if (before == SIZE_MAX || location->number >= 0)
		return false;
	load = &graph->nodes[before].code;
	return load->op == CODE_OP_MOVE && load->operands[0].kind == CODE_OPERAND_REGISTER &&
	       load->operands[0].reg == operand->reg && load->operands[0].bits == operand->bits &&
	       is_location(walk, context, before, &load->operands[1], location);
}

/* Do the flags before the node say whether the location's value is the constant that it was compared with? */
static bool flags_tell(struct code_trail_walk *walk, const struct code_trail_state *state, size_t node, bool *ret_equal,
		       bool *ret_to_zero)
{
	const struct code_graph *graph = walk->contexts[state->context].graph;
	const struct code_operand *constant;
	const struct code_instruction *code;
	unsigned bits;

	for (unsigned i = 0; i < BETWEEN_MAX; i++) {
		node = node_before(graph, node);
		if (node == SIZE_MAX)
			return false;
		code = &graph->nodes[node].code;
		if (!leaves_flags(code))
			break;
		if (changes(walk, state->context, node, &state->location))
			return false;
	}
	constant = &code->operands[1];
	if (code->op == CODE_OP_TEST) {
		*ret_to_zero = true;
		if (!tests_location(walk, state->context, node, &state->location, &bits))
			return false;
		*ret_equal = code_lowest_bits(state->value, bits) == 0;
		return true;
	}
	if (code->op != CODE_OP_COMPARE || constant->kind != CODE_OPERAND_IMMEDIATE ||
	    !is_location(walk, state->context, node, &code->operands[0], &state->location))
		return false;
	bits = code->operands[0].bits;
	*ret_equal = code_lowest_bits(state->value, bits) == code_lowest_bits(constant->immediate, bits);
	*ret_to_zero = constant->immediate == 0;
	return true;
}

bool code_trail_may_go(struct code_trail_walk *walk, const struct code_trail_state *state,
		       const struct code_graph_edge *edge, bool *ret_tested)
{
	const struct code_graph *graph = walk->contexts[state->context].graph;
	const struct code_graph_node *from = &graph->nodes[edge->from];
	bool equal, to_zero;

	*ret_tested = false;
	/* It may have been written since. */
	if (code_trail_is_shared(walk, state))
		return true;
	if (from->code.flow != CODE_FLOW_BRANCH ||
	    (from->code.condition != CODE_IF_ZERO && from->code.condition != CODE_IF_NOT_ZERO) ||
	    from->code.target == from->code.address + from->code.length ||
	    !flags_tell(walk, state, edge->from, &equal, &to_zero))
		return true;
	*ret_tested = equal && to_zero;
	return ((from->code.condition == CODE_IF_ZERO) == equal) == edge->is_taken;
}

bool code_trail_may_move(struct code_trail_walk *walk, const struct code_trail_state *state, size_t node, bool is_moved)
{
	const struct code_graph_node *at = &walk->contexts[state->context].graph->nodes[node];
	bool equal, to_zero;

	if ((at->code.condition != CODE_IF_ZERO && at->code.condition != CODE_IF_NOT_ZERO) ||
	    !flags_tell(walk, state, node, &equal, &to_zero))
		return true;
	return ((at->code.condition == CODE_IF_ZERO) == equal) == is_moved;
}
