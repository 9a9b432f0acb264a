/* SPDX-License-Identifier: MIT */
/* The table of `corelate list`. */
#ifndef CLI_LIST_H
#define CLI_LIST_H

#include "cli/cli.h"

/* Everything that a line shows. Borrows the row. */
struct list_line {
	const struct crash_row *row;
	enum crash_core core;
	uint64_t core_bytes;
};

/* Writes the lines in their order, headings first unless `no_legend`. */
struct error *list_write_table(const struct list_line *lines, size_t count, bool no_legend) must_check;

#endif
