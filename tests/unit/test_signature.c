/* SPDX-License-Identifier: MIT */
/* Signatures: names without what changes from build to build, what of a verdict and of a stack goes into the two texts,
 * and which crashes are grouped by them. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "analyzer/signature.h"
#include "analyzer/signature_group.h"
#include "analyzer/signature_name.h"
#include "common/array.h"

/* ---- names ---- */

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
	char out[64], other[64];

	(void)state;
	for (size_t i = 0; i < array_size(pairs); i++) {
		signature_module(pairs[i][0], out, sizeof(out));
		assert_string_equal(out, pairs[i][1]);
	}
	signature_module("/opt/lib-with-a-very-long-name-number-one.so.1", out, 32);
	signature_module("/opt/lib-with-a-very-long-name-number-two.so.1", other, 32);
	assert_true(strlen(out) < 32);
	assert_string_not_equal(out, other);
}

static void functions_lose_what_compilers_append(void **state)
{
	static const char *const pairs[][2] = {
		{"walk", "walk"},
		{"walk.part.0", "walk"},
		{"walk.constprop.0.isra.2", "walk"},
		{"walk.cold", "walk"},
		{"walk.lto_priv.3", "walk"},
		{"walk.__uniq.17", "walk"},
		{"memcpy@@GLIBC_2.14", "memcpy"},
		{"_ZN4core3ops8function6FnOnce9call_once17h0123456789abcdefE",
		 "_ZN4core3ops8function6FnOnce9call_once"},
		{"_ZN4core3ops8function6FnOnce9call_once17h0123456789abcdegE",
		 "_ZN4core3ops8function6FnOnce9call_once17h0123456789abcdegE"},
		{"_RNvCskwGfYPst2Cb_3foo16example_function", "_RNvC3foo16example_function"},
		{"_RINvNtCs1_4core3ptr13drop_in_placeNtCsAb9_3foo3BarE",
		 "_RINvNtC4core3ptr13drop_in_placeNtC3foo3BarE"},
		{"_RNvC3foo3bar", "_RNvC3foo3bar"},
		{"_RNvNtC3foo3Cs_3bar", "_RNvNtC3foo3C3bar"}, /* not a hash; still a name of its own */
		{"main.main.func1", "main.main.func1"},
		{"main.(*broker).publish", "main.(*broker).publish"},
		{"main.sum[go.shape.int]", "main.sum[go.shape.int]"},
		{"main.add.abi0", "main.add"},
		{"_ZN5queueIiE4pushERKi", "_ZN5queueIiE4pushERKi"},
		{"_ZN5queueIdE4pushERKd", "_ZN5queueIdE4pushERKd"},
		{"_ZN5queueIiE4pushERKi.part.0", "_ZN5queueIiE4pushERKi"},
		{".cold", ".cold"},
	};
	char out[128];

	(void)state;
	for (size_t i = 0; i < array_size(pairs); i++) {
		signature_function(pairs[i][0], out, sizeof(out));
		assert_string_equal(out, pairs[i][1]);
	}
}

static void long_names_stay_apart(void **state)
{
	char name[400], one[64], other[64];

	(void)state;
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	signature_function(name, one, sizeof(one));
	assert_int_equal(strlen(one), sizeof(one) - 1);
	name[sizeof(name) - 2] = 'b';
	signature_function(name, other, sizeof(other));
	assert_string_not_equal(one, other);
	assert_memory_equal(one, other, 40);
	name[63] = 0;
	signature_function(name, one, sizeof(one));
	assert_string_equal(one, name);
}

/* ---- the cause ---- */

static void check_cause(const struct crash *crash, enum finding_class class, enum finding_confidence confidence,
			const char *culprit, const char *wanted)
{
	struct finding finding = {.class = class, .confidence = confidence};
	struct finding_list findings = {.findings = &finding, .count = 1};
	struct signatures signatures;

	if (culprit)
		finding.culprit = (struct culprit){.kind = CULPRIT_CODE, .name = (char *)culprit};
	signatures_make(crash, &findings, &signatures);
	assert_string_equal(signatures.cause_text, wanted);
	assert_int_equal(strlen(signatures.cause), wanted[0] ? 16 : 0);
	if (wanted[0])
		assert_string_equal(signatures.any, signatures.cause);
	assert_int_equal(strlen(signatures.any), 16);
}

