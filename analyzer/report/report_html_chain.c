/* SPDX-License-Identifier: MIT */
#include <inttypes.h>

#include "analyzer/link.h"
#include "analyzer/report/report_html.h"
#include "analyzer/report/report_markup.h"
#include "analyzer/report/report_story.h"

struct error *report_html_story(const struct report *report, FILE *out)
{
	struct story story;
	struct error *err = story_build(report, &story);

	if (!err && story.count)
		fputs("<div class=\"scroll\"><table class=\"story\">\n", out);
	for (size_t i = 0; !err && i < story.count; i++) {
		const struct story_line *line = &story.lines[i];
		char when[32];

		fprintf(out, "<tr%s><td class=\"number\">%s</td><td class=\"code\">",
			line->is_act ? " class=\"act\"" : line->is_end ? " class=\"crash\"" : "",
			story_when(when, report->crash, line));
		markup_html(line->what, out);
		fputs("</td><td><code>", out);
		markup_html(line->who ?: "", out);
		fputs("</code></td></tr>\n", out);
	}
	if (!err && story.count)
		fputs("</table></div>\n", out);
	story_deinit(&story);
	return err;
}

static void write_alternatives(const struct link *link, FILE *out)
{
	if (link->alternative_count)
		fputs("<ul>\n", out);
	for (size_t i = 0; i < link->alternative_count; i++) {
		const struct alternative *alternative = &link->alternatives[i];

		fprintf(out, "<li class=\"%s\">%s, %s: ",
			alternative->state == ALTERNATIVE_RULED_OUT ? "dim" : "likely", link->kind->alternatives[i],
			alternative_state_name(alternative->state));
		markup_html(alternative->text ?: "", out);
		fputs("</li>\n", out);
	}
	if (link->alternative_count)
		fputs("</ul>\n", out);
}

static void write_culprit(const char *title, const struct culprit *culprit, FILE *out)
{
	if (culprit->kind == CULPRIT_NONE)
		return;
	fprintf(out, "<p>%s: <code>", title);
	markup_html(culprit->name, out);
	fputs("</code>", out);
	if (culprit->comm) {
		fputs(", ", out);
		markup_html(culprit->comm, out);
	}
	if (culprit->pid)
		fprintf(out, " (pid %" PRIu32 ")", culprit->pid);
	fputs("</p>\n", out);
}

void report_html_chain(const struct finding *finding, FILE *out)
{
	write_culprit("culprit", &finding->culprit, out);
	write_culprit("suspect", &finding->suspect, out);
	if (!finding->link_count)
		return;
	fputs("<h2>Why</h2>\n<ol>\n", out);
	for (size_t i = 0; i < finding->link_count; i++) {
		const struct link *link = &finding->links[i];

		fputs("<li>", out);
		markup_html(link->text, out);
		fprintf(out, " (%s, <span class=\"%s\">%s</span>%s)", basis_name(link->basis),
			finding_confidence_name(link_confidence(link)), finding_confidence_name(link_confidence(link)),
			link->over_gap ? ", over a gap" : "");
		write_alternatives(link, out);
		fputs("</li>\n", out);
	}
	fputs("</ol>\n", out);
}
