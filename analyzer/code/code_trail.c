/* SPDX-License-Identifier: MIT */
#include "analyzer/code/code_trail.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/code/code_text.h"
#include "analyzer/code/code_trail_walk.h"
#include "common/array.h"

/* ---- functions ---- */

struct code_graph *code_trail_graph(struct code_trail_walk *walk, uint64_t start)
{
	struct code_graph *graph;

	for (size_t i = 0; i < walk->graph_count; i++) {
		if (walk->graphs[i]->start == start)
			return walk->graphs[i];
	}
	if (walk->graph_count == array_size(walk->graphs) || walk->looks > CODE_TRAIL_LOOKS)
		return NULL;
	graph = code_graph_create(walk->core, start);
	if (graph) {
		walk->graphs[walk->graph_count++] = graph;
		walk->looks += (unsigned)graph->count;
	}
	return graph;
}

/* The call that comes back to `pc`, or the instruction there. */
static size_t find_place(const struct code_graph *graph, uint64_t pc, bool after_call)
{
	if (!after_call)
		return code_graph_find(graph, pc);
	for (size_t i = 0; i < graph->count; i++) {
		const struct code_instruction *code = &graph->nodes[i].code;

		if (code->flow == CODE_FLOW_CALL && code->address + code->length == pc)
			return i;
	}
	return SIZE_MAX;
}

static enum code_trail_loss make_frame(struct code_trail_walk *walk, size_t frame)
{
	const struct code_origin_place *place = &walk->question->places[frame];
	struct code_trail_context *context = &walk->contexts[walk->context_count];
	uint64_t start, end, word;
	struct code_graph *graph;
	size_t node;
	int32_t sp;

	if (walk->context_count == array_size(walk->contexts))
		return CODE_TRAIL_TOO_LONG;
	if (!code_text_find_extent(walk->core, place->pc - place->after_call, &start, &end))
		return CODE_TRAIL_NO_CODE;
	graph = code_trail_graph(walk, start);
	if (!graph)
		return CODE_TRAIL_NO_CODE;
	node = find_place(graph, place->pc, place->after_call);
	if (!graph->complete || node == SIZE_MAX)
		return CODE_TRAIL_JUMP;
	sp = graph->nodes[node].sp;
	if (sp == CODE_GRAPH_UNSEEN)
		return CODE_TRAIL_JUMP;
	if (sp == CODE_GRAPH_UNKNOWN || !(place->known & 1u << CORE_RSP))
		return CODE_TRAIL_CONTRADICTED;
	*context = (struct code_trail_context){.graph = graph,
					       .frame = frame,
					       .place = node,
					       .return_slot = place->registers[CORE_RSP] - (uint64_t)(int64_t)sp,
					       .caller = CODE_TRAIL_NOT_ASKED};
	/* The stack fits the code. */
	if (frame + 1 < walk->question->count &&
	    (!core_read_word(walk->core, context->return_slot, &word) || word != walk->question->places[frame + 1].pc))
		return CODE_TRAIL_CONTRADICTED;
	walk->frames[frame] = (int)walk->context_count++;
	return CODE_TRAIL_NOT_LOST;
}

int code_trail_frame_context(struct code_trail_walk *walk, size_t frame)
{
	if (frame >= walk->question->count)
		return CODE_TRAIL_NONE;
	if (walk->frames[frame] == CODE_TRAIL_NOT_ASKED) {
		walk->frames[frame] = CODE_TRAIL_NONE;
		walk->frame_loss = make_frame(walk, frame);
	}
	return walk->frames[frame];
}

int code_trail_caller(struct code_trail_walk *walk, int context)
{
	struct code_trail_context *at = &walk->contexts[context];
	int caller;

	if (at->caller != CODE_TRAIL_NOT_ASKED)
		return at->caller;
	at->caller = CODE_TRAIL_NONE;
	caller = code_trail_frame_context(walk, at->frame + 1);
	/* Otherwise what was called jumped on, with other arguments. */
	if (caller >= 0 && code_trail_target(walk, caller, walk->contexts[caller].place) != at->graph->start) {
		walk->frame_loss = CODE_TRAIL_CALL;
		caller = CODE_TRAIL_NONE;
	}
	if (caller >= 0)
		at->call = walk->contexts[caller].place;
	at->caller = caller;
	return caller;
}

