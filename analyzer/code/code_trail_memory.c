/* SPDX-License-Identifier: MIT */
/* Who may have written a register or a word of memory. */
#include <string.h>

#include "analyzer/code/code_call_site.h"
#include "analyzer/code/code_trail_walk.h"

/* Frames are not larger. */
#define FRAME_BYTES_MAX (1 << 20)
#define CALLED_DEPTH 3

bool code_trail_is_mapped(const struct core *core, uint64_t address)
{
	const struct core_segment *segment = core_find_segment(core, address);

	return segment && segment->flags;
}

/* A constant far beyond what any block has. */
#define BLOCK_BYTES_MAX (1ull << 30)

bool code_trail_leads_out(const struct code_trail_walk *walk, uint64_t good, uint64_t bytes)
{
	const struct core_segment *segment = core_find_segment(walk->core, good);

	return bytes >= BLOCK_BYTES_MAX || core_find_module(walk->core, good) ||
	       segment == core_find_segment(walk->core, walk->question->places[0].registers[CORE_RSP]);
}

bool code_trail_is_private(const struct code_trail_walk *walk, int context, uint64_t address)
{
	const struct code_trail_context *at = &walk->contexts[context];
	int64_t offset = (int64_t)(address - at->return_slot);

	if (offset >= 0 || offset < -FRAME_BYTES_MAX || offset >= at->graph->lowest_shown)
		return false;
	/* Below the stack pointer lie the frames of those it called. */
	return at->frame == SIZE_MAX || at->frame == 0 ||
	       address >= walk->question->places[at->frame].registers[CORE_RSP];
}

/* ---- stores ---- */

static bool operand_address(struct code_trail_walk *walk, int context, size_t node, const struct code_memory *memory,
			    unsigned depth, uint64_t *ret)
{
	int32_t offset;

	if (code_graph_frame_offset(code_trail_node(walk, context, node), memory, &offset) &&
	    offset != CODE_GRAPH_UNKNOWN) {
		*ret = walk->contexts[context].return_slot + (uint64_t)(int64_t)offset;
		return true;
	}
	return code_trail_address(walk, context, node, memory, depth, ret);
}

/* Through the stack or the frame pointer, wherever that stands. */
static bool is_of_frame(const struct code_graph *graph, const struct code_memory *memory)
{
	return memory->base == CORE_RSP || (memory->base == CORE_RBP && graph->has_frame_pointer);
}

static enum code_trail_write writes_to(struct code_trail_walk *walk, int context, size_t node,
				       const struct code_operand *operand, const struct code_trail_location *location,
				       unsigned depth)
{
	const struct code_graph *graph = walk->contexts[context].graph;
	const struct code_instruction *code = &graph->nodes[node].code;
	uint64_t address, end = location->address + location->bits / 8;

	if (code->is_repeated || !operand_address(walk, context, node, &operand->memory, depth, &address)) {
		if (code_trail_is_private(walk, context, location->address) && !is_of_frame(graph, &operand->memory))
			return CODE_TRAIL_WRITES_NOT;
		return CODE_TRAIL_MAY_STORE;
	}
	if (address >= end || address + operand->bits / 8 <= location->address)
		return CODE_TRAIL_WRITES_NOT;
	if (address == location->address && operand->bits >= location->bits && operand->bits <= 64 &&
	    ((code->op == CODE_OP_MOVE && operand == &code->operands[0]) || code->op == CODE_OP_PUSH))
		return CODE_TRAIL_WRITES;
	return CODE_TRAIL_WRITES_OTHERWISE;
}

/* ---- calls ---- */

static bool leaves_alone(struct code_trail_walk *walk, uint64_t start, const struct code_trail_location *location,
			 unsigned depth);

/* The called function's own frame, or a variable that is not the location. */
static bool is_harmless_store(const struct code_graph_node *node, const struct code_operand *operand,
			      const struct code_trail_location *location)
{
	int32_t offset, bytes = operand->bits / 8;
	uint64_t address;

	if (node->code.is_repeated)
		return false;
	if (code_graph_frame_offset(node, &operand->memory, &offset))
		return offset + bytes <= 0;
	return operand->memory.index == CODE_REGISTER_NONE && operand->memory.segment == CODE_REGISTER_NONE &&
	       code_static_address(&node->code, operand, &address) &&
	       (address >= location->address + location->bits / 8 || address + (uint64_t)bytes <= location->address);
}

static bool is_harmless(struct code_trail_walk *walk, const struct code_graph_node *node,
			const struct code_trail_location *location, unsigned depth)
{
	const struct code_instruction *code = &node->code;

	if (code->flow == CODE_FLOW_SYSTEM_CALL)
		return false;
	if ((code->flow == CODE_FLOW_CALL || node->is_exit) &&
	    (!code->has_target || depth == 0 ||
	     !leaves_alone(walk, code_call_site_through_stub(walk->core, code->target), location, depth - 1)))
		return false;
	for (size_t i = 0; i < code->operand_count; i++) {
		const struct code_operand *operand = &code->operands[i];

		if (operand->kind == CODE_OPERAND_MEMORY && operand->writes && code->flow != CODE_FLOW_CALL &&
		    !is_harmless_store(node, operand, location))
			return false;
	}
	return true;
}

