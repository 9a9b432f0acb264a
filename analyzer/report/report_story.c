/* SPDX-License-Identifier: MIT */
#include "analyzer/report/report_story.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/evidence/evidence_fault.h"
#include "analyzer/evidence/evidence_heap.h"
#include "analyzer/words.h"
#include "common/vector.h"

void story_deinit(struct story *story)
{
	for (size_t i = 0; i < story->count; i++) {
		free(story->lines[i].what);
		free(story->lines[i].who);
	}
	free(story->lines);
	*story = (struct story){0};
}

static struct error *add_line(struct story *story, struct story_line line, const char *what, const char *who)
{
	line.what = strdup(what);
	line.who = who && who[0] ? strdup(who) : NULL;
	if (!line.what || (who && who[0] && !line.who) || array_resize(story->lines, story->count + 1)) {
		free(line.what);
		free(line.who);
		return &error_no_memory;
	}
	story->lines[story->count++] = line;
	return NULL;
}

/* The event of that row and its context, wherever the crash has it. */
static bool find_in(const struct biography *biography, int64_t id, const struct memory_event **ret_event,
		    const struct event_context **ret_context)
{
	for (size_t i = 0; biography->contexts && i < biography->event_count; i++) {
		if (biography->events[i].id == id) {
			*ret_event = &biography->events[i];
			*ret_context = &biography->contexts[i];
			return true;
		}
	}
	return false;
}

static bool find_event(const struct crash *crash, int64_t id, const struct memory_event **ret_event,
		       const struct event_context **ret_context)
{
	const struct failed_calls *failed = &crash->facts.failed_calls;

	if (crash->facts.has_biography && find_in(&crash->facts.biography, id, ret_event, ret_context))
		return true;
	for (size_t i = 0; i < crash->facts.view_count; i++) {
		if (find_in(&crash->facts.views[i].biography, id, ret_event, ret_context))
			return true;
	}
	for (size_t i = 0; i < failed->count; i++) {
		if (failed->events[i].id == id) {
			*ret_event = &failed->events[i];
			*ret_context = &failed->contexts[i];
			return true;
		}
	}
	return false;
}

static bool find_heap_call(const struct crash *crash, int64_t id, const struct heap_subject **ret_subject,
			   size_t *ret_index)
{
	for (size_t i = 0; i < crash->facts.heap.subject_count; i++) {
		const struct heap_subject *subject = &crash->facts.heap.subjects[i];

		for (size_t j = 0; j < subject->event_count; j++) {
			if (subject->events[j].id == id) {
				*ret_subject = subject;
				*ret_index = j;
				return true;
			}
		}
	}
	return false;
}

/* "first munmap" of "first munmap: munmap(…) by thread 7 in …": what the cause calls it. */
static const char *label_of(const struct evidence *evidence, char *label, size_t size)
{
	const char *colon = strstr(evidence->text, ": ");

	label[0] = 0;
	if (colon && (size_t)(colon - evidence->text) + 3 < size)
		snprintf(label, size, ": %.*s", (int)(colon - evidence->text), evidence->text);
	return label;
}

static struct error *add_event(const struct crash *crash, const struct evidence *evidence, struct story_line line,
			       struct story *story)
{
	const struct memory_event *event;
	const struct event_context *context;
	struct words call, who;
	char label[80], what[sizeof(call.text) + sizeof(label)];

	if (!find_event(crash, evidence->id, &event, &context))
		return NULL;
	line.time_ns = event->exit_ns;
	line.has_time = crash->record.time_ns && event->exit_ns <= crash->record.time_ns;
	line.symbol = context->caller.module ? &context->caller : context->at.module ? &context->at : NULL;
	snprintf(what, sizeof(what), "%s%s", words_call(&call, event), label_of(evidence, label, sizeof(label)));
	return add_line(story, line, what, words_context(&who, context));
}

static const struct symbol *symbol_of_heap_call(const struct heap_subject *subject, size_t index)
{
	const struct event_stack *stack = heap_subject_stack(subject, index);

	return stack && stack->caller < stack->frame_count ? &stack->frames[stack->caller].symbol : NULL;
}

