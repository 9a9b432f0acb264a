/* SPDX-License-Identifier: MIT */
/*
 * Runs at build time: makes the schema of each version by the migrations and writes it as C, so that opening a store
 * does not make it each time only to compare. Usage: make-model OUTPUT
 */
#include <err.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "schema/migrate.h"
#include "schema/sql_embedded.h"

static void write_bytes(const unsigned char *text, FILE *out)
{
	fputs("(const char[]){", out);
	for (; *text; text++)
		fprintf(out, "%u,", *text);
	fputs("0}", out);
}

static int write_rows(sqlite3 *db, int version, FILE *out)
{
	sqlite3_stmt *statement;
	int count = 0;

	if (sqlite3_prepare_v2(db, STORE_MODEL_QUERY, -1, &statement, NULL) != SQLITE_OK)
		errx(1, "%s", sqlite3_errmsg(db));
	fprintf(out, "static const struct store_model_row rows_%d[] = {\n", version);
	while (sqlite3_step(statement) == SQLITE_ROW) {
		fputs("\t{", out);
		for (int i = 0; i < 3; i++) {
			write_bytes(sqlite3_column_text(statement, i), out);
			fputs(i < 2 ? ", " : "},\n", out);
		}
		count++;
	}
	fputs("};\n", out);
	sqlite3_finalize(statement);
	return count;
}

int main(int argc, char **argv)
{
	int *counts = calloc((size_t)store_migrations_count, sizeof(*counts));
	FILE *out = argc == 2 ? fopen(argv[1], "we") : NULL;
	sqlite3 *db;

	if (!out || !counts)
		err(1, "usage: make-model OUTPUT");
	if (sqlite3_open(":memory:", &db) != SQLITE_OK)
		errx(1, "%s", sqlite3_errmsg(db));
	fputs("#include \"schema/migrate.h\"\n\n", out);
	for (int i = 0; i < store_migrations_count; i++) {
		if (sqlite3_exec(db, store_migrations[i].sql, NULL, NULL, NULL) != SQLITE_OK)
			errx(1, "%s: %s", store_migrations[i].name, sqlite3_errmsg(db));
		counts[i] = write_rows(db, i + 1, out);
	}
	fputs("const struct store_model store_models[] = {\n", out);
	for (int i = 0; i < store_migrations_count; i++)
		fprintf(out, "\t{rows_%d, %d},\n", i + 1, counts[i]);
	fputs("};\n", out);
	free(counts);
	sqlite3_close(db);
	if (fclose(out) != 0)
		err(1, "%s", argv[1]);
	return 0;
}
