/* SPDX-License-Identifier: MIT */
/* The report as Markdown for an issue tracker: what the text form says, with headings, lists and code blocks. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/ends/end.h"
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
	markup_markdown_block(text + strspn(text, "\n"), out);
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

/* ---- why it is believed ---- */

static void write_citations(const struct finding *finding, size_t link, const char *indent, FILE *out)
{
	for (size_t i = 0; i < finding->evidence_count; i++) {
		const struct evidence *evidence = &finding->evidence[i];

		if (evidence->link != link)
			continue;
		fprintf(out, "%s- ", indent);
		markup_markdown(evidence->text, out);
		if (evidence->id && (evidence->kind == EVIDENCE_EVENT || evidence->kind == EVIDENCE_HEAP))
			fprintf(out, " (%s %" PRId64 ")", evidence_kind_name(evidence->kind), evidence->id);
		fputc('\n', out);
	}
}

static void write_alternatives(const struct link *link, FILE *out)
{
	for (size_t i = 0; i < link->alternative_count; i++) {
		const struct alternative *alternative = &link->alternatives[i];

		fprintf(out, "   - %s, %s: ", link->kind->alternatives[i], alternative_state_name(alternative->state));
		markup_markdown(alternative->text ?: "not examined", out);
		fputc('\n', out);
	}
}

static void write_culprit(const char *title, const struct culprit *culprit, FILE *out)
{
	if (culprit->kind == CULPRIT_NONE)
		return;
	fprintf(out, "- %s: ", title);
	markup_markdown(culprit->name, out);
	if (culprit->pid)
		fprintf(out, ", pid %" PRIu32, culprit->pid);
	if (culprit->act_id)
		fprintf(out, " (%s %" PRId64 ")", evidence_kind_name(culprit->act), culprit->act_id);
	fputc('\n', out);
}

/* The parts of the verdict, then its chain from the end to the act. */
static void write_chain(const struct report *report, const struct finding *verdict, FILE *out)
{
	const struct ending_clause *end = &report->findings->end;

	fputs("\n**Why**\n\n", out);
	if (end->text) {
		fprintf(out, "- end, %s: ", end_confidence_name(end->confidence));
		markup_markdown(end->text, out);
		fputc('\n', out);
	}
	write_culprit("culprit", &verdict->culprit, out);
	write_culprit("suspect", &verdict->suspect, out);
	if (!verdict->link_count)
		write_citations(verdict, LINK_NONE, "", out);
	else
		fputs("\nThe cause, from the end back to the act:\n\n", out);
	for (size_t i = 0; i < verdict->link_count; i++) {
		const struct link *link = &verdict->links[i];

		fprintf(out, "%zu. ", i + 1);
		markup_markdown(link->text, out);
		fprintf(out, " (%s, %s%s)\n", basis_name(link->basis), finding_confidence_name(link_confidence(link)),
			link->over_gap ? ", over a gap" : "");
		write_citations(verdict, i, "   ", out);
		write_alternatives(link, out);
	}
	if (!verdict->link_count) /* else the chain has them, as open alternatives */
		write_list("Not ruled out", verdict->counter, verdict->counter_count, out);
	write_list("Not seen", verdict->missing, verdict->missing_count, out);
}

static void write_step(const char *title, const char *text, FILE *out)
{
	if (!text)
		return;
	fprintf(out, "\n**%s** ", title);
	markup_markdown(text, out);
	fputc('\n', out);
}

struct error *report_write_markdown(const struct report *report, FILE *out)
{
	const struct finding *verdict = &report->findings->findings[0];
	const struct crash *crash = report->crash;
	struct error *err;

	fputs("### Crash of ", out);
	markup_markdown(crash->facts.executable ? words_base_name(crash->facts.executable) : crash->facts.comm, out);
	fputs("\n\n", out);
	write_headline(verdict, out);
	fputc('\n', out);
	err = write_story(report, out);
	write_step("To see it:", verdict->would_show, out);
	write_step("Next:", verdict->next_step, out);
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
	write_chain(report, verdict, out);
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
