/* SPDX-License-Identifier: MIT */
/* Moments on a command line: what is understood, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <time.h>

#include "cli/when.h"

/* Sunday, 2026-11-22 05:09:12.5 UTC. */
#define NOW (1795324152LL * 1000000000 + 500000000)
#define SECOND 1000000000LL
#define TODAY (1795305600LL * SECOND) /* 2026-11-22 00:00:00 UTC */

static void zone(const char *name)
{
	setenv("TZ", name, 1);
	tzset();
}

static void expect(const char *text, int64_t wanted_ns)
{
	int64_t ns = -1;
	struct error *err = when_parse(text, NOW, &ns);

	if (err)
		fail_msg("'%s' was refused: %s", text, err->message);
	if (ns != wanted_ns)
		fail_msg("'%s' is %lld, not %lld", text, (long long)ns, (long long)wanted_ns);
}

static void refuse(const char *text)
{
	int64_t ns = -1;
	struct error *err = when_parse(text, NOW, &ns);

	if (!err)
		fail_msg("'%s' was taken for %lld", text, (long long)ns);
	assert_int_equal(err->code, ERROR_INVALID);
	assert_int_equal(ns, -1);
	error_destroy(err);
}

static void test_words(void **state)
{
	(void)state;
	zone("UTC");
	expect("now", NOW);
	expect("today", TODAY);
	expect("yesterday", TODAY - 86400 * SECOND);
	expect("tomorrow", TODAY + 86400 * SECOND);
	refuse("");
	refuse(" ");
	refuse("nowish");
	refuse("Today");
}

static void test_epoch(void **state)
{
	(void)state;
	expect("@0", 0);
	expect("@1763787600", 1763787600 * SECOND);
	expect("@1763787600.25", 1763787600 * SECOND + 250000000);
	refuse("@");
	refuse("@-1");
	refuse("@1.");
	refuse("@1 ");
	refuse("@99999999999999999999");
	refuse("@9223372036854775807");
	refuse("@9223372036.999999999");
}

static void test_relative(void **state)
{
	(void)state;
	expect("-2h", NOW - 7200 * SECOND);
	expect("2h ago", NOW - 7200 * SECOND);
	expect("3 days ago", NOW - 3 * 86400 * SECOND);
	expect("+1h30min", NOW + 5400 * SECOND);
	expect("1h 30min left", NOW + 5400 * SECOND);
	expect("-1.5h", NOW - 5400 * SECOND);
	expect("-90", NOW - 90 * SECOND);
	expect("5 ago", NOW - 5 * SECOND);
	expect("-2weeks", NOW - 14 * 86400 * SECOND);
	expect("-1month", NOW - 2629800 * SECOND);
	expect("-1M", NOW - 2629800 * SECOND);
	expect("-1m", NOW - 60 * SECOND);
	expect("-250ms", NOW - 250000000);
	expect("-7us", NOW - 7000);
	refuse("2h");
	refuse("-");
	refuse("+");
	refuse("-h");
	refuse("-2x");
	refuse("-2h ago");
	refuse("ago");
	refuse("--2h");
	refuse("-2hh");
	refuse("-2. h");
	refuse("-100y");	    /* before 1970 */
	refuse("+300y");	    /* beyond what 64 bits hold */
	refuse("-99999999999999d"); /* does not fit either */
	refuse("-9999999999999999999999s");
	refuse("2h ago ago");
}

static void test_dates(void **state)
{
	(void)state;
	zone("UTC");
	expect("2026-11-22", TODAY);
	expect("2026-11-22 05:00", TODAY + 5 * 3600 * SECOND);
	expect("2026-11-22 05:00:07", TODAY + (5 * 3600 + 7) * SECOND);
	expect("2026-11-22T05:00:07.5Z", TODAY + (5 * 3600 + 7) * SECOND + 500000000);
	expect("05:00", TODAY + 5 * 3600 * SECOND);
	expect("23:59:59", TODAY + 86399 * SECOND);
	expect("Sun 2026-11-22", TODAY);
	expect("sunday 2026-11-22 05:00", TODAY + 5 * 3600 * SECOND);
	expect("2024-02-29", 1709164800 * SECOND);
	refuse("Mon 2026-11-22");
	refuse("Sun");
	refuse("2026-02-29");
	refuse("2026-13-01");
	refuse("2026-00-01");
	refuse("2026-01-00");
	refuse("2026-1-1");
	refuse("2026-11-22 24:00");
	refuse("2026-11-22 05:60");
	refuse("2026-11-22 05:00:60");
	refuse("2026-11-22 5:00");
	refuse("2026-11-22 05");
	refuse("2026-11-22 05:00 ");
	refuse("2026-11-22 05:00x");
	refuse("2026-11-22 ");
	refuse("2026-11-22T");
	refuse("2026-11-22 UTC UTC");
	refuse("1969-12-31");
	refuse("2262-01-01");
	refuse("9999-01-01");
	refuse("\x1b[31m");
}

static void test_zones(void **state)
{
	(void)state;
	zone("XXX-3"); /* three hours east of Greenwich */
	expect("2026-11-22", TODAY - 3 * 3600 * SECOND);
	expect("2026-11-22 UTC", TODAY);
	expect("2026-11-22 05:00 UTC", TODAY + 5 * 3600 * SECOND);
	expect("05:00 UTC", TODAY + 5 * 3600 * SECOND);
	expect("2026-11-22T05:00Z", TODAY + 5 * 3600 * SECOND);
	expect("today", TODAY - 3 * 3600 * SECOND);
	zone("UTC");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words), cmocka_unit_test(test_epoch), cmocka_unit_test(test_relative),
		cmocka_unit_test(test_dates), cmocka_unit_test(test_zones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
