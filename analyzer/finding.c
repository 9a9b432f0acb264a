/* SPDX-License-Identifier: MIT */
#include "analyzer/finding.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/link.h"
#include "common/vector.h"

/* One row a class. A specific class says more than a general one that the same facts also fit. */
static const struct class_row {
	const char *name;
	int specificity;
} class_rows[FINDING_CLASS_COUNT] = {
	[FINDING_UNKNOWN] = {"unknown", 0},
	[FINDING_URETPROBE_UNWIND] = {"uretprobe-unwind", 2},
	[FINDING_URETPROBE_SIGILL] = {"uretprobe-sigill", 2},
	[FINDING_URETPROBE_WRONG_RETURN] = {"uretprobe-wrong-return", 4},
	[FINDING_URETPROBE_SECCOMP] = {"uretprobe-seccomp", 2},
	[FINDING_STRAY_BREAKPOINT] = {"stray-breakpoint", 2},
	[FINDING_USE_AFTER_MUNMAP] = {"use-after-munmap", 1},
	[FINDING_DOUBLE_MUNMAP] = {"double-munmap", 2},
	[FINDING_MAP_FIXED_CLOBBER] = {"map-fixed-clobber", 2},
	[FINDING_PROTECTION_VIOLATION] = {"protection-violation", 1},
	[FINDING_UNLOADED_CODE] = {"unloaded-code", 2},
	[FINDING_UNLOADED_DATA] = {"unloaded-data", 2},
	[FINDING_TRUNCATED_FILE] = {"truncated-file", 2},
	[FINDING_DISCARDED_PAGES] = {"discarded-pages", 2},
	[FINDING_DOUBLE_FREE] = {"double-free", 2},
	[FINDING_USE_AFTER_FREE] = {"use-after-free", 2},
	[FINDING_INVALID_FREE] = {"invalid-free", 2},
	[FINDING_HEAP_OVERFLOW] = {"heap-overflow", 2},
	[FINDING_HEAP_CORRUPTION] = {"heap-corruption", 1},
	[FINDING_MISALIGNED_OBJECT] = {"misaligned-object", 2},
	[FINDING_STACK_OVERFLOW] = {"stack-overflow", 2},
	[FINDING_STACK_SMASH] = {"stack-smash", 2},
	[FINDING_SMASHED_RETURN] = {"smashed-return", 3},
	[FINDING_USE_AFTER_RETURN] = {"use-after-return", 2},
	[FINDING_NULL_CALL] = {"null-call", 2},
	[FINDING_WILD_JUMP] = {"wild-jump", 1},
	[FINDING_NX_EXECUTION] = {"nx-execution", 2},
	[FINDING_NULL_DEREFERENCE] = {"null-dereference", 1},
	[FINDING_NON_CANONICAL_POINTER] = {"non-canonical-pointer", 1},
	[FINDING_WILD_POINTER] = {"wild-pointer", 0},
	[FINDING_BIT_FLIP] = {"bit-flip", 2},
	[FINDING_ALLOCATION_FAILURE] = {"allocation-failure", 2},
	[FINDING_FAILED_CALL] = {"failed-call", 2},
	[FINDING_REENTRANT_CALL] = {"reentrant-call", 2},
	[FINDING_ASSERTION_FAILURE] = {"assertion-failure", 2},
	[FINDING_UNCAUGHT_EXCEPTION] = {"uncaught-exception", 2},
	[FINDING_DELIBERATE_ABORT] = {"deliberate-abort", 1},
	[FINDING_RUNTIME_FATAL] = {"runtime-fatal", 2},
	[FINDING_KILLED_BY_PROCESS] = {"killed-by-process", 1},
	[FINDING_FORWARDED_SIGNAL] = {"forwarded-signal", -1},
	[FINDING_SECCOMP_KILL] = {"seccomp-kill", 2},
	[FINDING_RESOURCE_LIMIT] = {"resource-limit", 2},
	[FINDING_DIVIDE_BY_ZERO] = {"divide-by-zero", 2},
	[FINDING_ILLEGAL_INSTRUCTION] = {"illegal-instruction", 1},
	[FINDING_SNAPSHOT] = {"snapshot", 1},
};

