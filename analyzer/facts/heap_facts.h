/* SPDX-License-Identifier: MIT */
/*
 * What is known of the heap in one crash, as plain data: the allocator's call in which the process died, what the
 * core's heap says about the addresses that matter, and their recorded lives. A part of struct crash; filled by
 * assemble_heap*.c, judged by causes and ends.
 */
#ifndef ANALYZER_HEAP_FACTS_H
#define ANALYZER_HEAP_FACTS_H

#include "analyzer/core/core.h"
#include "analyzer/facts/event_stack.h"
#include "analyzer/facts/glibc_heap.h"
#include "replay/heap_lives.h"

enum heap_call_kind {
	HEAP_CALL_NONE = 0,
	HEAP_CALL_FREE,	    /* free, operator delete */
	HEAP_CALL_REALLOC,  /* realloc, reallocarray */
	HEAP_CALL_ALLOCATE, /* malloc, operator new and the others */
};

/* The allocator's function that was at work on the crashed thread's stack. */
struct heap_call {
	enum heap_call_kind kind;
	size_t frame;	      /* of the outermost such function */
	size_t caller;	      /* the frame that called it; may be beyond the last one */
	const char *function; /* as the symbol table names it; belongs to the stacks */
};

/* How the pointer given to that call is known. */
enum heap_pointer_source {
	HEAP_POINTER_UNKNOWN = 0,
	HEAP_POINTER_RECORDED, /* by the record of that call */
	HEAP_POINTER_FOUND,    /* the one pair in the allocator's own frames of a block and its chunk */
};

/* What glibc's heap in the core says about an address. */
struct heap_spot {
	bool known;		  /* it lies in a heap whose chunks could be followed up to it */
	bool is_block;		  /* it is where malloc's result for that chunk would point */
	struct glibc_chunk chunk; /* the one that holds it */
};

enum heap_subject_kind {
	HEAP_SUBJECT_FAULT,    /* the fault address */
	HEAP_SUBJECT_GIVEN,    /* what the dying call was given */
	HEAP_SUBJECT_BROKEN,   /* the block in front of a chunk header that makes no sense */
	HEAP_SUBJECT_REGISTER, /* what a general register points to */
	HEAP_SUBJECT_WORD,     /* a place in the heap that holds the value that was used as an address */
};

/* A recorded call that matters, with its stack. */
struct heap_party {
	size_t event; /* index into the subject's events */
	struct event_stack stack;
};

/* An address that matters, and the life of the block around it. */
struct heap_subject {
	enum heap_subject_kind kind;
	uint64_t address;
	enum core_register number; /* of a HEAP_SUBJECT_REGISTER */
	struct heap_spot spot;
	/* The word at `holds_at`, in the block around `address`, is a value that the faulting instruction used as an
	 * address (its base, its index or its target): `held`. */
	bool holds;
	uint64_t holds_at;
	uint64_t held;
	/* recorded */
	struct heap_event *events;
	size_t event_count;
	bool truncated; /* older ones were left out */
	struct heap heap;
	struct heap_party *parties; /* by no order */
	size_t party_count;
};

struct heap_facts {
	struct heap_call call;
	enum heap_pointer_source pointer_source;
	uint64_t pointer; /* given to `call`; 0 also when it is not known */
	/* The first chunk header of glibc's heaps (the program break's, then the arenas') that cannot be one. */
	bool walk_broken;
	uint64_t broken_at;   /* of the header */
	uint64_t broken_word; /* where its size should be */
	struct glibc_chunk before_broken;
	bool walk_complete; /* in all of them every header makes sense, up to the top */
	/* The random number that glibc writes into the second word of each small block that is given back (tcache_key,
	 * since 2.34); 0: not known. */
	uint64_t free_mark;
	/* Were the allocator's calls recorded? */
	bool recorded;
	bool covered_whole;	  /* from the program's first instruction on; else since `covered_from_ns` */
	uint64_t covered_from_ns; /* a block that is older is unknown to us alone */
	char *hole;		  /* why some calls may have passed unseen: "NAME: SENTENCE"; NULL for none */
	struct heap_subject *subjects;
	size_t subject_count;
};

void heap_facts_deinit(struct heap_facts *facts);

/* The subject of that kind, or NULL. */
const struct heap_subject *heap_facts_find(const struct heap_facts *facts, enum heap_subject_kind kind);

/* The stack of the subject's event number `event`, or NULL when it was not looked up. */
const struct event_stack *heap_subject_stack(const struct heap_subject *subject, size_t event);

#endif
