/* SPDX-License-Identifier: MIT */
/* One instruction back: where its result is from. */
#include <stdlib.h>

#include "analyzer/code/code_trail_walk.h"

#define LITTLE 65536u	      /* no object begins below: Linux' vm.mmap_min_addr */
#define OFFSET_MAX (1u << 20) /* what is added to a bad pointer to get to a member or an element of it */
#define STEP_BYTES_MAX 4096u  /* what a loop may go on by */

static struct code_trail_step step_at(const struct code_trail_walk *walk, const struct code_trail_state *state,
				      size_t node, enum code_trail_kind kind)
{
	const struct code_trail_context *at = &walk->contexts[state->context];

	return (struct code_trail_step){.kind = kind,
					.frame = at->frame,
					.function = at->graph->start,
					.pc = at->graph->nodes[node].code.address,
					.number = -1,
					.value = state->value};
}

static struct code_trail_state before(const struct code_trail_state *state, size_t node)
{
	struct code_trail_state next = *state;

	next.node = node;
	return next;
}

static void pass(struct code_trail_walk *walk, const struct code_trail_state *state, size_t node)
{
	code_trail_go_on(walk, before(state, node), NULL);
}

/* ---- from one place to another ---- */

/* The value is in that register before the node. */
static void from_register(struct code_trail_walk *walk, const struct code_trail_state *state, size_t node, int number,
			  unsigned bits, enum code_trail_kind kind)
{
	struct code_trail_state next = before(state, node);
	struct code_trail_step step = step_at(walk, state, node, kind);

	if (number < 0 || number == CORE_RSP) {
		code_trail_lose(walk, state, CODE_TRAIL_COMPUTED);
		return;
	}
	step.number = number;
	next.location = (struct code_trail_location){.number = number, .bits = bits};
	next.value = code_lowest_bits(state->value, bits);
	code_trail_go_on(walk, next, &step);
}

static void from_constant(struct code_trail_walk *walk, const struct code_trail_state *state, size_t node,
			  uint64_t constant)
{
	/* Another value: control did not come this way. */
	if (code_lowest_bits(constant, state->location.bits) == code_lowest_bits(state->value, state->location.bits))
		code_trail_end(walk, state, step_at(walk, state, node, CODE_TRAIL_CONSTANT));
}

/* Is the word on a stack that is not that of the crash any more? */
static bool is_of_returned(const struct code_trail_walk *walk, const struct code_trail_state *state, uint64_t address)
{
	return walk->contexts[state->context].frame == SIZE_MAX &&
	       address < walk->question->places[0].registers[CORE_RSP] &&
	       walk->question->places[0].registers[CORE_RSP] - address < OFFSET_MAX;
}

static bool still_holds(struct code_trail_walk *walk, const struct code_trail_state *state, uint64_t address,
			unsigned bits)
{
	uint64_t held = 0;

	if (is_of_returned(walk, state, address))
		return true;
	if (bits == 64 ? !code_origin_read_word(walk->core, address, &held)
		       : core_read(walk->core, address, &held, bits / 8) != bits / 8)
		return false;
	return held == state->value;
}

static bool is_in_loop(struct code_trail_walk *walk, int context, size_t node)
{
	const struct code_graph *graph = walk->contexts[context].graph;
	bool *seen = calloc(graph->count, sizeof(*seen));
	uint16_t *work = calloc(graph->count, sizeof(*work));
	size_t count = 0;
	bool found = false;

	if (seen && work)
		work[count++] = (uint16_t)node;
	while (count && !found) {
		for (int32_t edge = graph->nodes[work[--count]].edges; edge >= 0; edge = graph->edges[edge].next) {
			size_t from = graph->edges[edge].from;

			found |= from == node;
			if (seen[from])
				continue;
			seen[from] = true;
			work[count++] = (uint16_t)from;
			if (count == graph->count)
				break;
		}
	}
	free(seen);
	free(work);
	return found;
}

