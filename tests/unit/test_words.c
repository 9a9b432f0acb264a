/* SPDX-License-Identifier: MIT */
/* Facts in words. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "analyzer/words.h"

#define SECOND 1000000000ULL
#define GET_DUMPABLE 3
#define SET_DUMPABLE 4
#define SET_NAME 15

static struct words words;

static void durations(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} rows[] = {
		{1, "1 ns"},
		{999, "999 ns"},
		{1000, "1.0 us"},
		{3249, "3.2 us"},
		{999900, "999.9 us"},
		{1000000, "1.0 ms"},
		{14100000, "14.1 ms"},
		{999900000, "999.9 ms"},
		{SECOND, "1.00 s"},
		{5 * SECOND / 2, "2.50 s"},
		{119 * SECOND, "119.00 s"},
		{120 * SECOND, "2 min 00 s"},
		{192 * SECOND, "3 min 12 s"},
		{7199 * SECOND, "119 min 59 s"},
		{7200 * SECOND, "2 h 00 min"},
		{(5 * 3600 + 2 * 60 + 59) * SECOND, "5 h 02 min"},
		{UINT64_MAX, "5124095 h 34 min"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(words_duration(&words, rows[i].ns), rows[i].text);
	assert_int_equal(words_duration(&words, 0)[0], '0');
}

/* Rounding must not make a number that belongs to the next unit. */
static void durations_do_not_round_out_of_their_unit(void **state)
{
	(void)state;
	assert_string_not_equal(words_duration(&words, 999999), "1000.0 us");
	assert_string_not_equal(words_duration(&words, 999999999), "1000.0 ms");
	assert_string_not_equal(words_duration(&words, 120 * SECOND - 1), "120.00 s");
}

static void before_the_crash(void **state)
{
	struct crash crash = {.record = {.time_ns = 500}};

	(void)state;
	assert_string_equal(words_before_crash(&words, &crash, 499), "1 ns before the crash");
	assert_string_equal(words_before_crash(&words, &crash, 501), "1 ns after the signal");
	crash.record.time_ns = 0;
	assert_string_equal(words_before_crash(&words, &crash, 501), "at an unknown time before the crash");
}

