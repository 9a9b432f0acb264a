/* SPDX-License-Identifier: MIT */
/* Stacks in the report for a browser: those of the threads, and those under recorded calls. */
#include <inttypes.h>

#include "analyzer/report/report_html.h"
#include "analyzer/report/report_markup.h"
#include "analyzer/words.h"

static void write_symbol(const struct frame *frame, FILE *out)
{
	struct words words;
	const char *symbol = words_symbol(&words, &frame->symbol);

	markup_html(symbol[0] ? symbol : "?", out);
	if (frame->trust != FRAME_REGISTERS && frame->trust != FRAME_CFI)
		fprintf(out, " <span class=\"trust\">[%s]</span>", frame_trust_name(frame->trust));
}

static void write_end(const char *end_reason, FILE *out)
{
	if (!end_reason)
		return;
	fputs("<p class=\"dim\">The stack ends here: ", out);
	markup_html(end_reason, out);
	fputs("</p>\n", out);
}

static void write_frame(size_t number, const struct frame *frame, bool is_target, FILE *out)
{
	fputs("<tr", out);
	if (is_target)
		fprintf(out, " id=\"frame-%zu\"", number);
	fprintf(out, "><td class=\"number\">#%zu</td><td class=\"code\">0x%016" PRIx64 "</td><td class=\"code\">",
		number, frame->pc);
	write_symbol(frame, out);
	fputs("</td></tr>\n", out);
}

void report_html_thread(const struct thread_stack *thread, bool is_target, FILE *out)
{
	fprintf(out, "<details%s><summary>Thread %" PRIu32 "%s, %zu frame%s</summary>\n<div class=\"scroll\"><table>\n",
		thread->crashed ? " open" : "", thread->tid, thread->crashed ? ", crashed" : "", thread->frame_count,
		thread->frame_count == 1 ? "" : "s");
	for (size_t i = 0; i < thread->frame_count; i++)
		write_frame(i, &thread->frames[i], is_target, out);
	fputs("</table></div>\n", out);
	write_end(thread->end_reason, out);
	fputs("</details>\n", out);
}

void report_html_event_stack(const struct event_stack *stack, FILE *out)
{
	if (!stack->state || !stack->frame_count)
		return;
	fprintf(out, "<details><summary>stack, %zu frame%s</summary><ol start=\"0\">", stack->frame_count,
		stack->frame_count == 1 ? "" : "s");
	for (size_t i = 0; i < stack->frame_count; i++) {
		fputs("<li><code>", out);
		write_symbol(&stack->frames[i], out);
		fputs("</code></li>", out);
	}
	fputs("</ol>\n", out);
	write_end(stack->end_reason, out);
	fputs("</details>", out);
}