static void from_memory(struct code_trail_walk *walk, const struct code_trail_state *state, size_t node,
			const struct code_operand *operand)
{
	const struct code_trail_context *at = &walk->contexts[state->context];
	struct code_trail_step step = step_at(walk, state, node, CODE_TRAIL_COPIED);
	struct code_trail_state next = before(state, node);
	int32_t offset;

	next.location = (struct code_trail_location){.number = -1, .bits = operand->bits};
	if (operand->bits > 64) {
		code_trail_lose(walk, state, CODE_TRAIL_COMPUTED);
		return;
	}
	if (code_graph_frame_offset(&at->graph->nodes[node], &operand->memory, &offset)) {
		next.location.address = at->return_slot + (uint64_t)(int64_t)offset;
		next.location.is_argument = offset >= 8;
	} else if (at->frame == SIZE_MAX && state->is_tested && state->value == 0 && operand->bits == 64) {
		/* The end of a list is what a search returns that finds nothing. */
		step.kind = CODE_TRAIL_WALKED;
		if (is_in_loop(walk, state->context, node))
			walk->walked_count++;
		else
			walk->head_count++;
		code_trail_end(walk, state, step);
		return;
	} else if (!code_trail_address(walk, state->context, node, &operand->memory, CODE_TRAIL_DEPTH,
				       &next.location.address)) {
		code_trail_lose(walk, state, CODE_TRAIL_READ);
		return;
	}
	if (!still_holds(walk, state, next.location.address, operand->bits)) {
		/* It held something else then: control did not come this way. */
		if ((at->frame != SIZE_MAX &&
		     code_trail_is_unchanged(walk, state->context, node, &next.location, CODE_TRAIL_DEPTH)) ||
		    state->is_below)
			return;
		if (!code_trail_is_private(walk, state->context, next.location.address)) {
			code_trail_lose(walk, state, CODE_TRAIL_CONTRADICTED);
			return;
		}
		walk->is_exact = false;
	}
	step.address = next.location.address;
	code_trail_go_on(walk, next, &step);
}

static void from_operand(struct code_trail_walk *walk, const struct code_trail_state *state, size_t node,
			 const struct code_operand *operand)
{
	switch (operand->kind) {
	case CODE_OPERAND_IMMEDIATE:
		from_constant(walk, state, node, operand->immediate);
		return;
	case CODE_OPERAND_REGISTER:
		if (operand->is_high_byte)
			code_trail_lose(walk, state, CODE_TRAIL_COMPUTED);
		else
			from_register(walk, state, node, operand->reg,
				      operand->bits < state->location.bits ? operand->bits : state->location.bits,
				      CODE_TRAIL_COPIED);
		return;
	case CODE_OPERAND_MEMORY:
		from_memory(walk, state, node, operand);
		return;
	default:
		code_trail_lose(walk, state, CODE_TRAIL_COMPUTED);
	}
}

/* ---- arithmetic ---- */

static int64_t as_number(const struct code_trail_state *state)
{
	unsigned bits = state->location.bits;

	return bits >= 64 ? (int64_t)state->value : (int64_t)(state->value << (64 - bits)) >> (64 - bits);
}

static uint64_t distance(int64_t number)
{
	return number < 0 ? -(uint64_t)number : (uint64_t)number;
}

static bool is_good(const struct code_trail_walk *walk, uint64_t pointer)
{
	return pointer >= LITTLE && code_trail_is_mapped(walk->core, pointer);
}

