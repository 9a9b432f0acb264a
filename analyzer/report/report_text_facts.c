/* SPDX-License-Identifier: MIT */
/* Who died, when and how. */
#include <inttypes.h>
#include <signal.h>
#include <time.h>

#include "analyzer/report/report_paint.h"
#include "analyzer/report/report_registers.h"
#include "analyzer/words.h"
#include "common/inert.h"

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
		if (crash->facts.fault.mapped_since)
			fputs("not mapped at the fault; since then ", out);
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
