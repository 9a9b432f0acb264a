/* SPDX-License-Identifier: MIT */
/* The report as JSON: the shape of report.schema.json. What is not known is null, never left out. */
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "analyzer/report/report.h"
#include "analyzer/report/report_blame.h"
#include "analyzer/report/report_registers.h"
#include "analyzer/report/report_stack.h"
#include "analyzer/report/report_verdict.h"
#include "analyzer/words.h"
#include "common/array.h"
#include "common/cleanup.h"
#include "common/inert.h"
#include "common/utf8.h"

static json_t *hex(uint64_t value)
{
	char text[19];

	snprintf(text, sizeof(text), "0x%" PRIx64, value);
	return json_string(text);
}

/* Names come from the dead process and need not be UTF-8: each bad byte becomes U+FFFD. */
json_t *report_text_json(const char *text)
{
	cleanup_free char *clean = text ? utf8_clean(text) : NULL;

	return text ? json_string(clean) : json_null();
}

static json_t *integer_or_null(bool known, json_int_t value)
{
	return known ? json_integer(value) : json_null();
}

static json_t *time_or_null(const struct crash *crash, uint64_t time_ns)
{
	char date[40], text[64];
	int64_t real_ns;
	time_t seconds;
	struct tm when;

	if (!crash->record.known || !time_ns || !crash_realtime_ns(&crash->record.recording, time_ns, &real_ns))
		return json_null(); /* a gap that never ended reaches to INT64_MAX */
	seconds = real_ns / 1000000000;
	if (!gmtime_r(&seconds, &when))
		return json_null();
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &when);
	snprintf(text, sizeof(text), "%s.%09dZ", date, (int)(real_ns % 1000000000));
	return json_string(text);
}

static json_t *signatures_json(const struct signatures *signatures)
{
	json_t *object = json_object();

	json_object_set_new(object, "version", json_integer(SIGNATURE_VERSION));
	json_object_set_new(object, "cause", report_text_json(signatures->cause[0] ? signatures->cause : NULL));
	json_object_set_new(object, "cause_text",
			    report_text_json(signatures->cause[0] ? signatures->cause_text : NULL));
	json_object_set_new(object, "stack", report_text_json(signatures->stack[0] ? signatures->stack : NULL));
	json_object_set_new(object, "stack_text",
			    report_text_json(signatures->stack[0] ? signatures->stack_text : NULL));
	return object;
}

static json_t *crash_json(const struct report *report)
{
	const struct crash *crash = report->crash;
	json_t *object = json_object();

	json_object_set_new(object, "id", json_string(crash->facts.id));
	json_object_set_new(object, "pid", json_integer(crash->facts.pid));
	json_object_set_new(object, "tid", json_integer(crash->facts.tid));
	json_object_set_new(object, "comm", report_text_json(crash->facts.comm));
	json_object_set_new(object, "exe", report_text_json(crash->facts.executable));
	json_object_set_new(object, "time", time_or_null(crash, crash->record.time_ns));
	json_object_set_new(object, "boot_id",
			    report_text_json(crash->record.known ? crash->record.recording.boot_id : NULL));
	json_object_set_new(object, "core", report_text_json(crash->core.path));
	json_object_set_new(object, "signature", json_string(report->signature));
	json_object_set_new(object, "signatures", signatures_json(&report->signatures));
	json_object_set_new(object, "abort_message", report_text_json(crash->core.abort_message));
	return object;
}

/* `has_code`: it came with a siginfo, or the code was worked out. */
static json_t *signal_json(const struct crash_signal *signal, bool has_code)
{
	json_t *object = json_object();
	struct words words;

	json_object_set_new(object, "number", json_integer(signal->number));
	json_object_set_new(object, "name", json_string(words_signal(&words, signal->number)));
	json_object_set_new(object, "code", integer_or_null(has_code, signal->code));
	json_object_set_new(object, "code_name",
			    has_code ? json_string(words_signal_code(&words, signal->number, signal->code))
				     : json_null());
	json_object_set_new(object, "address", signal->has_address ? hex(signal->address) : json_null());
	json_object_set_new(object, "sender_pid", integer_or_null(signal->sender_pid != 0, signal->sender_pid));
	json_object_set_new(object, "trustworthy", json_boolean(signal->trustworthy));
	return object;
}

