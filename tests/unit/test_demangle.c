/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/elf/elf_demangle.h"
#include "common/cleanup.h"

static void check(char *(*demangle)(const char *), const char *mangled, const char *expected)
{
	cleanup_free char *name = demangle(mangled);

	if (!expected) {
		assert_null(name);
		return;
	}
	assert_non_null(name);
	assert_string_equal(name, expected);
}

static char *plain(const char *name)
{
	return elf_demangle(name, false);
}

static char *with_parameters(const char *name)
{
	return elf_demangle(name, true);
}

static void functions_of_cpp(void **state)
{
	(void)state;
	check(plain, "_ZN2ns5Class6methodEi", "ns::Class::method");
	check(with_parameters, "_ZN2ns5Class6methodEi", "ns::Class::method(int)");
	check(plain, "_ZSt9terminatev", "std::terminate");
	check(plain, "_ZNSt6vectorIiSaIiEE2atEm", "std::vector<int, std::allocator<int> >::at");
}

static void functions_of_rust(void **state)
{
	(void)state;
	check(plain, "_ZN2r13big17ha3f7448b79e03e9bE", "r1::big");
	check(plain, "_RNvNtCsjrHSEGnQ3l9_3std7process5abort", "std::process::abort");
}

static void types(void **state)
{
	(void)state;
	check(elf_demangle_type, "N2ns5ErrorE", "ns::Error");
	check(elf_demangle_type, "St13runtime_error", "std::runtime_error");
	check(elf_demangle_type, "PKc", "char const*");
	check(elf_demangle_type, "i", "int");
}

static void what_is_no_mangled_name(void **state)
{
	(void)state;
	check(plain, "main", NULL);
	check(plain, "", NULL);
	check(plain, "_Z", NULL);
	check(plain, "_ZN", NULL);
	check(plain, "_R", NULL);
	check(plain, "_ZN2r13big17ha3f7448b79e03e9b", NULL);
	check(elf_demangle_type, "", NULL);
}

/* Each parameter is a function that takes the one before twice: the last of them stands for a text of 2^59 pieces. */
static void a_short_name_for_an_endless_text(void **state)
{
	static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	char name[2048] = "_Z1fPFviE";
	size_t used = strlen(name);

	(void)state;
	for (unsigned i = 0; i < 59; i++) {
		/* Substitutions 0, 2, 4, ... of <seq-id> are the pointers; base 36. */
		char id[3] = {0};
		unsigned number = 2 * i;

		if (number < 36) {
			id[0] = digits[number];
		} else {
			id[0] = digits[number / 36];
			id[1] = digits[number % 36];
		}
		used += (size_t)snprintf(name + used, sizeof(name) - used, "PFvS%s_S%s_E", id, id);
		if (i == 3) {
			cleanup_free char *short_one = elf_demangle(name, true);

			assert_non_null(short_one); /* it is a name */
			assert_true(strlen(short_one) > 400);
		}
	}
	check(with_parameters, name, NULL);
}

static void long_names(void **state)
{
	char *name = malloc(1 << 20);

	(void)state;
	assert_non_null(name);
	memset(name, 'P', 1 << 20);
	memcpy(name, "_Z1f", 4);
	name[(1 << 20) - 1] = 0;
	assert_null(elf_demangle(name, true));
	/* Deep, and not too long. */
	name[8000] = 0;
	free(elf_demangle(name, true));
	free(name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(functions_of_cpp),
		cmocka_unit_test(functions_of_rust),
		cmocka_unit_test(types),
		cmocka_unit_test(what_is_no_mangled_name),
		cmocka_unit_test(a_short_name_for_an_endless_text),
		cmocka_unit_test(long_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