static void class_and_culprit_make_the_text(void **state)
{
	struct crash crash = {.facts = {.signal = {.number = SIGSEGV}}};

	(void)state;
	check_cause(&crash, FINDING_DOUBLE_MUNMAP, CONFIDENCE_PROVEN, "libwalker.so.2 walker_close.part.0",
		    "cause 2: double-munmap libwalker.so walker_close");
	check_cause(&crash, FINDING_DOUBLE_MUNMAP, CONFIDENCE_PROVEN, "libwalker.so.2+0x1234",
		    "cause 2: double-munmap libwalker.so+0x1234");
	check_cause(&crash, FINDING_UNLOADED_DATA, CONFIDENCE_PROVEN, "plugin.so", "cause 2: unloaded-data plugin.so");
	/* The same function's name in two modules is two functions. */
	check_cause(&crash, FINDING_USE_AFTER_FREE, CONFIDENCE_PROVEN, "liba.so.1 close_all",
		    "cause 2: use-after-free liba.so close_all");
	check_cause(&crash, FINDING_USE_AFTER_FREE, CONFIDENCE_PROVEN, "libb.so.1 close_all",
		    "cause 2: use-after-free libb.so close_all");
	crash.core.abort_message = (char *)"prog: a.c:12: check: Assertion `x > 0' failed.";
	check_cause(&crash, FINDING_ASSERTION_FAILURE, CONFIDENCE_PROVEN, "prog check",
		    "cause 2: assertion-failure prog check x > 0");
	crash.core.abort_message = (char *)"prog: a.c:99: check: Assertion `x > 0' failed.";
	check_cause(&crash, FINDING_ASSERTION_FAILURE, CONFIDENCE_PROVEN, "prog check",
		    "cause 2: assertion-failure prog check x > 0");
	crash.facts.signal = (struct crash_signal){.number = SIGTERM, .sender_comm = "bash"};
	check_cause(&crash, FINDING_KILLED_BY_PROCESS, CONFIDENCE_PROVEN, NULL,
		    "cause 2: killed-by-process SIGTERM by bash");
	crash.facts.pid = 7;
	strcpy(crash.facts.comm, "prog");
	crash.facts.signal = (struct crash_signal){.number = SIGXFSZ, .sender_pid = 7};
	check_cause(&crash, FINDING_KILLED_BY_PROCESS, CONFIDENCE_PROVEN, NULL,
		    "cause 2: killed-by-process SIGXFSZ by prog");
	crash.facts.signal.sender_pid = 8;
	check_cause(&crash, FINDING_KILLED_BY_PROCESS, CONFIDENCE_PROVEN, NULL, "");
}

/* A process is known by its command name; one without is nobody. What is only suspected is no culprit. */
static void processes_have_names_and_suspects_do_not_count(void **state)
{
	struct crash crash = {.facts = {.signal = {.number = SIGQUIT}}};
	struct finding finding = {.class = FINDING_FORWARDED_SIGNAL, .confidence = CONFIDENCE_PROVEN};
	struct finding_list findings = {.findings = &finding, .count = 1};
	struct signatures signatures;

	(void)state;
	finding.culprit = (struct culprit){.kind = CULPRIT_PROCESS, .name = (char *)"a process", .pid = 7};
	signatures_make(&crash, &findings, &signatures);
	assert_string_equal(signatures.cause_text, "");
	finding.culprit.comm = (char *)"supervisor";
	signatures_make(&crash, &findings, &signatures);
	assert_string_equal(signatures.cause_text, "cause 2: forwarded-signal supervisor");
	finding.suspect = (struct culprit){.kind = CULPRIT_CODE, .name = (char *)"prog walk"};
	finding.culprit = (struct culprit){0};
	signatures_make(&crash, &findings, &signatures);
	assert_string_equal(signatures.cause_text, "");
}