static json_t *member_json(const struct accessed_member *member)
{
	json_t *object;

	if (!member->expression[0])
		return json_null();
	object = json_object();
	json_object_set_new(object, "expression", report_text_json(member->expression));
	json_object_set_new(object, "type", report_text_json(member->type));
	json_object_set_new(object, "offset", json_integer((json_int_t)member->offset));
	return object;
}

static json_t *fault_json(const struct crash *crash)
{
	const struct fault *fault = &crash->facts.fault;
	static const char *const sources[] = {NULL, "signal", "instruction"};
	json_t *object = json_object();
	json_t *operands = json_array();
	struct words place;

	json_object_set_new(object, "instruction", report_text_json(fault->instruction[0] ? fault->instruction : NULL));
	json_object_set_new(object, "access", report_text_json(fault->access ? words_access(fault->access) : NULL));
	json_object_set_new(object, "address", fault->source ? hex(fault->address) : json_null());
	json_object_set_new(object, "address_source", report_text_json(sources[fault->source]));
	for (size_t i = 0; i < fault->operand_count; i++) {
		const struct fault_operand *operand = &fault->operands[i];
		json_t *entry = json_object();

		json_object_set_new(entry, "text", report_text_json(operand->text));
		json_object_set_new(entry, "address", hex(operand->address));
		json_object_set_new(entry, "bytes", json_integer(operand->bytes));
		json_object_set_new(entry, "reads", json_boolean(operand->reads));
		json_object_set_new(entry, "writes", json_boolean(operand->writes));
		json_object_set_new(entry, "faulted", json_boolean(i == fault->operand));
		json_object_set_new(entry, "place",
				    report_text_json(words_place(&place, crash, &crash->facts.operand_places[i])));
		json_array_append_new(operands, entry);
	}
	json_object_set_new(object, "operands", operands);
	json_object_set_new(object, "cause", report_text_json(words_fault_cause(fault->cause)));
	json_object_set_new(object, "member", member_json(&fault->member));
	json_object_set_new(object, "place",
			    fault->source ? report_text_json(words_place(&place, crash, &crash->facts.fault_place))
					  : json_null());
	json_object_set_new(object, "signal", fault->in_handler ? signal_json(&fault->signal, true) : json_null());
	return object;
}

static json_t *threads_json(const struct unwind_result *stacks)
{
	json_t *array = json_array();

	for (size_t i = 0; i < stacks->thread_count; i++) {
		const struct thread_stack *thread = &stacks->threads[i];
		json_t *object = json_object();

		json_object_set_new(object, "tid", json_integer(thread->tid));
		json_object_set_new(object, "name", json_null()); /* a core does not carry threads' names */
		json_object_set_new(object, "crashed", json_boolean(thread->crashed));
		json_object_set_new(object, "frames", report_frames_json(thread->frames, thread->frame_count));
		json_object_set_new(object, "end_reason", report_text_json(thread->end_reason));
		json_array_append_new(array, object);
	}
	return array;
}

static json_t *holder_json(const struct probe_holder *holder)
{
	json_t *object = json_object();
	char comm[sizeof(holder->comm) + 1] = "";

	memcpy(comm, holder->comm, sizeof(holder->comm));
	json_object_set_new(object, "pid", integer_or_null(holder->pid != 0, (json_int_t)holder->pid));
	json_object_set_new(object, "comm", holder->pid ? report_text_json(comm) : json_null());
	json_object_set_new(object, "detached", json_boolean(holder->left));
	return object;
}

static json_t *holders_json(const struct probe *probe)
{
	json_t *array = json_array();

	for (size_t i = 0; i < probe->holder_count && i < PROBE_HOLDERS; i++)
		json_array_append_new(array, holder_json(&probe->holders[i]));
	return array;
}

