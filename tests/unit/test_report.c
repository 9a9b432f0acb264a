/* SPDX-License-Identifier: MIT */
/* The report: text that obeys nobody, signatures that group by cause, and the shape of JSON and text. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/report/report.h"
#include "analyzer/words.h"
#include "common/inert.h"

#define assert_no_error(expression)                                                                                    \
	do {                                                                                                           \
		struct error *err_ = (expression);                                                                     \
		if (err_)                                                                                              \
			fail_msg("%s: %s", #expression, err_->message);                                                \
	} while (0)

/* ---- inert text ---- */

/* The caller frees it. */
static char *inert(const char *text)
{
	char *out = NULL;
	size_t size;
	FILE *stream = open_memstream(&out, &size);

	assert_non_null(stream);
	inert_write(text, stream);
	assert_int_equal(fclose(stream), 0);
	return out;
}

static void assert_inert(const char *text, const char *expected)
{
	char *out = inert(text);

	assert_string_equal(out, expected);
	free(out);
}

static void plain_text_stays(void **state)
{
	(void)state;
	assert_inert(NULL, "?");
	assert_inert("", "");
	assert_inert("libc.so.6 read+0x1c (file.c:12) ~%s%n", "libc.so.6 read+0x1c (file.c:12) ~%s%n");
	assert_inert("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x9b", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x9b");
	/* The borders of what is well-formed. */
	assert_inert("\xc2\xa0\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xf0\x90\x80\x80\xf4\x8f\xbf\xbf",
		     "\xc2\xa0\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xf0\x90\x80\x80\xf4\x8f\xbf\xbf");
}

static void control_characters_come_out_as_digits(void **state)
{
	(void)state;
	assert_inert("\x1b[2J\x07", "\\x1b[2J\\x07");
	assert_inert("a\nb\rc\td\x7f", "a\\x0ab\\x0dc\\x09d\\x7f");
	/* C1: as a byte, and as the character that some terminals obey. */
	assert_inert("\x9b"
		     "31m",
		     "\\x9b"
		     "31m");
	assert_inert("\xc2\x9b"
		     "31m",
		     "\\xc2\\x9b"
		     "31m");
	assert_inert("\xc2\x80\xc2\x9f\xc2\xa0", "\\xc2\\x80\\xc2\\x9f\xc2\xa0");
}

static void invalid_utf8_comes_out_as_digits(void **state)
{
	(void)state;
	assert_inert("\xff\xfe", "\\xff\\xfe");
	assert_inert("\xc0\xaf", "\\xc0\\xaf");			  /* overlong */
	assert_inert("\xe0\x9f\xbf", "\\xe0\\x9f\\xbf");	  /* overlong */
	assert_inert("\xed\xa0\x80", "\\xed\\xa0\\x80");	  /* surrogate */
	assert_inert("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"); /* above U+10FFFF */
	assert_inert("\xf5\x80\x80\x80", "\\xf5\\x80\\x80\\x80"); /* above U+10FFFF */
	assert_inert("\xe2\x82", "\\xe2\\x82");			  /* cut off by the end */
	assert_inert("\xf0\x9f\x90", "\\xf0\\x9f\\x90");	  /* cut off by the end */
	assert_inert("\xe2\xe2\x82\xac", "\\xe2\xe2\x82\xac");	  /* the next one is whole */
	assert_inert("\xe2\x1b[m", "\\xe2\\x1b[m");		  /* does not swallow */
}

static void text_direction_stays(void **state)
{
	(void)state;
	assert_inert("\xe2\x80\xae"
		     "cod.exe",
		     "\\xe2\\x80\\xae"
		     "cod.exe");
	assert_inert("\xe2\x80\xaa\xe2\x80\xab\xe2\x80\xac\xe2\x80\xad",
		     "\\xe2\\x80\\xaa\\xe2\\x80\\xab\\xe2\\x80\\xac\\xe2\\x80\\xad");
	assert_inert("\xe2\x81\xa6\xe2\x81\xa9", "\\xe2\\x81\\xa6\\xe2\\x81\\xa9");
	/* Neighbours that turn nothing around. */
	assert_inert("\xe2\x80\xa7\xe2\x80\xaf\xe2\x81\xaa", "\xe2\x80\xa7\xe2\x80\xaf\xe2\x81\xaa");
}

/* The marks U+200E, U+200F and U+061C have the property Bidi_Control as well, and reorder what stands beside them. */
static void direction_marks_come_out_as_digits(void **state)
{
	(void)state;
	assert_inert("\xe2\x80\x8e", "\\xe2\\x80\\x8e");
	assert_inert("\xe2\x80\x8f", "\\xe2\\x80\\x8f");
	assert_inert("\xd8\x9c", "\\xd8\\x9c");
}

/* U+2028 and U+2029 end a line where they are obeyed. */
static void line_separators_come_out_as_digits(void **state)
{
	(void)state;
	assert_inert("\xe2\x80\xa8", "\\xe2\\x80\\xa8");
	assert_inert("\xe2\x80\xa9", "\\xe2\\x80\\xa9");
}

static void random_bytes_are_inert(void **state)
{
	uint64_t seed = 88172645463325252ULL;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		char text[24] = "", *out;
		json_t *value;

		for (size_t i = 0; i + 1 < sizeof(text); i++) {
			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			/* Mostly the lead and continuation bytes that matter. */
			text[i] = (char)(seed >> 60 ? 0x80 | (seed >> 20 & 0x7f) : seed >> 20 & 0xff);
		}
		out = inert(text);
		for (const char *at = out; *at; at++)
			assert_true((unsigned char)*at >= 0x20 && *at != 0x7f);
		value = json_string(out); /* refuses what is not UTF-8 */
		assert_non_null(value);
		json_decref(value);
		free(out);
	}
}