int code_trail_called_context(struct code_trail_walk *walk, uint64_t start, int caller, size_t call, bool by_memory)
{
	const struct code_graph_node *node = code_trail_node(walk, caller, call);
	struct code_graph *graph;

	for (size_t i = 0; i < walk->context_count; i++) {
		const struct code_trail_context *at = &walk->contexts[i];

		if (at->frame == SIZE_MAX && at->graph->start == start && at->caller == caller && at->call == call &&
		    at->by_memory == by_memory)
			return (int)i;
	}
	graph = code_trail_graph(walk, start);
	if (!graph || walk->context_count == array_size(walk->contexts) || node->sp == CODE_GRAPH_UNKNOWN ||
	    node->sp == CODE_GRAPH_UNSEEN)
		return CODE_TRAIL_NONE;
	walk->contexts[walk->context_count] = (struct code_trail_context){
		.graph = graph,
		.frame = SIZE_MAX,
		.place = SIZE_MAX,
		.return_slot = walk->contexts[caller].return_slot + (uint64_t)(int64_t)node->sp -
			       (node->code.flow == CODE_FLOW_CALL ? 8 : 0),
		.caller = caller,
		.call = call,
		.by_memory = by_memory};
	return (int)walk->context_count++;
}

bool code_trail_is_library(const struct code_trail_walk *walk, uint64_t address)
{
	static const char *const starts[] = {"libc.so.", "libc-2.",    "libc.musl-", "ld-linux",  "ld-2.",  "ld-musl-",
					     "libm.so.", "libpthread", "libstdc++.", "libgcc_s.", "libc++", "[vdso]"};
	const struct core_module *module = core_find_module(walk->core, address);
	const char *name = module ? strrchr(module->path, '/') : NULL;

	if (!module)
		return true;
	name = name ? name + 1 : module->path;
	for (size_t i = 0; i < array_size(starts); i++) {
		if (strncmp(name, starts[i], strlen(starts[i])) == 0)
			return true;
	}
	return false;
}

/* ---- states ---- */

static uint64_t hash_of(const struct code_trail_state *state)
{
	uint64_t hash = (uint64_t)state->context << 32 | state->node;

	hash = (hash ^ (uint64_t)(uint32_t)state->location.number << 8 ^ state->location.bits) * 0x9e3779b97f4a7c15ull;
	hash = (hash ^ state->location.address) * 0x9e3779b97f4a7c15ull;
	hash = (hash ^ state->value ^ (uint64_t)state->is_shared << 2 ^ (uint64_t)state->is_tested << 1 ^
		state->is_pointer) *
	       0x9e3779b97f4a7c15ull;
	return hash >> 32;
}

static bool is_same(const struct code_trail_state *a, const struct code_trail_state *b)
{
	return a->context == b->context && a->node == b->node && a->location.number == b->location.number &&
	       a->location.address == b->location.address && a->location.bits == b->location.bits &&
	       a->value == b->value && a->is_pointer == b->is_pointer && a->is_tested == b->is_tested &&
	       a->is_shared == b->is_shared;
}

void code_trail_go_on(struct code_trail_walk *walk, struct code_trail_state next, const struct code_trail_step *step)
{
	size_t slot = hash_of(&next) % array_size(walk->seen);

	walk->ways++;

	for (; walk->seen[slot]; slot = (slot + 1) % array_size(walk->seen)) {
		if (is_same(&walk->states[walk->seen[slot] - 1], &next))
			return;
	}
	if (walk->state_count == array_size(walk->states)) {
		code_trail_lose(walk, &next, CODE_TRAIL_TOO_LONG);
		return;
	}
	next.link = (int)walk->current;
	next.has_step = step != NULL;
	if (step)
		next.step = *step;
	walk->states[walk->state_count++] = next;
	walk->seen[slot] = (uint16_t)walk->state_count;
}

static void take_steps(struct code_trail_walk *walk, int state)
{
	struct code_trail *result = walk->result;
	size_t count = 0;

	for (int i = state; i >= 0; i = walk->states[i].link)
		count += walk->states[i].has_step;
	result->step_count = 0;
	for (int i = state; i >= 0; i = walk->states[i].link) {
		if (!walk->states[i].has_step || count-- > CODE_TRAIL_STEPS - 1)
			continue;
		result->steps[count] = walk->states[i].step;
		if (result->step_count < count + 1)
			result->step_count = count + 1;
	}
}

