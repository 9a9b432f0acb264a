/* SPDX-License-Identifier: MIT */
#include "analyzer/report/report_verdict.h"

#include <inttypes.h>
#include <stdio.h>

#include "analyzer/ends/end.h"
#include "analyzer/evidence/evidence.h"
#include "analyzer/link.h"
#include "analyzer/report/report_stack.h"
#include "analyzer/words.h"

static json_t *hex(uint64_t value)
{
	char text[19];

	snprintf(text, sizeof(text), "0x%" PRIx64, value);
	return json_string(text);
}

static json_t *hex_or_null(uint64_t value)
{
	return value ? hex(value) : json_null();
}

static json_t *integer_or_null(bool known, json_int_t value)
{
	return known ? json_integer(value) : json_null();
}

json_t *report_lines_json(char *const *lines, size_t count)
{
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(array, report_text_json(lines[i]));
	return array;
}

json_t *report_end_json(const struct report *report)
{
	const struct crash *crash = report->crash;
	const struct ending_clause *end = &report->findings->end;
	const struct fault *fault = &crash->facts.fault;
	const struct crash_signal *signal = fault->in_handler ? &fault->signal : &crash->facts.signal;
	bool by_signal = signal->number && !crash->record.has_exit_state;
	json_t *object = json_object();
	struct words name;

	json_object_set_new(object, "class",
			    end->class == FINDING_UNKNOWN ? json_null() : json_string(finding_class_name(end->class)));
	json_object_set_new(object, "confidence", json_string(end_confidence_name(end->confidence)));
	json_object_set_new(object, "text", report_text_json(end->text));
	json_object_set_new(object, "signal",
			    by_signal ? json_string(words_signal(&name, signal->number)) : json_null());
	json_object_set_new(object, "tid", integer_or_null(crash->facts.tid != 0, evidence_dead_thread(crash)));
	json_object_set_new(object, "instruction", report_text_json(fault->instruction[0] ? fault->instruction : NULL));
	json_object_set_new(object, "access", report_text_json(fault->access ? words_access(fault->access) : NULL));
	json_object_set_new(object, "address", fault->source ? hex(fault->address) : json_null());
	json_object_set_new(object, "before_handler", json_boolean(fault->in_handler));
	return object;
}

static json_t *evidence_json(const struct crash *crash, const struct evidence *evidence)
{
	const struct event_stack *stack = report_evidence_stack(crash, evidence);
	json_t *object = json_object();

	json_object_set_new(object, "kind", json_string(evidence_kind_name(evidence->kind)));
	json_object_set_new(object, "id", integer_or_null(evidence->id != 0, evidence->id));
	json_object_set_new(object, "address", hex_or_null(evidence->address));
	json_object_set_new(object, "text", report_text_json(evidence->text));
	json_object_set_new(object, "stack", report_event_stack_json(stack));
	json_object_set_new(object, "stack_end", report_text_json(stack ? stack->end_reason : NULL));
	return object;
}

/* Without its text, which is the alternative's or the culprit's own. */
static json_t *citation_json(enum evidence_kind kind, int64_t id, uint64_t address)
{
	return json_pack("{s:s, s:o, s:o}", "kind", evidence_kind_name(kind), "id", integer_or_null(id != 0, id),
			 "address", hex_or_null(address));
}

static json_t *node_json(const struct node *node)
{
	json_t *object = json_object();

	json_object_set_new(object, "kind", json_string(node_kind_name(node->kind)));
	json_object_set_new(object, "start", hex_or_null(node->start));
	json_object_set_new(object, "end", hex_or_null(node->end));
	json_object_set_new(object, "id", integer_or_null(node->id != 0, node->id));
	return object;
}

static json_t *alternatives_json(const struct link *link)
{
	json_t *array = json_array();

	for (size_t i = 0; i < link->alternative_count; i++) {
		const struct alternative *alternative = &link->alternatives[i];
		const struct evidence *citation = &alternative->citation;
		json_t *object = json_object();

		json_object_set_new(object, "name", json_string(link->kind->alternatives[i]));
		json_object_set_new(object, "state", json_string(alternative_state_name(alternative->state)));
		json_object_set_new(object, "text", report_text_json(alternative->text));
		json_object_set_new(object, "citation",
				    alternative->has_citation
					    ? citation_json(citation->kind, citation->id, citation->address)
					    : json_null());
		json_array_append_new(array, object);
	}
	return array;
}

