/* SPDX-License-Identifier: MIT */
/* The verdict in the report for a browser: its story, who did it, and the chain with what each link rests on. */
#include <inttypes.h>
#include <string.h>

#include "analyzer/ends/end.h"
#include "analyzer/link.h"
#include "analyzer/report/report_html.h"
#include "analyzer/report/report_markup.h"
#include "analyzer/report/report_stack.h"
#include "analyzer/report/report_story.h"

static void write_step(const struct crash *crash, const struct story_line *line, FILE *out)
{
	char when[32];

	fprintf(out, "<li%s><time>%s</time><i></i><div>",
		line->is_act	? " class=\"act\""
		: line->is_end	? " class=\"crash\""
		: line->is_lost ? " class=\"lost\""
				: "",
		story_when(when, crash, line));
	markup_html(line->what, out);
	if (line->who) {
		fputs("<div class=\"where\"><code>", out);
		markup_html(line->who, out);
		fputs("</code></div>", out);
	}
	fputs("</div></li>\n", out);
}

struct error *report_html_story(const struct report *report, FILE *out)
{
	struct story story;
	struct error *err = story_build(report, &story);

	if (!err && story.count)
		fputs("<h2>How it happened</h2>\n<ol class=\"story\">\n", out);
	for (size_t i = 0; !err && i < story.count; i++)
		write_step(report->crash, &story.lines[i], out);
	if (!err && story.count)
		fputs("</ol>\n", out);
	story_deinit(&story);
	return err;
}

static void write_box(const char *title, const char *text, FILE *out)
{
	if (!text)
		return;
	fprintf(out, "<p class=\"next\"><b>%s</b> ", title);
	markup_html(text, out);
	fputs("</p>\n", out);
}

void report_html_next(const struct finding *finding, FILE *out)
{
	write_box("To see it:", finding->would_show, out);
	write_box("Next:", finding->next_step, out);
}

/* ---- why it is believed ---- */

/* Has the table of the biography a row for it? Which rows it leaves out is write_biography()'s (report_html.c). */
static bool has_row(const struct crash *crash, int64_t id)
{
	const struct biography *biography = &crash->facts.biography;
	size_t newer = 0;

	for (size_t i = crash->facts.has_biography ? biography->event_count : 0; i-- > 0;) {
		if (!timeline_touches_page(&biography->events[i], biography->address))
			continue;
		if (newer++ == REPORT_HTML_EVENTS)
			return false;
		if (biography->events[i].id == id)
			return true;
	}
	return false;
}

static void write_citation(const struct crash *crash, const struct evidence *evidence, FILE *out)
{
	const struct event_stack *stack = report_evidence_stack(crash, evidence);

	fputs("<li>", out);
	markup_html(evidence->text, out);
	if (evidence->kind == EVIDENCE_EVENT && has_row(crash, evidence->id))
		fprintf(out, " <a href=\"#event-%" PRId64 "\">event %" PRId64 "</a>", evidence->id, evidence->id);
	else if (evidence->kind == EVIDENCE_EVENT)
		fprintf(out, " (event %" PRId64 ")", evidence->id);
	else if (evidence->kind == EVIDENCE_HEAP)
		fprintf(out, " (heap %" PRId64 ")", evidence->id);
	else if (evidence->kind == EVIDENCE_FRAME && crash->facts.stacks.thread_count &&
		 (size_t)evidence->id < crash->facts.stacks.threads[0].frame_count)
		fprintf(out, " <a href=\"#frame-%" PRId64 "\">frame %" PRId64 "</a>", evidence->id, evidence->id);
	if (stack)
		report_html_event_stack(stack, out);
	fputs("</li>\n", out);
}

static void write_citations(const struct crash *crash, const struct finding *finding, size_t link, FILE *out)
{
	bool begun = false;

	for (size_t i = 0; i < finding->evidence_count; i++) {
		if (finding->evidence[i].link != link)
			continue;
		if (!begun)
			fputs("<ul>\n", out);
		begun = true;
		write_citation(crash, &finding->evidence[i], out);
	}
	if (begun)
		fputs("</ul>\n", out);
}