static void an_end_or_a_guess_is_no_cause(void **state)
{
	static const enum finding_class ends[] = {
		FINDING_UNKNOWN,
		FINDING_NULL_DEREFERENCE,
		FINDING_NULL_CALL,
		FINDING_WILD_JUMP,
		FINDING_NX_EXECUTION,
		FINDING_WILD_POINTER,
		FINDING_DIVIDE_BY_ZERO,
		FINDING_ILLEGAL_INSTRUCTION,
		FINDING_NON_CANONICAL_POINTER,
		FINDING_HEAP_CORRUPTION,
		FINDING_SNAPSHOT,
	};
	struct crash crash = {.facts = {.signal = {.number = SIGSEGV}}};
	struct finding_list none = {0};
	struct signatures signatures;

	(void)state;
	for (size_t i = 0; i < array_size(ends); i++)
		check_cause(&crash, ends[i], CONFIDENCE_PROVEN, "prog walk", "");
	check_cause(&crash, FINDING_DOUBLE_MUNMAP, CONFIDENCE_POSSIBLE, "prog walk", "");
	check_cause(&crash, FINDING_DOUBLE_MUNMAP, CONFIDENCE_PROVEN, NULL, "");
	check_cause(&crash, FINDING_KILLED_BY_PROCESS, CONFIDENCE_PROVEN, NULL, "");
	signatures_make(&crash, &none, &signatures);
	assert_string_equal(signatures.cause, "");
}

/* ---- the stack ---- */

#define FRAME(module_, function_)                                                                                      \
	{                                                                                                              \
		.symbol = {.module = (char *)(module_), .function = (char *)(function_) }                              \
	}
#define NO_SYMBOL(module_, offset_)                                                                                    \
	{                                                                                                              \
		.symbol = {.module = (char *)(module_), .module_offset = (offset_) }                                   \
	}

static const struct finding no_finding = {.class = FINDING_UNKNOWN};

static void check_stack(struct frame *frames, size_t count, const char *wanted)
{
	struct thread_stack stack = {.tid = 1, .crashed = true, .frames = frames, .frame_count = count};
	struct crash crash = {
		.facts = {.signal = {.number = SIGSEGV}, .stacks = {.threads = &stack, .thread_count = 1}}};
	struct finding_list findings = {.findings = (struct finding *)&no_finding, .count = 1};
	struct signatures signatures;

	signatures_make(&crash, &findings, &signatures);
	assert_string_equal(signatures.stack_text, wanted);
	assert_int_equal(strlen(signatures.stack), wanted[0] ? 16 : 0);
	assert_int_equal(strlen(signatures.any), 16);
}

#define CHECK_STACK(frames, wanted) check_stack(frames, array_size(frames), wanted)

static void innermost_functions_of_the_program_make_the_text(void **state)
{
	struct frame frames[] = {
		FRAME("/lib/libc.so.6", "__pthread_kill_implementation"),
		FRAME("/lib/libc.so.6", "abort"),
		FRAME("/opt/libx.so.2.1", "give_up.cold"),
		FRAME("/opt/prog", "parse.part.0"),
		FRAME("/opt/prog", "run"),
		FRAME("/opt/prog", "main"),
		FRAME("/lib/libc.so.6", "__libc_start_call_main"),
	};

	(void)state;
	CHECK_STACK(frames, "stack 2: SIGSEGV, libx.so give_up, prog parse, prog run");
	check_stack(frames, 4, "stack 2: SIGSEGV, libx.so give_up, prog parse");
	/* Libraries alone say nothing: every program's abort looks the same. */
	check_stack(frames, 2, "");
	check_stack(frames, 0, "");
	/* main alone is better than nothing; a stack that ends before it is no other. */
	check_stack(frames + 5, 2, "stack 2: SIGSEGV, prog main");
	check_stack(frames + 4, 3, "stack 2: SIGSEGV, prog run");
	check_stack(frames + 4, 1, "stack 2: SIGSEGV, prog run");
	/* Without the C library's debug symbols. */
	frames[0].symbol.function = NULL;
	CHECK_STACK(frames, "stack 2: SIGSEGV, libx.so give_up, prog parse, prog run");
}

