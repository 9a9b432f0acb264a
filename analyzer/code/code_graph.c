/* SPDX-License-Identifier: MIT */
#include "analyzer/code/code_graph.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/code/code_call_site.h"
#include "analyzer/code/code_text.h"
#include "common/vector.h"

#define WORK_MAX (2 * CODE_GRAPH_NODES)
/* What is taken for another function without a look at it is larger. */
#define PART_BYTES_MAX 4096u

struct build {
	struct code_graph *graph;
	uint64_t work[WORK_MAX]; /* addresses to be decoded from */
	size_t count;
};

/* ---- regions ---- */

static struct code_graph_region *region_of(struct code_graph *graph, uint64_t address)
{
	for (size_t i = 0; i < graph->region_count; i++) {
		if (address >= graph->regions[i].start && address < graph->regions[i].end)
			return &graph->regions[i];
	}
	return NULL;
}

static struct code_graph_region *add_region(struct code_graph *graph, uint64_t start, uint64_t end)
{
	struct code_graph_region *region = &graph->regions[graph->region_count];
	size_t size = end - start;

	if (graph->region_count == CODE_GRAPH_REGIONS || end <= start || size > CODE_GRAPH_REGION_BYTES)
		return NULL;
	region->start = start;
	region->end = end;
	region->bytes = malloc(size);
	region->at = calloc(size, sizeof(*region->at));
	graph->region_count++;
	if (!region->bytes || !region->at || core_read(graph->core, start, region->bytes, size) != size)
		return NULL;
	return region;
}

/* Does the code in [start, end) go on in a region of the graph, elsewhere than at the function's start? */
static bool leads_back(struct code_graph *graph, uint64_t start, uint64_t end)
{
	uint8_t bytes[PART_BYTES_MAX];
	struct code_instruction code;
	size_t size = core_read(graph->core, start, bytes, end - start);

	for (size_t at = 0; at < size; at += code.length) {
		if (!code_decode(graph->machine, bytes + at, size - at, start + at, CODE_SHAPE, &code))
			return false;
		if ((code.flow == CODE_FLOW_JUMP || code.flow == CODE_FLOW_BRANCH) && code.has_target &&
		    code.target != graph->start && region_of(graph, code.target))
			return true;
	}
	return false;
}

/* Code outside the regions so far that is jumped to: another function, or a part of this one, which becomes a region.
 */
static bool is_other_function(struct code_graph *graph, uint64_t target)
{
	uint64_t start, end;

	/* A stub of the linkage table. */
	if (code_call_site_through_stub(graph->core, target) != target ||
	    !code_text_find_extent(graph->core, target, &start, &end))
		return true;
	if (start == target && (end - start > PART_BYTES_MAX || !leads_back(graph, start, end)))
		return true;
	graph->complete &= add_region(graph, start, end) != NULL;
	return false;
}

/* ---- nodes ---- */

size_t code_graph_find(const struct code_graph *graph, uint64_t address)
{
	for (size_t i = 0; i < graph->region_count; i++) {
		const struct code_graph_region *region = &graph->regions[i];

		if (address >= region->start && address < region->end && region->at[address - region->start])
			return region->at[address - region->start] - 1u;
	}
	return SIZE_MAX;
}

static void add_edge(struct code_graph *graph, size_t from, size_t to, bool is_taken)
{
	if (graph->edge_count == CODE_GRAPH_EDGES ||
	    array_reserve(graph->edges, graph->edge_capacity, graph->edge_count + 1)) {
		graph->complete = false;
		return;
	}
	graph->edges[graph->edge_count] =
		(struct code_graph_edge){.from = (uint16_t)from, .is_taken = is_taken, .next = graph->nodes[to].edges};
	graph->nodes[to].edges = (int32_t)graph->edge_count++;
}

static struct code_graph_node *decode_node(struct code_graph *graph, struct code_graph_region *region, uint64_t address)
{
	size_t offset = address - region->start;
	struct code_graph_node *node;

	if (graph->count == CODE_GRAPH_NODES || array_reserve(graph->nodes, graph->capacity, graph->count + 1))
		return NULL;
	node = &graph->nodes[graph->count];
	if (!code_decode(graph->machine, region->bytes + offset, region->end - address, address, CODE_WHOLE,
			 &node->code))
		return NULL;
	node->sp = node->frame_pointer = CODE_GRAPH_UNSEEN;
	node->edges = -1;
	node->is_exit = false;
	node->is_repeated = true; /* until it is found that it is not */
	region->at[offset] = (uint16_t)++graph->count;
	return node;
}

