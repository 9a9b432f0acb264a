/* SPDX-License-Identifier: MIT */
/*
 * The findings as SARIF 2.1.0 (OASIS, "Static Analysis Results Interchange Format"): tool.driver.rules are the classes,
 * results the findings. A result's location is where the crashed thread was, in the innermost frame that has a source
 * line; its stack is the whole thread. The signature is the partial fingerprint by which a service tells old from new.
 */
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "analyzer/link.h"
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

/* `symbol`: NULL where the code is not known. */
static json_t *location_of(const struct symbol *symbol, const char *what)
{
	json_t *location = json_object();

	json_object_set_new(location, "message", message(what));
	if (symbol && symbol->file) {
		json_t *physical = json_object();

		json_object_set_new(physical, "artifactLocation", json_pack("{s:o}", "uri", uri_of(symbol->file)));
		if (symbol->line > 0)
			json_object_set_new(physical, "region", json_pack("{s:i}", "startLine", symbol->line));
		json_object_set_new(location, "physicalLocation", physical);
	}
	if (symbol && symbol->function)
		json_object_set_new(
			location, "logicalLocations",
			json_pack("[{s:o,s:s}]", "fullyQualifiedName", text(symbol->function), "kind", "function"));
	return location;
}

static json_t *location_of_frame(const struct frame *frame)
{
	struct words words;

	return location_of(&frame->symbol, words_symbol(&words, &frame->symbol));
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
			json_array_append_new(locations, location_of_frame(&stack->frames[i]));
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
		json_t *object = json_pack("{s:o}", "location", location_of_frame(frame));

		if (frame->symbol.module)
			json_object_set_new(object, "module", text(words_base_name(frame->symbol.module)));
		json_array_append_new(frames, object);
	}
	return json_array_size(frames) ? json_pack("[{s:o}]", "frames", frames) : (json_decref(frames), json_array());
}

/* The story, step by step (SARIF 2.1.0, 3.36 and 3.38). */
static struct error *flows_of(const struct report *report, json_t **ret_flows)
{
	json_t *steps = json_array();
	struct story story;
	struct error *err = story_build(report, &story);

	for (size_t i = 0; !err && i < story.count; i++) {
		const struct story_line *line = &story.lines[i];
		char when[32], step[1400];

		snprintf(step, sizeof(step), "%s  %s%s%s", story_when(when, report->crash, line), line->what,
			 line->who ? ", in " : "", line->who ?: "");
		json_array_append_new(steps, json_pack("{s:o, s:i, s:s}", "location", location_of(line->symbol, step),
						       "executionOrder", (int)i + 1, "importance",
						       line->is_act || line->is_end ? "essential" : "important"));
	}
	story_deinit(&story);
	/* A flow has at least one step (3.37.2). */
	*ret_flows =
		json_array_size(steps) ? json_pack("[{s:[{s:O}]}]", "threadFlows", "locations", steps) : json_array();
	json_decref(steps);
	return err;
}

/* The chain from the end to the act: what each link says and how sure it is (3.27.22). */
static json_t *links_of(const struct finding *finding)
{
	json_t *locations = json_array();

	for (size_t i = 0; i < finding->link_count; i++) {
		const struct link *link = &finding->links[i];
		json_t *location = location_of(NULL, link->text);

		json_object_set_new(location, "id", json_integer((json_int_t)i + 1));
		json_object_set_new(location, "properties",
				    json_pack("{s:s, s:s, s:s}", "kind", link->kind->name, "basis",
					      basis_name(link->basis), "confidence",
					      finding_confidence_name(link_confidence(link))));
		json_array_append_new(locations, location);
	}
	return locations;
}

static json_t *name_of(const struct culprit *culprit)
{
	return culprit->kind == CULPRIT_NONE ? json_null() : text(culprit->name);
}

static json_t *properties_of(const struct report *report, const struct finding *finding)
{
	return json_pack("{s:s, s:s, s:o, s:o}", "confidence",
			 finding_confidence_name(finding_cause_confidence(finding)), "crash", report->crash->facts.id,
			 "culprit", name_of(&finding->culprit), "suspect", name_of(&finding->suspect));
}

static struct error *result_of(const struct report *report, const struct finding *finding, bool is_verdict,
			       json_t **ret_result)
{
	json_t *result = json_object(), *flows = NULL;
	struct error *err = is_verdict ? flows_of(report, &flows) : NULL;

	json_object_set_new(result, "ruleId", json_string(finding_class_name(finding->class)));
	json_object_set_new(result, "level", json_string(level_of(finding_cause_confidence(finding))));
	json_object_set_new(result, "message", message(finding->summary ? finding->summary : ""));
	json_object_set_new(result, "locations", locations_of(report->crash));
	if (is_verdict) {
		json_object_set_new(result, "stacks", stacks_of(report->crash));
		json_object_set_new(result, "codeFlows", flows);
		json_object_set_new(result, "relatedLocations", links_of(finding));
		json_object_set_new(result, "partialFingerprints",
				    json_pack("{s:s}", "corelate/v2", report->signature));
	}
	json_object_set_new(result, "properties", properties_of(report, finding));
	*ret_result = result;
	return err;
}

static struct error *run_of(const struct report *report, json_t **ret_run)
{
	json_t *rules = json_array(), *results = json_array();
	bool listed[FINDING_CLASS_COUNT] = {false};
	struct error *err = NULL;

	for (size_t i = 0; !err && i < report->findings->count; i++) {
		const struct finding *finding = &report->findings->findings[i];
		json_t *result;

		err = result_of(report, finding, i == 0, &result);
		json_array_append_new(results, result);
		if (!listed[finding->class])
			json_array_append_new(rules, json_pack("{s:s}", "id", finding_class_name(finding->class)));
		listed[finding->class] = true;
	}
	*ret_run = json_pack("{s:{s:{s:s,s:s,s:o}},s:o}", "tool", "driver", "name", "corelate", "version",
			     CORELATE_VERSION, "rules", rules, "results", results);
	return err;
}

struct error *report_write_sarif(const struct report *report, FILE *out)
{
	json_t *run, *root;
	struct error *err = run_of(report, &run);
	int failed;

	if (err) {
		json_decref(run);
		return err;
	}
	root = run ? json_pack("{s:s,s:s,s:[o]}", "$schema", SARIF_SCHEMA, "version", "2.1.0", "runs", run) : NULL;
	failed = root ? json_dump_callback(root, inert_json_write, out, JSON_INDENT(2)) : -1;
	json_decref(root);
	if (failed || fputc('\n', out) == EOF)
		return error_format(ERROR_SYSTEM, "cannot write the report");
	return NULL;
}
