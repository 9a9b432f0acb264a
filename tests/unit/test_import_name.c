/* SPDX-License-Identifier: MIT */
/* Names of systemd-coredump's files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "cli/import_name.h"

#define BOOT "0123456789ab4cde8f0123456789abcd"

static void test_understood(void **state)
{
	static const char *const suffixes[] = {"", ".zst", ".lz4", ".xz"};
	struct import_name name;
	char text[256];

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		snprintf(text, sizeof(text), "core.depot.1000." BOOT ".4242.1714979291345678%s", suffixes[i]);
		assert_true(import_name_parse(text, &name));
		assert_string_equal(name.comm, "depot");
		assert_int_equal(name.uid, 1000);
		assert_int_equal(name.pid, 4242);
		assert_string_equal(name.boot_id, "01234567-89ab-4cde-8f01-23456789abcd");
		assert_int_equal(name.time_ns, 1714979291345678000);
	}
	assert_true(import_name_parse("core.a\\x2eb\\x2f\\x1b.0." BOOT ".1.1714979291", &name));
	assert_string_equal(name.comm, "a.b/\x1b");
	assert_int_equal(name.time_ns, 1714979291000000000);
	assert_true(import_name_parse("core..0." BOOT ".1.1", &name));
	assert_string_equal(name.comm, "");
	assert_true(import_name_parse("core.sixteen-letters!.0." BOOT ".1.1", &name));
}

static void test_refused(void **state)
{
	static const char *const names[] = {
		"",
		"core",
		"core.",
		"core.4242",
		"depot.1000." BOOT ".4242.1714979291345678",
		"core.depot.1000." BOOT ".4242",
		"core.depot.1000." BOOT ".4242.",
		"core.depot.1000." BOOT ".0.1714979291345678",
		"core.depot.1000." BOOT ".-1.1714979291345678",
		"core.depot.1000." BOOT ".4294967296.1714979291345678",
		"core.depot.-5." BOOT ".4242.1714979291345678",
		"core.depot.1000." BOOT "0.4242.1714979291345678",
		"core.depot.1000.0123456789AB4CDE8F0123456789ABCD.4242.1714979291345678",
		"core.depot.1000." BOOT ".4242.99999999999999999999",
		"core.depot.1000." BOOT ".4242.1714979291345678.gz",
		"core.depot.1000." BOOT ".4242.1714979291345678.zst.zst",
		"core.a\\x0.1000." BOOT ".4242.1714979291345678",
		"core.a\\x00.1000." BOOT ".4242.1714979291345678",
		"core.a\\n.1000." BOOT ".4242.1714979291345678",
		"core.seventeen-letters.1000." BOOT ".4242.1714979291345678",
	};
	struct import_name name;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (import_name_parse(names[i], &name))
			fail_msg("'%s' was understood", names[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_understood), cmocka_unit_test(test_refused)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
