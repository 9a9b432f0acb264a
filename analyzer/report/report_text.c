/* SPDX-License-Identifier: MIT */
/*
 * The report for a person who is tired: the verdict, then what happened when, then the stack, then who it was, then why
 * that is believed.
 */
#include <inttypes.h>
#include <string.h>

#include "analyzer/evidence/evidence_probe.h"
#include "analyzer/link.h"
#include "analyzer/report/report_paint.h"
#include "analyzer/report/report_registers.h"
#include "analyzer/report/report_story.h"
#include "analyzer/words.h"
#include "common/inert.h"

#define TIME_WIDTH 11
#define STORY_INDENT (TIME_WIDTH + 2)

/* ---- the verdict ---- */

static void write_verdict(const struct report *report, const struct report_style *style, FILE *out)
{
	const struct finding *verdict = &report->findings->findings[0];
	const char *name = finding_class_name(verdict->class), *sure = report_sureness(verdict);
	enum colour colour = verdict->confidence == CONFIDENCE_PROVEN ? RED : YELLOW;
	unsigned column = (unsigned)strlen(name);

	if (finding_class_is_end(verdict->class))
		colour = DIM;
	text_painted(style, colour, name, out);
	if (sure[0]) {
		fputs(" (", out);
		text_painted(style, BOLD, sure, out);
		fputc(')', out);
		column += (unsigned)strlen(sure) + 3;
	}
	fputs(": ", out);
	text_wrap(style, verdict->summary ?: "", column + 2, 0, out);
}

static void write_story(const struct report *report, const struct report_style *style, FILE *out)
{
	struct story story;
	struct error *err = story_build(report, &story);

	if (!err && story.count > 0)
		fputc('\n', out);
	for (size_t i = 0; !err && i < story.count; i++) {
		const struct story_line *line = &story.lines[i];
		char when[32];

		text_paint(style, line->is_act ? YELLOW : line->is_end ? RED : PLAIN, out);
		fprintf(out, "%c%*s  ", line->is_act ? '>' : ' ', TIME_WIDTH - 1,
			story_when(when, report->crash, line));
		text_wrap(style, line->what, STORY_INDENT, STORY_INDENT, out);
		text_paint(style, PLAIN, out);
		if (line->who) {
			fprintf(out, "%*s", STORY_INDENT + 2, "");
			text_wrap(style, line->who, STORY_INDENT + 2, STORY_INDENT + 2, out);
		}
	}
	error_destroy(err);
	story_deinit(&story);
}

static void write_next(const struct finding *verdict, const struct report_style *style, FILE *out)
{
	if (verdict->would_show) {
		fputs("\nto see it: ", out);
		text_wrap(style, verdict->would_show, 11, 2, out);
	}
	if (verdict->next_step) {
		fputs(verdict->would_show ? "next: " : "\nnext: ", out);
		text_wrap(style, verdict->next_step, 6, 2, out);
	}
}

/* ---- why it is believed ---- */

static void write_lines(const char *title, char *const *lines, size_t count, const struct report_style *style,
			FILE *out)
{
	if (!count)
		return;
	text_heading(style, title, out);
	for (size_t i = 0; i < count; i++) {
		fputs("  - ", out);
		text_wrap(style, lines[i], 4, 4, out);
	}
}

static void write_alternative(const struct link *link, size_t index, const struct report_style *style, FILE *out)
{
	const struct alternative *alternative = &link->alternatives[index];
	bool is_out = alternative->state == ALTERNATIVE_RULED_OUT;
	char text[600];

	if (is_out && !style->all)
		return;
	snprintf(text, sizeof(text), "%s %s: %s",
		 is_out					       ? "not"
		 : alternative->state == ALTERNATIVE_AS_LIKELY ? "or, as likely,"
							       : "or",
		 link->kind->alternatives[index], alternative->text ?: "nobody looked");
	fputs("      ", out);
	text_wrap(style, text, 6, 8, out);
}

static void write_citations(const struct finding *finding, size_t link, const struct report_style *style, FILE *out)
{
	for (size_t i = 0; i < finding->evidence_count; i++) {
		const struct evidence *evidence = &finding->evidence[i];
		char row[40] = "", text[800];

		if (evidence->link != link)
			continue;
		if (evidence->kind == EVIDENCE_EVENT && evidence->id)
			snprintf(row, sizeof(row), "  [event %" PRId64 "]", evidence->id);
		if (evidence->kind == EVIDENCE_HEAP && evidence->id)
			snprintf(row, sizeof(row), "  [heap %" PRId64 "]", evidence->id);
		snprintf(text, sizeof(text), "%s%s", evidence->text, row);
		fputs("    - ", out);
		text_wrap(style, text, 6, 6, out);
	}
}

