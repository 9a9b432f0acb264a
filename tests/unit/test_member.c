/* SPDX-License-Identifier: MIT */
/*
 * Which structure member a null pointer was used for, on real cores: member_victim.c is compiled in several ways, and
 * GDB writes the core. Without GDB or a compiler these tests skip.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analyzer/core/core.h"
#include "analyzer/assemble/assemble.h"

static char directory[] = "/tmp/test_member.XXXXXX";

static void __attribute__((format(printf, 1, 2))) command(const char *format, ...)
{
	char line[1024];
	va_list args;

	va_start(args, format);
	assert_true(vsnprintf(line, sizeof(line), format, args) < (int)sizeof(line));
	va_end(args);
	assert_int_equal(system(line), 0);
}

static void build(const char *compiler)
{
	char source[512];

	if (system("command -v gdb >/dev/null && command -v cc >/dev/null && command -v c++ >/dev/null") != 0)
		skip();
	snprintf(source, sizeof(source), "%s", __FILE__);
	strrchr(source, '/')[1] = 0;
	command("%s -o %s/victim '%smember_victim.c'", compiler, directory, source);
}

/* `expected` is "" when nothing may be said. */
static void check(const char *how, const char *expected)
{
	struct assemble_request request = {0};
	struct core *core = NULL;
	struct crash crash;
	struct error *err;
	char path[64];

	snprintf(path, sizeof(path), "%s/core", directory);
	unlink(path);
	command("gdb -nx -batch -ex 'set debuginfod enabled off' -ex 'run %s' -ex 'gcore %s' %s/victim >%s/log 2>&1",
		how, path, directory, directory);
	if (access(path, R_OK) != 0)
		skip(); /* tracing is not allowed here */
	err = core_open(path, &core);
	assert_null(err);
	err = core_find_modules(core, NULL);
	assert_null(err);
	request.core = core;
	err = assemble_crash(&request, &crash);
	assert_null(err);
	assert_true(crash.facts.fault.is_fault);
	if (strcmp(crash.facts.fault.member.expression, expected) != 0)
		print_message("%s: %s\n", how, crash.facts.fault.instruction);
	assert_string_equal(crash.facts.fault.member.expression, expected);
	if (strcmp(how, "argument") == 0 && expected[0])
		assert_string_equal(crash.facts.fault.member.type, "struct node");
	crash_deinit(&crash);
	core_destroy(core);
}

static void check_silent(void)
{
	check("of_union", "");
	check("beyond", "");
	check("number", "");
	check("either", "");
}

static void test_unoptimized(void **state)
{
	(void)state;
	build("cc -w -g -O0");
	check("argument", "node->next");
	check("chain", "list->head->p.b");
	check("store", "at->y");
	check("element", "node->flat[3]");
	check("of_global", "global->next");
	check("two", "second->next");
	check_silent();
}

static void test_optimized(void **state)
{
	(void)state;
	build("cc -w -g -O2");
	check("argument", "node->next");
	check("chain", "list->head->p.b");
	check("store", "at->y");
	check("element", "node->flat[3]");
	check("table", "nodes[2]->flat[3]");
	check("of_global", "global->next");
	check_silent();
}

static void test_debugging_level(void **state)
{
	(void)state;
	build("cc -w -g -Og");
	check("argument", "node->next");
	check("chain", "list->head->p.b");
	check_silent();
}

static void test_cpp(void **state)
{
	(void)state;
	build("c++ -x c++ -w -g -O0");
	check("argument", "node->next");
	check("chain", "list->head->p.b");
	check_silent();
	build("c++ -x c++ -w -g -O2");
	check("argument", "node->next");
	check("chain", "list->head->p.b");
	check_silent();
}

static void test_no_debug_information(void **state)
{
	(void)state;
	build("cc -w -O0");
	check("argument", "");
	check("chain", "");
}

static int set_up(void **state)
{
	(void)state;
	return mkdtemp(directory) ? 0 : -1;
}

static int tear_down(void **state)
{
	char line[128];

	(void)state;
	snprintf(line, sizeof(line), "rm -r %s", directory);
	return system(line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unoptimized),	     cmocka_unit_test(test_optimized),
		cmocka_unit_test(test_debugging_level),	     cmocka_unit_test(test_cpp),
		cmocka_unit_test(test_no_debug_information),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
