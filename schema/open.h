/* SPDX-License-Identifier: MIT */
/*
 * Opening: is the file there, is it ours, is it new enough, and is its schema what that version makes it? Errors are
 * those of schema/migrate.h. Not for other modules.
 */
#ifndef SCHEMA_OPEN_H
#define SCHEMA_OPEN_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

struct store_connection;

/* A writer's file must exist, and is brought to the newest migration. On an error the connection is closed. */
struct error *store_connection_open_write(struct store_connection *connection, const char *path) must_check;
struct error *store_connection_open_read(struct store_connection *connection, const char *path) must_check;

/* The file may come from elsewhere: nothing in its schema may run anything but plain SQL. */
void store_connection_harden(const struct store_connection *connection);

/* Puts a private copy of the newest version in the place of an older database: open_older.c. */
struct error *store_connection_copy_newer(struct store_connection *connection, int64_t version) must_check;

/* Fails unless `path` is a regular file that holds one of our databases of a known version, or is empty. Reads the main
 * file only and changes nothing. ERROR_NOT_FOUND when it is missing. */
struct error *store_file_check(const char *path, bool *ret_empty) must_check;

#endif