static json_t *probes_json(const struct repair *repair)
{
	static const struct {
		enum probe_source source;
		const char *name;
	} sources[] = {{PROBE_IN_TEXT, "text"}, {PROBE_ON_STACK, "stack"}, {PROBE_RECORDED, "record"}};
	json_t *array = json_array();

	for (size_t i = 0; i < repair->probe_count; i++) {
		const struct probe *probe = &repair->probes[i];
		json_t *object = json_object();
		json_t *seen = json_array();

		for (size_t j = 0; j < array_size(sources); j++) {
			if (probe->sources & sources[j].source)
				json_array_append_new(seen, json_string(sources[j].name));
		}
		/* A breakpoint in the text alone does not tell a uprobe from a uretprobe. */
		json_object_set_new(object, "kind",
				    json_string(probe->at_return  ? "uretprobe"
						: probe->is_plain ? "uprobe"
								  : "breakpoint"));
		json_object_set_new(object, "module", report_text_json(probe->symbol.module));
		json_object_set_new(object, "function", report_text_json(probe->symbol.function));
		json_object_set_new(
			object, "offset",
			integer_or_null(probe->symbol.function != NULL, (json_int_t)probe->symbol.function_offset));
		json_object_set_new(object, "address", hex(probe->address));
		json_object_set_new(object, "attached_by",
				    probe->holder_count == 1 && probe->holders[0].pid ? holder_json(&probe->holders[0])
										      : json_null());
		json_object_set_new(object, "holders", holders_json(probe));
		json_object_set_new(object, "seen_in", seen);
		json_array_append_new(array, object);
	}
	return array;
}

static json_t *coverage_json(const struct crash *crash)
{
	json_t *object = json_object();
	json_t *gaps = json_array();
	uint64_t from = crash->record.known_from_ns ?: crash->record.known ? crash->record.process.first_seen_ns : 0;
	uint64_t lost = 0;

	for (size_t i = 0; i < crash->record.gap_count; i++) {
		const struct gap *gap = &crash->record.gaps[i];
		json_t *entry = json_object();

		lost += gap->lost;
		json_object_set_new(entry, "cause", json_string(gap_cause_name(gap->cause)));
		json_object_set_new(entry, "from", time_or_null(crash, gap->from_ns));
		json_object_set_new(entry, "to", time_or_null(crash, gap->to_ns));
		json_object_set_new(entry, "lost", json_integer((json_int_t)gap->lost));
		json_array_append_new(gaps, entry);
	}
	json_object_set_new(object, "recorded", json_boolean(crash->record.known));
	json_object_set_new(object, "from", time_or_null(crash, from));
	json_object_set_new(object, "to", time_or_null(crash, crash->record.time_ns));
	json_object_set_new(object, "events", json_integer((json_int_t)crash->record.event_count));
	json_object_set_new(object, "lost", json_integer((json_int_t)lost));
	json_object_set_new(object, "gaps", gaps);
	json_object_set_new(object, "notes", report_lines_json(crash->notes.lines, crash->notes.count));
	return object;
}

struct error *report_write_json(const struct report *report, FILE *out)
{
	json_t *root = json_object();
	int failed;

	json_object_set_new(root, "schema_version", json_integer(REPORT_SCHEMA_VERSION));
	json_object_set_new(root, "corelate_version", json_string(CORELATE_VERSION));
	json_object_set_new(root, "crash", crash_json(report));
	json_object_set_new(root, "signal",
			    signal_json(&report->crash->facts.signal, !report->crash->facts.signal.only_number));
	json_object_set_new(root, "fault", fault_json(report->crash));
	json_object_set_new(root, "blame", report_blame_json(report->crash));
	json_object_set_new(root, "registers", report_registers_json(report->crash));
	json_object_set_new(root, "stack_words", report_stack_words_json(report->crash));
	json_object_set_new(root, "threads", threads_json(&report->crash->facts.stacks));
	json_object_set_new(root, "probes", probes_json(&report->crash->facts.repair));
	json_object_set_new(root, "end", report_end_json(report));
	json_object_set_new(root, "cause", report_cause_json(report));
	json_object_set_new(root, "culprit", report_culprit_json(report));
	json_object_set_new(root, "suspect", report_suspect_json(report));
	json_object_set_new(root, "findings", report_findings_json(report));
	json_object_set_new(root, "coverage", coverage_json(report->crash));
	failed = json_dump_callback(root, inert_json_write, out, report->one_line ? JSON_COMPACT : JSON_INDENT(2));
	json_decref(root);
	if (failed || fputc('\n', out) == EOF)
		return error_format(ERROR_SYSTEM, "cannot write the report");
	return NULL;
}
