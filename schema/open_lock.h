/* SPDX-License-Identifier: MIT */
/*
 * One writer at a time: a lock on the file PATH-lock. Not for other modules.
 */
#ifndef SCHEMA_OPEN_LOCK_H
#define SCHEMA_OPEN_LOCK_H

#include <stdbool.h>

#include "common/error.h"

/* The lock of store_writer_create(), for as long as the descriptor is open; and whether somebody holds it (or that
 * cannot be told). */
struct error *store_lock_take(const char *path, int *ret_fd) must_check;
bool store_lock_is_held(const char *path);

#endif