static void libraries_in_the_program_are_left_out(void **state)
{
	struct frame c[] = {
		FRAME("/opt/prog", "__pthread_kill_implementation.constprop.0"),
		FRAME("/opt/prog", "raise"),
		FRAME("/opt/prog", "abort"),
		FRAME("/opt/prog", "malloc_printerr"),
		FRAME("/opt/prog", "_int_free"),
		FRAME("/opt/prog", "free"),
		FRAME("/opt/prog", "drop"),
		FRAME("/opt/prog", "main"),
	};
	struct frame cxx[] = {
		FRAME("/lib/libstdc++.so.6", "_ZSt9terminatev"),
		FRAME("/opt/prog", "_ZNSt6vectorIiSaIiEE9push_backERKi"),
		FRAME("/opt/prog", "_ZNK5shop2atEi"),
		FRAME("/opt/prog", "main"),
	};
	struct frame rust[] = {
		FRAME("/opt/prog", "_ZN3std9panicking20rust_panic_with_hook17h0123456789abcdefE"),
		FRAME("/opt/prog", "rust_begin_unwind"),
		FRAME("/opt/prog", "_ZN4core9panicking9panic_fmt17h0123456789abcdefE"),
		FRAME("/opt/prog", "_ZN80_$LT$alloc..vec..Vec$LT$T$GT$$u20$as$u20$core..ops..index..Index$GT$"
				   "5index17h0123456789abcdefE"),
		FRAME("/opt/prog", "_ZN4mint5weigh17h0123456789abcdefE"),
	};
	struct frame go[] = {
		FRAME("/opt/prog", "runtime.raise.abi0"), FRAME("/opt/prog", "runtime.sigtramp.abi0"),
		NO_SYMBOL("/opt/prog", 0x5f540), /* the runtime's sigreturn */
		FRAME("/opt/prog", "runtime.sigpanic"),	  FRAME("/opt/prog", "main.(*broker).publish"),
		FRAME("/opt/prog", "main.main"),	  FRAME("/opt/prog", "runtime.main"),
	};

	(void)state;
	CHECK_STACK(c, "stack 2: SIGSEGV, prog drop");
	CHECK_STACK(cxx, "stack 2: SIGSEGV, prog _ZNK5shop2atEi");
	CHECK_STACK(rust, "stack 2: SIGSEGV, prog _ZN4mint5weigh");
	CHECK_STACK(go, "stack 2: SIGSEGV, prog main.(*broker).publish, prog main.main");
}

static void templates_and_modules_stay_apart(void **state)
{
	struct frame ints[] = {FRAME("/opt/prog", "_ZN5queueIiE4pushERKi"), FRAME("/opt/prog", "main")};
	struct frame doubles[] = {FRAME("/opt/prog", "_ZN5queueIdE4pushERKd"), FRAME("/opt/prog", "main")};
	struct frame modules[] = {FRAME("/opt/liba.so", "close_all"), FRAME("/opt/libb.so", "close_all")};

	(void)state;
	CHECK_STACK(ints, "stack 2: SIGSEGV, prog _ZN5queueIiE4pushERKi");
	CHECK_STACK(doubles, "stack 2: SIGSEGV, prog _ZN5queueIdE4pushERKd");
	CHECK_STACK(modules, "stack 2: SIGSEGV, liba.so close_all, libb.so close_all");
}

