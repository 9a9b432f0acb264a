/* SPDX-License-Identifier: MIT */
/* Plans of probes: what is read from good ones, and that bad ones are refused with their line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "collector/plan.h"

static struct error *read_text(const char *text, struct plan *ret)
{
	FILE *in = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
	struct error *err;

	assert_non_null(in);
	err = plan_read(in, ret);
	fclose(in);
	return err;
}

#define HEAD "corelate-plan\t1\nfile\t0\t/lib/a%09b%25\tidentity=254:3:77:4096:1700000000123456789\nfile\t1\t/lib/c\n"

static void test_whole(void **state)
{
	struct plan plan;
	struct error *err =
		read_text(HEAD "function\t0\t0\t0x10\tcalloc\tcalloc\t\ta hole\n"
			       "argument\t0\t0\treg:rdi\tu64\nargument\t0\t1\treg:rsi-0x8\ti32\n"
			       "result\t0\treg:rax\tptr\n"
			       "site\t0\tentry\t0x10\nsite\t0\treturn\t0x30\nsite\t0\treturn\t0x20\tresult=reg:rdi\n"
			       "function\t1\t1\t0x99\tplain\tf\t(char *)\t\n"
			       "argument\t1\t5\tmem:rsp+rcx*8+0x10\tbuffer:2\nargument\t1\t2\tconst:-5\ti64\n"
			       "argument\t1\t1\treg:r15\tbuffer:=16\nargument\t1\t0\treg:rdi\tstring\n"
			       "site\t1\tentry\t0x99\tsemaphore=0x40\nsite\t1\treturn\t0x30\tfile=0\n"
			       "function\t2\t0\t0x50\tfree\tfree\t\t\nsite\t2\tentry\t0x50\nsite\t2\treturn\t0x60\n",
			  &plan);

	(void)state;
	if (err)
		fail_msg("%s", err->message);
	assert_int_equal(plan.file_count, 2);
	assert_string_equal(plan.files[0].path, "/lib/a\tb%");
	assert_true(plan.files[0].has_identity && !plan.files[1].has_identity);
	assert_int_equal(plan.files[0].identity.st_ino, 77);
	assert_int_equal(plan.files[0].identity.st_mtim.tv_nsec, 123456789);
	assert_int_equal(plan.function_count, 3);
	assert_string_equal(plan.functions[0].hole, "a hole");
	assert_true(plan.heap);

	/* Returns first; the place that two functions share is there once; a free has none. */
	assert_int_equal(plan.site_count, 5);
	assert_true(plan.sites[0].at_return && plan.sites[0].offset == 0x20 && plan.sites[0].index == 1);
	assert_true(plan.sites[1].at_return && plan.sites[1].offset == 0x30 && plan.sites[1].index == 0);
	assert_true(!plan.sites[2].at_return && plan.sites[2].offset == 0x10 && plan.sites[2].index == 0);
	assert_true(!plan.sites[3].at_return && plan.sites[3].offset == 0x50 && plan.sites[3].index == 2);
	assert_true(plan.sites[4].offset == 0x99 && plan.sites[4].semaphore == 0x40 && plan.sites[4].file == 1);
	assert_int_equal(plan.result_count, 2);
	assert_int_equal(plan.results[1].base, 14); /* rdi */
	assert_int_equal(plan.results[1].width, 8);

	assert_true(!plan.codes[0].at_entry && !plan.codes[1].at_entry && plan.codes[2].at_entry);
	assert_true(plan.codes[0].args[1].base == 13 && plan.codes[0].args[1].number == -8);
	assert_true(plan.codes[0].args[1].width == 4 && plan.codes[0].args[1].sign);
	assert_true(plan.codes[1].args[5].how == EVENT_SOURCE_MEMORY && plan.codes[1].args[5].base == 17);
	assert_true(plan.codes[1].args[5].index == 11 && plan.codes[1].args[5].scale == 8);
	assert_true(plan.codes[1].args[5].number == 16 && plan.codes[1].args[5].length_from == 2);
	assert_true(plan.codes[1].args[2].how == EVENT_SOURCE_CONSTANT && plan.codes[1].args[2].number == -5);
	assert_true(plan.codes[1].args[1].kind == EVENT_KIND_BUFFER && plan.codes[1].args[1].length == 16);
	assert_true(plan.codes[1].args[0].kind == EVENT_KIND_STRING);
	plan_deinit(&plan);
}