void code_trail_lose(struct code_trail_walk *walk, const struct code_trail_state *state, enum code_trail_loss loss)
{
	struct code_trail *result = walk->result;

	walk->ways++;
	if (result->loss)
		return;
	result->loss = loss;
	result->lost_frame = walk->contexts[state->context].frame;
	result->lost_at = code_trail_node(walk, state->context, state->node)->code.address;
	take_steps(walk, (int)walk->current);
}

/* The function on the stack that called, directly or not, the one that has returned. */
static void take_place(struct code_trail_walk *walk, const struct code_trail_state *state)
{
	struct code_trail *result = walk->result;
	int context = state->context;

	result->frame = result->called_by = walk->contexts[context].frame;
	result->called_at = 0;
	while (context >= 0 && walk->contexts[context].frame == SIZE_MAX) {
		int caller = walk->contexts[context].caller;

		if (caller >= 0) {
			result->called_by = walk->contexts[caller].frame;
			result->called_at = code_trail_node(walk, caller, walk->contexts[context].call)->code.address;
		}
		context = caller;
	}
}

void code_trail_end(struct code_trail_walk *walk, const struct code_trail_state *state, struct code_trail_step step)
{
	struct code_trail *result = walk->result;

	walk->ways++;
	if (result->loss)
		return;
	/* It has returned, and nothing of it is left but what it stored. */
	for (int i = state->context; i >= 0 && walk->contexts[i].frame == SIZE_MAX; i = walk->contexts[i].caller) {
		if (walk->contexts[i].by_memory) {
			code_trail_lose(walk, state, CODE_TRAIL_WRITTEN);
			return;
		}
	}
	if (code_trail_is_library(walk, step.function)) {
		code_trail_lose(walk, state, CODE_TRAIL_LIBRARY);
		return;
	}
	if (walk->made_count++) {
		if (result->function != step.function || result->frame != step.frame)
			code_trail_lose(walk, state, CODE_TRAIL_SEVERAL);
		else if (result->pc != step.pc)
			result->pc = 0;
		return;
	}
	take_place(walk, state);
	result->made = step.kind;
	result->function = step.function;
	result->pc = step.pc;
	result->value = step.value;
	take_steps(walk, (int)walk->current);
	result->steps[result->step_count++] = step;
}

/* ---- the walk ---- */

static void look(struct code_trail_walk *walk, size_t index)
{
	const struct code_trail_state *state = &walk->states[index];
	const struct code_graph *graph = walk->contexts[state->context].graph;
	unsigned ways = walk->ways;

	walk->repeated = CODE_TRAIL_NONE;
	if (state->node == 0) {
		code_trail_leave(walk, state);
		if (walk->ways == ways && code_trail_is_shared(walk, state))
			code_trail_lose(walk, state, CODE_TRAIL_CONTRADICTED);
	} else if (graph->nodes[state->node].edges < 0) {
		code_trail_lose(walk, state, CODE_TRAIL_JUMP);
	}
	for (int32_t edge = graph->nodes[state->node].edges; edge >= 0; edge = graph->edges[edge].next) {
		struct code_trail_state at = *state;
		bool tested;

		if (++walk->looks > CODE_TRAIL_LOOKS)
			code_trail_lose(walk, state, CODE_TRAIL_TOO_LONG);
		if (walk->result->loss)
			return;
		walk->repeated = graph->nodes[graph->edges[edge].from].is_repeated ? state->context : CODE_TRAIL_NONE;
		if (!code_trail_may_go(walk, state, &graph->edges[edge], &tested))
			continue;
		at.is_tested |= tested;
		ways = walk->ways;
		code_trail_step_back(walk, &at, graph->edges[edge].from);
		if (walk->ways == ways && code_trail_is_shared(walk, state))
			code_trail_lose(walk, state, CODE_TRAIL_CONTRADICTED);
	}
}

static void classify(struct code_trail *result)
{
	for (size_t i = 0; i < result->step_count; i++) {
		const struct code_trail_step *step = &result->steps[i];

		result->is_passed |= step->kind == CODE_TRAIL_PASSED;
		if (i > 0 && step->number < 0 && step->address == 0 && result->steps[i - 1].address &&
		    step->frame != result->steps[i - 1].frame && result->steps[i - 1].kind == CODE_TRAIL_COPIED)
			result->is_stored = true;
	}
}

