/* SPDX-License-Identifier: MIT */
/*
 * The links of a cause: a chain from the end of a process back to the act that made the end inevitable. Pure data.
 *
 * Each link leads from the node before it (the first one from the end itself) to its own node, one step nearer to the act.
 * Its kind, a const row beside the code that appends it, lists the other explanations that would look the same. Each of
 * them is ruled out by cited evidence, left open, or left as likely as the link; what nobody looked at counts as open.
 * Nobody states a chain's confidence: link_settle() computes it.
 *
 *   basis      nothing open   something open   as likely, or hardware
 *   observed   proven         likely           possible       rows of the record
 *   computed   proven         likely           possible       from the core; re-execution that reproduces what survives
 *   inferred   likely         possible         possible
 *
 * A link over a gap of the record is at most `likely`. A chain is as sure as its weakest link.
 */
#ifndef ANALYZER_LINK_H
#define ANALYZER_LINK_H

#include "analyzer/finding.h"

enum node_kind {
	NODE_ACCESS,   /* an instruction's use of memory: [start, end) of it */
	NODE_REGISTER, /* start: its value; id: its number (core.h) */
	NODE_WORD,     /* a word of memory: start: its address; end: start + its bytes */
	NODE_BLOCK,    /* of an allocator: [start, end); id: the row in heap of the call that made it, or 0 */
	NODE_MAPPING,  /* [start, end); id: the row in event of the call that made it, or 0 */
	NODE_STACK,    /* a stack or a frame's part of it: [start, end); id: frame number of the crashed thread, or -1 */
	NODE_FILE,     /* text: its path */
	NODE_CODE,     /* what a function did, as the stack or the code shows: start: pc; id: frame number, or -1 */
	NODE_CALL,     /* a recorded call: id: its row in event */
	NODE_HEAP,     /* a recorded call of an allocator: id: its row in heap */
	NODE_SIGNAL,   /* id: its number */
	NODE_PROCESS,  /* id: its pid */
	NODE_PROBE,    /* start: the probed address */
	NODE_LIMIT,    /* text: its name */
};

const char *node_kind_name(enum node_kind kind);

struct node {
	enum node_kind kind;
	uint64_t start, end; /* as the kind says; 0 where it says nothing */
	int64_t id;
};

enum basis {
	BASIS_OBSERVED, /* rows of the record */
	BASIS_COMPUTED, /* from the core */
	BASIS_INFERRED,
};

const char *basis_name(enum basis basis);

/* One row a kind of link: const, beside the function that appends it, and in the list of causes.c. */
struct link_kind {
	const char *name;		 /* "mapping-ended": stable, part of the JSON */
	enum finding_class class;	 /* of a cause whose trail ends here; FINDING_UNKNOWN where that is no class */
	const char *const *alternatives; /* names of what would look the same, up to NULL; NULL for none */
};

enum alternative_state {
	ALTERNATIVE_NOT_EXAMINED = 0, /* counts as open */
	ALTERNATIVE_RULED_OUT,	      /* by what it cites */
	ALTERNATIVE_OPEN,
	ALTERNATIVE_AS_LIKELY, /* open, and nothing favours the link over it */
};

const char *alternative_state_name(enum alternative_state state);

/* Of one alternative of a link's kind, in the kind's order. `text` is NULL when it was not examined. */
struct alternative {
	enum alternative_state state;
	char *text;
	bool has_citation; /* always for what is ruled out */
	struct evidence citation; /* its own text is NULL */
};

struct link {
	const struct link_kind *kind;
	enum basis basis;
	struct node node;
	char *text; /* one clause: what the node before it owes to this one */
	struct alternative *alternatives;
	size_t alternative_count;
	bool over_gap;
};

/* Appends a link; evidence, doubts and what is missing belong to it until the next. `format` is its clause. */
struct error *link_append(struct finding *finding, const struct link_kind *kind, enum basis basis, struct node node,
			  const char *format, ...) __attribute__((format(printf, 5, 6))) must_check;

/* Of the last link's alternative `name`. Without a link, or without such an alternative, an error: a cause that is
 * written wrongly. Stated twice, the weaker state stands. */
struct error *link_rule_out(struct finding *finding, const char *name, enum evidence_kind kind, int64_t id,
			    uint64_t address, const char *format, ...)
	__attribute__((format(printf, 6, 7))) must_check;
struct error *link_leave_open(struct finding *finding, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4))) must_check;
struct error *link_leave_as_likely(struct finding *finding, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4))) must_check;

/* Left open because evidence is missing; that stands in finding->missing, so nothing is added to what speaks against it. */
struct error *link_leave_unseen(struct finding *finding, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4))) must_check;

/* Something may have happened unseen beside the last link; why stands in finding->missing. */
void link_mark_gap(struct finding *finding);

/* Evidence that is added from here on is of rightful acts before the cause, not of a link. */
void link_begin_background(struct finding *finding);

/* What one link, and a whole chain, comes to. */
enum finding_confidence link_confidence(const struct link *link);
enum finding_confidence link_chain_confidence(const struct finding *finding);

void link_deinit(struct link *link);

#endif
