/* SPDX-License-Identifier: MIT */
/* Links between an access and the recorded life of the mapping that it hit. Pure. */
#ifndef ANALYZER_LINK_MAPPING_H
#define ANALYZER_LINK_MAPPING_H

#include "analyzer/crash.h"
#include "analyzer/link.h"

/* The access of the end hit memory that a mapping had held until the record saw its end. */
extern const struct link_kind link_ended_mapping;

/* Appends link_ended_mapping for `life` of crash->facts.biography, with the fault as evidence and every alternative
 * examined: an unseen mapping since `from_ns` (`consequence` says what a gap may hide), a page that is mapped after
 * all, an address that is not the kernel's, an order of calls that is not known. */
struct error *link_append_ended_mapping(const struct crash *crash, struct finding *finding, const struct life *life,
					uint64_t from_ns, const char *consequence) must_check;

/* The call of biography event `index` as a node. */
struct node link_call_node(const struct biography *biography, size_t index);

/* The mapping that `life` is a part of, as a node. */
struct node link_mapping_node(const struct biography *biography, const struct life *life);

/* Rules out the last link's alternative `name`, or leaves it open with the gap, the cut history or the unrecorded span
 * in finding->missing, by whether everything from `from_ns` to the death was recorded. */
struct error *link_examine_coverage(const struct crash *crash, const struct biography *biography,
				    struct finding *finding, const char *name, uint64_t from_ns,
				    const char *consequence) must_check;

/* Rules out the last link's alternative `name`, or leaves it open, by whether the order of the calls that ended or
 * protected `life` is known (struct life). */
struct error *link_examine_order(const struct biography *biography, struct finding *finding, const char *name,
				 const struct life *life) must_check;

/* Rules out the last link's alternative `name`, or leaves it open, by whether the kernel gave the fault address. */
struct error *link_examine_address(const struct crash *crash, struct finding *finding, const char *name) must_check;

/* The call was made inside the C library (by malloc, pthread_create), not by code of the program that called the
 * wrapper itself; false where that is not known. */
bool link_made_by_library(const struct event_context *context);

/* Rules out the last link's alternative `name`, or leaves it open, by whether another mapping than `last` had held the
 * address before: the pointer may then be of that one's life. */
struct error *link_examine_earlier_lives(const struct crash *crash, struct finding *finding, const char *name,
					 const struct life *last) must_check;

#endif