/* What a call takes its target from; or which of two zeroes is the pointer. */
static bool choose_location(struct code_trail_walk *walk, int context, struct code_trail_location *location)
{
	const struct code_trail_question *question = walk->question;
	size_t place = walk->contexts[context].place;
	const struct code_operand *operand = &code_trail_node(walk, context, place)->code.operands[0];
	uint64_t word;

	if (question->is_target) {
		*location = (struct code_trail_location){.number = operand->reg, .bits = 64};
		if (operand->kind == CODE_OPERAND_REGISTER)
			return operand->reg >= 0 && operand->reg != CORE_RSP;
		location->number = -1;
		return operand->kind == CODE_OPERAND_MEMORY && operand->bits == 64 &&
		       code_trail_address(walk, context, place, &operand->memory, CODE_TRAIL_DEPTH,
					  &location->address) &&
		       code_origin_read_word(walk->core, location->address, &word) && word == question->value;
	}
	/* Of two zeroes one is the index. */
	return !question->has_other || !code_trail_is_index(walk, context, place, location->number);
}

static void follow(struct code_trail_walk *walk, int number)
{
	const struct code_trail_question *question = walk->question;
	struct code_trail *result = walk->result;
	int context = code_trail_frame_context(walk, 0);
	struct code_trail_location location;

	if (context < 0) {
		result->loss = walk->frame_loss ?: CODE_TRAIL_NO_CODE;
		return;
	}
	location = (struct code_trail_location){.number = number, .address = question->address, .bits = question->bits};
	if (!choose_location(walk, context, &location)) {
		result->loss = question->has_other ? CODE_TRAIL_INDEX : CODE_TRAIL_COMPUTED;
		return;
	}
	walk->states[walk->state_count++] = (struct code_trail_state){.context = context,
								      .node = walk->contexts[context].place,
								      .location = location,
								      .value = question->value,
								      .is_pointer = question->is_pointer,
								      .link = -1};
	for (; walk->current < walk->state_count && !result->loss; walk->current++)
		look(walk, walk->current);
	if (!result->loss && !walk->made_count)
		result->loss = CODE_TRAIL_CONTRADICTED;
	/* The first element alone, which may be anything's field. */
	if (!result->loss && walk->head_count && !walk->walked_count)
		result->loss = CODE_TRAIL_READ;
	for (size_t i = 0; i < walk->context_count && !result->loss; i++) {
		if (code_trail_comes_back_twice(walk, (int)i))
			result->loss = CODE_TRAIL_JUMP;
	}
	result->known = !result->loss;
	result->is_exact = walk->is_exact;
	classify(result);
}

static void follow_one(const struct code_trail_question *question, int number, struct code_trail *ret)
{
	struct code_trail_walk *walk = calloc(1, sizeof(*walk));

	*ret = (struct code_trail){.loss = CODE_TRAIL_TOO_LONG};
	if (!walk)
		return;
	ret->loss = CODE_TRAIL_NOT_LOST;
	walk->question = question;
	walk->core = question->core;
	walk->machine = code_machine_of(question->core->machine);
	walk->result = ret;
	walk->is_exact = true;
	walk->repeated = CODE_TRAIL_NONE;
	for (size_t i = 0; i < CODE_TRAIL_FRAMES; i++)
		walk->frames[i] = CODE_TRAIL_NOT_ASKED;
	follow(walk, number);
	for (size_t i = 0; i < walk->graph_count; i++)
		code_graph_destroy(walk->graphs[i]);
	free(walk);
}

void code_trail_follow(const struct code_trail_question *question, struct code_trail *ret)
{
	struct code_trail other;

	follow_one(question, question->number, ret);
	if (!question->has_other)
		return;
	follow_one(question, question->other, &other);
	/* The one is an index by its look; or both are of the same make. */
	if (ret->loss == CODE_TRAIL_INDEX) {
		*ret = other;
	} else if (other.loss != CODE_TRAIL_INDEX &&
		   (!ret->known || !other.known || ret->function != other.function || ret->frame != other.frame)) {
		ret->known = false;
		ret->loss = ret->loss ?: other.loss ?: CODE_TRAIL_SEVERAL;
	}
}