/* The value is that of `number` and a constant. Was that bad before? */
static void from_sum(struct code_trail_walk *walk, const struct code_trail_state *state, size_t node, int number,
		     int64_t constant)
{
	const struct code_instruction *code = &walk->contexts[state->context].graph->nodes[node].code;
	struct code_trail_state source = *state;

	source.value = code_lowest_bits(state->value - (uint64_t)constant, state->location.bits);
	if (constant == 0) {
		from_register(walk, state, node, number, state->location.bits, CODE_TRAIL_COPIED);
		return;
	}
	if (state->is_pointer ? state->location.bits != 64 : distance(as_number(state)) / 16 < distance(constant)) {
		code_trail_lose(walk, state, CODE_TRAIL_COMPUTED);
		return;
	}
	if (state->is_pointer && is_good(walk, source.value)) {
		if (distance(constant) < STEP_BYTES_MAX ||
		    !code_trail_leads_out(walk, source.value, distance(constant)))
			code_trail_lose(walk, state, CODE_TRAIL_COMPUTED);
		else
			code_trail_end(walk, state, step_at(walk, state, node, CODE_TRAIL_MOVED));
		return;
	}
	if (state->is_pointer && distance(constant) > OFFSET_MAX) {
		code_trail_lose(walk, state, CODE_TRAIL_COMPUTED);
		return;
	}
	source.is_below |= state->is_pointer && source.value > -(uint64_t)LITTLE;
	/* No pointer that a loop moves on gets to null from below. */
	if (state->is_below && source.is_below && state->sum_at == code->address)
		return;
	source.sum_at = code->address;
	from_register(walk, &source, node, number, state->location.bits, CODE_TRAIL_ADDED);
}

/* The value is `factor` times the register's. */
static void from_product(struct code_trail_walk *walk, const struct code_trail_state *state, size_t node, int number,
			 int64_t factor)
{
	struct code_trail_state source = *state;

	if (state->is_pointer || factor <= 0) {
		code_trail_lose(walk, state, CODE_TRAIL_COMPUTED);
		return;
	}
	if (as_number(state) % factor)
		return; /* no product: control did not come this way */
	source.value = code_lowest_bits((uint64_t)(as_number(state) / factor), state->location.bits);
	from_register(walk, &source, node, number, state->location.bits, CODE_TRAIL_ADDED);
}

/* The value is that of two registers, the second times `scale`, of which one is bad. */
static void from_two(struct code_trail_walk *walk, const struct code_trail_state *state, size_t node, int base,
		     int index, unsigned scale, int64_t constant)
{
	struct code_trail_state source = *state;
	uint64_t a, b, whole = state->value - (uint64_t)constant;
	bool has_a = code_trail_value_before(walk, state->context, node, base, CODE_TRAIL_DEPTH, &a);
	bool has_b = code_trail_value_before(walk, state->context, node, index, CODE_TRAIL_DEPTH, &b);

	if (!state->is_pointer || state->location.bits != 64 || (!has_a && !has_b)) {
		code_trail_lose(walk, state, CODE_TRAIL_COMPUTED);
		return;
	}
	b = has_b ? b * scale : whole - a;
	a = whole - b;
	/* What leads from an object to the null page is no offset: control did not come this way. */
	if (state->value < LITTLE && (is_good(walk, a) || is_good(walk, b)))
		return;
	if (is_good(walk, a) != is_good(walk, b)) {
		uint64_t offset = is_good(walk, a) ? b : a;

		if (!code_trail_leads_out(walk, whole - offset, distance((int64_t)offset))) {
			code_trail_lose(walk, state, CODE_TRAIL_COMPUTED);
			return;
		}
		source.is_pointer = false;
		source.value = is_good(walk, a) ? b : a;
		if (is_good(walk, a))
			from_product(walk, &source, node, index, scale);
		else if (scale == 1)
			from_product(walk, &source, node, base, 1);
		else
			code_trail_lose(walk, state, CODE_TRAIL_COMPUTED);
		return;
	}
	if (a == 0 && b == 0) {
		if (code_trail_is_index(walk, state->context, node, index) || scale > 1)
			from_register(walk, state, node, base, 64, CODE_TRAIL_ADDED);
		else if (code_trail_is_index(walk, state->context, node, base))
			from_register(walk, state, node, index, 64, CODE_TRAIL_ADDED);
		else
			code_trail_lose(walk, state, CODE_TRAIL_COMPUTED);
		return;
	}
	/* A bad pointer, and how far into what it would point to. */
	if ((a == 0 && b != 0 && b < OFFSET_MAX) || (a >= LITTLE && distance((int64_t)b) < LITTLE)) {
		source.value = a;
		from_register(walk, &source, node, base, 64, CODE_TRAIL_ADDED);
	} else if (scale == 1 &&
		   ((b == 0 && a != 0 && a < OFFSET_MAX) || (b >= LITTLE && distance((int64_t)a) < LITTLE))) {
		source.value = b;
		from_register(walk, &source, node, index, 64, CODE_TRAIL_ADDED);
	} else {
		code_trail_lose(walk, state, CODE_TRAIL_COMPUTED);
	}
}

