/* SPDX-License-Identifier: MIT */
/*
 * The findings as SARIF 2.1.0 (OASIS, "Static Analysis Results Interchange Format"): tool.driver.rules are the classes,
 * results the findings. A result's location is where the crashed thread was, in the innermost frame that has a source
 * line; its stack is the whole thread. The signature is the partial fingerprint by which a service tells old from new.
 */
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "analyzer/report/report_story.h"
#include "analyzer/words.h"
#include "common/cleanup.h"
#include "common/inert.h"
#include "common/utf8.h"

#define SARIF_SCHEMA "https://json.schemastore.org/sarif-2.1.0.json"

static json_t *text(const char *value)
{
	cleanup_free char *clean = utf8_clean(value);

	return json_string(clean ? clean : "");
}

static json_t *message(const char *value)
{
	return json_pack("{s:o}", "text", text(value));
}

static const char *level_of(enum finding_confidence confidence)
{
	switch (confidence) {
	case CONFIDENCE_PROVEN:
		return "error";
	case CONFIDENCE_LIKELY:
		return "warning";
	default:
		return "note";
	}
}

/* A path as a relative or file URI reference (RFC 3986): what is not unreserved or a slash is escaped. */
static json_t *uri_of(const char *path)
{
	cleanup_free char *uri = NULL;
	size_t size;
	FILE *stream = open_memstream(&uri, &size);

	if (!stream)
		return json_string("");
	if (path[0] == '/')
		fputs("file://", stream);
	for (const char *at = path; *at; at++) {
		bool plain = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9') ||
			     strchr("-._~/", *at);

		fprintf(stream, plain ? "%c" : "%%%02X", (unsigned char)*at);
	}
	return fclose(stream) == 0 ? json_string(uri) : json_string("");
}

static json_t *location_of(const struct frame *frame)
{
	const struct symbol *symbol = &frame->symbol;
	json_t *location = json_object();
	struct words words;

	if (symbol->file) {
		json_t *physical = json_object();

		json_object_set_new(physical, "artifactLocation", json_pack("{s:o}", "uri", uri_of(symbol->file)));
		if (symbol->line > 0)
			json_object_set_new(physical, "region", json_pack("{s:i}", "startLine", symbol->line));
		json_object_set_new(location, "physicalLocation", physical);
	}
	if (symbol->function)
		json_object_set_new(
			location, "logicalLocations",
			json_pack("[{s:o,s:s}]", "fullyQualifiedName", text(symbol->function), "kind", "function"));
	json_object_set_new(location, "message", message(words_symbol(&words, symbol)));
	return location;
}

static const struct thread_stack *crashed_stack(const struct crash *crash)
{
	return crash->facts.stacks.thread_count ? &crash->facts.stacks.threads[0] : NULL;
}

static json_t *locations_of(const struct crash *crash)
{
	const struct thread_stack *stack = crashed_stack(crash);
	json_t *locations = json_array();

	for (size_t i = 0; stack && i < stack->frame_count; i++) {
		if (stack->frames[i].symbol.file) {
			json_array_append_new(locations, location_of(&stack->frames[i]));
			break;
		}
	}
	return locations;
}

static json_t *stacks_of(const struct crash *crash)
{
	const struct thread_stack *stack = crashed_stack(crash);
	json_t *frames = json_array();

	for (size_t i = 0; stack && i < stack->frame_count; i++) {
		const struct frame *frame = &stack->frames[i];
		json_t *object = json_pack("{s:o}", "location", location_of(frame));

		if (frame->symbol.module)
			json_object_set_new(object, "module", text(words_base_name(frame->symbol.module)));
		json_array_append_new(frames, object);
	}
	return json_array_size(frames) ? json_pack("[{s:o}]", "frames", frames) : (json_decref(frames), json_array());
}

/* The story, step by step (SARIF 2.1.0, 3.36 and 3.38). */
static json_t *flows_of(const struct report *report)
{
	json_t *steps = json_array();
	struct story story;
	struct error *err = story_build(report, &story);

	for (size_t i = 0; !err && i < story.count; i++) {
		const struct story_line *line = &story.lines[i];
		char when[32], step[1400];

		snprintf(step, sizeof(step), "%s %s%s%s", story_when(when, report->crash, line), line->what,
			 line->who ? ", in " : "", line->who ?: "");
		json_array_append_new(steps, json_pack("{s:{s:o}, s:s}", "location", "message", message(step), "importance",
						       line->is_act || line->is_end ? "essential" : "important"));
	}
	error_destroy(err);
	story_deinit(&story);
	return json_pack("[{s:[{s:o}]}]", "threadFlows", "locations", steps);
}

static json_t *result_of(const struct report *report, const struct finding *finding, bool is_verdict)
{
	enum finding_confidence sure = finding_class_is_end(finding->class) ? CONFIDENCE_NONE : finding->confidence;
	json_t *result = json_object();

	json_object_set_new(result, "ruleId", json_string(finding_class_name(finding->class)));
	json_object_set_new(result, "level", json_string(level_of(sure)));
	json_object_set_new(result, "message", message(finding->summary ? finding->summary : ""));
	json_object_set_new(result, "locations", locations_of(report->crash));
	if (is_verdict) {
		json_object_set_new(result, "stacks", stacks_of(report->crash));
		json_object_set_new(result, "codeFlows", flows_of(report));
		json_object_set_new(result, "partialFingerprints",
				    json_pack("{s:s}", "corelate/v2", report->signature));
	}
	json_object_set_new(result, "properties",
			    json_pack("{s:s,s:s}", "confidence", finding_confidence_name(sure), "crash",
				      report->crash->facts.id));
	return result;
}

static json_t *run_of(const struct report *report)
{
	json_t *rules = json_array(), *results = json_array();
	bool listed[FINDING_CLASS_COUNT] = {false};

	for (size_t i = 0; i < report->findings->count; i++) {
		const struct finding *finding = &report->findings->findings[i];

		json_array_append_new(results, result_of(report, finding, i == 0));
		if (!listed[finding->class])
			json_array_append_new(rules, json_pack("{s:s}", "id", finding_class_name(finding->class)));
		listed[finding->class] = true;
	}
	return json_pack("{s:{s:{s:s,s:s,s:o}},s:o}", "tool", "driver", "name", "corelate", "version", CORELATE_VERSION,
			 "rules", rules, "results", results);
}

struct error *report_write_sarif(const struct report *report, FILE *out)
{
	json_t *run = run_of(report);
	json_t *root =
		run ? json_pack("{s:s,s:s,s:[o]}", "$schema", SARIF_SCHEMA, "version", "2.1.0", "runs", run) : NULL;
	int failed = root ? json_dump_callback(root, inert_json_write, out, JSON_INDENT(2)) : -1;

	json_decref(root);
	if (failed || fputc('\n', out) == EOF)
		return error_format(ERROR_SYSTEM, "cannot write the report");
	return NULL;
}
