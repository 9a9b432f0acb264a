/* SPDX-License-Identifier: MIT */
/* Whose constants a function's code has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "analyzer/facts/blame.h"

static const char gcc[] = "GCC: (Debian 12.2.0-14+deb12u1) 12.2.0";
static const char both[] = "GCC: (Debian 12.2.0-14+deb12u1) 12.2.0\0Debian clang version 14.0.6";

static bool own(const char *name, bool is_local, const char *comment, size_t size)
{
	return blame_has_own_constants(name, is_local, comment, size);
}

static void test_known_to_others(void **state)
{
	(void)state;
	assert_true(own("find_user", false, NULL, 0));
	assert_true(own("_ZN8registry3getEv", false, both, sizeof(both)));
	assert_false(own("width.constprop.0", false, gcc, sizeof(gcc)));
}

static void test_local(void **state)
{
	(void)state;
	assert_true(own("find_user", true, gcc, sizeof(gcc)));
	assert_true(own("label.isra.0", true, gcc, sizeof(gcc)));
	assert_true(own("label.isra.0.part.12", true, gcc, sizeof(gcc)));
	assert_false(own("label.constprop.0.isra.0", true, gcc, sizeof(gcc)));
	assert_false(own("find_user", true, both, sizeof(both)));
	assert_false(own("find_user", true, NULL, 0));
	assert_false(own("find_user", true, "clang", 5));
}

static void test_other_languages(void **state)
{
	(void)state;
	assert_false(own("_ZN5ferry10read_field17hfecd2d636e179abdE", true, gcc, sizeof(gcc)));
	assert_false(own("_RNvCs1234_7mycrate3foo", true, gcc, sizeof(gcc)));
	assert_false(own("_D4main3fooFZv", true, gcc, sizeof(gcc)));
	assert_false(own("*Object#call<Int32>:Nil", true, gcc, sizeof(gcc)));
	assert_false(own("main.foo", true, gcc, sizeof(gcc)));
	assert_true(own("_Draw", true, gcc, sizeof(gcc)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_to_others),
		cmocka_unit_test(test_local),
		cmocka_unit_test(test_other_languages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