static bool has_background(const struct finding *finding)
{
	for (size_t i = 0; i < finding->evidence_count; i++) {
		if (finding->evidence[i].link == LINK_NONE)
			return true;
	}
	return false;
}

/* The chain, from the end to the act; each link with what it cites and what else would look the same. */
static void write_chain(const struct finding *verdict, const struct report_style *style, FILE *out)
{
	if (verdict->evidence_count)
		text_heading(style, verdict->link_count ? "Why" : "Evidence", out);
	for (size_t i = 0; i < verdict->link_count; i++) {
		const struct link *link = &verdict->links[i];
		char text[600];

		snprintf(text, sizeof(text), "%s (%s, %s%s)", link->text, basis_name(link->basis),
			 finding_confidence_name(link_confidence(link)), link->over_gap ? ", over a gap" : "");
		fprintf(out, "  %zu ", i + 1);
		text_wrap(style, text, 4, 4, out);
		write_citations(verdict, i, style, out);
		for (size_t j = 0; j < link->alternative_count; j++)
			write_alternative(link, j, style, out);
	}
	if (verdict->link_count && style->all && has_background(verdict))
		fputs("  before that\n", out);
	if (!verdict->link_count || style->all)
		write_citations(verdict, LINK_NONE, style, out);
}

static void write_suspect(const struct crash *crash, const struct finding *verdict, const struct report_style *style,
			  FILE *out)
{
	struct words blame;

	if (verdict->suspect.kind == CULPRIT_NONE)
		return;
	fputs("\nsuspect: ", out);
	text_wrap(style,
		  finding_class_is_end(verdict->class) && words_blame(&blame, crash)[0] ? blame.text
											: verdict->suspect.name,
		  9, 2, out);
}

static void write_others(const struct report *report, const struct report_style *style, FILE *out)
{
	for (size_t i = 1; i < report->findings->count; i++) {
		const struct finding *other = &report->findings->findings[i];
		bool is_end = finding_class_is_end(other->class);
		char text[800];

		if (i == 1)
			text_heading(style, "Other findings", out);
		snprintf(text, sizeof(text), "%s (%s): %s", finding_class_name(other->class),
			 is_end ? "an end" : finding_confidence_name(other->confidence), other->summary ?: "");
		fputs("  - ", out);
		text_wrap(style, text, 4, 4, out);
	}
}

static void write_probes(const struct crash *crash, const struct report_style *style, FILE *out)
{
	struct words own;

	if (crash->facts.repair.probe_count)
		text_heading(style, "Probes in this process", out);
	for (size_t i = 0; i < crash->facts.repair.probe_count; i++) {
		struct words words;

		if (evidence_is_own_probe(&crash->facts.repair.probes[i]))
			continue;
		fputs("  - ", out);
		inert_write(words_probe(&words, &crash->facts.repair.probes[i]), out);
		fputc('\n', out);
	}
	if (words_own_probes(&own, &crash->facts.repair)) {
		fputs("  - ", out);
		inert_write(own.text, out);
		fputc('\n', out);
	}
}

void report_write_text(const struct report *report, const struct report_style *style, FILE *out)
{
	const struct crash *crash = report->crash;
	const struct finding *verdict = &report->findings->findings[0];

	write_verdict(report, style, out);
	write_story(report, style, out);
	write_suspect(crash, verdict, style, out);
	write_next(verdict, style, out);
	report_write_crashed_stack(report, style, out);
	if (crash->facts.stacks.thread_count > 1)
		fprintf(out, "  (%zu more thread%s: corelate stack)\n", crash->facts.stacks.thread_count - 1,
			crash->facts.stacks.thread_count == 2 ? "" : "s");
	report_write_facts(report, out);
	write_chain(verdict, style, out);
	write_lines("Not ruled out", verdict->link_count ? NULL : verdict->counter,
		    verdict->link_count ? 0 : verdict->counter_count, style, out);
	write_lines("Not seen", verdict->missing, verdict->missing_count, style, out);
	if (style->all && crash->facts.has_biography && crash->facts.biography.event_count) {
		char title[96];

		snprintf(title, sizeof(title), "The page of 0x%" PRIx64 ", times before the crash",
			 crash->facts.biography.address);
		text_heading(style, title, out);
		report_write_biography(report, style, out);
	}
	if (style->all && crash->facts.pointer_count) {
		text_heading(style, crash->facts.fault.in_handler ? "Registers when it faulted" : "Registers", out);
		report_write_registers(crash, out);
	}
	write_probes(crash, style, out);
	write_others(report, style, out);
	write_lines("Notes", crash->notes.lines, crash->notes.count, style, out);
}
