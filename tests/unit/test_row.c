/* SPDX-License-Identifier: MIT */
/* Columns and members, and parameters by name: what does not fit is said, and every table fits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/error.h"
#include "schema/connection.h"
#include "schema/migrate.h"
#include "schema/row.h"

static const struct row_table *const tables[] = {
	&row_recording,
	&row_gap,
	&row_process,
	&row_space,
	&row_space_sharer,
	&row_thread_start,
	&row_file,
	&row_truncation,
	&row_event,
	&row_event_block,
	&row_event_block_space,
	&row_function,
	&row_probe_coverage,
	&row_heap,
	&row_heap_block,
	&row_call,
	&row_syscall,
	&row_marker,
	&row_probe,
	&row_signal,
	&row_signal_sender,
	&row_exit_state,
	&row_return_instance,
	&row_stack,
	&row_stack_slice,
	&row_stack_block,
};

#define TABLES (sizeof(tables) / sizeof(tables[0]))

static int open_model(void **state)
{
	static struct store_connection model;
	struct error *err = store_connection_open_model(&model, store_newest_version());

	*state = &model;
	return err ? -1 : 0;
}

static int close_model(void **state)
{
	store_connection_close(*state);
	return 0;
}

static void assert_error(struct error *err, const char *text)
{
	assert_non_null(err);
	assert_int_equal(err->code, ERROR_INVALID);
	if (!strstr(err->message, text))
		fail_msg("'%s' lacks '%s'", err->message, text);
	error_destroy(err);
}

/* As many columns as the table has, all of them there: no column is forgotten, and none is misspelt. */
static void test_every_table_fits(void **state)
{
	const struct store_connection *model = *state;

	for (size_t i = 0; i < TABLES; i++) {
		struct row_statement insertion = {0};
		sqlite3_stmt *selection = NULL;
		int64_t columns = 0;
		char sql[128];

		assert_null(row_select(model, tables[i], "", NO_PARAMETERS, &selection));
		assert_null(row_statement_init(&insertion, model, tables[i], NULL));
		snprintf(sql, sizeof(sql), "SELECT count(*) FROM pragma_table_info('%s')", tables[i]->name);
		assert_null(store_connection_get(model, sql, &columns));
		if (columns != tables[i]->column_count)
			fail_msg("%s has %d columns, and %d are listed", tables[i]->name, (int)columns,
				 tables[i]->column_count);
		sqlite3_finalize(selection);
		row_statement_deinit(&insertion);
	}
}

static void test_parameter_is_no_column(void **state)
{
	struct row_statement statement = {0};

	assert_error(row_statement_init(&statement, *state, &row_space, "UPDATE space SET to_ns = :end_ns"),
		     "parameter 1 (:end_ns) is no column of space");
	row_statement_deinit(&statement);
	assert_error(row_statement_init(&statement, *state, &row_space, "UPDATE space SET to_ns = ?"),
		     "parameter 1 (?) is no column of space");
	row_statement_deinit(&statement);
}

static void test_values_and_parameters(void **state)
{
	static const char sql[] = "SELECT :first + 2 * :second";
	sqlite3_stmt *statement = NULL;

	assert_null(store_prepare_bound(*state, sql, PARAMETERS({":second", 20}, {":first", 2}), &statement));
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int64(statement, 0), 42);
	sqlite3_reset(statement);
	assert_error(store_bind(*state, statement, PARAMETERS({":first", 1}, {":third", 3})), "no parameter :third");
	assert_error(store_bind(*state, statement, PARAMETERS({":first", 1})), "1 values for the 2 parameters");
	sqlite3_finalize(statement);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_table_fits),
		cmocka_unit_test(test_parameter_is_no_column),
		cmocka_unit_test(test_values_and_parameters),
	};

	return cmocka_run_group_tests(tests, open_model, close_model);
}
