/* SPDX-License-Identifier: MIT */
/*
 * What an end or a cause says: a class, how sure it is, a sentence, and what it rests on. A cause is a chain of links
 * (link.h) back to an act; an end has none. Findings are data; who prints them is not decided here.
 */
#ifndef ANALYZER_FINDING_H
#define ANALYZER_FINDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

enum finding_class {
	FINDING_UNKNOWN = 0,
	/* tracing */
	FINDING_URETPROBE_UNWIND,
	FINDING_URETPROBE_SIGILL,
	FINDING_URETPROBE_WRONG_RETURN,
	FINDING_URETPROBE_SECCOMP,
	FINDING_STRAY_BREAKPOINT,
	/* mappings */
	FINDING_USE_AFTER_MUNMAP,
	FINDING_DOUBLE_MUNMAP,
	FINDING_MAP_FIXED_CLOBBER,
	FINDING_PROTECTION_VIOLATION,
	FINDING_UNLOADED_CODE,
	FINDING_UNLOADED_DATA,
	FINDING_TRUNCATED_FILE,
	FINDING_DISCARDED_PAGES,
	/* heap */
	FINDING_DOUBLE_FREE,
	FINDING_USE_AFTER_FREE,
	FINDING_INVALID_FREE,
	FINDING_HEAP_OVERFLOW,
	FINDING_HEAP_CORRUPTION,
	FINDING_MISALIGNED_OBJECT,
	/* stack and control */
	FINDING_STACK_OVERFLOW,
	FINDING_STACK_SMASH,
	FINDING_SMASHED_RETURN,
	FINDING_USE_AFTER_RETURN,
	FINDING_NULL_CALL,
	FINDING_WILD_JUMP,
	FINDING_NX_EXECUTION,
	/* pointers */
	FINDING_NULL_DEREFERENCE,
	FINDING_NON_CANONICAL_POINTER,
	FINDING_WILD_POINTER,
	FINDING_BIT_FLIP,
	/* failures */
	FINDING_ALLOCATION_FAILURE,
	FINDING_FAILED_CALL,
	FINDING_REENTRANT_CALL,
	/* process */
	FINDING_ASSERTION_FAILURE,
	FINDING_UNCAUGHT_EXCEPTION,
	FINDING_DELIBERATE_ABORT,
	FINDING_RUNTIME_FATAL,
	FINDING_KILLED_BY_PROCESS,
	FINDING_FORWARDED_SIGNAL,
	FINDING_SECCOMP_KILL,
	FINDING_RESOURCE_LIMIT,
	FINDING_DIVIDE_BY_ZERO,
	FINDING_ILLEGAL_INSTRUCTION,
	/* no crash */
	FINDING_SNAPSHOT,
	FINDING_CLASS_COUNT,
};

/* "double-munmap" and so on: stable, part of the JSON. */
const char *finding_class_name(enum finding_class class);

/* A class that says how the process ended, not by whose act: never a cause. */
bool finding_class_is_end(enum finding_class class);

enum finding_confidence {
	CONFIDENCE_NONE = 0, /* only for unknown */
	CONFIDENCE_POSSIBLE, /* fits, but so do other causes */
	CONFIDENCE_LIKELY,   /* a link is not observed, or something could have happened unseen */
	CONFIDENCE_PROVEN,   /* every link observed, no gap */
};

const char *finding_confidence_name(enum finding_confidence confidence);

enum evidence_kind {
	EVIDENCE_EVENT,	 /* a recorded event: `id` is its row in the table event */
	EVIDENCE_SIGNAL, /* the signal, from the core or the table signal */
	EVIDENCE_MEMORY, /* memory of the dead process at `address` */
	EVIDENCE_FRAME,	 /* a frame of the crashed thread: `id` is its number */
	EVIDENCE_HEAP,	 /* a recorded call of an allocator: `id` is its row in the table heap */
	EVIDENCE_REGISTER, /* of the crashed thread: `id` is its number (core.h), `address` its value */
	EVIDENCE_MAPPING,  /* a mapping of the core (PT_LOAD) that starts at `address`, or none that holds it */
	EVIDENCE_COVERAGE, /* the record of this process from its start, or from `id` (CLOCK_BOOTTIME ns), without a gap */
	EVIDENCE_INSTANCE, /* a pending return that the kernel had recorded: `id` is its row in return_instance */
	EVIDENCE_FILE,	   /* a file of the host, looked at now: `address` is an offset or 0 */
	EVIDENCE_NOTE,	   /* a note of the core: `id` is its type (NT_SIGINFO and so on) */
	EVIDENCE_TRUNCATION, /* a recorded call that made a file shorter: `id` is its row in the table truncation */
};

