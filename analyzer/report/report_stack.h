/* SPDX-License-Identifier: MIT */
/* The stacks of recorded events in the report. Only for analyzer/report_*.c and the verb why. */
#ifndef ANALYZER_REPORT_STACK_H
#define ANALYZER_REPORT_STACK_H

#include <jansson.h>
#include <stdio.h>

#include "analyzer/crash.h"
#include "analyzer/finding.h"

/* The stack of the event that the evidence names; NULL when it names none, or none of it is known. */
const struct event_stack *report_evidence_stack(const struct crash *crash, const struct evidence *evidence);

/* The frames above number `from` (the one that a line before has named), a line each after `indent` spaces: the next
 * three of the program's own, and why the stack ends where that is news. With `all` the whole stack, from its innermost
 * frame on. Nothing for an event without a recorded stack. */
void report_write_event_stack(const struct event_stack *stack, size_t from, int indent, bool all, FILE *out);

/* Number of the frame that words_caller() names last, or SIZE_MAX. */
size_t report_named_frame(const struct event_context *context);

/* Text of the dead process, each bad byte as U+FFFD; null for NULL. */
json_t *report_text_json(const char *text);

/* Arrays of frames; null for no stack. */
json_t *report_frames_json(const struct frame *frames, size_t count);
json_t *report_event_stack_json(const struct event_stack *stack);

#endif
