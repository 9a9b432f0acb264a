/* SPDX-License-Identifier: MIT */
/* What the files of code_trail.h share. Only for code_trail*.c. */
#ifndef ANALYZER_CODE_TRAIL_WALK_H
#define ANALYZER_CODE_TRAIL_WALK_H

#include "analyzer/code/code_graph.h"
#include "analyzer/code/code_trail.h"

#define CODE_TRAIL_CONTEXTS 24
#define CODE_TRAIL_NONE (-1)
#define CODE_TRAIL_NOT_ASKED (-2)
#define CODE_TRAIL_STATES 2048
/* Instructions that are looked at, in all. */
#define CODE_TRAIL_LOOKS 60000u
#define CODE_TRAIL_CALLED_LOOKS 1000000u

/* A function, on the stack or returned: its graph, and where its frame is. */
struct code_trail_context {
	struct code_graph *graph; /* belongs to the walk's list */
	size_t frame;		  /* index of the place; SIZE_MAX: it has returned */
	size_t place;		  /* node it has come to; SIZE_MAX where it has returned */
	uint64_t return_slot;	  /* address of its return address */
	/* Who called it, and at which node; negative: not known, CODE_TRAIL_NOT_ASKED: not looked for yet. Where it was
	 * jumped to, who jumped. */
	int caller;
	size_t call;
	bool by_memory; /* gone into for what it may have stored, not for what it returned */
};

/* A register, or bytes of memory. */
struct code_trail_location {
	int number; /* -1: memory */
	uint64_t address;
	unsigned bits;
	bool is_argument; /* of memory: read as an argument of the function that the state is in */
};

/* The location has the value just before the node. */
struct code_trail_state {
	int context;
	size_t node;
	struct code_trail_location location;
	uint64_t value;
	uint64_t sum_at; /* the instruction that a constant was last taken off at */
	bool is_below;	 /* on the way the value was a little below zero */
	bool is_pointer; /* how the value is bad: as an address, or as a number */
	bool is_shared;	 /* it was in memory that others know of: who else wrote there is not known for sure */
	bool is_tested;	 /* the code that returned it knew that it was zero */
	int link;	 /* the state that it was reached from, by `step`; -1: the crash */
	bool has_step;
	struct code_trail_step step;
};

struct code_trail_walk {
	const struct code_trail_question *question;
	const struct core *core;
	const struct code_machine *machine;
	struct code_graph *graphs[CODE_TRAIL_CONTEXTS];
	size_t graph_count;
	struct code_trail_context contexts[CODE_TRAIL_CONTEXTS];
	size_t context_count;
	int frames[CODE_TRAIL_FRAMES]; /* context of each place, or as code_trail_context.caller */
	enum code_trail_loss frame_loss;
	struct code_trail_state states[CODE_TRAIL_STATES];
	size_t state_count, current;
	uint16_t seen[4 * CODE_TRAIL_STATES]; /* states by hash, index + 1 */
	unsigned looks;
	unsigned called_looks; /* the same, of functions called, in search of what they write */
	unsigned ways; /* that did not end in a contradiction: gone on, ended, or lost */
	/* Context whose node at hand is in a loop, or negative: which round it is about is not known, so what its
	 * function has in registers and memory at the crash says nothing of it. */
	int repeated;
	/* Where the ways ended: */
	size_t made_count;
	size_t walked_count, head_count; /* of CODE_TRAIL_WALKED: in a loop, and before it */
	bool is_exact;
	struct code_trail *result;
};

/* ---- code_trail.c ---- */

static inline const struct code_graph_node *code_trail_node(const struct code_trail_walk *walk, int context,
							    size_t node)
{
	return &walk->contexts[context].graph->nodes[node];
}

/* The way of that state ends without an answer, and so does the walk. */
void code_trail_lose(struct code_trail_walk *walk, const struct code_trail_state *state, enum code_trail_loss loss);

/* It ends in what `step` made. */
void code_trail_end(struct code_trail_walk *walk, const struct code_trail_state *state, struct code_trail_step step);

/* The state at hand goes on at `next`; by a step when `step` is not NULL. */
void code_trail_go_on(struct code_trail_walk *walk, struct code_trail_state next, const struct code_trail_step *step);

/* The C library, the C++ library or the loader: what they return is an answer, not a mistake. */
bool code_trail_is_library(const struct code_trail_walk *walk, uint64_t address);

/* Context of that place, or a negative number. */
int code_trail_frame_context(struct code_trail_walk *walk, size_t frame);

/* The context of who called, or jumped to, that function, at contexts[context].call, as far as the call there goes to
 * it; or a negative number. */
int code_trail_caller(struct code_trail_walk *walk, int context);

/* Context of the function at `start`, which `call` of `caller` called or jumped to, and which has returned; or a
 * negative number. */
