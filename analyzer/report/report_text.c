/* SPDX-License-Identifier: MIT */
/* The report for a person who is tired: what happened, then when, then why that is believed. */
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "analyzer/evidence/evidence_probe.h"
#include "analyzer/report/report.h"
#include "analyzer/report/report_chronicle.h"
#include "analyzer/report/report_registers.h"
#include "analyzer/report/report_lines.h"
#include "analyzer/report/report_stack.h"
#include "analyzer/words.h"
#include "common/inert.h"
#include "replay/effect.h"

#define SHOWN_EVENTS 12
#define SHOWN_FRAMES 24
#define STACK_INDENT 20

enum colour { PLAIN, BOLD, RED, YELLOW, GREEN, DIM };

static void paint(const struct report_style *style, enum colour colour, FILE *out)
{
	static const char *const codes[] = {"\033[0m", "\033[1m", "\033[1;31m", "\033[1;33m", "\033[1;32m", "\033[2m"};

	if (style->colour)
		fputs(codes[colour], out);
}

static void painted(const struct report_style *style, enum colour colour, const char *text, FILE *out)
{
	paint(style, colour, out);
	inert_write(text, out);
	paint(style, PLAIN, out);
}

static void heading(const struct report_style *style, const char *text, FILE *out)
{
	fputc('\n', out);
	painted(style, BOLD, text, out);
	fputc('\n', out);
}

static void write_time(const struct crash *crash, FILE *out)
{
	int64_t real_ns;
	time_t seconds;
	struct tm when;
	char text[64];

	if (!crash->record.known || !crash->record.time_ns ||
	    !crash_realtime_ns(&crash->record.recording, crash->record.time_ns, &real_ns))
		return;
	seconds = real_ns / 1000000000;
	if (!localtime_r(&seconds, &when))
		return;
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &when);
	fprintf(out, "  time     %s.%03d\n", text, (int)(real_ns / 1000000 % 1000));
}

static void write_verdict(const struct report *report, const struct report_style *style, FILE *out)
{
	const struct finding *verdict = &report->findings->findings[0];
	enum colour colour = verdict->confidence == CONFIDENCE_PROVEN ? RED
			     : verdict->confidence == CONFIDENCE_NONE ? DIM
								      : YELLOW;

	painted(style, colour, finding_class_name(verdict->class), out);
	if (verdict->confidence != CONFIDENCE_NONE) {
		fputs(", ", out);
		painted(style, BOLD, finding_confidence_name(verdict->confidence), out);
	}
	fputs(": ", out);
	inert_write(verdict->summary, out);
	fputc('\n', out);
}

/* Signals that the instruction itself raises. */
static bool is_synchronous(int number)
{
	return number == SIGSEGV || number == SIGBUS || number == SIGILL || number == SIGFPE || number == SIGTRAP;
}

void report_write_facts(const struct report *report, FILE *out)
{
	const struct crash *crash = report->crash;
	struct words signal, code;

	fputs("\n  process  ", out);
	inert_write(crash->facts.comm, out);
	fprintf(out, " (pid %" PRIu32 ", thread %" PRIu32 ")", crash->facts.pid, crash->facts.tid);
	if (crash->facts.executable) {
		fputs("  ", out);
		inert_write(crash->facts.executable, out);
	}
	fputc('\n', out);
	write_time(crash, out);
	if (crash->core.snapshot == SNAPSHOT_NO_SIGNAL)
		fputs("  signal   none", out);
	else
		fprintf(out, "  %-8s %s, %s", crash->record.has_exit_state ? "end" : "signal",
			words_signal(&signal, crash->facts.signal.number),
			words_signal_origin(&code, &crash->facts.signal));
	if (crash->facts.signal.has_address)
		fprintf(out, " at 0x%" PRIx64, crash->facts.signal.address);
	if (crash->facts.signal.sender_pid)
		fprintf(out, ", sent by pid %" PRIu32, crash->facts.signal.sender_pid);
	if (crash->facts.signal.sender_comm[0]) {
		fputs(" (", out);
		inert_write(crash->facts.signal.sender_comm, out);
		fputc(')', out);
	}
	fputc('\n', out);
	if (crash->core.snapshot)
		fputs("           a snapshot: the process lived on when this core was written\n", out);
	if (words_signal_trust(&signal, crash)[0])
		fprintf(out, "           %s\n", signal.text);
	if (crash->facts.fault.instruction[0] &&
	    (is_synchronous(crash->facts.signal.number) || crash->facts.fault.in_handler))
		fprintf(out, "  fault    %s%s%s\n", crash->facts.fault.instruction,
			crash->facts.fault.access ? "  : " : "",
			crash->facts.fault.access ? words_access(crash->facts.fault.access) : "");
	if (crash->facts.fault.member.expression[0])
		fprintf(out, "  member   %s, at offset 0x%" PRIx64 " in %s\n", crash->facts.fault.member.expression,
			crash->facts.fault.member.offset, crash->facts.fault.member.type);
	if (crash->facts.fault.source != ADDRESS_UNKNOWN && crash->facts.fault_place.kind != PLACE_UNKNOWN) {
		fprintf(out, "  address  0x%" PRIx64 ": ", crash->facts.fault.address);
		inert_write(words_place(&signal, crash, &crash->facts.fault_place), out);
		fputc('\n', out);
	}
	if (crash->core.abort_message) {
		fputs("  said     ", out);
		inert_write(crash->core.abort_message, out);
		fputc('\n', out);
	}
	if (crash->core.path) {
		fputs("  core     ", out);
		inert_write(crash->core.path, out);
		fputc('\n', out);
	}
	if (crash->record.known) {
		uint64_t lost = 0;

		for (size_t i = 0; i < crash->record.gap_count; i++)
			lost += crash->record.gaps[i].lost;
		fprintf(out, "  record   %" PRIu64 " events of this process", crash->record.event_count);
		if (crash->record.gap_count)
			fprintf(out, ", %" PRIu64 " lost in %zu gap%s", lost, crash->record.gap_count,
				crash->record.gap_count == 1 ? "" : "s");
		fputc('\n', out);
	}
	fprintf(out, "  id       %s   signature %s\n", crash->facts.id, report->signature);
}