const char *finding_class_name(enum finding_class class)
{
	return class < FINDING_CLASS_COUNT ? class_rows[class].name : class_rows[FINDING_UNKNOWN].name;
}

const char *finding_confidence_name(enum finding_confidence confidence)
{
	static const char *const names[] = {"none", "possible", "likely", "proven"};

	return names[confidence];
}

const char *evidence_kind_name(enum evidence_kind kind)
{
	static const char *const names[] = {"event",	"signal",   "memory",	"frame", "heap", "register",
					    "mapping", "coverage", "instance", "file",	"note",	    "truncation"};

	return names[kind];
}

const char *culprit_kind_name(enum culprit_kind kind)
{
	static const char *const names[] = {"none", "code", "process", "probe", "limit"};

	return names[kind];
}

static void culprit_deinit(struct culprit *culprit)
{
	free(culprit->name);
	free(culprit->module);
	free(culprit->function);
	free(culprit->file);
	free(culprit->comm);
}

static void finding_deinit(struct finding *finding)
{
	for (size_t i = 0; i < finding->link_count; i++)
		link_deinit(&finding->links[i]);
	free(finding->links);
	culprit_deinit(&finding->culprit);
	culprit_deinit(&finding->suspect);
	free(finding->lost_at);
	free(finding->would_show);
	free(finding->summary);
	for (size_t i = 0; i < finding->evidence_count; i++)
		free(finding->evidence[i].text);
	free(finding->evidence);
	for (size_t i = 0; i < finding->counter_count; i++)
		free(finding->counter[i]);
	free(finding->counter);
	for (size_t i = 0; i < finding->missing_count; i++)
		free(finding->missing[i]);
	free(finding->missing);
	free(finding->next_step);
}

void finding_list_deinit(struct finding_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		finding_deinit(&list->findings[i]);
	free(list->findings);
	free(list->end.text);
	*list = (struct finding_list){0};
}

struct error *finding_append(struct finding_list *list, enum finding_class class, struct finding **ret_finding)
{
	if (array_resize(list->findings, list->count + 1))
		return &error_no_memory;
	*ret_finding = &list->findings[list->count++];
	**ret_finding = (struct finding){.class = class};
	return NULL;
}

static struct error *set_text(char **text, const char *format, va_list args)
{
	char *formatted;

	/* The old text may be one of the arguments. */
	if (vasprintf(&formatted, format, args) < 0)
		return &error_no_memory;
	free(*text);
	*text = formatted;
	return NULL;
}

static struct error *add_text(char ***texts, size_t *count, const char *format, va_list args)
{
	struct error *err;

	if (array_resize(*texts, *count + 1))
		return &error_no_memory;
	(*texts)[*count] = NULL;
	err = set_text(&(*texts)[*count], format, args);
	if (!err)
		(*count)++;
	return err;
}

#define WITH_ARGUMENTS(expression)                                                                                     \
	({                                                                                                             \
		struct error *err_;                                                                                    \
		va_list args;                                                                                          \
                                                                                                                       \
		va_start(args, format);                                                                                \
		err_ = (expression);                                                                                   \
		va_end(args);                                                                                          \
		err_;                                                                                                  \
	})

struct error *finding_set_summary(struct finding *finding, const char *format, ...)
{
	return WITH_ARGUMENTS(set_text(&finding->summary, format, args));
}

struct error *finding_set_next_step(struct finding *finding, const char *format, ...)
{
	return WITH_ARGUMENTS(set_text(&finding->next_step, format, args));
}

struct error *finding_add_counter(struct finding *finding, const char *format, ...)
{
	return WITH_ARGUMENTS(add_text(&finding->counter, &finding->counter_count, format, args));
}

struct error *finding_add_missing(struct finding *finding, const char *format, ...)
{
	return WITH_ARGUMENTS(add_text(&finding->missing, &finding->missing_count, format, args));
}

static struct error *set_plain(char **text, const char *plain)
{
	char *copy = plain ? strdup(plain) : NULL;

	if (plain && !copy)
		return &error_no_memory;
	free(*text);
	*text = copy;
	return NULL;
}