static void calls(void **state)
{
	static const struct {
		struct memory_event event;
		const char *text;
	} rows[] = {
		{{.kind = MEMORY_SEEN, .args = {0x1000, 0x2000}}, "found in place: 0x1000-0x3000"},
		{{.kind = MEMORY_MMAP, .args = {0, 578560, 3, 0x22}, .result = 0x7f0000000000},
		 "mmap(NULL, 578560, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, 0, 0) = 0x7f0000000000"},
		{{.kind = MEMORY_MUNMAP, .args = {0x7f0000000000, 578560}}, "munmap(0x7f0000000000, 578560) = 0"},
		{{.kind = MEMORY_MREMAP, .args = {0x1000, 4096, 8192, 1}, .result = 0x9000},
		 "mremap(0x1000, 4096, 8192, MREMAP_MAYMOVE) = 0x9000"},
		{{.kind = MEMORY_MPROTECT, .args = {0x1000, 4096, 5}}, "mprotect(0x1000, 4096, PROT_READ|PROT_EXEC) = 0"},
		{{.kind = MEMORY_PKEY_MPROTECT, .args = {0x1000, 4096, 5, 1}}, "pkey_mprotect(0x1000, 4096, PROT_READ|PROT_EXEC) = 0"},
		{{.kind = MEMORY_MADVISE, .args = {0x1000, 4096, 4}}, "madvise(0x1000, 4096, MADV_DONTNEED) = 0"},
		{{.kind = MEMORY_BRK, .args = {0x3000, 0x2000}, .result = 0x3000}, "brk(0x3000) = 0x3000"},
		{{.kind = MEMORY_SHMAT, .args = {5, 0, 0, 4096}, .result = 0x1000}, "shmat(5, NULL, 0) = 0x1000"},
		{{.kind = MEMORY_SHMDT, .args = {0x1000, 4096}}, "shmdt(0x1000) = 0"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(words_call(&words, &rows[i].event), rows[i].text);
}

static void markers(void **state)
{
	const struct marker first = {.id = 1, .option = GET_DUMPABLE, .args = {8888}};
	const struct marker second = {.id = 2, .option = SET_DUMPABLE, .args = {9999}, .result = -22};
	const struct marker mode = {.id = 3, .option = SET_DUMPABLE, .args = {1}, .result = 0};
	const struct marker name = {.id = 4, .option = SET_NAME, .args = {0x1234}, .text = (char *)"worker"};
	const struct marker both = {.id = 5, .option = GET_DUMPABLE, .args = {7}, .text = (char *)"begin"};
	struct event_context context = {0};

	(void)state;
	assert_string_equal(words_markers(&words, &context), "");
	context.before = first;
	assert_string_equal(words_markers(&words, &context), "after marker 8888");
	context.after = second;
	assert_string_equal(words_markers(&words, &context), "between markers 8888 and 9999");
	context.before = (struct marker){0};
	assert_string_equal(words_markers(&words, &context), "before marker 9999");
	/* prctl(PR_SET_DUMPABLE, 1) is what it says, not a marker with the number 1. */
	context.after = mode;
	assert_string_equal(words_markers(&words, &context), "before marker prctl 4");
	context.after = name;
	assert_string_equal(words_markers(&words, &context), "before marker prctl 15 \"worker\"");
	context.after = both;
	assert_string_equal(words_markers(&words, &context), "before marker 7 \"begin\"");
}

static void long_texts_are_cut(void **state)
{
	char text[4000];
	struct event_context context = {
		.before = {.id = 1, .option = SET_NAME, .text = text},
		.after = {.id = 2, .option = SET_NAME, .text = text},
	};
	struct symbol symbol = {.module = text, .function = text, .file = text};

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	assert_true(strlen(words_markers(&words, &context)) < sizeof(words.text));
	assert_true(strlen(words_symbol(&words, &symbol)) < sizeof(words.text));
}

static void symbols(void **state)
{
	struct symbol symbol = {0};

	(void)state;
	assert_string_equal(words_symbol(&words, &symbol), "");
	symbol.module = (char *)"/usr/lib/libc.so.6";
	symbol.module_offset = 0x1234;
	assert_string_equal(words_symbol(&words, &symbol), "libc.so.6+0x1234");
	symbol.function = (char *)"read";
	symbol.function_offset = 0x1c;
	assert_string_equal(words_symbol(&words, &symbol), "libc.so.6 read+0x1c");
	symbol.file = (char *)"/src/file.c";
	symbol.line = 12;
	assert_string_equal(words_symbol(&words, &symbol), "libc.so.6 read+0x1c (file.c:12)");
	assert_string_equal(words_base_name("/usr/lib/x.so"), "x.so");
	assert_string_equal(words_base_name("x.so"), "x.so");
	assert_string_equal(words_base_name("/usr/lib/"), "/usr/lib/");
	assert_string_equal(words_base_name("/"), "/");
	assert_string_equal(words_base_name(""), "");
}

static void callers(void **state)
{
	struct memory_event event = {.kind = MEMORY_MUNMAP};
	struct event_context context = {0};
	struct crash crash = {.facts = {.biography = {.events = &event, .contexts = &context, .event_count = 1}}};

	(void)state;
	assert_string_equal(words_caller(&words, &crash.facts.biography, 0), "the kernel");
	assert_null(words_caller_module(&words, &crash.facts.biography, 0));
	event.ip = 0x401000;
	assert_string_equal(words_caller(&words, &crash.facts.biography, 0), "code at 0x401000");
	context.at = (struct symbol){.module = (char *)"/lib/libc.so.6", .function = (char *)"munmap"};
	assert_string_equal(words_caller(&words, &crash.facts.biography, 0), "libc.so.6 munmap+0x0");
	/* Where the call was made is not who made it. */
	assert_null(words_caller_module(&words, &crash.facts.biography, 0));
	context.caller = (struct symbol){
		.module = (char *)"/opt/libwalker.so", .function = (char *)"walker_step", .function_offset = 0x12};
	assert_string_equal(words_caller(&words, &crash.facts.biography, 0), "libwalker.so walker_step+0x12");
	assert_string_equal(words_caller_module(&words, &crash.facts.biography, 0), "libwalker.so");
	context.jumper = (struct symbol){
		.module = (char *)"/opt/libdepot.so", .function = (char *)"depot_close", .function_offset = 4};
	assert_string_equal(words_caller(&words, &crash.facts.biography, 0),
			    "libdepot.so depot_close+0x4, called by libwalker.so walker_step+0x12");
	assert_string_equal(words_caller_module(&words, &crash.facts.biography, 0), "libdepot.so");
}

static void protections(void **state)
{
	(void)state;
	assert_string_equal(words_protection(&words, 0), "---");
	assert_string_equal(words_protection(&words, PROT_READ | PROT_WRITE), "rw-");
	assert_string_equal(words_protection(&words, PROT_READ | PROT_EXEC), "r-x");
	assert_string_equal(words_protection(&words, PROT_WRITE), "-w-");
	assert_string_equal(words_protection(&words, -1), "???");
}

static void signals(void **state)
{
	(void)state;
	assert_string_equal(words_signal(&words, SIGSEGV), "SIGSEGV");
	assert_string_equal(words_signal(&words, SIGABRT), "SIGABRT");
	assert_string_equal(words_signal(&words, 77), "signal 77");
	assert_string_equal(words_signal(&words, 0), "exit");
	assert_string_equal(words_signal(&words, -1), "signal -1");
	assert_string_equal(words_signal_code(&words, SIGSEGV, 1), "SEGV_MAPERR");
	assert_string_equal(words_signal_code(&words, SIGSEGV, 2), "SEGV_ACCERR");
	assert_string_equal(words_signal_code(&words, SIGBUS, 2), "BUS_ADRERR");
	assert_string_equal(words_signal_code(&words, SIGFPE, 1), "FPE_INTDIV");
	assert_string_equal(words_signal_code(&words, SIGILL, 2), "ILL_ILLOPN");
	assert_string_equal(words_signal_code(&words, SIGSYS, 1), "SYS_SECCOMP");
	assert_string_equal(words_signal_code(&words, SIGSEGV, SI_KERNEL), "SI_KERNEL");
	assert_string_equal(words_signal_code(&words, SIGSEGV, SI_USER), "SI_USER");
	assert_string_equal(words_signal_code(&words, SIGABRT, SI_TKILL), "SI_TKILL");
	assert_string_equal(words_signal_code(&words, SIGSEGV, 99), "code 99");
	assert_string_equal(words_signal_code(&words, SIGABRT, 1), "code 1");
	assert_string_equal(words_access(ACCESS_UNKNOWN), "access");
	assert_string_equal(words_access(ACCESS_READ), "read");
	assert_string_equal(words_access(ACCESS_WRITE), "write");
	assert_string_equal(words_access(ACCESS_EXECUTE), "execute");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations),	    cmocka_unit_test(durations_do_not_round_out_of_their_unit),
		cmocka_unit_test(before_the_crash), cmocka_unit_test(calls),
		cmocka_unit_test(markers),	    cmocka_unit_test(long_texts_are_cut),
		cmocka_unit_test(symbols),	    cmocka_unit_test(callers),
		cmocka_unit_test(protections),	    cmocka_unit_test(signals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
