/* SPDX-License-Identifier: MIT */
/*
 * The address space over time, rebuilt from recorded events. A pure module: plain data in, plain data out.
 *
 * A window [start, end) of addresses is replayed (replay/space.h has the rules). The result is a list of lives: a life
 * is a piece of a mapping, from the event that made it to the event that took it away. Pieces split where a part is
 * unmapped or replaced.
 *
 * Records come in the order in which the calls returned. timeline_sort() puts them into the order in which they took
 * effect, as far as their times and the kernel's rules tell; what they leave open is marked in the lives.
 * timeline_ordered() goes by the times alone. A MEMORY_SEEN event over a range that is known to be mapped already
 * confirms it and makes no new life; that is how a snapshot and the calls that ran beside it fold together.
 */
#ifndef ANALYZER_TIMELINE_H
#define ANALYZER_TIMELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "schema/record_memory.h"

/* An index into the events that stands for "still there at the end". */
#define TIMELINE_ALIVE SIZE_MAX

struct life {
	uint64_t start, end; /* the piece, clipped to the window */
	size_t born;	     /* index of the event that made it */
	size_t died;	     /* index of the event that took it away, or TIMELINE_ALIVE */
	int protection;	     /* PROT_* at the end of its life; -1 when it was never told */
	size_t protected_by; /* index of the last event that changed its protection; equal to `born` when none did, or
				when it was done before mremap brought the piece here */
	/* Its end or its protection might be others: calls ran at the same time, or one that failed may have acted, or
	 * its end was not seen. Nothing that hangs on it is proven. */
	bool is_open;
	bool has_other_end;
	size_t other_end;	/* if so: the event that may have ended it instead, or TIMELINE_ALIVE */
	size_t other_protector; /* the event that may have set its protection last instead; else TIMELINE_ALIVE */
};

struct timeline {
	const struct memory_event *events; /* the caller's */
	size_t event_count;
	uint64_t start, end;
	struct life *lives; /* by the order of birth, then address */
	size_t life_count;
};

/* Puts events, which come by rising id, into the order in which they took effect. */
struct error *timeline_sort(struct memory_event *events, size_t event_count) must_check;

/* Replays `events` over the window. The events must outlive the timeline. */
struct error *timeline_build(const struct memory_event *events, size_t event_count, uint64_t start, uint64_t end,
			     struct timeline *ret_timeline) must_check;
/* Events that touch a window through others alone, by rising id: they tell what mremap brought in, and how far a call
 * came that failed. */
struct timeline_around {
	const struct memory_event *events;
	size_t count;
	bool is_lossy; /* not all events of the address space were recorded */
};

/* The same among those. */
struct error *timeline_build_among(const struct memory_event *events, size_t event_count,
				   const struct timeline_around *around, uint64_t start, uint64_t end,
				   struct timeline *ret_timeline) must_check;
/* The dead process shows whether the address is mapped, and how: of what is open about its last life, that is taken
 * which agrees. It stays open. `protection`: PROT_* when it is mapped. */
void timeline_note_state(struct timeline *timeline, uint64_t address, bool is_mapped, int protection);
void timeline_deinit(struct timeline *timeline);

/* The life that covered `address` last, dead or alive, or NULL. */
const struct life *timeline_last_life(const struct timeline *timeline, uint64_t address);

/* The life that covered `address` just before event number `index` took effect, or NULL when it was not mapped then. */
const struct life *timeline_life_before(const struct timeline *timeline, uint64_t address, size_t index);

/* The life that covered `address` at that moment, as far as calls had begun by then; NULL for none. */
const struct life *timeline_life_at(const struct timeline *timeline, uint64_t address, uint64_t time_ns);

/* How many bytes of the window event number `index` took away from lives. */
uint64_t timeline_bytes_removed(const struct timeline *timeline, size_t index);

/* True when `first` had certainly ended before `second` began. */
bool timeline_ordered(const struct memory_event *first, const struct memory_event *second);

/* The mapping that `life` is a piece of, at its largest: as it was made, and as mremap let it grow in place. Unclipped.
 */
void timeline_mapping_range(const struct timeline *timeline, const struct life *life, uint64_t *ret_start,
			    uint64_t *ret_end);

/* What an event made or removed, unclipped: [start, end) of the mapping made by mmap (the whole mapping where mremap
 * grew one in place), or of the range unmapped. */
void timeline_added_range(const struct memory_event *event, uint64_t *ret_start, uint64_t *ret_end);
void timeline_removed_range(const struct memory_event *event, uint64_t *ret_start, uint64_t *ret_end);

/* True when the event made, took away or changed something in the page of `address`, or may have before it failed. */
bool timeline_touches_page(const struct memory_event *event, uint64_t address);

#endif