/* ---- signatures ---- */

static void sign(char signature[17], const struct crash *crash, enum finding_class class, const char *culprit)
{
	struct finding_list findings = {0};
	struct finding *finding;
	struct report report;

	assert_no_error(finding_append(&findings, class, &finding));
	finding->confidence = class == FINDING_UNKNOWN ? CONFIDENCE_NONE : CONFIDENCE_PROVEN;
	assert_no_error(finding_set_summary(finding, "at 0x%llx", (unsigned long long)crash->facts.fault.address));
	if (culprit)
		finding->culprit = (struct culprit){.kind = CULPRIT_CODE, .name = strdup(culprit)};
	report_init(&report, crash, &findings);
	assert_int_equal(strspn(report.signature, "0123456789abcdef"), 16);
	assert_int_equal(report.signature[16], 0);
	memcpy(signature, report.signature, sizeof(report.signature));
	finding_list_deinit(&findings);
}

static struct crash one_crash(uint64_t salt)
{
	return (struct crash){
		.record = {.time_ns = 1000 * salt},
		.facts = {.id = "0123456789abcdef",
			  .pid = (uint32_t)(100 + salt),
			  .tid = (uint32_t)(101 + salt),
			  .comm = "victim",
			  .signal = {.number = SIGSEGV, .code = 1, .address = salt << 12, .has_address = true},
			  .fault = {.is_fault = true, .source = ADDRESS_SIGNAL, .address = salt << 12}},
	};
}

static bool same_signature(const char *culprit, const char *other)
{
	struct crash first = one_crash(1), second = one_crash(77);
	char one[17], two[17];

	sign(one, &first, FINDING_DOUBLE_MUNMAP, culprit);
	sign(two, &second, FINDING_DOUBLE_MUNMAP, other);
	return strcmp(one, two) == 0;
}

static void cause_makes_the_signature(void **state)
{
	const char *walker = "libwalker.so walker_close";
	struct crash crash = one_crash(1);
	char one[17], two[17];

	(void)state;
	/* Other addresses, pids and times: the same cause. */
	assert_true(same_signature(walker, walker));
	assert_false(same_signature(walker, "libwalker.so walker_open"));
	assert_false(same_signature(walker, "libother.so walker_close"));
	assert_false(same_signature("libwalker.so+0x1234", "libwalker.so+0x5678"));
	sign(one, &crash, FINDING_DOUBLE_MUNMAP, walker);
	sign(two, &crash, FINDING_USE_AFTER_MUNMAP, walker);
	assert_string_not_equal(one, two);
}

