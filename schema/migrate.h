/* SPDX-License-Identifier: MIT */
/* What the build makes of schema/migrations/: the migrations themselves, and the schema that they lead to. */
#ifndef SCHEMA_MIGRATE_H
#define SCHEMA_MIGRATE_H

/* Number n is element n - 1, and leads to user_version n. */
struct store_migration {
	const char *name; /* of its file */
	const char *sql;
};
extern const struct store_migration store_migrations[];
extern const int store_migration_count;

/* The tables, indexes and views of a version, word for word (migrate_make_model.c), in the order of STORE_MODEL_QUERY. */
#define STORE_MODEL_QUERY "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name"
struct store_model_row {
	const char *type, *name, *sql;
};
struct store_model {
	const struct store_model_row *rows;
	int count;
};
/* Element n - 1 is of version n. */
extern const struct store_model store_models[];

#endif