/* The value is that of a register and a good pointer in memory. */
static void from_added(struct code_trail_walk *walk, const struct code_trail_state *state, size_t node, int number,
		       const struct code_operand *memory)
{
	struct code_trail_state source = *state;
	uint64_t good;

	if (!state->is_pointer || state->location.bits != 64 ||
	    !code_trail_operand_before(walk, state->context, node, memory, &good) || !is_good(walk, good) ||
	    !code_trail_leads_out(walk, good, distance((int64_t)(state->value - good)))) {
		code_trail_lose(walk, state, CODE_TRAIL_COMPUTED);
		return;
	}
	if (state->value < LITTLE)
		return; /* as above */
	source.is_pointer = false;
	source.value = state->value - good;
	from_product(walk, &source, node, number, 1);
}

static void from_address(struct code_trail_walk *walk, const struct code_trail_state *state, size_t node,
			 const struct code_memory *memory)
{
	const struct code_trail_context *at = &walk->contexts[state->context];
	const struct code_instruction *code = &at->graph->nodes[node].code;
	int32_t offset;

	if (memory->is_pc_relative) {
		from_constant(walk, state, node, code->address + code->length + (uint64_t)memory->displacement);
	} else if (code_graph_frame_offset(&at->graph->nodes[node], memory, &offset)) {
		/* An address of the frame, good while that stands. */
		if (state->value == at->return_slot + (uint64_t)(int64_t)offset)
			code_trail_lose(walk, state, CODE_TRAIL_COMPUTED);
	} else if (memory->address_bits != 64 || memory->base == CORE_RSP || memory->base == CODE_REGISTER_OTHER ||
		   memory->index == CODE_REGISTER_OTHER) {
		code_trail_lose(walk, state, CODE_TRAIL_COMPUTED);
	} else if (memory->index == CODE_REGISTER_NONE) {
		from_sum(walk, state, node, memory->base, memory->displacement);
	} else if (memory->base == CODE_REGISTER_NONE && memory->displacement == 0) {
		from_product(walk, state, node, memory->index, memory->scale);
	} else if (memory->base == memory->index && memory->displacement == 0) {
		from_product(walk, state, node, memory->index, 1 + memory->scale);
	} else if (memory->base >= 0) {
		from_two(walk, state, node, memory->base, memory->index, memory->scale, memory->displacement);
	} else {
		code_trail_lose(walk, state, CODE_TRAIL_COMPUTED);
	}
}

