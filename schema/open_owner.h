/* SPDX-License-Identifier: MIT */
/*
 * Whose database is it? Root writes in its own alone: what another user owns, or has made ready under the names that
 * SQLite gives its log and its shared index (PATH-wal, PATH-shm, PATH-journal) or we our lock (PATH-lock), is not
 * written, and a link in a directory where other users may write is not followed. For any other user the kernel's
 * permissions say it all.
 *
 * Not known: what is put there between the look and SQLite's own open. SQLite follows no link to a log, and the look is
 * repeated once all files are open.
 */
#ifndef SCHEMA_OPEN_OWNER_H
#define SCHEMA_OPEN_OWNER_H

#include <stdbool.h>

#include "common/error.h"

/* Before anything is written. A file that is missing is fine. ERROR_PERMISSION says whose it is. */
struct error *store_owner_check(const char *path) must_check;

/* This is root, and one of the files is somebody else's: reading must not write either, which SQLite's readers do (they
 * make and fill the shared index, and make an empty log). */
bool store_owner_is_foreign(const char *path);

#endif
