/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "analyzer/demangle.h"

static void check_function(const char *mangled, const char *wanted)
{
	char out[256];

	assert_int_equal(demangle_function(mangled, out, sizeof(out)), wanted != NULL);
	if (wanted)
		assert_string_equal(out, wanted);
}

static void check_type(const char *mangled, const char *wanted)
{
	char out[256];

	assert_int_equal(demangle_type(mangled, out, sizeof(out)), wanted != NULL);
	if (wanted)
		assert_string_equal(out, wanted);
}

static void functions(void **state)
{
	(void)state;
	check_function("_Z5placei", "place");
	check_function("_ZN2ns5Class6methodEi", "ns::Class::method");
	check_function("_ZNK2ns5Class6methodEv", "ns::Class::method");
	check_function("_ZN4BaseC1Ev", "Base::Base");
	check_function("_ZN4BaseD2Ev", "Base::~Base");
	check_function("_ZSt9terminatev", "std::terminate");
	check_function("_ZNSt6threadD1Ev", "std::thread::~thread");
	check_function("_ZN12_GLOBAL__N_13runEv", "(anonymous)::run");
	check_function("_ZNSt6vectorIiSaIiEE9push_backEOi", NULL); /* a substitution in front of a name: left alone */
	check_function("main", NULL);
	check_function("_Z", NULL);
	check_function("_ZN5Class", NULL);
	check_function("_ZN99999Class6methodEi", NULL);
}

static void rust(void **state)
{
	(void)state;
	check_function("_ZN2rs4big317h9fab08d4c0d71aa9E", "rs::big3");
	check_function("_ZN2rs4main28_$u7b$$u7b$closure$u7d$$u7d$17h4550febabe7be14cE", "rs::main::{{closure}}");
	check_function("_RNvNtCsjrHSEGnQ3l9_3std7process5abort", "std::process::abort");
	check_function("_RNvNtNtNtCsjrHSEGnQ3l9_3std3sys3pal4unix14abort_internal",
		       "std::sys::pal::unix::abort_internal");
	check_function("_RNvNvMs0_NtNtNtCsjrHSEGnQ3l9_3std3sys6thread4unixNtB7_6Thread3new12thread_start",
		       "std::sys::thread::unix::Thread::new::thread_start");
	check_function("_RINvNtCsgEmfK2I1SDS_4core9panicking13assert_failedjjEB4_", "core::panicking::assert_failed");
	check_function("_RNCNvNtCsjrHSEGnQ3l9_3std9panicking13panic_handler0B5_",
		       "std::panicking::panic_handler::{closure}");
	check_function("_RB_", NULL);
	check_function("_RNvB9_1a", NULL);
	check_function("_RNvNvNvNv", NULL);
}

static void types(void **state)
{
	(void)state;
	check_type("i", "int");
	check_type("PKc", "char const*");
	check_type("St13runtime_error", "std::runtime_error");
	check_type("N4shop10OrderErrorE", "shop::OrderError");
	check_type("5Error", "Error");
	check_type("NSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE", "std::string");
	check_type("", NULL);
	check_type("N4shop", NULL);
	check_type("PPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPi", NULL);
}

static void no_room(void **state)
{
	char out[8];

	(void)state;
	assert_false(demangle_function("_ZN2ns5Class6methodEi", out, sizeof(out)));
	assert_false(demangle_function("_ZN2ns5Class6methodEi", out, 0));
	assert_true(demangle_function("_Z5placei", out, sizeof(out)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(functions),
		cmocka_unit_test(rust),
		cmocka_unit_test(types),
		cmocka_unit_test(no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
