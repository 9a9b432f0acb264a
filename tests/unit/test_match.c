/* SPDX-License-Identifier: MIT */
/* Which crashes the arguments of a verb mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cli/match.h"

static const struct match_facts depot = {
	.id = "ff944739f77ef06d",
	.boot_id = "01234567-89ab-4cde-8f01-23456789abcd",
	.hostname = "story",
	.executable = "/opt/story/bin/depot",
	.comm = "walker",
	.process_comm = "depot",
	.pid = 4242,
	.namespace_pid = 42,
	.uid = 1000,
	.has_uid = true,
	.gid = 100,
	.has_gid = true,
	.signal = 11,
	.real_ns = 1000,
};

#define FITS(...)                                                                                                      \
	({                                                                                                             \
		char *list_[] = {__VA_ARGS__};                                                                         \
		struct match_query query_ = {.arguments = list_, .argument_count = sizeof(list_) / sizeof(list_[0])};  \
		match_fits(&query_, &depot);                                                                           \
	})

static void test_one_argument(void **state)
{
	(void)state;
	assert_true(FITS("4242"));
	assert_true(FITS("42"));
	assert_true(FITS("depot"));
	assert_true(FITS("walker"));
	assert_true(FITS("/opt/story/bin/depot"));
	assert_true(FITS("ff944739f77ef06d"));
	assert_true(FITS("COREDUMP_PID=4242"));
	assert_true(FITS("COREDUMP_UID=1000"));
	assert_true(FITS("COREDUMP_GID=100"));
	assert_true(FITS("COREDUMP_SIGNAL=11"));
	assert_true(FITS("COREDUMP_COMM=depot"));
	assert_true(FITS("COREDUMP_EXE=/opt/story/bin/depot"));
	assert_true(FITS("_HOSTNAME=story"));
	assert_true(FITS("_BOOT_ID=0123456789ab4cde8f0123456789abcd"));
	assert_true(FITS("_BOOT_ID=01234567-89ab-4cde-8f01-23456789abcd"));
	assert_false(FITS("424"));
	assert_false(FITS("42420"));
	assert_false(FITS("0"));
	assert_false(FITS("99999999999999999999999"));
	assert_false(FITS("dep"));
	assert_false(FITS("bin/depot"));
	assert_false(FITS("/opt/story/bin"));
	assert_false(FITS("ff944739f77ef06e"));
	assert_false(FITS("FF944739F77EF06D"));
	assert_false(FITS(""));
	assert_false(FITS("COREDUMP_PID="));
	assert_false(FITS("COREDUMP_UID=-1"));
	assert_false(FITS("COREDUMP_SIGNAL=6"));
	assert_false(FITS("COREDUMP_COMM="));
	assert_false(FITS("COREDUMP_EXE=depot"));
	assert_false(FITS("_BOOT_ID=0123"));
	assert_false(FITS("_BOOT_ID="));
	assert_false(FITS("depot=1"));
}

/* Of one kind any, of different kinds all: as the journal combines its matches. */
static void test_several(void **state)
{
	(void)state;
	assert_true(FITS("1", "4242"));
	assert_true(FITS("depot", "other"));
	assert_true(FITS("depot", "4242"));
	assert_true(FITS("other", "depot", "1", "42"));
	assert_true(FITS("COREDUMP_UID=1000", "COREDUMP_SIGNAL=11"));
	assert_true(FITS("COREDUMP_SIGNAL=6", "COREDUMP_SIGNAL=11"));
	assert_false(FITS("depot", "4243"));
	assert_false(FITS("other", "4242"));
	assert_false(FITS("COREDUMP_UID=1000", "COREDUMP_SIGNAL=6"));
	assert_false(FITS("1", "2"));
}

static void test_unknown(void **state)
{
	struct match_facts nothing = {0};
	char *arguments[] = {"COREDUMP_UID=0", "COREDUMP_GID=0", "0", "COREDUMP_SIGNAL=0", ""};

	(void)state;
	for (size_t i = 0; i < sizeof(arguments) / sizeof(arguments[0]); i++) {
		struct match_query query = {.arguments = &arguments[i], .argument_count = 1};

		assert_false(match_fits(&query, &nothing));
	}
	assert_true(match_fits(&(struct match_query){0}, &nothing));
}

static void test_times(void **state)
{
	struct match_facts undated = {.comm = "depot"};
	struct match_query since = {.has_since = true, .since_ns = 1000};
	struct match_query until = {.has_until = true, .until_ns = 1000};

	(void)state;
	assert_true(match_fits(&since, &depot));
	assert_true(match_fits(&until, &depot));
	since.since_ns++;
	until.until_ns--;
	assert_false(match_fits(&since, &depot));
	assert_false(match_fits(&until, &depot));
	assert_false(match_fits(&since, &undated));
	assert_false(match_fits(&until, &undated));
}

static void test_unknown_field(void **state)
{
	char *arguments[] = {"depot", "a=b", "COREDUMP_PID=1", "COREDUMP_UNIT=x"};
	struct match_query query = {.arguments = arguments, .argument_count = 4};

	(void)state;
	assert_string_equal(match_unknown_field(&query), "COREDUMP_UNIT=x");
	query.argument_count = 3;
	assert_null(match_unknown_field(&query));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_argument),  cmocka_unit_test(test_several),
		cmocka_unit_test(test_unknown),	      cmocka_unit_test(test_times),
		cmocka_unit_test(test_unknown_field),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