/* ---- the time around the fault address ---- */

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
	paint(style, DIM, out);
	fputs("-- marker ", out);
	inert_write(marker_text(&words, marker), out);
	fprintf(out, "  (thread %" PRIu32 ")", marker->tid);
	paint(style, PLAIN, out);
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
	painted(style,
		removes					? YELLOW
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
	painted(style, gives_back ? YELLOW : hands_out ? GREEN : PLAIN, words_told_call(&words, told), out);
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
		painted(style, RED, "the crash", out);
		fprintf(out, ": %s of 0x%" PRIx64 "\n", words_access(crash->facts.fault.access),
			crash->facts.fault.address);
	}
}

/* ---- stacks ---- */

static void write_frame(const struct report_style *style, size_t number, const struct frame *frame, FILE *out)
{
	struct words words;
	const char *symbol = words_symbol(&words, &frame->symbol);

	fprintf(out, "  #%-3zu 0x%016" PRIx64 "  ", number, frame->pc);
	inert_write(symbol[0] ? symbol : "?", out);
	if (frame->trust != FRAME_REGISTERS && frame->trust != FRAME_CFI) {
		fputs("  ", out);
		paint(style, DIM, out);
		fprintf(out, "[%s]", frame_trust_name(frame->trust));
		paint(style, PLAIN, out);
	}
	fputc('\n', out);
}

static void write_thread(const struct report_style *style, const struct thread_stack *thread, FILE *out)
{
	char title[96];

	snprintf(title, sizeof(title), "Thread %" PRIu32 "%s", thread->tid, thread->crashed ? ", crashed" : "");
	heading(style, title, out);
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

/* ---- findings ---- */

static void write_lines(const char *title, char *const *lines, size_t count, const struct report_style *style,
			FILE *out)
{
	if (!count)
		return;
	heading(style, title, out);
	for (size_t i = 0; i < count; i++) {
		fputs("  - ", out);
		inert_write(lines[i], out);
		fputc('\n', out);
	}
}

static void write_evidence(const struct finding *finding, const struct report_style *style, FILE *out)
{
	if (finding->evidence_count)
		heading(style, "Evidence", out);
	for (size_t i = 0; i < finding->evidence_count; i++) {
		const struct evidence *evidence = &finding->evidence[i];

		fputs("  - ", out);
		inert_write(evidence->text, out);
		if (evidence->kind == EVIDENCE_EVENT && evidence->id)
			fprintf(out, "  [event %" PRId64 "]", evidence->id);
		if (evidence->kind == EVIDENCE_HEAP && evidence->id)
			fprintf(out, "  [heap %" PRId64 "]", evidence->id);
		fputc('\n', out);
	}
	write_lines("Against it", finding->counter, finding->counter_count, style, out);
	write_lines("Not seen", finding->missing, finding->missing_count, style, out);
	if (finding->next_step) {
		heading(style, "Next", out);
		fputs("  ", out);
		inert_write(finding->next_step, out);
		fputc('\n', out);
	}
}

static void write_probes(const struct crash *crash, const struct report_style *style, FILE *out)
{
	struct words own;

	if (crash->facts.repair.probe_count)
		heading(style, "Probes in this process", out);
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

	write_verdict(report, style, out);
	report_write_facts(report, out);
	if (crash->facts.has_biography && crash->facts.biography.event_count) {
		char title[96];

		snprintf(title, sizeof(title), "The page of 0x%" PRIx64 ", times before the crash",
			 crash->facts.biography.address);
		heading(style, title, out);
		report_write_biography(report, style, out);
	}
	report_write_crashed_stack(report, style, out);
	if (crash->facts.stacks.thread_count > 1)
		fprintf(out, "  (%zu more thread%s: corelate stack)\n", crash->facts.stacks.thread_count - 1,
			crash->facts.stacks.thread_count == 2 ? "" : "s");
	if (style->all && crash->facts.pointer_count) {
		heading(style, crash->facts.fault.in_handler ? "Registers when it faulted" : "Registers", out);
		report_write_registers(crash, out);
	}
	write_probes(crash, style, out);
	write_evidence(&report->findings->findings[0], style, out);
	for (size_t i = 1; i < report->findings->count; i++) {
		const struct finding *other = &report->findings->findings[i];

		if (i == 1)
			heading(style, "Other findings", out);
		fprintf(out, "  - %s, %s: ", finding_class_name(other->class),
			finding_confidence_name(other->confidence));
		inert_write(other->summary, out);
		fputc('\n', out);
	}
	write_lines("Notes", crash->notes.lines, crash->notes.count, style, out);
}
