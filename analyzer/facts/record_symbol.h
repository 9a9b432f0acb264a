/* SPDX-License-Identifier: MIT */
/*
 * What a code address of a recorded process was called: by the files that the record says were mapped there at that
 * moment, with the symbols of those files on this host. Without a core, and so without build-ids: a file is taken for
 * the mapped one when its path still leads to the same device and inode and its contents have not been changed since.
 * Where they have, or on another host, the name is the module's and the offset in the file.
 *
 * Remembers files and maps of what it was asked, within limits. Judges nothing.
 */
#ifndef ANALYZER_RECORD_SYMBOL_H
#define ANALYZER_RECORD_SYMBOL_H

#include <stdint.h>

#include "common/cleanup.h"
#include "common/error.h"

struct record_symbols;
struct store_reader;

/* The reader must outlive it. */
struct error *record_symbols_create(struct store_reader *store, struct record_symbols **ret) must_check;
void record_symbols_destroy(struct record_symbols *symbols);
DEFINE_CLEANUP(struct record_symbols, record_symbols_destroy)

/* Sets *ret_text, which the caller frees, to "FUNCTION+0x12 (MODULE)" or "MODULE+0x1123", an offset in the file; to
 * NULL when no file's code is known to have been at `address` in the address space at `time_ns`. Names come from files:
 * they may hold any bytes. */
struct error *record_symbols_name(struct record_symbols *symbols, int64_t space_id, uint64_t address, uint64_t time_ns,
				  char **ret_text) must_check;

#endif