int code_trail_called_context(struct code_trail_walk *walk, uint64_t start, int caller, size_t call, bool by_memory);

struct code_graph *code_trail_graph(struct code_trail_walk *walk, uint64_t start);

/* ---- code_trail_step.c: one instruction back ---- */

/* From the state just behind node `from` to the states before it. */
void code_trail_step_back(struct code_trail_walk *walk, const struct code_trail_state *state, size_t from);

/* The function's entry: on to who called it. */
void code_trail_leave(struct code_trail_walk *walk, const struct code_trail_state *state);

/* ---- code_trail_edge.c: which ways are ruled out ---- */

/* Can control have gone along that edge with the state's value? *ret_tested: the branch asked whether it is zero. */
bool code_trail_may_go(struct code_trail_walk *walk, const struct code_trail_state *state,
		       const struct code_graph_edge *edge, bool *ret_tested);

/* The register holds the state's value at the node, which does not change its location: it is the location, or was
 * loaded from there by the instruction before. */
bool code_trail_holds(struct code_trail_walk *walk, const struct code_trail_state *state, size_t node, int number);

/* The node is a conditional move of the state's register: can it have moved, or not moved, when the value before it was
 * the state's? */
bool code_trail_may_move(struct code_trail_walk *walk, const struct code_trail_state *state, size_t node,
			 bool is_moved);

/* ---- code_trail_value.c: what registers held ---- */

/* A register just before the node, where that can be told for sure. */
bool code_trail_value_before(struct code_trail_walk *walk, int context, size_t node, int number, unsigned depth,
			     uint64_t *ret);
bool code_trail_address(struct code_trail_walk *walk, int context, size_t node, const struct code_memory *memory,
			unsigned depth, uint64_t *ret);
#define CODE_TRAIL_DEPTH 5

/* An operand of the node, likewise. */
bool code_trail_operand_before(struct code_trail_walk *walk, int context, size_t node,
			       const struct code_operand *operand, uint64_t *ret);

/* The register is a number by the instruction that set it: an index, no pointer. */
bool code_trail_is_index(struct code_trail_walk *walk, int context, size_t node, int number);

/* The function that a call or an exit of the context goes to; 0: not known. */
uint64_t code_trail_target(struct code_trail_walk *walk, int context, size_t node);

/* ---- code_trail_twice.c ---- */

/* The function calls one that may return a second time (setjmp, getcontext, vfork): what was done between is on no way
 * through its code. */
bool code_trail_comes_back_twice(struct code_trail_walk *walk, int context);

/* ---- code_trail_memory.c: who may have written ---- */

enum code_trail_write {
	CODE_TRAIL_WRITES_NOT,
	CODE_TRAIL_WRITES,	     /* exactly that location, by a move of operand 1, or a push of operand 0 */
	CODE_TRAIL_WRITES_OTHERWISE, /* a part of it, or by arithmetic */
	CODE_TRAIL_MAY_CALL,	     /* what it calls may */
	CODE_TRAIL_MAY_STORE,	     /* its address is not known */
};
enum code_trail_write code_trail_writes(struct code_trail_walk *walk, int context, size_t node,
					const struct code_trail_location *location, unsigned depth);

/* Nobody but the function itself can know the address: its own frame, below all that it ever showed. */
bool code_trail_is_private(const struct code_trail_walk *walk, int context, uint64_t address);

/* The location holds at the place of the context what it held before `node`, where that was last. */
bool code_trail_is_unchanged(struct code_trail_walk *walk, int context, size_t node,
			     const struct code_trail_location *location, unsigned depth);

bool code_trail_is_mapped(const struct core *core, uint64_t address);

/* The value is, or was on the way, in memory that others know of. Somebody who left no trace may have written it since,
 * another thread or a handler: so a way that contradicts it is not ruled out. */
static inline bool code_trail_is_shared(const struct code_trail_walk *walk, const struct code_trail_state *state)
{
	return state->is_shared ||
	       (state->location.number < 0 && !code_trail_is_private(walk, state->context, state->location.address));
}

/* What lies `bytes` from that good pointer was never a part of what it points to. False for a block of memory that was
 * given back in part: a pointer into it, or an index of it, was good when it was made. */
bool code_trail_leads_out(const struct code_trail_walk *walk, uint64_t good, uint64_t bytes);

static inline bool code_trail_writes_register(const struct code_trail_walk *walk, const struct code_instruction *code,
					      int number)
{
	if (code->flow == CODE_FLOW_CALL || code->flow == CODE_FLOW_SYSTEM_CALL)
		return !code_is_kept(walk->machine, number);
	for (size_t i = 0; i < code->operand_count; i++) {
		if (code->operands[i].kind == CODE_OPERAND_REGISTER && code->operands[i].writes &&
		    code->operands[i].reg == number)
			return true;
	}
	return false;
}

#endif
