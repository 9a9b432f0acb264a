/* SPDX-License-Identifier: MIT */
/*
 * The text of each .sql file, by its name without the end, ascending: what the build makes of them (embed_sql.cmake).
 * Not for other modules.
 */
#ifndef SCHEMA_SQL_EMBEDDED_H
#define SCHEMA_SQL_EMBEDDED_H

struct embedded_sql {
	const char *name;
	const char *sql;
};

/* migrations/: number n is element n - 1, and leads to user_version n. */
extern const struct embedded_sql store_migrations[];
extern const int store_migrations_count;

/* queries/: corelate sql NAME. */
extern const struct embedded_sql store_queries[];
extern const int store_queries_count;

/* audit/: what corelate audit asks. */
extern const struct embedded_sql store_audits[];
extern const int store_audits_count;

#endif
