/* SPDX-License-Identifier: MIT */
/*
 * Rows out: files that became shorter.
 */
#ifndef SCHEMA_READER_TRUNCATIONS_H
#define SCHEMA_READER_TRUNCATIONS_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "schema/record_file.h"

struct store_reader;

/* Recorded truncations of a recording, oldest first, at most `limit` of the newest: those of the file with that
 * identity, whatever its path then, and those whose file is not known and whose path ends in the component `name`
 * (NULL: none of these). Free each with truncation_deinit(), then the array. */
struct error *store_reader_truncations(struct store_reader *, int64_t recording_id, const struct file_identity *file,
				       const char *name, size_t limit, struct truncation **ret,
				       size_t *ret_count) must_check;

#endif
