/* SPDX-License-Identifier: MIT */
/*
 * Is a record whole? Each check is a question about what must hold of every recording: its books balance, its rows are
 * complete, in order and lead to rows that are there, a pid has one owner at a time. What gc has removed is no fault,
 * nor is what a gap tells of. Nothing here knows whether what was recorded is true.
 *
 * A check is a file audit/NAME.sql. It opens with "-- Rule: " and what must hold, in one line; each of its rows is a
 * fault: recording.id (0: that cannot be told), a table, the id of a row of it, and what is wrong in words. The checks
 * called reference-TABLE are made from the list of columns that lead to other rows (audit.c).
 */
#ifndef SCHEMA_AUDIT_H
#define SCHEMA_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

struct store_reader;

/* One fault. Strings are valid during the call. */
struct audit_finding {
	const char *check; /* its name, which programs may rely on */
	const char *rule;  /* what should hold */
	int64_t recording_id;
	const char *table;
	int64_t row_id;
	const char *message;
};

/* False ends the audit. */
typedef bool (*audit_function)(void *context, const struct audit_finding *finding);

/* What was looked at. */
struct audit_sums {
	uint64_t recordings, processes;
};

/* Runs every check at one state of the database, also beside a recorder. Findings of one check come together. Reads
 * every row. */
struct error *store_reader_audit(struct store_reader *reader, audit_function function, void *context,
				 struct audit_sums *ret) must_check;

#endif
