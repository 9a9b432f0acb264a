/* SPDX-License-Identifier: MIT */
/* The report for a browser: the verdict, a picture of the memory over time, and everything it stands on. */
#include "analyzer/report/report_html.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/evidence/evidence_probe.h"
#include "analyzer/report/report.h"
#include "analyzer/report/report_lines.h"
#include "analyzer/report/report_chronicle.h"
#include "analyzer/report/report_markup.h"
#include "analyzer/report/report_stack.h"
#include "analyzer/report/report_story.h"
#include "analyzer/words.h"
#include "common/cleanup.h"

static void write_head(const struct report *report, FILE *out)
{
	const struct crash *crash = report->crash;

	fprintf(out,
		"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src '%s'; "
		"base-uri 'none'; form-action 'none'\">\n"
		"<meta name=\"referrer\" content=\"no-referrer\">\n"
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>",
		report_html_style_hash);
	markup_html(crash->facts.comm, out);
	fprintf(out, ": %s</title>\n<style>%s</style>\n</head>\n<body>\n",
		finding_class_name(report->findings->findings[0].class), report_html_style);
}

static void write_headline(const struct finding *finding, const char *tag, FILE *out)
{
	const char *style = finding_confidence_name(finding_cause_confidence(finding));

	fprintf(out, "<%s><span class=\"class %s\">%s</span>", tag, style, finding_class_name(finding->class));
	if (report_sureness(finding)[0])
		fprintf(out, " (<span class=\"%s\">%s</span>)", style, report_sureness(finding));
	fputs(": ", out);
	markup_html(finding->summary, out);
	fprintf(out, "</%s>\n", tag);
}

/* The text is inert already; what it escaped must not be escaped again. */
static void write_inert(const char *text, FILE *out)
{
	for (const char *at = text; *at; at++)
		fputs(*at == '&' ? "&amp;" : *at == '<' ? "&lt;" : *at == '>' ? "&gt;" : (char[]){*at, 0}, out);
}

/* The facts as the text form has them: two blanks, a name, its value; further lines of a value are indented. */
static struct error *write_facts(const struct report *report, FILE *out)
{
	cleanup_free char *text = NULL;
	char *line, *rest = NULL;
	bool in_row = false;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	if (!stream)
		return &error_no_memory;
	report_write_facts(report, stream);
	if (fclose(stream) != 0)
		return &error_no_memory;
	fputs("<table>\n", out);
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		size_t indent = strspn(line, " ");
		char *value = line + indent, *end = value + strcspn(value, " ");

		if (indent > 2 && in_row) {
			fputc(' ', out);
			write_inert(value, out);
			continue;
		}
		if (*end)
			*end++ = 0;
		fprintf(out, "%s<tr><th>", in_row ? "</td></tr>\n" : "");
		write_inert(value, out);
		fputs("</th><td class=\"code\">", out);
		write_inert(end + strspn(end, " "), out);
		in_row = true;
	}
	fputs(in_row ? "</td></tr>\n</table>\n" : "</table>\n", out);
	return NULL;
}

/* ---- the time around the fault address ---- */

static void write_when(const struct crash *crash, uint64_t time_ns, FILE *out)
{
	struct words duration;

	fputs("<td class=\"number\">", out);
	if (crash->record.time_ns && time_ns <= crash->record.time_ns)
		fputs(words_duration(&duration, crash->record.time_ns - time_ns), out);
	fputs("</td>", out);
}

static void write_marker(const struct crash *crash, const struct marker *marker, FILE *out)
{
	struct event_context context = {.before = *marker};
	struct words words;

	fputs("<tr class=\"marker\">", out);
	write_when(crash, marker->exit_ns, out);
	fputs("<td class=\"code\">", out);
	markup_html(words_markers(&words, &context) + sizeof("after ") - 1, out);
	fprintf(out, "</td><td>thread %" PRIu32 "</td></tr>\n", marker->tid);
}

static void write_event(const struct crash *crash, size_t index, FILE *out)
{
	const struct memory_event *event = &crash->facts.biography.events[index];
	const struct event_context *context = &crash->facts.biography.contexts[index];
	struct words words;

	fprintf(out, "<tr id=\"event-%" PRId64 "\">", event->id);
	write_when(crash, event->exit_ns, out);
	fputs("<td class=\"code\">", out);
	markup_html(words_call(&words, event), out);
	if (context->file) {
		fputs("<br>", out);
		markup_html(context->file, out);
	}
	fprintf(out, "</td><td>thread %" PRIu32 " in <code>", event->tid);
	markup_html(words_caller(&words, &crash->facts.biography, index), out);
	fputs("</code>", out);
	report_html_event_stack(&context->stack, out);
	fputs("</td></tr>\n", out);
}

