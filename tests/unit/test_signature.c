/* SPDX-License-Identifier: MIT */
/* Signatures: names without what changes from build to build, and what goes in beside them. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "analyzer/signature.h"

static void modules_lose_versions(void **state)
{
	static const char *const pairs[][2] = {
		{"/lib/x86_64-linux-gnu/libz.so.1.2.13", "libz.so"},
		{"/lib/libc-2.36.so", "libc.so"},
		{"/lib/libc.so.6", "libc.so"},
		{"/opt/libplugin.so (deleted)", "libplugin.so"},
		{"/opt/libplugin.so.3 (deleted)", "libplugin.so"},
		{"/usr/bin/python3.11", "python3.11"},
		{"/opt/my-app", "my-app"},
		{"/opt/lib-net.so", "lib-net.so"},
		{"/opt/some.source", "some.source"},
		{"program (deleted)", "program"},
		{"", ""},
	};
	char out[64];

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		signature_module(pairs[i][0], out, sizeof(out));
		assert_string_equal(out, pairs[i][1]);
	}
	signature_module("/opt/libverylongname.so.1", out, 8);
	assert_true(strlen(out) < 8);
}

static void functions_lose_what_compilers_append(void **state)
{
	static const char *const pairs[][2] = {
		{"walk", "walk"},
		{"walk.part.0", "walk"},
		{"walk.constprop.0.isra.2", "walk"},
		{"walk.cold", "walk"},
		{"walk.lto_priv.3", "walk"},
		{"memcpy@@GLIBC_2.14", "memcpy"},
		{"_ZN4core3ops8function6FnOnce9call_once17h0123456789abcdefE", "_ZN4core3ops8function6FnOnce9call_once"},
		{"_ZN4core3ops8function6FnOnce9call_once17h0123456789abcdegE",
		 "_ZN4core3ops8function6FnOnce9call_once17h0123456789abcdegE"},
		{"main.main.func1", "main.main.func1"},
		{".cold", ".cold"},
	};
	char out[128];

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		signature_function(pairs[i][0], out, sizeof(out));
		assert_string_equal(out, pairs[i][1]);
	}
}

static void check_text(const struct crash *crash, enum finding_class class, const char *offender, const char *wanted)
{
	struct finding finding = {.class = class, .offender = (char *)offender};
	struct finding_list findings = {.findings = &finding, .count = 1};
	struct words words;

	assert_string_equal(signature_text(&words, crash, &findings), wanted);
}

static void class_and_offender_make_the_text(void **state)
{
	struct crash crash = {.facts = {.signal = {.number = SIGSEGV}}};

	(void)state;
	check_text(&crash, FINDING_DOUBLE_MUNMAP, "libwalker.so.2 walker_close.part.0",
		   "double-munmap libwalker.so walker_close");
	check_text(&crash, FINDING_DOUBLE_MUNMAP, "libwalker.so.2+0x1234", "double-munmap libwalker.so+0x1234");
	check_text(&crash, FINDING_UNLOADED_DATA, "plugin.so", "unloaded-data plugin.so");
	crash.core.abort_message = (char *)"prog: a.c:12: check: Assertion `x > 0' failed.";
	check_text(&crash, FINDING_ASSERTION_FAILURE, "prog check", "assertion-failure prog check x > 0");
	crash.core.abort_message = (char *)"prog: a.c:99: check: Assertion `x > 0' failed.";
	check_text(&crash, FINDING_ASSERTION_FAILURE, "prog check", "assertion-failure prog check x > 0");
	crash.facts.signal = (struct crash_signal){.number = SIGTERM, .sender_comm = "bash"};
	check_text(&crash, FINDING_KILLED_BY_PROCESS, NULL, "killed-by-process SIGTERM by bash");
}

static void innermost_function_of_the_program_stands_in(void **state)
{
	struct frame frames[] = {
		{.symbol = {.module = (char *)"/lib/libc.so.6", .function = (char *)"__pthread_kill_implementation"}},
		{.symbol = {.module = (char *)"/lib/libc.so.6", .function = (char *)"abort"}},
		{.symbol = {.module = (char *)"/opt/prog", .function = (char *)"give_up.cold"}},
		{.symbol = {.module = (char *)"/opt/prog", .function = (char *)"main"}},
	};
	struct thread_stack stack = {.tid = 1, .crashed = true, .frames = frames, .frame_count = 4};
	struct crash crash = {
		.facts = {.signal = {.number = SIGABRT}, .stacks = {.threads = &stack, .thread_count = 1}}};

	(void)state;
	check_text(&crash, FINDING_UNKNOWN, NULL, "unknown SIGABRT prog give_up");
	stack.frame_count = 2;
	check_text(&crash, FINDING_UNKNOWN, NULL, "unknown SIGABRT libc.so __pthread_kill_implementation");
	stack.frame_count = 0;
	check_text(&crash, FINDING_UNKNOWN, NULL, "unknown SIGABRT  ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(modules_lose_versions),
		cmocka_unit_test(functions_lose_what_compilers_append),
		cmocka_unit_test(class_and_offender_make_the_text),
		cmocka_unit_test(innermost_function_of_the_program_stands_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