static void from_arithmetic(struct code_trail_walk *walk, const struct code_trail_state *state, size_t node)
{
	const struct code_instruction *code = &walk->contexts[state->context].graph->nodes[node].code;
	const struct code_operand *to = &code->operands[0], *from = &code->operands[1];
	bool is_number = from->kind == CODE_OPERAND_IMMEDIATE;
	int64_t number = is_number ? (int64_t)from->immediate : 0;

	switch (code->op) {
	case CODE_OP_XOR:
	case CODE_OP_SUBTRACT:
		if (from->kind == CODE_OPERAND_REGISTER && from->reg == to->reg)
			from_constant(walk, state, node, 0);
		else if (code->op == CODE_OP_SUBTRACT && is_number)
			from_sum(walk, state, node, to->reg, -number);
		else
			break;
		return;
	case CODE_OP_ADD:
		if (is_number)
			from_sum(walk, state, node, to->reg, number);
		else if (from->kind == CODE_OPERAND_REGISTER && from->reg >= 0 && from->reg != to->reg)
			from_two(walk, state, node, to->reg, from->reg, 1, 0);
		else if (from->kind == CODE_OPERAND_MEMORY && from->bits == 64)
			from_added(walk, state, node, to->reg, from);
		else
			break;
		return;
	case CODE_OP_SHIFT_LEFT:
		if (!is_number || number < 0 || number > 30)
			break;
		from_product(walk, state, node, to->reg, 1ll << number);
		return;
	case CODE_OP_MULTIPLY:
		if (code->visible_count != 3 || code->operands[2].kind != CODE_OPERAND_IMMEDIATE ||
		    from->kind != CODE_OPERAND_REGISTER)
			break;
		from_product(walk, state, node, from->reg, (int64_t)code->operands[2].immediate);
		return;
	default:
		break;
	}
	code_trail_lose(walk, state, CODE_TRAIL_COMPUTED);
}

/* ---- calls ---- */

/* What the call left in the location: back from each return of the function called. A step, when it was returned. */
static void go_into(struct code_trail_walk *walk, const struct code_trail_state *state, int caller, size_t call,
		    enum code_trail_loss otherwise, unsigned depth)
{
	uint64_t target = code_trail_target(walk, caller, call);
	bool by_memory = state->location.number < 0;
	const struct code_graph *graph;
	struct code_trail_step step;
	int called;

	if (!target || depth == 0) {
		code_trail_lose(walk, state, target ? CODE_TRAIL_TOO_LONG : otherwise);
		return;
	}
	if (code_trail_is_library(walk, target)) {
		code_trail_lose(walk, state, by_memory ? otherwise : CODE_TRAIL_LIBRARY);
		return;
	}
	called = code_trail_called_context(walk, target, caller, call, by_memory);
	graph = called >= 0 ? walk->contexts[called].graph : NULL;
	if (!graph || !graph->complete) {
		code_trail_lose(walk, state, graph ? CODE_TRAIL_JUMP : CODE_TRAIL_NO_CODE);
		return;
	}
	step = (struct code_trail_step){.kind = CODE_TRAIL_RETURNED,
					.frame = walk->contexts[caller].frame,
					.function = target,
					.pc = walk->contexts[caller].graph->nodes[call].code.address,
					.number = state->location.number,
					.value = state->value};
	for (size_t i = 0; i < graph->count; i++) {
		struct code_trail_state next = *state;

		next.context = called;
		next.node = i;
		next.is_tested = false;
		if (graph->nodes[i].is_exit)
			go_into(walk, state, called, i, otherwise, depth - 1);
		else if (graph->nodes[i].code.flow == CODE_FLOW_RETURN)
			code_trail_go_on(walk, next, by_memory ? NULL : &step);
	}
}

