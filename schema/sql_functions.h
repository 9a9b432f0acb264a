/* SPDX-License-Identifier: MIT */
/*
 * What SQL has in every query of corelate beside SQLite's own. Not for other modules.
 */
#ifndef SCHEMA_SQL_FUNCTIONS_H
#define SCHEMA_SQL_FUNCTIONS_H

#include "common/error.h"

struct store_reader;

/* sql_functions.c: addr(), date_of() and so on. */
struct error *store_functions_add(struct store_reader *reader) must_check;
/* sql_replay_table.c: the lives of mappings and of heap blocks. */
struct error *store_replay_tables_add(struct store_reader *reader) must_check;
/* sql_views.c; after the others. */
struct error *store_views_add(struct store_reader *reader) must_check;

#endif