static void stack_makes_the_signature_without_a_cause(void **state)
{
	struct frame frames[2] = {
		{.pc = 0x1234, .symbol = {.module = (char *)"/opt/program", .function = (char *)"inner"}},
		{.pc = 0x5678, .symbol = {.module = (char *)"/opt/program", .function = (char *)"main"}},
	};
	struct thread_stack thread = {.tid = 1, .crashed = true, .frames = frames, .frame_count = 2};
	struct crash crash = one_crash(1);
	char one[17], two[17];

	(void)state;
	sign(one, &crash, FINDING_UNKNOWN, NULL);
	crash.facts.stacks = (struct unwind_result){.threads = &thread, .thread_count = 1};
	sign(two, &crash, FINDING_UNKNOWN, NULL);
	assert_string_not_equal(one, two);
	/* Their places in memory do not matter. */
	frames[0].pc = frames[0].sp = 0x999;
	frames[0].symbol.module = (char *)"/elsewhere/program";
	sign(one, &crash, FINDING_UNKNOWN, NULL);
	assert_string_equal(one, two);
	frames[0].symbol.function = (char *)"inner2";
	sign(one, &crash, FINDING_UNKNOWN, NULL);
	assert_string_not_equal(one, two);
	frames[0].symbol.function = (char *)"inner";
	crash.facts.signal.number = SIGBUS;
	sign(one, &crash, FINDING_UNKNOWN, NULL);
	assert_string_not_equal(one, two);
	frames[0].symbol = (struct symbol){0};
	sign(one, &crash, FINDING_UNKNOWN, NULL);
}

/* ---- JSON ---- */

static json_t *to_json(const struct crash *crash, const struct finding_list *findings)
{
	struct report report;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	json_error_t parse_error;
	json_t *root;

	assert_non_null(out);
	report_init(&report, crash, findings);
	assert_no_error(report_write_json(&report, out));
	assert_int_equal(fclose(out), 0);
	assert_true(size && text[size - 1] == '\n');
	root = json_loads(text, JSON_REJECT_DUPLICATES, &parse_error);
	if (!root)
		fail_msg("line %d: %s\n%s", parse_error.line, parse_error.text, text);
	free(text);
	return root;
}

/* Each of the names is there, even when its value is null. */
static void assert_keys(const json_t *object, const char *const *keys)
{
	assert_true(json_is_object(object));
	for (; *keys; keys++) {
		if (!json_object_get(object, *keys))
			fail_msg("\"%s\" is missing", *keys);
	}
}

#define assert_has(object, ...) assert_keys(object, (const char *const[]){__VA_ARGS__, NULL})

static void assert_shape(const json_t *root)
{
	size_t index;
	json_t *entry;

	assert_has(root, "schema_version", "corelate_version", "crash", "signal", "fault", "threads", "probes",
		   "findings", "coverage");
	assert_int_equal(json_integer_value(json_object_get(root, "schema_version")), REPORT_SCHEMA_VERSION);
	assert_has(json_object_get(root, "crash"), "id", "pid", "tid", "comm", "exe", "time", "boot_id", "core",
		   "signature");
	assert_has(json_object_get(root, "signal"), "number", "name", "code", "code_name", "address", "sender_pid",
		   "trustworthy");
	assert_has(json_object_get(root, "fault"), "instruction", "access", "address", "address_source", "operands");
	assert_has(json_object_get(root, "coverage"), "recorded", "from", "to", "events", "lost", "gaps");
	assert_true(json_is_array(json_object_get(root, "threads")));
	assert_true(json_is_array(json_object_get(root, "probes")));
	assert_true(json_array_size(json_object_get(root, "findings")) > 0);
	json_array_foreach(json_object_get(root, "findings"), index, entry)
	{
		assert_has(entry, "class", "confidence", "summary", "evidence", "counter_evidence", "missing",
			   "next_step");
	}
}

static const char *text_at(const json_t *root, const char *object, const char *key)
{
	return json_string_value(json_object_get(json_object_get(root, object), key));
}

static bool is_null_at(const json_t *root, const char *object, const char *key)
{
	return json_is_null(json_object_get(json_object_get(root, object), key));
}

static void json_of_almost_nothing(void **state)
{
	struct crash crash = {.facts = {.id = "0123456789abcdef", .signal = {.number = SIGABRT, .code = -6}}};
	struct finding_list findings = {0};
	struct finding *finding;
	json_t *root;

	(void)state;
	assert_no_error(finding_append(&findings, FINDING_UNKNOWN, &finding));
	root = to_json(&crash, &findings);
	assert_shape(root);
	assert_true(is_null_at(root, "crash", "exe"));
	assert_true(is_null_at(root, "crash", "time"));
	assert_true(is_null_at(root, "crash", "boot_id"));
	assert_true(is_null_at(root, "crash", "core"));
	assert_true(is_null_at(root, "signal", "address"));
	assert_true(is_null_at(root, "signal", "sender_pid"));
	assert_true(is_null_at(root, "fault", "instruction"));
	assert_true(is_null_at(root, "fault", "access"));
	assert_true(is_null_at(root, "fault", "address"));
	assert_true(is_null_at(root, "fault", "address_source"));
	assert_true(is_null_at(root, "coverage", "from"));
	assert_true(is_null_at(root, "coverage", "to"));
	assert_string_equal(text_at(root, "signal", "name"), "SIGABRT");
	assert_string_equal(text_at(root, "signal", "code_name"), "SI_TKILL");
	json_decref(root);
	finding_list_deinit(&findings);
}

