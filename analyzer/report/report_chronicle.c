/* SPDX-License-Identifier: MIT */
/* A biography's calls in words, and the whole biography as JSON. */
#include "analyzer/report/report_chronicle.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "analyzer/evidence/evidence_heap.h"
#include "analyzer/probe/probe_spec.h"
#include "analyzer/report/report.h"
#include "analyzer/report/report_lines.h"
#include "analyzer/report/report_stack.h"
#include "common/cleanup.h"
#include "common/inert.h"

#define TEXT_BYTES_SHOWN 48

static void append(struct words *words, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void append(struct words *words, const char *format, ...)
{
	size_t used = strlen(words->text);
	va_list args;

	va_start(args, format);
	vsnprintf(words->text + used, sizeof(words->text) - used, format, args);
	va_end(args);
}

/* Small numbers are counts, large ones addresses. */
static void append_value(struct words *words, uint64_t value)
{
	if (value < 65536)
		append(words, "%" PRIu64, value);
	else if (value > UINT64_MAX - 4096)
		append(words, "%" PRId64, (int64_t)value);
	else
		append(words, "0x%" PRIx64, value);
}

/* How many arguments were recorded, and whether a result was: what the signature asked for. */
static void count_parts(const struct told_call *call, size_t *ret_arguments, bool *ret_result)
{
	cleanup_free char *text = NULL;
	struct probe_spec spec = {0};
	struct error *err;

	*ret_arguments = 0;
	*ret_result = false;
	if (!call->signature || asprintf(&text, "x:x%s", call->signature) < 0) {
		text = NULL;
		return;
	}
	err = probe_spec_parse(text, &spec);
	if (err) {
		error_destroy(err);
		return;
	}
	for (size_t i = 0; i < spec.argument_count; i++)
		*ret_arguments += strcmp(spec.arguments[i], "_") != 0;
	if (*ret_arguments > 6)
		*ret_arguments = 6;
	*ret_result = spec.result != NULL;
	probe_spec_deinit(&spec);
}

const char *words_told_call(struct words *words, const struct told_call *call)
{
	const struct call_event *event = &call->call;
	size_t arguments;
	bool has_result;

	if (call->is_heap)
		return words_heap_call(words, &call->heap);
	count_parts(call, &arguments, &has_result);
	snprintf(words->text, sizeof(words->text), "%.200s(", call->function ? call->function : "a probed function");
	for (size_t i = 0; i < arguments; i++) {
		append(words, "%s", i ? ", " : "");
		append_value(words, event->args[i]);
		if (event->texts[i] && event->text_bytes[i])
			append(words, " \"%.*s\"%s",
			       (int)(event->text_bytes[i] < TEXT_BYTES_SHOWN ? event->text_bytes[i] : TEXT_BYTES_SHOWN),
			       event->texts[i], event->text_bytes[i] > TEXT_BYTES_SHOWN ? "..." : "");
	}
	append(words, ")");
	if (has_result && event->exit_ns) {
		append(words, " = ");
		append_value(words, event->result);
	} else if (has_result) {
		append(words, ", whose return was not seen");
	}
	return words->text;
}

const char *words_told_caller(struct words *words, const struct told_call *call)
{
	size_t at = told_call_caller(call);
	uint64_t top_word = call->is_heap ? call->heap.top_word : call->call.top_word;
	const char *symbol = at == SIZE_MAX ? "" : words_symbol(words, &call->stack.frames[at].symbol);

	if (symbol[0])
		return symbol;
	if (top_word)
		snprintf(words->text, sizeof(words->text), "code at 0x%" PRIx64, top_word);
	else
		snprintf(words->text, sizeof(words->text), "code that is not known");
	return words->text;
}

/* ---- JSON ---- */

static json_t *hex(uint64_t value)
{
	char text[19];

	snprintf(text, sizeof(text), "0x%" PRIx64, value);
	return json_string(text);
}

static json_t *stack_end_json(const struct event_stack *stack)
{
	return report_text_json(stack ? stack->end_reason : NULL);
}

/* What the four kinds of lines have in common is always there; what a kind lacks is null. */
static json_t *line_json(const struct crash *crash, const struct report_line *line)
{
	const struct biography *biography = &crash->facts.biography;
	const struct event_stack *stack = NULL;
	const char *kind = "marker", *file = NULL;
	struct words text = {""}, caller = {""};
	json_t *object = json_object();
	int64_t id = 0;
	uint32_t tid = 0;

	if (line->marker) {
		const struct event_context context = {.before = *line->marker};

		memmove(text.text, words_markers(&caller, &context) + strlen("after "),
			sizeof(text.text) - strlen("after "));
		caller.text[0] = 0;
		id = line->marker->id;
		tid = line->marker->tid;
	} else if (line->told) {
		kind = line->told->is_heap ? "heap" : "call";
		words_told_call(&text, line->told);
		words_told_caller(&caller, line->told);
		stack = &line->told->stack;
		id = line->told->is_heap ? line->told->heap.id : line->told->call.id;
		tid = told_call_tid(line->told);
	} else {
		kind = "mapping";
		words_call(&text, &biography->events[line->event]);
		words_caller(&caller, &crash->facts.biography, line->event);
		stack = &biography->contexts[line->event].stack;
		file = biography->contexts[line->event].file;
		id = biography->events[line->event].id;
		tid = biography->events[line->event].tid;
	}
	json_object_set_new(object, "kind", json_string(kind));
	json_object_set_new(object, "id", json_integer(id));
	json_object_set_new(object, "time_ns", json_integer((json_int_t)line->time_ns));
	json_object_set_new(object, "before_crash_ns",
			    crash->record.time_ns >= line->time_ns && crash->record.time_ns
				    ? json_integer((json_int_t)(crash->record.time_ns - line->time_ns))
				    : json_null());
	json_object_set_new(object, "tid", json_integer(tid));
	json_object_set_new(object, "text", report_text_json(text.text));
	json_object_set_new(object, "file", report_text_json(file));
	json_object_set_new(object, "caller", report_text_json(caller.text[0] ? caller.text : NULL));
	json_object_set_new(object, "stack", report_event_stack_json(stack && stack->frame_count ? stack : NULL));
	json_object_set_new(object, "stack_end", stack_end_json(stack));
	return object;
}

static json_t *mapping_json(const struct core *core, uint64_t address)
{
	const struct core_segment *segment = core ? core_find_segment(core, address) : NULL;
	const struct core_file_mapping *file = segment ? core_find_file(core, address) : NULL;
	json_t *object;
	struct words words;

	if (!segment)
		return json_null();
	object = json_object();
	json_object_set_new(object, "start", hex(segment->start));
	json_object_set_new(object, "end", hex(segment->end));
	/* PF_X, PF_W, PF_R are 1, 2, 4 (elf.h). */
	json_object_set_new(object, "protection",
			    json_string(words_protection(&words, (segment->flags & 4 ? PROT_READ : 0) |
									 (segment->flags & 2 ? PROT_WRITE : 0) |
									 (segment->flags & 1 ? PROT_EXEC : 0))));
	json_object_set_new(object, "file", report_text_json(file ? file->path : NULL));
	return object;
}

struct error *report_write_biography_json(const struct report *report, FILE *out)
{
	const struct crash *crash = report->crash;
	const struct biography *biography = &crash->facts.biography;
	json_t *root = json_object(), *lines = json_array();
	size_t count = 0;
	cleanup_free struct report_line *all = NULL;
	int failed;

	if (crash->facts.has_biography)
		all = report_lines_collect(crash, 0, biography->event_count, &count);
	for (size_t i = 0; all && i < count; i++)
		json_array_append_new(lines, line_json(crash, &all[i]));
	json_object_set_new(root, "schema_version", json_integer(REPORT_SCHEMA_VERSION));
	json_object_set_new(root, "crash", json_string(crash->facts.id));
	json_object_set_new(root, "address", hex(biography->address));
	json_object_set_new(root, "recorded", json_boolean(crash->record.known));
	json_object_set_new(root, "mapped_at_end",
			    crash->core.image
				    ? json_boolean(core_find_segment(crash->core.image, biography->address) != NULL)
				    : json_null());
	json_object_set_new(root, "mapping_at_end", mapping_json(crash->core.image, biography->address));
	json_object_set_new(root, "truncated", json_boolean(biography->truncated || crash->facts.chronicle.truncated));
	json_object_set_new(root, "lines", lines);
	failed = json_dump_callback(root, inert_json_write, out, report->one_line ? JSON_COMPACT : JSON_INDENT(2));
	json_decref(root);
	if (failed || fputc('\n', out) == EOF)
		return error_format(ERROR_SYSTEM, "cannot write the report");
	return NULL;
}
