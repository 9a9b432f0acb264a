/* SPDX-License-Identifier: MIT */
#include "analyzer/signature.h"

#include <elf.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "analyzer/core/core.h"
#include "analyzer/signature_name.h"
#include "analyzer/words.h"

static void copy_text(const char *text, size_t length, char *out, size_t size)
{
	if (length >= size)
		length = size - 1;
	memcpy(out, text, length);
	out[length] = 0;
}

/* ---- what is asked of a verdict ---- */

/* The cause, if it is known and likely at least; NULL for none. */
static const struct finding *known_cause(const struct finding_list *findings)
{
	const struct finding *cause = finding_cause(findings);

	return cause && cause->confidence >= CONFIDENCE_LIKELY ? cause : NULL;
}

/* The culprit's code: "prog walk", "libx.so+0x12" or another name of it; NULL where nobody was seen doing it, or a
 * process of which no name is known. */
static const char *culprit_code(const struct finding *cause)
{
	return cause->culprit.kind == CULPRIT_PROCESS ? cause->culprit.comm : cause->culprit.name;
}

/* ---- the cause ---- */

/* "/opt/libx.so.1 walk.part.0" becomes "libx.so walk". What is after the last blank is the function's; a culprit of
 * another shape stays as it is. */
static void normalize(const char *culprit, char *out, size_t size)
{
	const char *blank = strrchr(culprit, ' ');
	char path[256], module[80], function[160];

	if (!blank) {
		const char *offset = strstr(culprit, "+0x");

		copy_text(culprit, offset ? (size_t)(offset - culprit) : strlen(culprit), path, sizeof(path));
		signature_module(path, module, sizeof(module));
		snprintf(out, size, "%s%s", module, offset ? offset : "");
		return;
	}
	copy_text(culprit, (size_t)(blank - culprit), path, sizeof(path));
	signature_module(path, module, sizeof(module));
	signature_function(blank + 1, function, sizeof(function));
	snprintf(out, size, "%s %s", module, function);
}

/* The expression of "prog: file.c:12: f: Assertion `x > 0' failed."; "" for none. */
static void take_expression(const char *message, char *out, size_t size)
{
	const char *start = message ? strstr(message, "Assertion `") : NULL;
	const char *end = start ? strstr(start, "' failed") : NULL;

	out[0] = 0;
	if (end)
		copy_text(start + strlen("Assertion `"), (size_t)(end - start) - strlen("Assertion `"), out, size);
}

/* Who sent the signal, by command name; "" where that is not known. A process that signals itself is known without a
 * record. */
static const char *sender_name(const struct crash *crash)
{
	const struct crash_signal *signal = &crash->facts.signal;

	if (!signal->sender_comm[0] && signal->sender_pid && signal->sender_pid == crash->facts.pid)
		return crash->facts.comm;
	return signal->sender_comm;
}

static void make_cause_text(const struct crash *crash, const struct finding_list *findings, char *out, size_t size)
{
	const struct finding *cause = known_cause(findings);
	const char *culprit = cause ? culprit_code(cause) : NULL;
	char code[300] = "", more[200] = "";

	out[0] = 0;
	if (cause && cause->class == FINDING_KILLED_BY_PROCESS && sender_name(crash)[0]) {
		struct words signal;

		snprintf(code, sizeof(code), "%s by %s", words_signal(&signal, crash->facts.signal.number),
			 sender_name(crash));
	} else if (culprit) {
		normalize(culprit, code, sizeof(code));
	}
	if (!code[0])
		return;
	if (cause->class == FINDING_ASSERTION_FAILURE)
		take_expression(crash->core.abort_message, more, sizeof(more));
	snprintf(out, size, "cause %d: %s %s%s%s", SIGNATURE_VERSION, finding_class_name(cause->class), code,
		 more[0] ? " " : "", more);
}

/* ---- the stack ---- */

static const struct thread_stack *crashed_stack(const struct crash *crash)
{
	for (size_t i = 0; i < crash->facts.stacks.thread_count; i++) {
		if (crash->facts.stacks.threads[i].crashed)
			return &crash->facts.stacks.threads[i];
	}
	return crash->facts.stacks.thread_count ? &crash->facts.stacks.threads[0] : NULL;
}

/* Was what it ran no code, although it may have a name? */
static bool is_in_data(const struct crash *crash, const struct thread_stack *stack)
{
	const struct core_segment *segment = crash->core.image && stack->frame_count
						     ? core_find_segment(crash->core.image, stack->frames[0].pc)
						     : NULL;

	return segment && !(segment->flags & PF_X);
}

static void make_stack_text(const struct crash *crash, char *out, size_t size)
{
	const struct thread_stack *stack = crashed_stack(crash);
	char codes[SIGNATURE_FRAMES][SIGNATURE_CODE];
	size_t count = stack ? signature_stack(stack, is_in_data(crash, stack), codes) : 0, used;
	struct words signal;

	out[0] = 0;
	if (!count)
		return;
	used = (size_t)snprintf(out, size, "stack %d: %s", SIGNATURE_VERSION,
				words_signal(&signal, crash->facts.signal.number));
	for (size_t i = 0; i < count; i++)
		used += (size_t)snprintf(out + used, size - used, ", %s", codes[i]);
}

static void hash_text(const char *text, char ret[SIGNATURE_HEX])
{
	ret[0] = 0;
	if (text[0])
		snprintf(ret, SIGNATURE_HEX, "%016" PRIx64, signature_hash(text, strlen(text)));
}

void signatures_make(const struct crash *crash, const struct finding_list *findings, struct signatures *ret)
{
	char bare[600], program[80];
	struct words signal;

	make_cause_text(crash, findings, ret->cause_text, sizeof(ret->cause_text));
	make_stack_text(crash, ret->stack_text, sizeof(ret->stack_text));
	hash_text(ret->cause_text, ret->cause);
	hash_text(ret->stack_text, ret->stack);
	signature_module(crash->facts.executable ?: crash->facts.comm, program, sizeof(program));
	snprintf(bare, sizeof(bare), "bare %d: %s %s", SIGNATURE_VERSION,
		 words_signal(&signal, crash->facts.signal.number), program);
	hash_text(ret->cause[0] ? ret->cause_text : ret->stack[0] ? ret->stack_text : bare, ret->any);
}
