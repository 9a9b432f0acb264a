/* SPDX-License-Identifier: MIT */
/* The stacks of the threads. */
#include <inttypes.h>

#include "analyzer/report/report_paint.h"
#include "analyzer/words.h"
#include "common/inert.h"

#define SHOWN_FRAMES 24

static void write_frame(const struct report_style *style, size_t number, const struct frame *frame, FILE *out)
{
	struct words words;
	const char *symbol = words_symbol(&words, &frame->symbol);

	fprintf(out, "  #%-3zu 0x%016" PRIx64 "  ", number, frame->pc);
	inert_write(symbol[0] ? symbol : "?", out);
	if (frame->trust != FRAME_REGISTERS && frame->trust != FRAME_CFI) {
		fputs("  ", out);
		text_paint(style, DIM, out);
		fprintf(out, "[%s]", frame_trust_name(frame->trust));
		text_paint(style, PLAIN, out);
	}
	fputc('\n', out);
}

static void write_thread(const struct report_style *style, const struct thread_stack *thread, FILE *out)
{
	char title[96];

	snprintf(title, sizeof(title), "Thread %" PRIu32 "%s", thread->tid, thread->crashed ? ", crashed" : "");
	text_heading(style, title, out);
	for (size_t i = 0; i < thread->frame_count; i++) {
		if (!style->all && i == SHOWN_FRAMES && thread->frame_count > SHOWN_FRAMES + 4) {
			fprintf(out, "  ... %zu more frames\n", thread->frame_count - i);
			break;
		}
		write_frame(style, i, &thread->frames[i], out);
	}
	if (thread->end_reason) {
		fputs("  the stack ends here: ", out);
		inert_write(thread->end_reason, out);
		fputc('\n', out);
	}
}

void report_write_stacks(const struct report *report, const struct report_style *style, FILE *out)
{
	const struct unwind_result *stacks = &report->crash->facts.stacks;

	for (size_t i = 0; i < stacks->thread_count; i++)
		write_thread(style, &stacks->threads[i], out);
}

void report_write_crashed_stack(const struct report *report, const struct report_style *style, FILE *out)
{
	if (report->crash->facts.stacks.thread_count)
		write_thread(style, &report->crash->facts.stacks.threads[0], out);
}
