/* SPDX-License-Identifier: MIT */
#include "replay/sweep.h"

#include <stdlib.h>

#define SWEEP_PIECES 65536
#define SWEEP_EVENTS 8192

struct sweep {
	const struct replay *replay;
	uint64_t before_ns;
	/* Free and settled, by rising space and address; NULL: they are not wanted. */
	struct piece **free_pieces;
	size_t count;
};

static struct error *sweep_piece(struct piece *piece, void *context)
{
	struct sweep *sweep = context;
	struct piece_sink sink = pieces_sink(sweep->replay, piece);
	struct error *err = history_settle(&piece->history, sweep->before_ns, &sink.base);

	if (!err && sweep->free_pieces && !piece->history.count && piece->history.base.kind == PIECE_FREE)
		sweep->free_pieces[sweep->count++] = piece;
	return err;
}

static bool is_next(const struct piece *left, const struct piece *right)
{
	return left->space_id == right->space_id && left->end == right->start &&
	       left->history.base.is_clouded == right->history.base.is_clouded;
}

static void merge_free(struct replay *replay, const struct sweep *sweep)
{
	struct piece *last = sweep->count ? sweep->free_pieces[0] : NULL;

	for (size_t i = 1; i < sweep->count; i++) {
		struct piece *piece = sweep->free_pieces[i];
		uint64_t end = piece->end;

		if (!is_next(last, piece)) {
			last = piece;
			continue;
		}
		history_take_settled(&last->history, &piece->history);
		pieces_drop(replay, piece);
		last->end = end;
	}
}

struct error *sweep_after(struct replay *replay, const struct memory_event *event)
{
	struct sweep sweep = {.replay = replay};
	struct error *err;

	/* What a call may still come late for that so many others have overtaken is little. */
	if (++replay->events % SWEEP_EVENTS == 0) {
		replay->older_ns = replay->recent_ns;
		replay->recent_ns = event->exit_ns;
	}
	if (replay->piece_count < SWEEP_PIECES || 2 * replay->piece_count < 3 * replay->swept_pieces)
		return NULL;
	sweep.before_ns = replay->older_ns;
	if (!replay->sink.take_again) {
		sweep.free_pieces = calloc(replay->piece_count, sizeof(struct piece *));
		if (!sweep.free_pieces)
			return &error_no_memory;
	}
	err = pieces_visit(replay, sweep_piece, &sweep);
	if (!err)
		merge_free(replay, &sweep);
	free(sweep.free_pieces);
	replay->swept_pieces = replay->piece_count;
	return err;
}