/* Which of them ran out of stack is chance: the same text, and the caller of all of them stays in it. */
static void recursion_is_folded(void **state)
{
	struct frame even[] = {
		FRAME("/opt/prog", "odd"),  FRAME("/opt/prog", "even"), FRAME("/opt/prog", "odd"),
		FRAME("/opt/prog", "even"), FRAME("/opt/prog", "odd"),	FRAME("/opt/prog", "run"),
	};
	struct frame odd[] = {
		FRAME("/opt/prog", "even"), FRAME("/opt/prog", "odd"),	FRAME("/opt/prog", "even"),
		FRAME("/opt/prog", "odd"),  FRAME("/opt/prog", "even"), FRAME("/opt/prog", "odd"),
		FRAME("/opt/prog", "run"),
	};
	struct frame leaf[] = {
		FRAME("/opt/prog", "visit"), FRAME("/opt/prog", "walk"), FRAME("/opt/prog", "walk"),
		FRAME("/opt/prog", "walk"),  FRAME("/opt/prog", "run"),
	};
	struct frame once[] = {FRAME("/opt/prog", "walk"), FRAME("/opt/prog", "run")};
	struct frame twice[] = {FRAME("/opt/prog", "walk"), FRAME("/opt/prog", "walk"), FRAME("/opt/prog", "run")};

	(void)state;
	CHECK_STACK(even, "stack 2: SIGSEGV, prog even, prog odd, prog run");
	CHECK_STACK(odd, "stack 2: SIGSEGV, prog even, prog odd, prog run");
	CHECK_STACK(leaf, "stack 2: SIGSEGV, prog visit, prog walk, prog run");
	CHECK_STACK(once, "stack 2: SIGSEGV, prog walk, prog run");
	CHECK_STACK(twice, "stack 2: SIGSEGV, prog walk, prog run");
}

static void deep_recursion_of_many_fits(void **state)
{
	static struct frame frames[4096];
	static char names[300][16];

	(void)state;
	for (size_t i = 0; i < array_size(names); i++)
		snprintf(names[i], sizeof(names[i]), "rule%03zu", i);
	for (size_t i = 0; i < array_size(frames); i++)
		frames[i] = (struct frame)FRAME("/opt/prog", names[i % array_size(names)]);
	CHECK_STACK(frames, "stack 2: SIGSEGV, prog rule000, prog rule001, prog rule002");
}

static void what_has_no_name_is_left_out_or_an_offset(void **state)
{
	struct frame stripped[] = {NO_SYMBOL("/opt/prog", 0x1189), NO_SYMBOL("/opt/prog", 0x1200)};
	struct frame jump[] = {{.pc = 0x10}, FRAME("/opt/prog", "run"), FRAME("/opt/prog", "main")};
	struct frame lost[] = {FRAME("/opt/prog", "run"), {.trust = FRAME_LOST}, FRAME("/opt/prog", "main")};
	struct frame tail[] = {
		FRAME("/opt/prog", "run"),
		{.trust = FRAME_TAIL_CALL, .symbol = {.module = (char *)"/opt/prog", .function = (char *)"step"}},
		FRAME("/opt/prog", "main")};

	(void)state;
	CHECK_STACK(stripped, "stack 2: SIGSEGV, prog+0x1189, prog+0x1200");
	CHECK_STACK(jump, "stack 2: SIGSEGV, prog run");
	CHECK_STACK(lost, "stack 2: SIGSEGV, prog run");
	CHECK_STACK(tail, "stack 2: SIGSEGV, prog run");
}

static void the_crashed_thread_counts(void **state)
{
	struct frame other[] = {FRAME("/opt/prog", "poll_all")}, crashed[] = {FRAME("/opt/prog", "work")};
	struct thread_stack stacks[] = {
		{.tid = 1, .frames = other, .frame_count = 1},
		{.tid = 2, .crashed = true, .frames = crashed, .frame_count = 1},
	};
	struct crash crash = {
		.facts = {.signal = {.number = SIGBUS}, .stacks = {.threads = stacks, .thread_count = 2}}};
	struct finding_list findings = {.findings = (struct finding *)&no_finding, .count = 1};
	struct signatures signatures;

	(void)state;
	signatures_make(&crash, &findings, &signatures);
	assert_string_equal(signatures.stack_text, "stack 2: SIGBUS, prog work");
	assert_string_equal(signatures.any, signatures.stack);
}

