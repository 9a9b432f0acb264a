/* SPDX-License-Identifier: MIT */
/*
 * What each table, view and column of the database holds, as the comments of the migrations say. They are part of the
 * program, so that no database is needed, and what is told is the newest version.
 */
#ifndef SCHEMA_DICTIONARY_H
#define SCHEMA_DICTIONARY_H

#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"

struct dictionary_column {
	char *name;
	char *type;    /* INTEGER, TEXT or BLOB; "" of a view */
	char *unit;    /* "ns", "bytes", "address", "UTC", ...; NULL for none */
	char *meaning; /* empty: nobody has said, which a test excludes */
};

struct dictionary_table {
	char *name;
	bool is_view;
	char *meaning; /* as above */
	struct dictionary_column *columns;
	size_t column_count;
};

struct dictionary {
	struct dictionary_table *tables; /* views first, each kind by name */
	size_t table_count;
};

struct error *dictionary_load(struct dictionary *ret) must_check;
void dictionary_deinit(struct dictionary *dictionary);

#endif
