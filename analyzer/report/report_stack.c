/* SPDX-License-Identifier: MIT */
#include "analyzer/report/report_stack.h"

#include <inttypes.h>

#include "analyzer/words.h"
#include "common/inert.h"

#define SHOWN_CALLERS 3

static const struct event_stack *heap_stack(const struct heap_facts *heap, int64_t id)
{
	for (size_t i = 0; i < heap->subject_count; i++) {
		const struct heap_subject *subject = &heap->subjects[i];

		for (size_t j = 0; j < subject->party_count; j++) {
			if (subject->events[subject->parties[j].event].id == id &&
			    subject->parties[j].stack.frame_count > 0)
				return &subject->parties[j].stack;
		}
	}
	return NULL;
}

const struct event_stack *report_evidence_stack(const struct crash *crash, const struct evidence *evidence)
{
	const struct biography *biography = &crash->facts.biography;
	const struct failed_calls *failed = &crash->facts.failed_calls;

	if (evidence->kind == EVIDENCE_HEAP)
		return heap_stack(&crash->facts.heap, evidence->id);
	for (size_t i = 0; evidence->kind == EVIDENCE_EVENT && i < failed->count; i++) {
		if (failed->events[i].id == evidence->id && failed->contexts[i].stack.frame_count > 0)
			return &failed->contexts[i].stack;
	}
	if (evidence->kind != EVIDENCE_EVENT || !crash->facts.has_biography || !biography->contexts)
		return NULL;
	for (size_t i = 0; i < biography->event_count; i++) {
		if (biography->events[i].id == evidence->id && biography->contexts[i].stack.frame_count > 0)
			return &biography->contexts[i].stack;
	}
	return NULL;
}

size_t report_named_frame(const struct event_context *context)
{
	const struct event_stack *stack = &context->stack;

	for (size_t i = 0; context->caller_address && i < stack->frame_count; i++) {
		if (stack->frames[i].pc == context->caller_address && stack->frames[i].trust != FRAME_TAIL_CALL)
			return i;
	}
	return SIZE_MAX;
}

static void write_frame(const struct frame *frame, size_t number, int indent, bool all, FILE *out)
{
	struct words words;
	const char *symbol = words_symbol(&words, &frame->symbol);

	if (all)
		fprintf(out, "%*s#%-3zu ", indent, "", number);
	else
		fprintf(out, "%*s< ", indent, "");
	if (symbol[0])
		inert_write(symbol, out);
	else
		fprintf(out, "0x%" PRIx64, frame->pc);
	if (frame->trust != FRAME_REGISTERS && frame->trust != FRAME_CFI)
		fprintf(out, "  [%s]", frame_trust_name(frame->trust));
	fputc('\n', out);
}

/* After the last frame that is the program's own, only the C library's start of threads follows. */
static size_t find_last(const struct event_stack *stack)
{
	size_t last = stack->frame_count;

	while (last > 0 && (!stack->frames[last - 1].symbol.module || event_stack_is_library(&stack->frames[last - 1])))
		last--;
	return last;
}

void report_write_event_stack(const struct event_stack *stack, size_t from, int indent, bool all, FILE *out)
{
	size_t last = all ? stack->frame_count : find_last(stack), shown = 0;

	if (!stack->state)
		return;
	if (!all && from == SIZE_MAX) /* nobody was named: then the stack tells no more either */
		last = 0;
	for (size_t i = all ? 0 : from + 1; i < last; i++) {
		if (!all && shown++ == SHOWN_CALLERS) {
			fprintf(out, "%*s  (%zu more frame%s)\n", indent, "", last - i, last - i == 1 ? "" : "s");
			return;
		}
		write_frame(&stack->frames[i], i, indent, all, out);
	}
	if (stack->end_reason) {
		fprintf(out, "%*s  (", indent, "");
		inert_write(stack->end_reason, out);
		fputs(")\n", out);
	}
}

static json_t *hex(uint64_t value)
{
	char text[19];

	snprintf(text, sizeof(text), "0x%" PRIx64, value);
	return json_string(text);
}

static json_t *frame_json(const struct frame *frame)
{
	const struct symbol *symbol = &frame->symbol;
	json_t *object = json_object();

	json_object_set_new(object, "pc", hex(frame->pc));
	json_object_set_new(object, "sp", frame->sp ? hex(frame->sp) : json_null());
	json_object_set_new(object, "function", report_text_json(symbol->function));
	json_object_set_new(object, "inlined", report_text_json(symbol->inlined));
	json_object_set_new(object, "offset",
			    symbol->function ? json_integer((json_int_t)symbol->function_offset) : json_null());
	json_object_set_new(object, "module", report_text_json(symbol->module));
	json_object_set_new(object, "build_id", report_text_json(symbol->build_id[0] ? symbol->build_id : NULL));
	json_object_set_new(object, "file", report_text_json(symbol->file));
	json_object_set_new(object, "line", symbol->line ? json_integer(symbol->line) : json_null());
	json_object_set_new(object, "trust", json_string(frame_trust_name(frame->trust)));
	return object;
}

json_t *report_frames_json(const struct frame *frames, size_t count)
{
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(array, frame_json(&frames[i]));
	return array;
}

json_t *report_event_stack_json(const struct event_stack *stack)
{
	return stack ? report_frames_json(stack->frames, stack->frame_count) : json_null();
}
