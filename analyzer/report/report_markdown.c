/* SPDX-License-Identifier: MIT */
/* The report as Markdown for an issue tracker: what the text form says, with headings, lists and code blocks. */
#include <inttypes.h>
#include <stdlib.h>

#include "analyzer/link.h"
#include "analyzer/report/report.h"
#include "analyzer/report/report_markup.h"
#include "analyzer/report/report_story.h"
#include "analyzer/words.h"
#include "common/cleanup.h"

/* What one of the writers of the text form prints, as a code block. */
static struct error *write_block(const struct report *report, FILE *out,
				 void (*write)(const struct report *report, FILE *out))
{
	cleanup_free char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	if (!stream)
		return &error_no_memory;
	write(report, stream);
	if (fclose(stream) != 0)
		return &error_no_memory;
	markup_markdown_block(text, out);
	return NULL;
}

static void write_biography(const struct report *report, FILE *out)
{
	report_write_biography(report, &(struct report_style){0}, out);
}

static void write_stack(const struct report *report, FILE *out)
{
	report_write_crashed_stack(report, &(struct report_style){0}, out);
}

static void write_list(const char *title, char *const *lines, size_t count, FILE *out)
{
	if (count)
		fprintf(out, "\n**%s**\n\n", title);
	for (size_t i = 0; i < count; i++) {
		fputs("- ", out);
		markup_markdown(lines[i], out);
		fputc('\n', out);
	}
}

static void write_headline(const struct finding *finding, FILE *out)
{
	fprintf(out, "**%s**", finding_class_name(finding->class));
	if (report_sureness(finding)[0])
		fprintf(out, " (%s)", report_sureness(finding));
	fputs(": ", out);
	markup_markdown(finding->summary, out);
	fputc('\n', out);
}

static struct error *write_story(const struct report *report, FILE *out)
{
	struct story story;
	struct error *err = story_build(report, &story);

	for (size_t i = 0; !err && i < story.count; i++) {
		char when[32];

		fprintf(out, "- `%s` ", story_when(when, report->crash, &story.lines[i]));
		if (story.lines[i].is_act)
			fputs("**", out);
		markup_markdown(story.lines[i].what, out);
		if (story.lines[i].is_act)
			fputs("**", out);
		if (story.lines[i].who) {
			fputs(" in ", out);
			markup_markdown(story.lines[i].who, out);
		}
		fputc('\n', out);
	}
	story_deinit(&story);
	return err;
}

static void write_alternatives(const struct link *link, FILE *out)
{
	for (size_t i = 0; i < link->alternative_count; i++) {
		const struct alternative *alternative = &link->alternatives[i];

		fprintf(out, "   - %s (%s): ", link->kind->alternatives[i], alternative_state_name(alternative->state));
		markup_markdown(alternative->text ?: "", out);
		fputc('\n', out);
	}
}

/* The chain, from the end to the act. */
static void write_chain(const struct finding *finding, FILE *out)
{
	if (finding->link_count)
		fputs("\n**Why**\n\n", out);
	for (size_t i = 0; i < finding->link_count; i++) {
		const struct link *link = &finding->links[i];

		fprintf(out, "%zu. ", i + 1);
		markup_markdown(link->text, out);
		fprintf(out, " (%s, %s%s)\n", basis_name(link->basis), finding_confidence_name(link_confidence(link)),
			link->over_gap ? ", over a gap" : "");
		write_alternatives(link, out);
	}
}

static void write_evidence(const struct finding *finding, FILE *out)
{
	if (finding->evidence_count)
		fputs("\n**Evidence**\n\n", out);
	for (size_t i = 0; i < finding->evidence_count; i++) {
		fputs("- ", out);
		markup_markdown(finding->evidence[i].text, out);
		if (finding->evidence[i].kind == EVIDENCE_EVENT)
			fprintf(out, " (event %" PRId64 ")", finding->evidence[i].id);
		fputc('\n', out);
	}
	write_list("Not ruled out", finding->counter, finding->counter_count, out);
	write_list("Not seen", finding->missing, finding->missing_count, out);
	if (finding->next_step) {
		fputs("\n**Next:** ", out);
		markup_markdown(finding->next_step, out);
		fputc('\n', out);
	}
}

struct error *report_write_markdown(const struct report *report, FILE *out)
{
	const struct crash *crash = report->crash;
	struct error *err;

	fputs("### Crash of ", out);
	markup_markdown(crash->facts.executable ? words_base_name(crash->facts.executable) : crash->facts.comm, out);
	fputs("\n\n", out);
	write_headline(&report->findings->findings[0], out);
	fputc('\n', out);
	err = write_story(report, out);
	fputc('\n', out);
	if (!err)
		err = write_block(report, out, report_write_facts);
	if (!err && crash->facts.has_biography && crash->facts.biography.event_count) {
		fprintf(out, "\n#### The page of 0x%" PRIx64 ", times before the crash\n\n",
			crash->facts.biography.address);
		err = write_block(report, out, write_biography);
	}
	if (!err && crash->facts.stacks.thread_count) {
		fputs("\n#### Stack\n\n", out);
		err = write_block(report, out, write_stack);
	}
	if (err)
		return err;
	write_chain(&report->findings->findings[0], out);
	write_evidence(&report->findings->findings[0], out);
	if (report->findings->count > 1)
		fputs("\n#### Other findings\n\n", out);
	for (size_t i = 1; i < report->findings->count; i++) {
		fputs("- ", out);
		write_headline(&report->findings->findings[i], out);
	}
	write_list("Notes", crash->notes.lines, crash->notes.count, out);
	fprintf(out, "\nid `%s`, signature `%s`, corelate " CORELATE_VERSION "\n", crash->facts.id, report->signature);
	return NULL;
}