static void json_of_a_finding(void **state)
{
	struct fault fault = {
		.is_fault = true,
		.source = ADDRESS_SIGNAL,
		.address = 0xfffffffffffff123,
		.access = ACCESS_WRITE,
		.instruction = "mov [rbx], rcx",
		.operand_count = 1,
		.operands = {{.text = "[rbx]", .address = 0xfffffffffffff123, .bytes = 8, .writes = true}}};
	struct gap gaps[] = {{.cause = GAP_RING_FULL, .from_ns = 1, .to_ns = 2, .lost = 7},
			     {.cause = GAP_UNCLEAN_END, .from_ns = 3, .to_ns = INT64_MAX}};
	struct crash crash = one_crash(5);
	struct finding_list findings = {0};
	struct finding *finding;
	json_t *root, *verdict, *evidence, *operand, *coverage;

	(void)state;
	crash.facts.fault = fault;
	crash.record.known = true;
	strcpy(crash.record.recording.boot_id, "01234567-89ab-cdef-0123-456789abcdef");
	crash.record.recording.realtime_offset_ns = 1700000000LL * 1000000000LL;
	crash.record.time_ns = 1500000000;
	crash.record.gaps = gaps;
	crash.record.gap_count = 2;
	assert_no_error(finding_append(&findings, FINDING_DOUBLE_MUNMAP, &finding));
	finding->confidence = CONFIDENCE_LIKELY;
	assert_no_error(finding_set_summary(finding, "because"));
	assert_no_error(finding_add_evidence(finding, EVIDENCE_EVENT, 42, 0, "an event"));
	assert_no_error(finding_add_evidence(finding, EVIDENCE_SIGNAL, 0, UINT64_MAX, "a signal"));
	assert_no_error(finding_add_counter(finding, "against"));
	assert_no_error(finding_add_missing(finding, "not seen"));
	root = to_json(&crash, &findings);
	assert_shape(root);
	assert_string_equal(text_at(root, "crash", "time"), "2023-11-14T22:13:21.500000000Z");
	assert_string_equal(text_at(root, "crash", "boot_id"), "01234567-89ab-cdef-0123-456789abcdef");
	assert_string_equal(text_at(root, "fault", "address"), "0xfffffffffffff123");
	assert_string_equal(text_at(root, "fault", "address_source"), "signal");
	assert_string_equal(text_at(root, "fault", "access"), "write");
	operand = json_array_get(json_object_get(json_object_get(root, "fault"), "operands"), 0);
	assert_has(operand, "text", "address", "bytes", "reads", "writes");
	assert_true(json_is_true(json_object_get(operand, "writes")));
	verdict = json_array_get(json_object_get(root, "findings"), 0);
	assert_string_equal(json_string_value(json_object_get(verdict, "class")), "double-munmap");
	assert_string_equal(json_string_value(json_object_get(verdict, "confidence")), "likely");
	assert_true(json_is_null(json_object_get(verdict, "next_step")));
	evidence = json_object_get(verdict, "evidence");
	assert_int_equal(json_array_size(evidence), 2);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(evidence, 0), "id")), 42);
	assert_true(json_is_null(json_object_get(json_array_get(evidence, 0), "address")));
	assert_true(json_is_null(json_object_get(json_array_get(evidence, 1), "id")));
	assert_string_equal(json_string_value(json_object_get(json_array_get(evidence, 1), "address")),
			    "0xffffffffffffffff");
	coverage = json_object_get(root, "coverage");
	assert_true(json_is_true(json_object_get(coverage, "recorded")));
	assert_int_equal(json_integer_value(json_object_get(coverage, "lost")), 7);
	assert_int_equal(json_array_size(json_object_get(coverage, "gaps")), 2);
	/* A gap without an end has no date for it. */
	assert_true(json_is_null(json_object_get(json_array_get(json_object_get(coverage, "gaps"), 1), "to")));
	json_decref(root);
	finding_list_deinit(&findings);
}

