/* SPDX-License-Identifier: MIT */
/* The vault's part of a row of cli/crashes.h. */
#ifndef CLI_CRASHES_VAULT_H
#define CLI_CRASHES_VAULT_H

#include "cli/crashes.h"

/* Gives a recorded death its entry, if one of them is the same crash: the same boot, process, signal, and words of the
 * auxiliary vector; of several the one whose date is the nearest. The entry is taken: it loses its name. */
struct error *crash_row_join(struct crash_row *row, struct vault_entry *entries, size_t count) must_check;

/* Fills an empty row from an entry alone, and takes the entry. */
struct error *crash_row_take_entry(struct crash_row *row, struct vault_entry *entry) must_check;

/* The stored report's verdict, and its id where the row has none. A report that makes no sense is none. */
void crash_row_take_report(struct vault *vault, struct crash_row *row);

/* Opens the row's core from the vault, as crash_row_open_core() does. */
struct error *crash_row_unpack(struct vault *vault, const struct crash_row *row,
			       struct crash_core_file *ret) must_check;

#endif
