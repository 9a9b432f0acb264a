/* SPDX-License-Identifier: MIT */
/*
 * A whole function as a graph: its instructions, which one may come before which, and where its stack pointer stands at
 * each. What is true on all ways through the graph is true of the way that was taken, which nobody recorded.
 *
 * That holds as long as the graph has all ways: `complete` says whether it does. Code that only an unwinder or a jump
 * table enters is in it without anything before it (an orphan); what comes from there is not known.
 *
 * Numbers of registers are enum core_register. Only for analyzer/code/code_graph.c and code_trail*.c.
 */
#ifndef ANALYZER_CODE_GRAPH_H
#define ANALYZER_CODE_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/code/code_machine.h"
#include "analyzer/core/core.h"
#include "common/cleanup.h"

#define CODE_GRAPH_NODES 2048
#define CODE_GRAPH_EDGES (2 * CODE_GRAPH_NODES)
#define CODE_GRAPH_REGIONS 4
#define CODE_GRAPH_REGION_BYTES 16384u

/* A stack offset that is not known, and one that is not looked at yet. */
#define CODE_GRAPH_UNKNOWN INT32_MIN
#define CODE_GRAPH_UNSEEN INT32_MAX

struct code_graph_node {
	struct code_instruction code;
	/* The stack pointer before it, less the one at the function's entry, where the return address lies at 0. */
	int32_t sp;
	int32_t frame_pointer; /* the same of rbp, while it points into the frame */
	int32_t edges;	       /* index of the first edge that leads here, -1 for none; then by `next` */
	bool is_repeated;      /* it is in a loop, or between two: a function may run it several times */
	bool is_exit; /* it jumps to another function, at code.target if code.has_target, which returns for it */
};

struct code_graph_edge {
	uint16_t from;
	bool is_taken; /* by a branch; else control falls through */
	int32_t next;
};

struct code_graph {
	const struct core *core;
	const struct code_machine *machine;
	uint64_t start; /* node 0 is there */
	struct code_graph_node *nodes;
	size_t count, capacity;
	struct code_graph_edge *edges;
	size_t edge_count, edge_capacity;
	struct code_graph_region {
		uint64_t start, end;
		uint16_t *at; /* of each byte, index + 1 of the node that starts there */
		uint8_t *bytes;
	} regions[CODE_GRAPH_REGIONS];
	size_t region_count;
	bool complete;
	bool has_frame_pointer; /* somewhere rbp points into the frame */
	/* The lowest stack offset whose address was put into a register, or stored: a pointer to what lies there, or
	 * above, may be anywhere. What lies below it is the function's alone. INT32_MAX: none; INT32_MIN: it cannot be
	 * told. */
	int32_t lowest_shown;
};

/* The function that begins at `start`, or NULL: it cannot be decoded, or is too large. */
struct code_graph *code_graph_create(const struct core *core, uint64_t start);
void code_graph_destroy(struct code_graph *graph);
DEFINE_CLEANUP(struct code_graph, code_graph_destroy)

/* The node of the instruction at `address`; SIZE_MAX: none. */
size_t code_graph_find(const struct code_graph *graph, uint64_t address);

/* The offset of a memory operand of the node in its frame, as node->sp has it. False: it is not based on the stack or
 * the frame pointer alone, or that is not known. */
bool code_graph_frame_offset(const struct code_graph_node *node, const struct code_memory *memory, int32_t *ret);

#endif
