/* SPDX-License-Identifier: MIT */
/*
 * The pieces of all address spaces of a replay, by space and address; they do not overlap. Only for replay/: what the
 * pieces mean is space.h's.
 *
 * A piece has one history for all of its bytes. Where none is, nothing is known. Ranges are half-open.
 */
#ifndef REPLAY_PIECES_H
#define REPLAY_PIECES_H

#include "replay/space.h"

struct piece {
	int64_t space_id;
	uint64_t start, end;
	struct history history;
};

/* Reports for one piece to the replay's sink. */
struct piece_sink {
	struct history_sink base; /* first */
	const struct replay *replay;
	const struct piece *piece;
};

struct piece_sink pieces_sink(const struct replay *replay, const struct piece *piece);

/* Of the pieces that overlap [start, end) the one with the lowest address, or NULL. Pieces belong to the replay; one
 * stays where it is until it is dropped. */
struct piece *pieces_find_lowest(const struct replay *replay, int64_t space_id, uint64_t start, uint64_t end);

/* Where no piece is. Takes the history over, also when it fails: no memory, or more than REPLAY_PIECES_MAX. */
struct error *pieces_insert(struct replay *replay, int64_t space_id, uint64_t start, uint64_t end,
			    struct history history, struct piece **ret_piece) must_check;
void pieces_drop(struct replay *replay, struct piece *piece);
/* Makes its range [start, end), where no other piece is. */
void pieces_extend(struct replay *replay, struct piece *piece, uint64_t start, uint64_t end);

/* Makes `address` the border of two pieces, if it lies inside one. Settles what is long over for a call that began at
 * `enter_ns`: undivided, it is reported as one life. */
struct error *pieces_cut(struct replay *replay, int64_t space_id, uint64_t address, uint64_t enter_ns) must_check;

/* What returned before this moment is long over for a call that began at `enter_ns`. */
uint64_t pieces_horizon(const struct replay *replay, uint64_t enter_ns);

/* All of them by rising space and address, up to the first error. `visit` must neither insert nor drop. */
struct error *pieces_visit(struct replay *replay, struct error *(*visit)(struct piece *piece, void *context),
			   void *context) must_check;
void pieces_drop_all(struct replay *replay);

#endif