static void json_of_hostile_names(void **state)
{
	struct crash crash = one_crash(1);
	struct finding_list findings = {0};
	struct finding *finding;
	json_t *root;

	(void)state;
	strcpy(crash.facts.comm, "\"},{\x1b[\xff");
	crash.facts.executable = (char *)"/opt/\xed\xa0\x80\n\"\\";
	assert_no_error(finding_append(&findings, FINDING_UNKNOWN, &finding));
	assert_no_error(finding_set_summary(finding, "%s", "\xf0\x9f\x90"));
	root = to_json(&crash, &findings);
	assert_shape(root);
	assert_string_equal(text_at(root, "crash", "comm"), "\"},{\x1b[\xef\xbf\xbd");
	json_decref(root);
	finding_list_deinit(&findings);
}

/* Only the bad byte is replaced, not its good neighbours. */
static void json_keeps_good_characters(void **state)
{
	struct crash crash = one_crash(1);
	struct finding_list findings = {0};
	struct finding *finding;
	json_t *root;

	(void)state;
	crash.facts.executable = (char *)"/opt/caf\xc3\xa9/\xff";
	assert_no_error(finding_append(&findings, FINDING_UNKNOWN, &finding));
	root = to_json(&crash, &findings);
	assert_string_equal(text_at(root, "crash", "exe"), "/opt/caf\xc3\xa9/\xef\xbf\xbd");
	json_decref(root);
	finding_list_deinit(&findings);
}

/* ---- text ---- */