static void want(struct build *build, uint64_t address)
{
	if (build->count == WORK_MAX)
		build->graph->complete = false;
	else
		build->work[build->count++] = address;
}

static bool ends_flow(const struct code_instruction *code)
{
	return code->flow == CODE_FLOW_JUMP || code->flow == CODE_FLOW_RETURN || code->op == CODE_OP_UNDEFINED ||
	       code->op == CODE_OP_HALT || code->op == CODE_OP_BREAKPOINT;
}

static void decode_from(struct build *build, uint64_t address)
{
	struct code_graph *graph = build->graph;

	for (;;) {
		struct code_graph_region *region = region_of(graph, address);
		struct code_graph_node *node;

		/* Behind the last call of a function that does not come back. */
		if (!region || region->at[address - region->start])
			return;
		node = decode_node(graph, region, address);
		if (!node) {
			graph->complete = false;
			return;
		}
		if (node->code.flow == CODE_FLOW_JUMP || node->code.flow == CODE_FLOW_BRANCH) {
			if (!node->code.has_target)
				graph->complete = false;
			else if (!region_of(graph, node->code.target) && is_other_function(graph, node->code.target))
				node->is_exit = true;
			else
				want(build, node->code.target);
		}
		if (ends_flow(&node->code))
			return;
		address += node->code.length;
	}
}

/* What nothing leads to is decoded, too: landing pads, and what follows a jump through a table. */
static void decode_orphans(struct build *build)
{
	struct code_graph *graph = build->graph;

	for (size_t i = 0; i < graph->region_count && graph->complete; i++) {
		struct code_graph_region *region = &graph->regions[i];
		struct code_instruction code;

		for (uint64_t at = region->start; at < region->end && graph->complete; at += code.length) {
			size_t node = code_graph_find(graph, at), offset = at - region->start;

			if (node != SIZE_MAX) {
				code = graph->nodes[node].code;
				continue;
			}
			if (!code_decode(graph->machine, region->bytes + offset, region->end - at, at, CODE_SHAPE,
					 &code)) {
				graph->complete = false;
				return;
			}
			if (code.op == CODE_OP_NOTHING || code.op == CODE_OP_EXCHANGE || code.op == CODE_OP_BREAKPOINT)
				continue;
			want(build, at);
			while (build->count)
				decode_from(build, build->work[--build->count]);
			code.length = 0;
		}
	}
}

static void connect(struct code_graph *graph)
{
	for (size_t i = 0; i < graph->count; i++) {
		const struct code_instruction *code = &graph->nodes[i].code;
		bool jumps = code->flow == CODE_FLOW_JUMP || code->flow == CODE_FLOW_BRANCH;
		size_t to;

		if (jumps && code->has_target && !graph->nodes[i].is_exit) {
			to = code_graph_find(graph, code->target);
			if (to != SIZE_MAX)
				add_edge(graph, i, to, /* is_taken= */ true);
			else
				graph->complete = false;
		}
		to = ends_flow(code) ? SIZE_MAX : code_graph_find(graph, code->address + code->length);
		if (to != SIZE_MAX)
			add_edge(graph, i, to, /* is_taken= */ false);
	}
}

/* ---- the stack pointer ---- */

static int32_t shifted(int32_t offset, int64_t by)
{
	const int64_t limit = 1 << 24; /* no frame is larger */

	if (offset == CODE_GRAPH_UNKNOWN || by < -limit || by > limit || offset + by < -limit || offset + by > limit)
		return CODE_GRAPH_UNKNOWN;
	return (int32_t)(offset + by);
}

bool code_graph_frame_offset(const struct code_graph_node *node, const struct code_memory *memory, int32_t *ret)
{
	int32_t base = memory->base == CORE_RSP	  ? node->sp
		       : memory->base == CORE_RBP ? node->frame_pointer
						  : CODE_GRAPH_UNKNOWN;

	if (base == CODE_GRAPH_UNKNOWN || base == CODE_GRAPH_UNSEEN || memory->index != CODE_REGISTER_NONE ||
	    memory->segment != CODE_REGISTER_NONE || memory->address_bits != 64)
		return false;
	*ret = shifted(base, memory->displacement + memory->stack_shift);
	return *ret != CODE_GRAPH_UNKNOWN;
}

static bool writes_register(const struct code_instruction *code, int number)
{
	for (size_t i = 0; i < code->operand_count; i++) {
		if (code->operands[i].kind == CODE_OPERAND_REGISTER && code->operands[i].writes &&
		    code->operands[i].reg == number)
			return true;
	}
	return false;
}

