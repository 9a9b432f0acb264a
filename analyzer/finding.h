/* SPDX-License-Identifier: MIT */
/*
 * What a detector says: a class, how sure it is, a sentence, and on what it stands. Findings are data; who prints them
 * and in which order is not decided here.
 */
#ifndef ANALYZER_FINDING_H
#define ANALYZER_FINDING_H

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
	/* stack and control */
	FINDING_STACK_OVERFLOW,
	FINDING_STACK_SMASH,
	FINDING_SMASHED_RETURN,
	FINDING_NULL_CALL,
	FINDING_WILD_JUMP,
	FINDING_NX_EXECUTION,
	/* pointers */
	FINDING_NULL_DEREFERENCE,
	FINDING_NON_CANONICAL_POINTER,
	FINDING_WILD_POINTER,
	FINDING_BIT_FLIP,
	/* process */
	FINDING_ASSERTION_FAILURE,
	FINDING_UNCAUGHT_EXCEPTION,
	FINDING_DELIBERATE_ABORT,
	FINDING_KILLED_BY_PROCESS,
	FINDING_FORWARDED_SIGNAL,
	FINDING_SECCOMP_KILL,
	FINDING_DIVIDE_BY_ZERO,
	FINDING_ILLEGAL_INSTRUCTION,
	/* no crash */
	FINDING_SNAPSHOT,
	FINDING_CLASS_COUNT,
};

/* "double-munmap" and so on: stable, part of the JSON. */
const char *finding_class_name(enum finding_class class);

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
};

const char *evidence_kind_name(enum evidence_kind kind);

struct evidence {
	enum evidence_kind kind;
	int64_t id;
	uint64_t address;
	char *text; /* one line for a person */
};

struct finding {
	enum finding_class class;
	enum finding_confidence confidence;
	char *summary;		   /* one sentence */
	struct evidence *evidence; /* what it stands on */
	size_t evidence_count;
	char **counter; /* what speaks against it */
	size_t counter_count;
	char **missing; /* what was not seen */
	size_t missing_count;
	char *next_step; /* what to measure next; may be NULL */
	char *offender;	 /* the code that did it, for the signature: module and function or offset; NULL: not known */
};

struct finding_list {
	struct finding *findings;
	size_t count;
};

void finding_list_deinit(struct finding_list *list);

/* Appends an empty finding; *ret_finding belongs to the list and is valid until the next append. */
struct error *finding_append(struct finding_list *list, enum finding_class class,
			     struct finding **ret_finding) must_check;

/* Each formats one line. `summary`, `next_step` and `offender` replace what was there. */
struct error *finding_set_summary(struct finding *, const char *format, ...)
	__attribute__((format(printf, 2, 3))) must_check;
struct error *finding_set_next_step(struct finding *, const char *format, ...)
	__attribute__((format(printf, 2, 3))) must_check;
struct error *finding_set_offender(struct finding *, const char *format, ...)
	__attribute__((format(printf, 2, 3))) must_check;
struct error *finding_add_evidence(struct finding *, enum evidence_kind kind, int64_t id, uint64_t address,
				   const char *format, ...) __attribute__((format(printf, 5, 6))) must_check;
struct error *finding_add_counter(struct finding *, const char *format, ...)
	__attribute__((format(printf, 2, 3))) must_check;
struct error *finding_add_missing(struct finding *, const char *format, ...)
	__attribute__((format(printf, 2, 3))) must_check;

/* Orders findings: the verdict first. The one place that weighs them: confidence (where a cause that is likely stands
 * beside the proven symptom of a bad pointer), then how specific the class is, then the amount of evidence. */
void finding_rank(struct finding_list *list);

#endif