/* ---- groups ---- */

#define CRASH(cause_, stack_)                                                                                          \
	{                                                                                                              \
		.cause = cause_, .stack = stack_, .any = "program 1"                                                   \
	}

static void check_groups(const struct signature_pair *pairs, size_t count, const size_t *wanted)
{
	size_t groups[16];

	assert_true(count <= array_size(groups));
	assert_null(signature_group(pairs, count, groups));
	for (size_t i = 0; i < count; i++)
		assert_int_equal(groups[i], wanted[i]);
}

static void one_cause_is_one_group(void **state)
{
	static const struct signature_pair pairs[] = {CRASH("a", "x"), CRASH("b", "y"), CRASH("a", "z"),
						      CRASH("a", "")};

	(void)state;
	check_groups(pairs, 4, (const size_t[]){0, 1, 0, 0});
	check_groups(pairs, 0, NULL);
}

static void a_stack_that_leads_to_one_group_joins_it(void **state)
{
	static const struct signature_pair pairs[] = {CRASH("", "x"), CRASH("a", "x"), CRASH("a", "y"), CRASH("", "y"),
						      CRASH("", "z"), CRASH("", "z"),  CRASH("a", "x")};

	(void)state;
	check_groups(pairs, 7, (const size_t[]){0, 0, 0, 0, 1, 1, 0});
}

/* Two bugs with one victim: nothing tells whose the crash without a cause is. */
static void a_stack_that_leads_to_two_groups_joins_none(void **state)
{
	static const struct signature_pair pairs[] = {CRASH("a", "x"), CRASH("b", "x"), CRASH("", "x"), CRASH("", "x")};

	(void)state;
	check_groups(pairs, 4, (const size_t[]){0, 1, 2, 2});
	/* With one of the two there is nothing to choose. */
	check_groups(pairs + 1, 3, (const size_t[]){0, 0, 0});
}

/* Groups are not joined by a chain of crashes without a cause. */
static void stacks_do_not_join_groups(void **state)
{
	static const struct signature_pair pairs[] = {CRASH("a", "x"), CRASH("a", "y"), CRASH("b", "y"),
						      CRASH("b", "z"), CRASH("", "x"),	CRASH("", "y"),
						      CRASH("", "z")};

	(void)state;
	check_groups(pairs, 7, (const size_t[]){0, 0, 1, 1, 0, 2, 1});
}

static void crashes_without_either_are_counted_by_program(void **state)
{
	static const struct signature_pair pairs[] = {
		CRASH("", ""), CRASH("a", ""), CRASH("", ""), {.any = "program 2"}, CRASH("", "x"),
	};

	(void)state;
	check_groups(pairs, 5, (const size_t[]){0, 1, 0, 2, 3});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(modules_lose_versions),
		cmocka_unit_test(functions_lose_what_compilers_append),
		cmocka_unit_test(long_names_stay_apart),
		cmocka_unit_test(class_and_culprit_make_the_text),
		cmocka_unit_test(processes_have_names_and_suspects_do_not_count),
		cmocka_unit_test(an_end_or_a_guess_is_no_cause),
		cmocka_unit_test(innermost_functions_of_the_program_make_the_text),
		cmocka_unit_test(libraries_in_the_program_are_left_out),
		cmocka_unit_test(templates_and_modules_stay_apart),
		cmocka_unit_test(recursion_is_folded),
		cmocka_unit_test(deep_recursion_of_many_fits),
		cmocka_unit_test(what_has_no_name_is_left_out_or_an_offset),
		cmocka_unit_test(the_crashed_thread_counts),
		cmocka_unit_test(one_cause_is_one_group),
		cmocka_unit_test(a_stack_that_leads_to_one_group_joins_it),
		cmocka_unit_test(a_stack_that_leads_to_two_groups_joins_none),
		cmocka_unit_test(stacks_do_not_join_groups),
		cmocka_unit_test(crashes_without_either_are_counted_by_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