/* A whole copy of the stack or the frame pointer, or what lea or add makes of it. */
static int32_t frame_value(const struct code_graph_node *node)
{
	const struct code_instruction *code = &node->code;
	const struct code_operand *to = &code->operands[0], *from = &code->operands[1];
	int32_t offset;

	if (to->kind != CODE_OPERAND_REGISTER || to->bits != 64)
		return CODE_GRAPH_UNKNOWN;
	if (code->op == CODE_OP_MOVE && from->kind == CODE_OPERAND_REGISTER)
		return from->reg == CORE_RSP   ? node->sp
		       : from->reg == CORE_RBP ? node->frame_pointer
					       : CODE_GRAPH_UNKNOWN;
	if (code->op == CODE_OP_ADDRESS)
		return code_graph_frame_offset(node, &from->memory, &offset) ? offset : CODE_GRAPH_UNKNOWN;
	if ((code->op == CODE_OP_ADD || code->op == CODE_OP_SUBTRACT) && from->kind == CODE_OPERAND_IMMEDIATE) {
		int64_t by = (int64_t)from->immediate;

		offset = to->reg == CORE_RSP   ? node->sp
			 : to->reg == CORE_RBP ? node->frame_pointer
					       : CODE_GRAPH_UNKNOWN;
		return shifted(offset, code->op == CODE_OP_ADD ? by : -by);
	}
	return CODE_GRAPH_UNKNOWN;
}

static void carry_out(const struct code_graph_node *node, int32_t *sp, int32_t *frame_pointer)
{
	const struct code_instruction *code = &node->code;

	*sp = node->sp;
	*frame_pointer = node->frame_pointer;
	if (code->flow == CODE_FLOW_CALL)
		return;
	if (code->op == CODE_OP_LEAVE) {
		*sp = shifted(node->frame_pointer, 8);
		*frame_pointer = CODE_GRAPH_UNKNOWN;
		return;
	}
	if (writes_register(code, CORE_RBP))
		*frame_pointer = code->operands[0].reg == CORE_RBP ? frame_value(node) : CODE_GRAPH_UNKNOWN;
	if (code->op == CODE_OP_PUSH || code->op == CODE_OP_POP) {
		int bytes = code->operands[0].bits == 16 ? 2 : 8;

		*sp = code->operands[0].kind == CODE_OPERAND_REGISTER && code->operands[0].reg == CORE_RSP
			      ? CODE_GRAPH_UNKNOWN
			      : shifted(node->sp, code->op == CODE_OP_PUSH ? -bytes : bytes);
	} else if (writes_register(code, CORE_RSP)) {
		*sp = code->operands[0].reg == CORE_RSP ? frame_value(node) : CODE_GRAPH_UNKNOWN;
	}
}

static bool join(int32_t *into, int32_t value)
{
	if (*into == value || *into == CODE_GRAPH_UNKNOWN)
		return false;
	*into = *into == CODE_GRAPH_UNSEEN ? value : CODE_GRAPH_UNKNOWN;
	return true;
}

/* Nodes are in the order in which they were decoded, so that a few rounds will do. */
static void find_offsets(struct code_graph *graph)
{
	bool changed = true;

	graph->nodes[0].sp = 0;
	graph->nodes[0].frame_pointer = CODE_GRAPH_UNKNOWN;
	while (changed) {
		changed = false;
		for (size_t i = 0; i < graph->count; i++) {
			struct code_graph_node *node = &graph->nodes[i];
			int32_t sp, frame_pointer;

			for (int32_t at = node->edges; at >= 0; at = graph->edges[at].next) {
				const struct code_graph_node *from = &graph->nodes[graph->edges[at].from];

				if (from->sp == CODE_GRAPH_UNSEEN)
					continue;
				carry_out(from, &sp, &frame_pointer);
				changed |= join(&node->sp, sp);
				changed |= join(&node->frame_pointer, frame_pointer);
			}
		}
	}
}

static void show(struct code_graph *graph, int32_t offset)
{
	if (offset < graph->lowest_shown)
		graph->lowest_shown = offset;
}

/* Where an index counts from, or an address that is taken. */
static void show_memory(struct code_graph *graph, const struct code_graph_node *node, const struct code_memory *memory)
{
	struct code_memory base = *memory;
	int32_t offset;

	if (memory->index == CORE_RBP && node->frame_pointer != CODE_GRAPH_UNKNOWN) {
		show(graph, INT32_MIN);
		return;
	}
	if (memory->base != CORE_RSP && (memory->base != CORE_RBP || node->frame_pointer == CODE_GRAPH_UNKNOWN))
		return;
	base.index = CODE_REGISTER_NONE;
	show(graph, code_graph_frame_offset(node, &base, &offset) ? offset : INT32_MIN);
}