static void set_register(struct code_trail_walk *walk, const struct code_trail_state *state, size_t node)
{
	const struct code_instruction *code = &walk->contexts[state->context].graph->nodes[node].code;
	const struct code_operand *to = &code->operands[0], *from = &code->operands[1];
	struct code_trail_state whole = *state;
	unsigned bits = state->location.bits;

	if (code->op == CODE_OP_WIDEN_RAX && state->location.number == CORE_RAX) {
		if (bits == 64 && state->value != (uint64_t)(int64_t)(int32_t)state->value)
			return;
		from_register(walk, state, node, CORE_RAX, bits < 32 ? bits : 32, CODE_TRAIL_COPIED);
		return;
	}
	if (to->kind != CODE_OPERAND_REGISTER || to->reg != state->location.number || to->is_high_byte ||
	    (to->bits < bits && to->bits < 32)) {
		code_trail_lose(walk, state, CODE_TRAIL_COMPUTED);
		return;
	}
	if (to->bits < bits) {
		/* The upper half is cleared (AMD64 manual, volume 1, 3.1.2). */
		if (state->value != code_lowest_bits(state->value, to->bits))
			return;
		whole.location.bits = to->bits;
	}
	switch (code->op) {
	case CODE_OP_MOVE:
		from_operand(walk, &whole, node, from);
		return;
	case CODE_OP_MOVE_ZERO:
		if (whole.value == code_lowest_bits(whole.value, from->bits))
			from_operand(walk, &whole, node, from);
		return;
	case CODE_OP_MOVE_SIGN:
		if ((uint64_t)as_number(&whole) !=
		    (uint64_t)((int64_t)(whole.value << (64 - from->bits)) >> (64 - from->bits)))
			return;
		whole.value = code_lowest_bits(whole.value, from->bits);
		whole.location.bits = from->bits < whole.location.bits ? from->bits : whole.location.bits;
		from_operand(walk, &whole, node, from);
		return;
	case CODE_OP_SET_IF:
		/* It decided. */
		if (state->value <= 1)
			code_trail_end(walk, state, step_at(walk, state, node, CODE_TRAIL_CONSTANT));
		return;
	case CODE_OP_MOVE_IF:
		if (code_trail_may_move(walk, state, node, /* is_moved= */ false))
			pass(walk, state, node);
		from_operand(walk, &whole, node, from);
		return;
	case CODE_OP_ADDRESS:
		from_address(walk, &whole, node, &from->memory);
		return;
	case CODE_OP_POP:
		for (size_t i = 0; i < code->operand_count; i++) {
			if (code->operands[i].kind == CODE_OPERAND_MEMORY) {
				from_memory(walk, &whole, node, &code->operands[i]);
				return;
			}
		}
		code_trail_lose(walk, state, CODE_TRAIL_COMPUTED);
		return;
	default:
		from_arithmetic(walk, &whole, node);
	}
}

static void step_register(struct code_trail_walk *walk, const struct code_trail_state *state, size_t node)
{
	const struct code_instruction *code = &walk->contexts[state->context].graph->nodes[node].code;
	int number = state->location.number;

	if (!code_trail_writes_register(walk, code, number))
		pass(walk, state, node);
	else if (code->flow == CODE_FLOW_CALL && (number == CORE_RAX || number == CORE_RDX))
		go_into(walk, state, state->context, node, CODE_TRAIL_CALL, CODE_TRAIL_DEPTH);
	else if (code->flow == CODE_FLOW_CALL || code->flow == CODE_FLOW_SYSTEM_CALL)
		code_trail_lose(walk, state, CODE_TRAIL_CLOBBERED);
	else
		set_register(walk, state, node);
}

static void step_memory(struct code_trail_walk *walk, const struct code_trail_state *state, size_t node)
{
	const struct code_instruction *code = &walk->contexts[state->context].graph->nodes[node].code;
	struct code_trail_state stored;

	switch (code_trail_writes(walk, state->context, node, &state->location, CODE_TRAIL_DEPTH)) {
	case CODE_TRAIL_WRITES_NOT:
		pass(walk, state, node);
		return;
	case CODE_TRAIL_WRITES:
		stored = *state;
		stored.is_shared |= !code_trail_is_private(walk, state->context, state->location.address);
		if (stored.is_shared && walk->core->thread_count > 1)
			code_trail_lose(walk, state, CODE_TRAIL_WRITTEN);
		else
			from_operand(walk, &stored, node, &code->operands[code->op == CODE_OP_PUSH ? 0 : 1]);
		return;
	case CODE_TRAIL_WRITES_OTHERWISE:
		code_trail_lose(walk, state, CODE_TRAIL_COMPUTED);
		return;
	case CODE_TRAIL_MAY_CALL:
		if (code->flow == CODE_FLOW_CALL)
			go_into(walk, state, state->context, node, CODE_TRAIL_WRITTEN, CODE_TRAIL_DEPTH);
		else
			code_trail_lose(walk, state, CODE_TRAIL_WRITTEN);
		return;
	case CODE_TRAIL_MAY_STORE:
		code_trail_lose(walk, state, CODE_TRAIL_STORED);
		return;
	}
}

