/* SPDX-License-Identifier: MIT */
/*
 * What the build makes of queries/ and audit/: the text of each file, by its name, ascending. Not for other modules.
 */
#ifndef SCHEMA_SQL_EMBEDDED_H
#define SCHEMA_SQL_EMBEDDED_H

struct store_query {
	const char *name;
	const char *sql;
};

extern const struct store_query store_queries[];
extern const int store_queries_count;

/* What corelate audit asks: audit/NAME.sql, in the same way. */
extern const struct store_query store_audits[];
extern const int store_audits_count;

#endif
