/* SPDX-License-Identifier: MIT */
/* What the steps share with each other. Only for analyzer/assemble/. */
#ifndef ANALYZER_ASSEMBLE_PARTS_H
#define ANALYZER_ASSEMBLE_PARTS_H

#include "analyzer/assemble/assemble_steps.h"
#include "schema/reader_history.h"

/* Events near an address whose caller and markers are looked up: the newest ones. */
#define ASSEMBLE_CONTEXT_LIMIT 64

/* assemble_signal.c: the signal as the core has it, and as it was recorded. */
void assemble_signal_of_core(const struct core *core, struct crash_signal *ret_signal);

/* assemble_unwound.c: what the unwinder is asked for; points to `member`. */
struct unwind_request assemble_unwinding(const struct assemble_sighting *sighting, struct member_request *member);

/* assemble_lives.c: the events of a range in the order in which they took effect, and their replay, which points into
 * *ret_events; the caller frees both. */
struct error *assemble_read_lives(struct store_reader *store, const struct history_query *query,
				  struct memory_event **ret_events, size_t *ret_count, bool *ret_truncated,
				  struct timeline *ret_timeline) must_check;

/* assemble_biography.c: the recorded life of an address, with the nearest markers and the files of its newest events.
 * Freed with biography_deinit(), also after an error. */
struct error *assemble_read_biography(struct store_reader *store, const struct crash *crash, uint64_t address,
				      struct biography *ret_biography) must_check;

/* assemble_mapping.c: PROT_* of a segment of the core; "/tmp/data (deleted)" is a file without a name. */
int assemble_protection(const struct core_segment *segment);
bool assemble_is_deleted(const char *path);

/* assemble_spot.c: the section and the symbol at an address of a module's file. A file that cannot be read leaves the
 * spot without them. */
struct error *assemble_describe_module(const struct core_module *module, uint64_t address,
				       struct file_spot *spot) must_check;
/* The same at an offset of the file at `path`. `exact`: the bytes at the offset lay there; else the file's whole range
 * of addresses was laid out from there. */
struct error *assemble_describe_path(struct elf_host *host, const struct file_identity *file, bool exact,
				     struct file_spot *spot) must_check;

/* assemble_places.c: fills fault_place and operand_places, if they are to be `told`, and the pointers. */
void assemble_find_places(const struct crash *crash, bool told, struct crash_facts *ret_facts);

/* assemble_remains.c: the library that was mapped at an address where nothing is, by what glibc's free left of it. Both
 * stay as they are where nothing was found. */
struct error *assemble_find_remains(const struct core *core, uint64_t address, struct unload_remains *ret_remains,
				    struct file_spot *ret_spot) must_check;

/* assemble_file_losses.c: for a page that its file did not have, the file that the record says was mapped there;
 * *ret_found tells whether there is one. Freed with file_identity_deinit(). */
struct error *assemble_lost_file(struct store_reader *store, const struct crash *crash, struct file_identity *ret_file,
				 bool *ret_found) must_check;

/* assemble_tracers.c: gives each probe its holders, as struct probe has them, and marks as a uretprobe, or as a plain
 * uprobe, what the recorder's ledger knows to be one. */
struct error *assemble_name_tracers(struct store_reader *store, const struct crash *crash,
				    struct repair *repair) must_check;
/* For a death without a core: a probe for each recorded return instance, named by the file that the ledger gives it,
 * and the function that lies at its offset there. */
struct error *assemble_add_pending(struct store_reader *store, const struct crash *crash,
				   struct repair *repair) must_check;

#endif