const char *evidence_kind_name(enum evidence_kind kind);

struct evidence {
	enum evidence_kind kind;
	int64_t id;
	uint64_t address;
	char *text;  /* one line for a person */
	size_t link; /* the link that it belongs to; LINK_NONE: background, or of an end */
};

#define LINK_NONE SIZE_MAX

enum culprit_kind {
	CULPRIT_NONE = 0,
	CULPRIT_CODE,	 /* module, function, file and line as far as known */
	CULPRIT_PROCESS, /* pid, comm */
	CULPRIT_PROBE,	 /* the probed function; pid and comm of its holder where seen */
	CULPRIT_LIMIT,	 /* name */
};

const char *culprit_kind_name(enum culprit_kind kind);

/* Who did the act, as it was seen doing it (a culprit), or whom a computation or an inference points to (a suspect).
 * Strings are owned, or NULL where not known. */
struct culprit {
	enum culprit_kind kind;
	char *name; /* "libwalker.so walker_close": nothing in it changes from run to run; never NULL but for none */
	char *module, *function, *file; /* module: a path; function: not demangled */
	int line;			/* 0: not known */
	uint32_t pid;			/* 0: not known */
	char *comm;
	enum evidence_kind act; /* the citation of the act */
	int64_t act_id;
	uint64_t act_address;
};

struct link;

struct finding {
	enum finding_class class;
	enum finding_confidence confidence; /* of a chain: what finding_rank() computes of its links */
	char *summary;			    /* one sentence */
	struct link *links;		    /* from the end to the act; 0 for an end */
	size_t link_count;
	bool in_background; /* evidence added now is of no link */
	struct evidence *evidence; /* what it stands on */
	size_t evidence_count;
	char **counter; /* what speaks against it */
	size_t counter_count;
	char **missing; /* what was not seen */
	size_t missing_count;
	char *next_step; /* what to measure next; may be NULL */
	struct culprit culprit; /* only for an act that was seen */
	struct culprit suspect;
	char *lost_at;	  /* where the trail ends before an act: "s->peer was set to NULL, or never set"; or NULL */
	char *would_show; /* what would show it; or NULL */
};

/* How the process ended: what the processor or the kernel did, which claims nothing about why. */
struct ending_clause {
	enum finding_class class; /* of the end; FINDING_UNKNOWN: it has no class of its own */
	enum finding_confidence confidence;
	char *text; /* one clause */
};

struct finding_list {
	struct finding *findings;
	size_t count;
	struct ending_clause end;
};

void finding_list_deinit(struct finding_list *list);

/* Appends an empty finding; *ret_finding belongs to the list and is valid until the next append. */
struct error *finding_append(struct finding_list *list, enum finding_class class,
			     struct finding **ret_finding) must_check;

/* Each formats one line. `summary` and `next_step` replace what was there. */
struct error *finding_set_summary(struct finding *, const char *format, ...)
	__attribute__((format(printf, 2, 3))) must_check;
struct error *finding_set_next_step(struct finding *, const char *format, ...)
	__attribute__((format(printf, 2, 3))) must_check;
struct error *finding_add_evidence(struct finding *, enum evidence_kind kind, int64_t id, uint64_t address,
				   const char *format, ...) __attribute__((format(printf, 5, 6))) must_check;
struct error *finding_add_counter(struct finding *, const char *format, ...)
	__attribute__((format(printf, 2, 3))) must_check;
struct error *finding_add_missing(struct finding *, const char *format, ...)
	__attribute__((format(printf, 2, 3))) must_check;

/* Where the trail of an end is lost before an act, and what would show it; copies both. */
struct error *finding_set_lost(struct finding *, const char *at, const char *would_show) must_check;

/* How sure the cause is that the finding names: CONFIDENCE_NONE for an end, however certain that is. */
enum finding_confidence finding_cause_confidence(const struct finding *finding);

/* The cause: findings[0] when it is one; NULL where the cause is not known. */
const struct finding *finding_cause(const struct finding_list *list);

/* Computes each chain's confidence, and orders findings: the verdict first. A likely chain that goes on from where
 * another ends is before it. The one place that weighs them: a cause that is at least likely is
 * before any end, and that before a cause that is only possible; then confidence, then how specific the class is, then
 * the amount of evidence. */
void finding_rank(struct finding_list *list);

#endif