static struct error *add_heap_call(const struct crash *crash, const struct evidence *evidence, struct story_line line,
				   struct story *story)
{
	const struct heap_subject *subject;
	size_t index;
	struct words call, who;
	char label[80], what[sizeof(call.text) + sizeof(label)];

	if (!find_heap_call(crash, evidence->id, &subject, &index))
		return NULL;
	line.symbol = symbol_of_heap_call(subject, index);
	line.time_ns = subject->events[index].exit_ns ?: subject->events[index].enter_ns;
	line.has_time = crash->record.time_ns && line.time_ns <= crash->record.time_ns;
	snprintf(what, sizeof(what), "%s%s", words_heap_call(&call, &subject->events[index]),
		 label_of(evidence, label, sizeof(label)));
	return add_line(story, line, what, words_heap_caller(&who, subject, index));
}

static bool is_told(const struct finding *finding, size_t index)
{
	for (size_t i = 0; i < index; i++) {
		if (finding->evidence[i].kind == finding->evidence[index].kind &&
		    finding->evidence[i].id == finding->evidence[index].id)
			return true;
	}
	return false;
}

/* The citation of the last link that names a call is the act's; where somebody is accused, the accusation's. */
static bool is_act(const struct finding *finding, const struct evidence *evidence)
{
	const struct evidence *last = NULL;

	if (finding->culprit.kind != CULPRIT_NONE)
		return finding->culprit.act == evidence->kind && finding->culprit.act_id == evidence->id;
	for (size_t i = 0; i < finding->evidence_count; i++) {
		if (finding->link_count && finding->evidence[i].link == finding->link_count - 1 &&
		    finding->evidence[i].id)
			last = &finding->evidence[i];
	}
	return last && last->kind == evidence->kind && last->id == evidence->id;
}

static int compare_lines(const void *a, const void *b)
{
	const struct story_line *left = a, *right = b;

	return (left->time_ns > right->time_ns) - (left->time_ns < right->time_ns);
}

/* What ended the process, and the code that it happened in. */
static struct error *add_end(const struct report *report, struct story *story)
{
	const struct crash *crash = report->crash;
	const struct thread_stack *stack = crash->facts.stacks.thread_count ? &crash->facts.stacks.threads[0] : NULL;
	struct story_line line = {.time_ns = crash->record.time_ns, .has_time = true, .is_end = true};
	struct words code;

	if (!report->findings->end.text)
		return NULL;
	if (stack && stack->frame_count && stack->frames[0].symbol.module)
		line.symbol = &stack->frames[0].symbol;
	return add_line(story, line, report->findings->end.text,
			crash->facts.fault.is_fault || (stack && stack->frame_count) ? evidence_fault_code(&code, crash)
										     : NULL);
}

struct error *story_build(const struct report *report, struct story *ret_story)
{
	const struct finding *verdict = &report->findings->findings[0];
	struct error *err = NULL;

	*ret_story = (struct story){0};
	for (size_t i = 0; !err && i < verdict->evidence_count; i++) {
		const struct evidence *evidence = &verdict->evidence[i];
		struct story_line line = {.is_act = is_act(verdict, evidence)};

		if (is_told(verdict, i))
			continue;
		if (evidence->kind == EVIDENCE_EVENT)
			err = add_event(report->crash, evidence, line, ret_story);
		else if (evidence->kind == EVIDENCE_HEAP)
			err = add_heap_call(report->crash, evidence, line, ret_story);
	}
	if (ret_story->count)
		qsort(ret_story->lines, ret_story->count, sizeof(*ret_story->lines), compare_lines);
	if (!err && verdict->lost_at)
		err = add_line(ret_story, (struct story_line){.is_lost = true}, verdict->lost_at, NULL);
	return err ?: add_end(report, ret_story);
}

const char *story_when(char text[32], const struct crash *crash, const struct story_line *line)
{
	struct words duration;

	snprintf(text, 32, "%s", line->is_end ? "0" : "?");
	if (!line->is_end && line->has_time)
		snprintf(text, 32, "-%.29s", words_duration(&duration, crash->record.time_ns - line->time_ns));
	return text;
}

const char *report_sureness(const struct finding *finding)
{
	return words_sureness(finding_class_name(finding->class),
			      finding_confidence_name(finding_cause_confidence(finding)));
}