/* The caller frees it. */
static char *to_text(const struct crash *crash, const struct finding_list *findings, bool colour)
{
	const struct report_style style = {.colour = colour, .all = true};
	struct report report;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	report_init(&report, crash, findings);
	report_write_text(&report, &style, out);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void text_begins_with_the_verdict(void **state)
{
	struct crash crash = one_crash(1);
	struct finding_list findings = {0};
	struct finding *finding;
	char *text;

	(void)state;
	assert_no_error(finding_append(&findings, FINDING_UNKNOWN, &finding));
	assert_no_error(finding_set_summary(finding, "Nobody knows."));
	text = to_text(&crash, &findings, false);
	assert_memory_equal(text, "unknown: Nobody knows.\n", 23);
	assert_non_null(strstr(text, "SIGSEGV, SEGV_MAPERR at 0x1000"));
	assert_non_null(strstr(text, "victim (pid 101, thread 102)"));
	assert_non_null(strstr(text, "0123456789abcdef"));
	assert_null(strchr(text, '\x1b'));
	free(text);
	finding_list_deinit(&findings);
	assert_no_error(finding_append(&findings, FINDING_DOUBLE_MUNMAP, &finding));
	finding->confidence = CONFIDENCE_PROVEN;
	assert_no_error(finding_set_summary(finding, "It was libwalker."));
	assert_no_error(finding_add_evidence(finding, EVIDENCE_EVENT, 42, 0, "second unmap"));
	assert_no_error(finding_add_counter(finding, "an alibi"));
	assert_no_error(finding_add_missing(finding, "a witness"));
	assert_no_error(finding_set_next_step(finding, "ask libwalker"));
	assert_no_error(finding_append(&findings, FINDING_USE_AFTER_MUNMAP, &finding));
	finding->confidence = CONFIDENCE_LIKELY;
	assert_no_error(finding_set_summary(finding, "Or it was libdepot."));
	text = to_text(&crash, &findings, false);
	assert_memory_equal(text, "double-munmap (proven): It was libwalker.\n", 42);
	assert_non_null(strstr(text, "second unmap [event 42]"));
	assert_non_null(strstr(text, "an alibi"));
	assert_non_null(strstr(text, "a witness"));
	assert_non_null(strstr(text, "ask libwalker"));
	assert_non_null(strstr(text, "use-after-munmap (likely): Or it was libdepot."));
	free(text);
	finding_list_deinit(&findings);
}

/* An end says that its cause is not known, and where the trail is lost. Lines are no wider than a terminal. */
static void text_of_an_end(void **state)
{
	struct crash crash = one_crash(1);
	struct finding_list findings = {.end = {.text = strdup("thread 102 read 0x18: SIGSEGV")}};
	struct finding *finding;
	char *text;

	(void)state;
	assert_no_error(finding_append(&findings, FINDING_NULL_DEREFERENCE, &finding));
	finding->confidence = CONFIDENCE_PROVEN;
	assert_no_error(finding_set_summary(finding, "session_send() read s->peer->fd, and s->peer was a null pointer, "
						     "as nobody had set it before the session began."));
	finding->lost_at = strdup("s->peer was set to NULL, or never set");
	text = to_text(&crash, &findings, false);
	assert_memory_equal(text, "null-dereference (cause not known): ", 36);
	assert_non_null(strstr(text, "         ?  s->peer was set to NULL, or never set\n"));
	assert_non_null(strstr(text, "         0  thread 102 read 0x18: SIGSEGV\n"));
	for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
		assert_true(strcspn(line, "\n") <= 80);
	free(text);
	finding_list_deinit(&findings);
}

static void text_obeys_no_name(void **state)
{
	struct event_context context = {
		.caller = {.module = (char *)"/opt/\x1b[1m.so", .function = (char *)"f\x1b[2m"},
		.before = {.id = 1, .option = 15, .text = (char *)"\x1b[3m"},
		.file = (char *)"/opt/\x1b[4m",
	};
	struct memory_event event = {.id = 1, .kind = MEMORY_MUNMAP, .args = {0x1000, 4096}, .ip = 1};
	struct frame frame = {.pc = 1, .symbol = {.module = (char *)"\x1b[5m", .function = (char *)"\x1b[6m"}};
	struct thread_stack thread = {.frames = &frame, .frame_count = 1, .end_reason = (char *)"\x1b[7m"};
	char *note = (char *)"\x1b[8m", *text;
	struct crash crash = one_crash(1);
	struct finding_list findings = {0};
	struct finding *finding;

	(void)state;
	strcpy(crash.facts.comm, "\x1b[9m");
	crash.facts.executable = (char *)"\x1b[10m";
	crash.core.path = (char *)"\x1b[11m";
	crash.notes.lines = &note;
	crash.notes.count = 1;
	crash.facts.stacks = (struct unwind_result){.threads = &thread, .thread_count = 1};
	crash.facts.has_biography = true;
	crash.facts.biography =
		(struct biography){.address = 0x1000, .events = &event, .contexts = &context, .event_count = 1};
	for (int i = 0; i < 2; i++) {
		assert_no_error(finding_append(&findings, FINDING_UNKNOWN, &finding));
		assert_no_error(finding_set_summary(finding, "\x1b[12m"));
		assert_no_error(finding_add_evidence(finding, EVIDENCE_FRAME, 0, 0, "\x1b[13m"));
		assert_no_error(finding_add_counter(finding, "\x1b[14m"));
		assert_no_error(finding_add_missing(finding, "\x1b[15m"));
		assert_no_error(finding_set_next_step(finding, "\x1b[16m"));
	}
	text = to_text(&crash, &findings, false);
	for (int i = 1; i <= 16; i++) {
		char shown[16];

		snprintf(shown, sizeof(shown), "\\x1b[%dm", i);
		if (!strstr(text, shown))
			fail_msg("%s is not shown", shown);
	}
	for (const char *at = text; *at; at++)
		assert_true(*at == '\n' || (unsigned char)*at >= 0x20);
	free(text);
	/* With colours, the only escapes are ours. */
	text = to_text(&crash, &findings, true);
	for (const char *at = strchr(text, '\x1b'); at; at = strchr(at + 1, '\x1b')) {
		size_t digits = strspn(at + 2, "0123456789;");

		assert_int_equal(at[1], '[');
		assert_int_equal(at[2 + digits], 'm');
	}
	assert_non_null(strstr(text, "\\x1b[9m"));
	free(text);
	finding_list_deinit(&findings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_text_stays),
		cmocka_unit_test(control_characters_come_out_as_digits),
		cmocka_unit_test(invalid_utf8_comes_out_as_digits),
		cmocka_unit_test(text_direction_stays),
		cmocka_unit_test(direction_marks_come_out_as_digits),
		cmocka_unit_test(line_separators_come_out_as_digits),
		cmocka_unit_test(random_bytes_are_inert),
		cmocka_unit_test(cause_makes_the_signature),
		cmocka_unit_test(stack_makes_the_signature_without_a_cause),
		cmocka_unit_test(json_of_almost_nothing),
		cmocka_unit_test(json_of_a_finding),
		cmocka_unit_test(json_of_hostile_names),
		cmocka_unit_test(json_keeps_good_characters),
		cmocka_unit_test(text_begins_with_the_verdict),
		cmocka_unit_test(text_of_an_end),
		cmocka_unit_test(text_obeys_no_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
