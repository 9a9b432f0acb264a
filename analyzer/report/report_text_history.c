/* SPDX-License-Identifier: MIT */
/* The recorded life of an address, line by line. */
#include <inttypes.h>
#include <stdlib.h>

#include "analyzer/report/report_chronicle.h"
#include "analyzer/report/report_lines.h"
#include "analyzer/report/report_paint.h"
#include "analyzer/report/report_stack.h"
#include "analyzer/words.h"
#include "common/inert.h"
#include "replay/effect.h"

#define SHOWN_EVENTS 12
#define STACK_INDENT 20

static void write_when(const struct crash *crash, uint64_t time_ns, FILE *out)
{
	struct words duration;

	if (!crash->record.time_ns || time_ns > crash->record.time_ns)
		fprintf(out, "  %12s  ", "");
	else
		fprintf(out, "  %12s  ", words_duration(&duration, crash->record.time_ns - time_ns));
}

static const char *marker_text(struct words *words, const struct marker *marker)
{
	struct event_context context = {.before = *marker};
	const char *text = words_markers(words, &context);

	return text + sizeof("after marker ") - 1;
}

static void write_marker(const struct crash *crash, const struct report_style *style, const struct marker *marker,
			 FILE *out)
{
	struct words words;

	write_when(crash, marker->exit_ns, out);
	text_paint(style, DIM, out);
	fputs("-- marker ", out);
	inert_write(marker_text(&words, marker), out);
	fprintf(out, "  (thread %" PRIu32 ")", marker->tid);
	text_paint(style, PLAIN, out);
	fputc('\n', out);
}

static void write_event(const struct crash *crash, const struct report_style *style, size_t index, FILE *out)
{
	const struct memory_event *event = &crash->facts.biography.events[index];
	const struct event_context *context = &crash->facts.biography.contexts[index];
	struct memory_effect effect = memory_event_effect(event);
	bool removes = effect.removed_start < effect.removed_end;
	struct words call, caller;

	write_when(crash, event->exit_ns, out);
	text_painted(style,
		     removes				     ? YELLOW
		     : effect.added_start < effect.added_end ? GREEN
							     : PLAIN,
		     words_call(&call, event), out);
	if (context->file) {
		fputs("  ", out);
		inert_write(context->file, out);
	}
	fprintf(out, "\n  %12s    by thread %" PRIu32 " in ", "", event->tid);
	inert_write(words_caller(&caller, &crash->facts.biography, index), out);
	fputc('\n', out);
	report_write_event_stack(&context->stack, report_named_frame(context), STACK_INDENT, style->all, out);
}

static void write_told(const struct crash *crash, const struct report_style *style, const struct told_call *told,
		       FILE *out)
{
	bool gives_back = told->is_heap && told->heap.old_block, hands_out = told->is_heap && told->heap.block;
	struct words words;

	write_when(crash, told_call_time(told), out);
	text_painted(style, gives_back ? YELLOW : hands_out ? GREEN : PLAIN, words_told_call(&words, told), out);
	fprintf(out, "\n  %12s    by thread %" PRIu32 " in ", "", told_call_tid(told));
	inert_write(words_told_caller(&words, told), out);
	fputc('\n', out);
	report_write_event_stack(&told->stack, told_call_caller(told), STACK_INDENT, style->all, out);
}

void report_write_biography(const struct report *report, const struct report_style *style, FILE *out)
{
	const struct crash *crash = report->crash;
	const struct biography *biography = &crash->facts.biography;
	size_t touching = 0, skip, count;
	struct report_line *lines;

	if (!crash->facts.has_biography) {
		fputs("  nothing was recorded about it\n", out);
		return;
	}
	for (size_t i = 0; i < biography->event_count; i++)
		touching += timeline_touches_page(&biography->events[i], biography->address);
	if (!touching && !crash->facts.chronicle.count)
		fprintf(out, "  no recorded call ever touched the page of 0x%" PRIx64 "\n", biography->address);
	skip = style->all || touching <= SHOWN_EVENTS ? 0 : touching - SHOWN_EVENTS;
	if (skip || biography->truncated)
		fprintf(out, "  (%s%zu earlier calls are not shown)\n", biography->truncated ? "more than " : "", skip);
	lines = report_lines_collect(crash, skip, touching - skip, &count);
	for (size_t i = 0; lines && i < count; i++) {
		if (lines[i].marker)
			write_marker(crash, style, lines[i].marker, out);
		else if (lines[i].told)
			write_told(crash, style, lines[i].told, out);
		else
			write_event(crash, style, lines[i].event, out);
	}
	free(lines);
	if (crash->record.time_ns && crash->facts.fault.source != ADDRESS_UNKNOWN &&
	    crash->facts.fault.address == biography->address) {
		write_when(crash, crash->record.time_ns, out);
		text_painted(style, RED, "the crash", out);
		fprintf(out, ": %s of 0x%" PRIx64 "\n", words_access(crash->facts.fault.access),
			crash->facts.fault.address);
	}
}
