/* SPDX-License-Identifier: MIT */
/*
 * What the causes of permissions, files and libraries share, beside evidence.h: the life of the page at the moment of
 * the fault, how the callers of two calls are related, and the faulting code. Pure.
 */
#ifndef ANALYZER_EVIDENCE_MAPPING_H
#define ANALYZER_EVIDENCE_MAPPING_H

#include "analyzer/evidence/evidence.h"
#include "analyzer/words.h"

/* The recorded life of the biography's address (the fault's own, or a view's) at the moment of the death: one that has
 * not ended, or that was ended by a call that had not returned by then (then the core need not have the page any more,
 * and it was there for the fault). NULL when nothing was recorded there. */
const struct life *evidence_life_at_death(const struct crash *crash, const struct biography *biography);

/* How two callers of recorded calls are related, as far as can be told. */
enum evidence_parties {
	PARTIES_UNKNOWN = 0,   /* one of them is not known */
	PARTIES_SAME_FUNCTION, /* the same function called */
	PARTIES_SAME_MODULE,   /* two functions of one file */
	PARTIES_STRANGERS,     /* two files */
};
enum evidence_parties evidence_parties(const struct biography *biography, size_t first, size_t second);

/* A madvise after which anonymous memory reads as zero. */
bool evidence_discards(const struct memory_event *event);

/* The madvise that put a guard over the biography's address in this life (MADV_GUARD_INSTALL), as an index of its
 * events; SIZE_MAX: none, or the guard was removed since. */
size_t evidence_guard_call(const struct biography *biography, const struct life *life);

/* A call that puts a mapping over whatever is there: MAP_FIXED, MREMAP_FIXED, SHM_REMAP. */
bool evidence_is_placed_over(const struct memory_event *event);

/* The life at the biography's address that the birth of `over` ended; NULL for none. */
const struct life *evidence_life_under(const struct biography *biography, const struct life *over);

/* "mapped" and so on, of a view: the word that the pointer was read from, as evidence. */
struct error *evidence_add_view(struct finding *finding, const struct memory_view *view) must_check;

/* The call of biography event `index` was made by the dynamic linker itself, not by the program through it. */
bool evidence_by_dynamic_linker(const struct biography *biography, size_t index);

/* The code that faulted: "victim write_it+0x12 (x.c:10)", or "code at 0x…". */
const char *evidence_faulting_code(struct words *words, const struct crash *crash);

/* Adds the innermost frame of the crashed thread, if there is one. */
struct error *evidence_add_faulting_frame(const struct crash *crash, struct finding *finding) must_check;

/* "libx.so+0x1234, .rodata, in greeting+0x3": a place in a file; "anonymous memory" when there is none. */
const char *evidence_spot(struct words *words, const struct file_spot *spot);

#endif
