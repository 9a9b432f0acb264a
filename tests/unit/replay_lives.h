/* SPDX-License-Identifier: MIT */
/* The lives that a replay reported, kept and looked up. */
#ifndef TESTS_UNIT_REPLAY_LIVES_H
#define TESTS_UNIT_REPLAY_LIVES_H

#include <inttypes.h>
#include <stdio.h>

#include "replay/space.h"

#define LIVES_MAX 16384

struct lives {
	struct replay_life lives[LIVES_MAX];
	size_t count;
};

static inline struct error *keep_life(void *context, const struct replay_life *life)
{
	struct lives *lives = context;

	if (lives->count == LIVES_MAX)
		return error_format(ERROR_INVALID, "too many lives");
	lives->lives[lives->count++] = *life;
	return NULL;
}

/* The life that covered the address last. */
static inline const struct replay_life *last_at(const struct lives *lives, int64_t space_id, uint64_t address)
{
	const struct replay_life *last = NULL;

	for (size_t i = 0; i < lives->count; i++) {
		const struct replay_life *life = &lives->lives[i];

		if (life->space_id == space_id && address >= life->start && address < life->end &&
		    (!last || life->made > last->made))
			last = life;
	}
	return last;
}

static inline void print_life(const struct replay_life *life)
{
	const struct history_marks *marks = &life->content.marks;

	fprintf(stderr,
		"  space %" PRId64 ": made by %" PRId64 ", gone %" PRId64 "%s, protection %d by %" PRId64
		"; guard %" PRId64 ", discarded %" PRId64 ", unforked %" PRId64 ", wiped %" PRId64 "%s\n",
		life->space_id, life->made, life->gone, life->is_open ? " (open)" : "", life->content.protection,
		life->protected_by, marks->guarded_by, marks->discarded_by, marks->unforked_by, marks->wiped_by,
		life->has_open_marks ? " (open)" : "");
}

static inline void print_lives(const struct lives *lives, uint64_t address)
{
	for (size_t i = 0; i < lives->count; i++)
		if (address >= lives->lives[i].start && address < lives->lives[i].end)
			print_life(&lives->lives[i]);
}

#endif