/* The instruction used the value as a pointer, and went on: it would have been refused. */
static bool would_fault(struct code_trail_walk *walk, const struct code_trail_state *state, size_t node)
{
	const struct code_graph *graph = walk->contexts[state->context].graph;
	const struct code_instruction *code = &graph->nodes[node].code;

	if (!state->is_pointer || state->location.bits != 64 || state->value >= LITTLE)
		return false;
	for (size_t i = 0; i < code->operand_count; i++) {
		const struct code_operand *operand = &code->operands[i];

		if (operand->kind == CODE_OPERAND_MEMORY && code->op != CODE_OP_ADDRESS &&
		    code->op != CODE_OP_NOTHING && (operand->reads || operand->writes) &&
		    !operand->memory.is_address_only && operand->memory.index == CODE_REGISTER_NONE &&
		    operand->memory.segment == CODE_REGISTER_NONE && !code->is_repeated &&
		    operand->memory.displacement >= 0 &&
		    state->value + (uint64_t)operand->memory.displacement < LITTLE &&
		    code_trail_holds(walk, state, node, operand->memory.base))
			return true;
	}
	return false;
}

void code_trail_step_back(struct code_trail_walk *walk, const struct code_trail_state *state, size_t from)
{
	if (would_fault(walk, state, from))
		return;
	if (state->location.number >= 0)
		step_register(walk, state, from);
	else
		step_memory(walk, state, from);
}

/* ---- the entry ---- */

static bool is_contradicted(const struct code_trail_walk *walk, const struct code_trail_state *state)
{
	const struct code_trail_context *at = &walk->contexts[state->context];
	const struct code_origin_place *caller;
	int number = state->location.number;

	if (at->frame == SIZE_MAX || at->frame + 1 >= walk->question->count || !code_is_kept(walk->machine, number))
		return false;
	caller = &walk->question->places[at->frame + 1];
	return caller->known & 1u << number &&
	       code_lowest_bits(caller->registers[number], state->location.bits) != state->value;
}

void code_trail_leave(struct code_trail_walk *walk, const struct code_trail_state *state)
{
	const struct code_trail_context *at = &walk->contexts[state->context];
	struct code_trail_state next = *state;
	const struct code_graph_node *call;
	struct code_trail_step step;
	int number = state->location.number;
	bool is_argument = state->location.is_argument || code_is_argument(walk->machine, number);

	if (number < 0 && at->return_slot - state->location.address < OFFSET_MAX) {
		code_trail_lose(walk, state, CODE_TRAIL_UNSET);
		return;
	}
	if (number >= 0 && !code_is_argument(walk->machine, number) && !code_is_kept(walk->machine, number)) {
		code_trail_lose(walk, state, CODE_TRAIL_CLOBBERED);
		return;
	}
	/* The caller had something else there: control did not come this way. */
	if (number >= 0 && is_contradicted(walk, state))
		return;
	next.context = code_trail_caller(walk, state->context);
	if (next.context < 0) {
		code_trail_lose(walk, state,
				at->frame != SIZE_MAX && at->frame + 1 >= walk->question->count
					? CODE_TRAIL_STACK_ENDS
					: walk->frame_loss ?: CODE_TRAIL_CALL);
		return;
	}
	at = &walk->contexts[state->context];
	next.node = at->call;
	call = code_trail_node(walk, next.context, next.node);
	next.location.is_argument = false;
	step = (struct code_trail_step){.kind = CODE_TRAIL_PASSED,
					.frame = walk->contexts[next.context].frame,
					.function = walk->contexts[next.context].graph->start,
					.pc = call->code.address,
					.number = number,
					.address = state->location.address,
					.value = state->value};
	code_trail_go_on(walk, next, is_argument ? &step : NULL);
}