static void write_told(const struct crash *crash, const struct told_call *told, FILE *out)
{
	struct words words;

	fputs("<tr>", out);
	write_when(crash, told_call_time(told), out);
	fputs("<td class=\"code\">", out);
	markup_html(words_told_call(&words, told), out);
	fprintf(out, "</td><td>thread %" PRIu32 " in <code>", told_call_tid(told));
	markup_html(words_told_caller(&words, told), out);
	fputs("</code>", out);
	report_html_event_stack(&told->stack, out);
	fputs("</td></tr>\n", out);
}

static void write_lines(const struct crash *crash, size_t skip, size_t limit, FILE *out)
{
	size_t count;
	cleanup_free struct report_line *lines = report_lines_collect(crash, skip, limit, &count);

	for (size_t i = 0; lines && i < count; i++) {
		if (lines[i].marker)
			write_marker(crash, lines[i].marker, out);
		else if (lines[i].told)
			write_told(crash, lines[i].told, out);
		else
			write_event(crash, lines[i].event, out);
	}
}

static void write_biography(const struct crash *crash, FILE *out)
{
	const struct biography *biography = &crash->facts.biography;
	size_t touching = 0, skip;

	for (size_t i = 0; i < biography->event_count; i++)
		touching += timeline_touches_page(&biography->events[i], biography->address);
	skip = touching > REPORT_HTML_EVENTS ? touching - REPORT_HTML_EVENTS : 0;
	fprintf(out, "<h2>The page of 0x%" PRIx64 ", times before the crash</h2>\n", biography->address);
	report_html_picture(crash, out);
	if (skip || biography->truncated)
		fprintf(out, "<p class=\"dim\">%s%zu earlier calls are not shown.</p>\n",
			biography->truncated ? "More than " : "", skip);
	fputs("<div class=\"scroll\"><table>\n", out);
	write_lines(crash, skip, touching - skip, out);
	if (crash->record.time_ns && crash->facts.fault.source != ADDRESS_UNKNOWN &&
	    crash->facts.fault.address == biography->address)
		fprintf(out,
			"<tr class=\"crash\"><td class=\"number\">0</td><td class=\"code\">%s of 0x%" PRIx64
			"</td><td>the crash</td></tr>\n",
			words_access(crash->facts.fault.access), crash->facts.fault.address);
	fputs("</table></div>\n", out);
}

/* ---- findings ---- */

static void write_list(const char *title, char *const *lines, size_t count, FILE *out)
{
	if (!count)
		return;
	fprintf(out, "<h2>%s</h2>\n<ul>\n", title);
	for (size_t i = 0; i < count; i++) {
		fputs("<li>", out);
		markup_html(lines[i], out);
		fputs("</li>\n", out);
	}
	fputs("</ul>\n", out);
}

static void write_probes(const struct repair *repair, FILE *out)
{
	struct words own;

	if (repair->probe_count)
		fputs("<h2>Probes in this process</h2>\n<ul>\n", out);
	for (size_t i = 0; i < repair->probe_count; i++) {
		struct words words;

		if (evidence_is_own_probe(&repair->probes[i]))
			continue;
		fputs("<li>", out);
		markup_html(words_probe(&words, &repair->probes[i]), out);
		fputs("</li>\n", out);
	}
	if (words_own_probes(&own, repair)) {
		fputs("<li>", out);
		markup_html(own.text, out);
		fputs("</li>\n", out);
	}
	if (repair->probe_count)
		fputs("</ul>\n", out);
}

struct error *report_write_html(const struct report *report, FILE *out)
{
	const struct finding *verdict = &report->findings->findings[0];
	const struct crash *crash = report->crash;
	struct error *err;

	write_head(report, out);
	write_headline(verdict, "h1", out);
	report_html_next(verdict, out);
	err = report_html_story(report, out);
	if (err)
		return err;
	if (crash->facts.has_biography && crash->facts.biography.event_count)
		write_biography(crash, out);
	if (crash->facts.stacks.thread_count)
		fputs("<h2>Threads</h2>\n", out);
	for (size_t i = 0; i < crash->facts.stacks.thread_count; i++)
		report_html_thread(&crash->facts.stacks.threads[i], i == 0, out);
	report_html_chain(report, out);
	if (!verdict->link_count) /* else the chain has them, as open alternatives */
		write_list("Not ruled out", verdict->counter, verdict->counter_count, out);
	write_list("Not seen", verdict->missing, verdict->missing_count, out);
	fputs("<h2>Process</h2>\n", out);
	err = write_facts(report, out);
	if (err)
		return err;
	write_probes(&crash->facts.repair, out);
	if (report->findings->count > 1)
		fputs("<h2>Other findings</h2>\n", out);
	for (size_t i = 1; i < report->findings->count; i++)
		write_headline(&report->findings->findings[i], "p", out);
	write_list("Notes", crash->notes.lines, crash->notes.count, out);
	fprintf(out, "<p class=\"dim\">corelate %s</p>\n</body>\n</html>\n", CORELATE_VERSION);
	return NULL;
}