static void test_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"corelate-plan\t2\n",
		"corelate-plan\t1",
		"\n",
		HEAD "\n",
		HEAD "nonsense\n",
		HEAD "file\t3\t/x\n",
		HEAD "file\t2\t\n",
		HEAD "file\t2\t/x\tidentity=1:2:3\n",
		HEAD "file\t2\t/x%zz\n",
		HEAD "file\t2\t/x%00y\n",
		HEAD "function\t1\t0\t0x10\tfree\tf\t\t\n",
		HEAD "function\t0\t2\t0x10\tfree\tf\t\t\n",
		HEAD "function\t0\t0\t16\tfree\tf\t\t\n",
		HEAD "function\t0\t0\t0x8000000000000000\tfree\tf\t\t\n",
		HEAD "function\t0\t0\t0x10\tfreeze\tf\t\t\n",
		HEAD "function\t0\t0\t0x10\tfree\tf\t\n",
		HEAD "argument\t0\t0\treg:rdi\tu64\n",
#define FUNCTION HEAD "function\t0\t0\t0x10\tmalloc\tf\t\t\n"
		FUNCTION "argument\t0\t6\treg:rdi\tu64\n",
		FUNCTION "argument\t0\t-1\treg:rdi\tu64\n",
		FUNCTION "argument\t0\t0\treg:xmm0\tu64\n",
		FUNCTION "argument\t0\t0\treg:eflags\tu64\n",
		FUNCTION "argument\t0\t0\treg:rdi+8\tu64\n",
		FUNCTION "argument\t0\t0\treg:rdi+rcx*2\tu64\n",
		FUNCTION "argument\t0\t0\tmem:rdi+rcx*3\tu64\n",
		FUNCTION "argument\t0\t0\tmem:rdi+rcx*\tu64\n",
		FUNCTION "argument\t0\t0\tconst:\tu64\n",
		FUNCTION "argument\t0\t0\tconst:99999999999999999999\tu64\n",
		FUNCTION "argument\t0\t0\treg:rdi\tu128\n",
		FUNCTION "argument\t0\t0\treg:rdi\tbuffer:6\n",
		FUNCTION "argument\t0\t0\treg:rdi\tbuffer:\n",
		FUNCTION "argument\t0\t0\treg:rdi\tu64\nargument\t0\t0\treg:rdi\tu64\n",
		FUNCTION "result\t0\treg:rax\tstring\n",
		FUNCTION "site\t0\tmiddle\t0x10\n",
		FUNCTION "site\t0\tentry\t0x10\tfile=2\n",
		FUNCTION "site\t0\tentry\t0x10\tresult=reg:rax\n",
		FUNCTION "site\t0\tentry\t0x10\tsemaphore=0x100000000\n",
		FUNCTION "site\t0\tentry\t0x10\tcolour=blue\n",
		FUNCTION "site\t1\tentry\t0x10\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct plan plan;
		struct error *err;

		if (!bad[i][0]) {
			FILE *in = fopen("/dev/null", "r");

			err = plan_read(in, &plan);
			fclose(in);
		} else {
			err = read_text(bad[i], &plan);
		}
		if (!err)
			fail_msg("it was taken:\n%s", bad[i]);
		assert_int_equal(err->code, ERROR_INVALID);
		assert_ptr_equal(strstr(err->message, "line "), err->message);
		error_destroy(err);
	}
}

/* Bytes of all kinds neither crash it nor are taken for a plan. */
static void test_noise(void **state)
{
	static const char words[] =
		"file function argument result site entry return 0x10 reg:rdi mem: const:-5 buffer:1\t\n\t\n%0A";
	char text[400];

	(void)state;
	srandom(5);
	for (int round = 0; round < 20000; round++) {
		size_t used = (size_t)sprintf(text, "%s",
					      "corelate-plan\t1\nfile\t0\t/x\nfunction\t0\t0\t0x1\tfree\tf\t\t\n");
		struct plan plan;
		struct error *err;

		while (used < sizeof(text) - 20) {
			size_t at = (size_t)random() % (sizeof(words) - 9);
			size_t length = (size_t)random() % 9 + 1;

			memcpy(text + used, words + at, length);
			used += length;
			if (random() % 4 == 0)
				text[used++] = random() % 2 ? '\t' : '\n';
		}
		text[used] = 0;
		err = read_text(text, &plan);
		if (!err)
			plan_deinit(&plan);
		error_destroy(err);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
