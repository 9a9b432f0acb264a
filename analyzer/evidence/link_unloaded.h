/* SPDX-License-Identifier: MIT */
/*
 * Links between an access and a library that was unloaded, as recorded calls tell or, from the core alone, the
 * description that the dynamic linker left of it. Pure.
 */
#ifndef ANALYZER_LINK_UNLOADED_H
#define ANALYZER_LINK_UNLOADED_H

#include "analyzer/crash.h"
#include "analyzer/link.h"
#include "analyzer/words.h"

/* The alternatives of a kind of link that says that a library was unloaded: each class has its own kind. */
extern const char *const link_unloaded_alternatives[];
extern const char *const link_remains_alternatives[];

/* The life that ended at the fault's address, when it was a part of a file that the dynamic linker unmapped or that
 * held code, and crash->facts.unloaded says which; else NULL. A file that a program mapped and unmapped by itself is no
 * library. */
const struct life *link_unloaded_life(const struct crash *crash);

/* Appends the ended mapping and the call that unloaded the library, a link of `kind` (of link_unloaded_alternatives),
 * and accuses the caller of that call: who called dlclose, as far as its recorded stack shows. */
struct error *link_append_unloading(const struct crash *crash, struct finding *finding, const struct link_kind *kind,
				    const struct life *life) must_check;

/* The whole finding from the core alone, by what glibc left of the library (crash->facts.remains.found): the thread
 * `did`
 * ("jumped to") the fault's address, which was the library's `what` ("code"). `kind` has link_remains_alternatives. */
struct error *link_tell_remains(const struct crash *crash, struct finding_list *findings, const struct link_kind *kind,
				const char *did, const char *what) must_check;

/* "libplug.so's ticker()", "libplug.so", "a library". */
const char *words_unloaded(struct words *words, const struct crash *crash);

#endif