/* What is ruled out is folded in; what is not, a reader has to see. */
static void write_alternatives(const struct link *link, bool ruled_out, FILE *out)
{
	size_t count = 0;

	for (size_t i = 0; i < link->alternative_count; i++) {
		const struct alternative *alternative = &link->alternatives[i];

		if ((alternative->state == ALTERNATIVE_RULED_OUT) != ruled_out)
			continue;
		if (!count++)
			fputs(ruled_out ? "<details><summary>Ruled out</summary><ul>\n" : "<ul>\n", out);
		fprintf(out, "<li%s>%s%s: ", ruled_out ? "" : " class=\"likely\"",
			ruled_out				      ? ""
			: alternative->state == ALTERNATIVE_AS_LIKELY ? "or, as likely, "
								      : "or ",
			link->kind->alternatives[i]);
		markup_html(alternative->text ?: "not examined", out);
		fputs("</li>\n", out);
	}
	if (count)
		fputs(ruled_out ? "</ul></details>\n" : "</ul>\n", out);
}

static void write_link(const struct crash *crash, const struct finding *finding, size_t index, FILE *out)
{
	const struct link *link = &finding->links[index];
	const char *confidence = finding_confidence_name(link_confidence(link));

	fputs("<li>", out);
	markup_html(link->text, out);
	fprintf(out, " <span class=\"basis\">%s</span> <span class=\"basis %s\">%s</span>%s\n", basis_name(link->basis),
		confidence, confidence, link->over_gap ? " <span class=\"basis likely\">over a gap</span>" : "");
	write_citations(crash, finding, index, out);
	write_alternatives(link, false, out);
	write_alternatives(link, true, out);
	fputs("</li>\n", out);
}

static void write_who(const char *title, const struct culprit *culprit, FILE *out)
{
	fprintf(out, "<tr><th>%s</th><td>", title);
	if (culprit->kind == CULPRIT_NONE) {
		fputs("not known</td></tr>\n", out);
		return;
	}
	fputs("<code>", out);
	markup_html(culprit->name, out);
	fputs("</code>", out);
	if (culprit->file && culprit->line)
		markup_html_format(out, ", %s:%d", culprit->file, culprit->line);
	if (culprit->comm && !strstr(culprit->name, culprit->comm))
		markup_html_format(out, ", process %s", culprit->comm);
	if (culprit->pid)
		fprintf(out, ", pid %" PRIu32, culprit->pid);
	if (culprit->act_id)
		fprintf(out, " (%s %" PRId64 ")", evidence_kind_name(culprit->act), culprit->act_id);
	fputs("</td></tr>\n", out);
}

static void write_parts(const struct report *report, const struct finding *verdict, FILE *out)
{
	const struct ending_clause *end = &report->findings->end;

	fputs("<table>\n", out);
	if (end->text) {
		fprintf(out, "<tr><th>End</th><td>%s%s%s: ",
			end->class == FINDING_UNKNOWN ? "" : finding_class_name(end->class),
			end->class == FINDING_UNKNOWN ? "" : ", ", end_confidence_name(end->confidence));
		markup_html(end->text, out);
		fputs("</td></tr>\n", out);
	}
	write_who("Culprit", &verdict->culprit, out);
	if (verdict->suspect.kind != CULPRIT_NONE)
		write_who("Suspect", &verdict->suspect, out);
	fputs("</table>\n", out);
}

void report_html_chain(const struct report *report, FILE *out)
{
	const struct finding *verdict = &report->findings->findings[0];

	fputs("<h2>Why</h2>\n", out);
	write_parts(report, verdict, out);
	if (verdict->link_count)
		fputs("<p class=\"dim\">The cause, from the end back to the act:</p>\n<ol>\n", out);
	for (size_t i = 0; i < verdict->link_count; i++)
		write_link(report->crash, verdict, i, out);
	if (verdict->link_count)
		fputs("</ol>\n", out);
	if (verdict->link_count && verdict->in_background)
		fputs("<p class=\"dim\">Before that:</p>\n", out);
	write_citations(report->crash, verdict, LINK_NONE, out);
}