static bool leaves_alone(struct code_trail_walk *walk, uint64_t start, const struct code_trail_location *location,
			 unsigned depth)
{
	const struct code_graph *graph = code_trail_graph(walk, start);

	if (!graph || !graph->complete)
		return false;
	/* Each call in it is gone into anew. */
	for (size_t i = 0; i < graph->count; i++) {
		if (++walk->called_looks > CODE_TRAIL_CALLED_LOOKS ||
		    !is_harmless(walk, &graph->nodes[i], location, depth))
			return false;
	}
	return true;
}

enum code_trail_write code_trail_writes(struct code_trail_walk *walk, int context, size_t node,
					const struct code_trail_location *location, unsigned depth)
{
	const struct code_instruction *code = &code_trail_node(walk, context, node)->code;
	enum code_trail_write write = CODE_TRAIL_WRITES_NOT;
	int before;

	if (code->flow == CODE_FLOW_CALL || code->flow == CODE_FLOW_SYSTEM_CALL) {
		uint64_t target = 0;

		if (code_trail_is_private(walk, context, location->address))
			return CODE_TRAIL_WRITES_NOT;
		if (code->flow == CODE_FLOW_CALL &&
		    (code->has_target ||
		     (code->operands[0].kind == CODE_OPERAND_MEMORY && code->operands[0].memory.is_pc_relative)))
			target = code_trail_target(walk, context, node);
		return target && leaves_alone(walk, target, location, CALLED_DEPTH) ? CODE_TRAIL_WRITES_NOT
										    : CODE_TRAIL_MAY_CALL;
	}
	before = walk->repeated;
	if (code_trail_node(walk, context, node)->is_repeated)
		walk->repeated = context;
	for (size_t i = 0; i < code->operand_count && write == CODE_TRAIL_WRITES_NOT; i++) {
		if (code->operands[i].kind == CODE_OPERAND_MEMORY && code->operands[i].writes)
			write = writes_to(walk, context, node, &code->operands[i], location, depth);
	}
	walk->repeated = before;
	return write;
}

/* ---- since then ---- */

static bool may_change(struct code_trail_walk *walk, int context, size_t node,
		       const struct code_trail_location *location, unsigned depth)
{
	const struct code_instruction *code = &code_trail_node(walk, context, node)->code;

	if (location->number >= 0)
		return code_trail_writes_register(walk, code, location->number);
	return code_trail_writes(walk, context, node, location, depth) != CODE_TRAIL_WRITES_NOT;
}

/* Some node that has run since leads on from it: it has run, too. */
static bool is_in_round(const struct code_graph *graph, size_t node, const bool *since)
{
	for (size_t i = 0; i < graph->count; i++) {
		for (int32_t edge = since[i] ? graph->nodes[i].edges : -1; edge >= 0; edge = graph->edges[edge].next) {
			if (graph->edges[edge].from == node)
				return true;
		}
	}
	return false;
}

/* Marks, of the nodes in `seen`, those that may have run since `node` was run last: control gets there from it. */
static void mark_since(const struct code_graph *graph, size_t node, const bool *seen, bool *since)
{
	bool changed = true;

	while (changed) {
		changed = false;
		for (size_t i = 0; i < graph->count; i++) {
			if (!seen[i] || since[i])
				continue;
			for (int32_t edge = graph->nodes[i].edges; edge >= 0; edge = graph->edges[edge].next) {
				size_t from = graph->edges[edge].from;

				since[i] |= from == node || since[from];
			}
			changed |= since[i];
		}
	}
}

/* The nodes on ways from `node` to the place that do not come by `node` again. False: it does not lead there, or the
 * code was entered by an unwinder since. */
static bool find_since(struct code_trail_walk *walk, int context, size_t node, bool *since)
{
	const struct code_trail_context *at = &walk->contexts[context];
	const struct code_graph *graph = at->graph;
	uint16_t work[CODE_GRAPH_NODES];
	bool seen[CODE_GRAPH_NODES], came_by = false;
	size_t count = 0;

	memset(seen, 0, graph->count);
	memset(since, 0, graph->count);
	work[count++] = (uint16_t)at->place;
	seen[at->place] = true;
	while (count) {
		size_t to = work[--count];

		if (to != 0 && graph->nodes[to].edges < 0)
			return false;
		for (int32_t edge = graph->nodes[to].edges; edge >= 0; edge = graph->edges[edge].next) {
			size_t from = graph->edges[edge].from;

			came_by |= from == node;
			if (from == node || seen[from])
				continue;
			seen[from] = true;
			if (++walk->looks > CODE_TRAIL_LOOKS)
				return false;
			work[count++] = (uint16_t)from;
		}
	}
	mark_since(graph, node, seen, since);
	/* The place itself has not been run, but for a round before. */
	since[at->place] &= at->place != node;
	since[node] = true;
	return came_by;
}

bool code_trail_is_unchanged(struct code_trail_walk *walk, int context, size_t node,
			     const struct code_trail_location *location, unsigned depth)
{
	const struct code_trail_context *at = &walk->contexts[context];
	bool since[CODE_GRAPH_NODES];

	if (at->place == SIZE_MAX || context == walk->repeated)
		return false;
	/* Those that it called may have written what is not its own. */
	if (location->number < 0 && at->frame > 0 && !code_trail_is_private(walk, context, location->address))
		return false;
	if (at->place == node)
		return true;
	if (!find_since(walk, context, node, since))
		return false;
	for (size_t i = 0; i < at->graph->count; i++) {
		if (since[i] && (i != at->place || is_in_round(at->graph, i, since)) &&
		    may_change(walk, context, i, location, depth))
			return false;
	}
	return true;
}
