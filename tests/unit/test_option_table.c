/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/cleanup.h"
#include "common/option_table.h"
#include "common/record_options.h"

static const struct option_row rows[] = {
	{.name = "output", .letter = 'o', .argument = "FILE", .help = "write there"},
	{.name = "json", .argument = "MODE", .optional = true, .words = "off|short|pretty", .help = "JSON"},
	{.name = "one", .letter = '1', .help = "the newest"},
	{.name = "hidden", .argument = "FILE"},
	{.name = "fixed", .id = 300, .help = "with its own id"},
};

static void make_table(struct option_table *ret)
{
	option_table_init(ret, false);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		option_table_add(ret, &rows[i]);
}

/* What getopt_long() returns next for these words, as a row. */
static const struct option_row *next(const struct option_table *table, int argc, char **argv, int *ret_option)
{
	opterr = 0;
	*ret_option = getopt_long(argc, argv, table->letters, table->names, NULL);
	return option_table_find(table, *ret_option);
}

static void test_getopt_finds_the_rows(void **state)
{
	char *argv[] = {"corelate", "-o", "a", "--json", "word", "--json=short", "-1", "--fixed", "--hidden=x", NULL};
	struct option_table table;
	int option;

	(void)state;
	make_table(&table);
	optind = 0;
	assert_ptr_equal(next(&table, 9, argv, &option), &rows[0]);
	assert_string_equal(optarg, "a");
	assert_ptr_equal(next(&table, 9, argv, &option), &rows[1]);
	assert_null(optarg);
	assert_ptr_equal(next(&table, 9, argv, &option), &rows[1]);
	assert_string_equal(optarg, "short");
	assert_ptr_equal(next(&table, 9, argv, &option), &rows[2]);
	assert_ptr_equal(next(&table, 9, argv, &option), &rows[4]);
	assert_int_equal(option, 300);
	assert_ptr_equal(next(&table, 9, argv, &option), &rows[3]);
	assert_null(next(&table, 9, argv, &option));
	assert_int_equal(option, -1);
	assert_string_equal(argv[optind], "word");
}

static void test_what_was_wrong_is_named(void **state)
{
	static const struct {
		char *word;
		int option;
		const char *given;
	} cases[] = {{"-1z", '?', "-z"},
		     {"-o", ':', "-o"},
		     {"--output", ':', "--output"},
		     {"--nothing", '?', "--nothing"},
		     {"--one=x", '?', "--one=x"}};
	struct option_table table;
	char text[8];

	(void)state;
	make_table(&table);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *argv[] = {"corelate", cases[i].word, NULL};
		int option;

		optind = 0;
		while (next(&table, 2, argv, &option))
			;
		assert_int_equal(option, cases[i].option);
		assert_string_equal(option_table_given(argv, text), cases[i].given);
	}
}

static void test_the_first_of_a_name_or_letter_stands(void **state)
{
	static const struct option_row others[] = {{.name = "output", .letter = 'x'}, {.name = "other", .letter = 'o'}};
	struct option_table table;

	(void)state;
	make_table(&table);
	option_table_add(&table, &others[0]);
	option_table_add(&table, &others[1]);
	assert_int_equal(table.count, sizeof(rows) / sizeof(rows[0]) + 1);
	assert_null(strchr(table.letters, 'x'));
	assert_ptr_equal(option_table_find(&table, 'o'), &rows[0]);
}

static void test_words(void **state)
{
	int which = -1;

	(void)state;
	assert_true(option_word_find("off|short|pretty", "off", &which) && which == 0);
	assert_true(option_word_find("off|short|pretty", "pretty", &which) && which == 2);
	assert_false(option_word_find("off|short|pretty", "", &which));
	assert_false(option_word_find("off|short|pretty", "shor", &which));
	assert_false(option_word_find("off|short|pretty", "off|short", &which));
	assert_false(option_word_find("", "off", &which));
	assert_int_equal(which, 2);
}

static void folded(const char *text, int indent, const char *wanted)
{
	cleanup_free char *got = NULL;
	size_t length;
	FILE *out = open_memstream(&got, &length);

	assert_non_null(out);
	option_write_folded(text, indent, out);
	fclose(out);
	assert_string_equal(got, wanted);
}

static void test_text_is_folded(void **state)
{
	char word[OPTION_HELP_WIDTH + 20], text[2 * sizeof(word)], wanted[2 * sizeof(word)];

	(void)state;
	folded("", 2, "");
	folded("one\ntwo", 2, "one two");
	folded("one\n\ntwo\n", 0, "one\n\ntwo\n");
	folded("one\n  two  three\nfour", 2, "one\n    two  three\n  four");
	folded("one\n two", 2, "one\n  two");
	/* A word that is longer than a line stands on one of its own, whole. */
	memset(word, 'x', sizeof(word) - 1);
	word[sizeof(word) - 1] = 0;
	snprintf(text, sizeof(text), "a %s b", word);
	snprintf(wanted, sizeof(wanted), "a\n  %s\n  b", word);
	folded(text, 2, wanted);
}

static void test_the_table_of_record_fits(void **state)
{
	struct option_table table;

	(void)state;
	record_options_table(&table);
	assert_int_equal(table.count, RECORD_OPTION_COUNT);
	assert_int_equal(table.letters[0], '+');
	for (size_t i = 0; i < table.count; i++) {
		assert_non_null(record_options[i].name);
		assert_ptr_equal(option_table_find(&table, table.names[i].val), table.rows[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_getopt_finds_the_rows),
		cmocka_unit_test(test_what_was_wrong_is_named),
		cmocka_unit_test(test_the_first_of_a_name_or_letter_stands),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_text_is_folded),
		cmocka_unit_test(test_the_table_of_record_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