static json_t *evidence_of_link_json(const struct crash *crash, const struct finding *finding, size_t link)
{
	json_t *array = json_array();

	for (size_t i = 0; i < finding->evidence_count; i++) {
		if (finding->evidence[i].link == link)
			json_array_append_new(array, evidence_json(crash, &finding->evidence[i]));
	}
	return array;
}

static json_t *link_json(const struct crash *crash, const struct finding *finding, size_t index)
{
	const struct link *link = &finding->links[index];
	json_t *object = json_object();

	json_object_set_new(object, "kind", json_string(link->kind->name));
	json_object_set_new(object, "class",
			    link->kind->class == FINDING_UNKNOWN ? json_null()
								 : json_string(finding_class_name(link->kind->class)));
	json_object_set_new(object, "basis", json_string(basis_name(link->basis)));
	json_object_set_new(object, "confidence", json_string(finding_confidence_name(link_confidence(link))));
	json_object_set_new(object, "text", report_text_json(link->text));
	json_object_set_new(object, "node", node_json(&link->node));
	json_object_set_new(object, "over_gap", json_boolean(link->over_gap));
	json_object_set_new(object, "citations", evidence_of_link_json(crash, finding, index));
	json_object_set_new(object, "alternatives", alternatives_json(link));
	return object;
}

json_t *report_cause_json(const struct report *report)
{
	const struct finding *cause = finding_cause(report->findings);
	json_t *object, *links;

	if (!cause)
		return json_null();
	object = json_object();
	links = json_array();
	for (size_t i = 0; i < cause->link_count; i++)
		json_array_append_new(links, link_json(report->crash, cause, i));
	json_object_set_new(object, "class", json_string(finding_class_name(cause->class)));
	json_object_set_new(object, "confidence", json_string(finding_confidence_name(cause->confidence)));
	json_object_set_new(object, "summary", report_text_json(cause->summary));
	json_object_set_new(object, "links", links);
	json_object_set_new(object, "background", evidence_of_link_json(report->crash, cause, LINK_NONE));
	return object;
}

static json_t *culprit_json(const struct culprit *culprit)
{
	json_t *object;

	if (culprit->kind == CULPRIT_NONE)
		return json_null();
	object = json_object();
	json_object_set_new(object, "kind", json_string(culprit_kind_name(culprit->kind)));
	json_object_set_new(object, "name", report_text_json(culprit->name));
	json_object_set_new(object, "module", report_text_json(culprit->module));
	json_object_set_new(object, "function", report_text_json(culprit->function));
	json_object_set_new(object, "file", report_text_json(culprit->file));
	json_object_set_new(object, "line", integer_or_null(culprit->line != 0, culprit->line));
	json_object_set_new(object, "pid", integer_or_null(culprit->pid != 0, culprit->pid));
	json_object_set_new(object, "process", report_text_json(culprit->comm));
	json_object_set_new(object, "act", citation_json(culprit->act, culprit->act_id, culprit->act_address));
	return object;
}

json_t *report_culprit_json(const struct report *report)
{
	const struct finding *cause = finding_cause(report->findings);

	return cause ? culprit_json(&cause->culprit) : json_null();
}

json_t *report_suspect_json(const struct report *report)
{
	return report->findings->count ? culprit_json(&report->findings->findings[0].suspect) : json_null();
}

static json_t *finding_json(const struct crash *crash, const struct finding *finding)
{
	enum finding_confidence confidence = finding_cause_confidence(finding);
	json_t *object = json_object(), *evidence = json_array();

	json_object_set_new(object, "class", json_string(finding_class_name(finding->class)));
	json_object_set_new(object, "confidence", json_string(finding_confidence_name(confidence)));
	json_object_set_new(object, "summary", report_text_json(finding->summary));
	for (size_t i = 0; i < finding->evidence_count; i++)
		json_array_append_new(evidence, evidence_json(crash, &finding->evidence[i]));
	json_object_set_new(object, "evidence", evidence);
	json_object_set_new(object, "counter_evidence", report_lines_json(finding->counter, finding->counter_count));
	json_object_set_new(object, "missing", report_lines_json(finding->missing, finding->missing_count));
	json_object_set_new(object, "next_step", report_text_json(finding->next_step));
	json_object_set_new(object, "lost_at", report_text_json(finding->lost_at));
	json_object_set_new(object, "would_show", report_text_json(finding->would_show));
	return object;
}

json_t *report_findings_json(const struct report *report)
{
	json_t *array = json_array();

	for (size_t i = 0; i < report->findings->count; i++)
		json_array_append_new(array, finding_json(report->crash, &report->findings->findings[i]));
	return array;
}