struct error *finding_set_lost(struct finding *finding, const char *at, const char *would_show)
{
	return set_plain(&finding->lost_at, at) ?: set_plain(&finding->would_show, would_show);
}

struct error *finding_add_evidence(struct finding *finding, enum evidence_kind kind, int64_t id, uint64_t address,
				   const char *format, ...)
{
	struct evidence *evidence;
	struct error *err;

	if (array_resize(finding->evidence, finding->evidence_count + 1))
		return &error_no_memory;
	evidence = &finding->evidence[finding->evidence_count];
	*evidence = (struct evidence){
		.kind = kind,
		.id = id,
		.address = address,
		.link = finding->in_background || !finding->link_count ? LINK_NONE : finding->link_count - 1,
	};
	err = WITH_ARGUMENTS(set_text(&evidence->text, format, args));
	if (!err)
		finding->evidence_count++;
	return err;
}

bool finding_class_is_end(enum finding_class class)
{
	switch (class) {
	case FINDING_UNKNOWN:
	case FINDING_HEAP_CORRUPTION:
	case FINDING_MISALIGNED_OBJECT:
	case FINDING_NULL_CALL:
	case FINDING_WILD_JUMP:
	case FINDING_NX_EXECUTION:
	case FINDING_NULL_DEREFERENCE:
	case FINDING_NON_CANONICAL_POINTER:
	case FINDING_WILD_POINTER:
	case FINDING_DIVIDE_BY_ZERO:
	case FINDING_ILLEGAL_INSTRUCTION:
	case FINDING_SNAPSHOT:
		return true;
	default:
		return false;
	}
}

enum finding_confidence finding_cause_confidence(const struct finding *finding)
{
	return finding_class_is_end(finding->class) ? CONFIDENCE_NONE : finding->confidence;
}

const struct finding *finding_cause(const struct finding_list *list)
{
	return list->count && !finding_class_is_end(list->findings[0].class) ? &list->findings[0] : NULL;
}

/* As it counts in the ranking: a cause that is likely says more than any end; one that is only possible says less. */
static int weight(const struct finding *finding)
{
	if (finding_class_is_end(finding->class))
		return finding->confidence >= CONFIDENCE_LIKELY ? 1 : (int)finding->confidence - 1;
	return finding->confidence >= CONFIDENCE_LIKELY ? 2 * (int)finding->confidence : 0;
}

static int compare_findings(const void *a, const void *b)
{
	const struct finding *left = a, *right = b;
	int left_specificity = class_rows[left->class].specificity;
	int right_specificity = class_rows[right->class].specificity;

	if (weight(left) != weight(right))
		return weight(left) > weight(right) ? -1 : 1;
	if (left_specificity != right_specificity)
		return left_specificity > right_specificity ? -1 : 1;
	if (left->confidence != right->confidence)
		return left->confidence > right->confidence ? -1 : 1;
	if (left->evidence_count != right->evidence_count)
		return left->evidence_count > right->evidence_count ? -1 : 1;
	/* Total, so that the order of the causes cannot show. */
	if (left->class != right->class)
		return left->class > right->class ? 1 : -1;
	return strcmp(left->summary ? left->summary : "", right->summary ? right->summary : "");
}

/* Does the chain go on from where `shallower` ends? */
static bool is_deeper(const struct finding *finding, const struct finding *shallower)
{
	for (size_t i = 0; finding->confidence >= CONFIDENCE_LIKELY && i + 1 < finding->link_count; i++) {
		if (finding->links[i].kind->class == shallower->class && finding->class != shallower->class)
			return true;
	}
	return false;
}

static void put_first(struct finding_list *list, size_t index)
{
	struct finding first = list->findings[index];

	memmove(&list->findings[1], &list->findings[0], index * sizeof(first));
	list->findings[0] = first;
}

void finding_rank(struct finding_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		if (list->findings[i].link_count)
			list->findings[i].confidence = link_chain_confidence(&list->findings[i]);
	}
	if (!list->count)
		return;
	qsort(list->findings, list->count, sizeof(*list->findings), compare_findings);
	for (size_t i = 1; i < list->count; i++) {
		if (is_deeper(&list->findings[i], &list->findings[0]))
			put_first(list, i);
	}
}