static void show_register(struct code_graph *graph, const struct code_graph_node *node,
			  const struct code_operand *operand)
{
	int32_t offset = operand->reg == CORE_RSP ? node->sp : node->frame_pointer;

	if (operand->reg == CORE_RBP && offset == CODE_GRAPH_UNKNOWN)
		return; /* it is no frame pointer there */
	show(graph, operand->bits != 64 || offset == CODE_GRAPH_UNSEEN ? INT32_MIN : offset);
}

/* Addresses of the frame that get out of the stack and the frame pointer. */
static void find_shown(struct code_graph *graph)
{
	graph->lowest_shown = INT32_MAX;
	for (size_t i = 0; i < graph->count; i++)
		graph->has_frame_pointer |= graph->nodes[i].frame_pointer != CODE_GRAPH_UNKNOWN &&
					    graph->nodes[i].frame_pointer != CODE_GRAPH_UNSEEN;
	for (size_t i = 0; i < graph->count; i++) {
		const struct code_graph_node *node = &graph->nodes[i];
		const struct code_instruction *code = &node->code;
		bool to_frame = code->operands[0].kind == CODE_OPERAND_REGISTER &&
				(code->operands[0].reg == CORE_RSP || code->operands[0].reg == CORE_RBP);

		if (code->op == CODE_OP_NOTHING || to_frame)
			continue;
		for (size_t j = 0; j < code->visible_count; j++) {
			const struct code_operand *operand = &code->operands[j];

			if (operand->kind == CODE_OPERAND_MEMORY &&
			    (code->op == CODE_OP_ADDRESS || operand->memory.index != CODE_REGISTER_NONE))
				show_memory(graph, node, &operand->memory);
			else if (operand->kind == CODE_OPERAND_REGISTER && operand->reads &&
				 (operand->reg == CORE_RSP || operand->reg == CORE_RBP))
				show_register(graph, node, operand);
		}
	}
}

/* Whatever is behind no loop, or before none, is run once. */
static void find_loops(struct code_graph *graph)
{
	cleanup_free bool *before = calloc(graph->count, sizeof(*before)); /* a loop is behind it, or around it */
	bool changed = true;

	while (changed) {
		changed = false;
		for (size_t i = 0; i < graph->count; i++) {
			struct code_graph_node *node = &graph->nodes[i];
			bool repeated = false;

			for (int32_t at = node->edges; at >= 0; at = graph->edges[at].next)
				repeated |= graph->nodes[graph->edges[at].from].is_repeated;
			changed |= node->is_repeated && !repeated;
			node->is_repeated &= repeated;
		}
	}
	changed = before != NULL;
	for (size_t i = 0; before && i < graph->count; i++)
		before[i] = true;
	while (changed) {
		cleanup_free bool *next = calloc(graph->count, sizeof(*next));

		changed = false;
		for (size_t i = 0; next && i < graph->count; i++) {
			for (int32_t at = before[i] ? graph->nodes[i].edges : -1; at >= 0; at = graph->edges[at].next)
				next[graph->edges[at].from] = true;
		}
		for (size_t i = 0; next && i < graph->count; i++) {
			changed |= before[i] && !next[i];
			before[i] &= next[i];
		}
	}
	for (size_t i = 0; before && i < graph->count; i++)
		graph->nodes[i].is_repeated &= before[i];
}

struct code_graph *code_graph_create(const struct core *core, uint64_t start)
{
	struct build *build = malloc(sizeof(*build));
	struct code_graph *graph = calloc(1, sizeof(*graph));
	uint64_t from, end;

	if (build && graph && code_text_find_extent(core, start, &from, &end) && from == start) {
		graph->core = core;
		graph->machine = code_machine_of(core->machine);
		graph->start = start;
		graph->complete = true;
		build->graph = graph;
		build->count = 0;
		if (add_region(graph, start, end)) {
			want(build, start);
			while (build->count)
				decode_from(build, build->work[--build->count]);
			decode_orphans(build);
			connect(graph);
		}
	}
	free(build);
	if (!graph || !graph->count) {
		code_graph_destroy(graph);
		return NULL;
	}
	find_offsets(graph);
	find_shown(graph);
	find_loops(graph);
	return graph;
}

void code_graph_destroy(struct code_graph *graph)
{
	if (!graph)
		return;
	for (size_t i = 0; i < graph->region_count; i++) {
		free(graph->regions[i].at);
		free(graph->regions[i].bytes);
	}
	free(graph->nodes);
	free(graph->edges);
	free(graph);
}
