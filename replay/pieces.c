/* SPDX-License-Identifier: MIT */
#include "replay/pieces.h"

#include <search.h>
#include <stdlib.h>

/* A call that comes later than this, or than some ten thousand others, after another has returned, and yet began
 * before, is a rare one: the lives that it concerns are open. */
#define SETTLE_NS 1000000000ULL

static struct error *take_life(struct history_sink *sink, const struct history_state *state, int64_t gone)
{
	const struct piece_sink *own = (const struct piece_sink *)sink;
	const struct replay_life life = {
		.space_id = own->piece->space_id,
		.start = own->piece->start,
		.end = own->piece->end,
		.made = state->call,
		.gone = gone,
		.is_open = state->is_open || state->is_clouded,
		.other_end = state->is_open && state->other != gone ? state->other : REPLAY_NO_CALL,
		.other_protector = state->is_open ? state->other_protector : REPLAY_NO_CALL,
		.protected_by = state->protected_by,
		.has_open_marks = state->has_open_marks || state->is_clouded,
		.content = state->content,
	};

	return own->replay->sink.take_life(own->replay->sink.context, &life);
}

static struct error *take_again(struct history_sink *sink, int64_t earlier, int64_t call)
{
	const struct piece_sink *own = (const struct piece_sink *)sink;

	return own->replay->sink.take_again(own->replay->sink.context, own->piece->space_id, own->piece->start,
					    own->piece->end, earlier, call);
}

struct piece_sink pieces_sink(const struct replay *replay, const struct piece *piece)
{
	return (struct piece_sink){
		.base = {take_life, replay->sink.take_again ? take_again : NULL},
		.replay = replay,
		.piece = piece,
	};
}

/* ---- the tree: two pieces compare as equal when they overlap, so that a range finds any piece in it ---- */

static int compare(const void *left, const void *right)
{
	const struct piece *a = left, *b = right;

	if (a->space_id != b->space_id)
		return a->space_id < b->space_id ? -1 : 1;
	if (a->end <= b->start)
		return -1;
	return b->end <= a->start ? 1 : 0;
}

struct piece *pieces_find(const struct replay *replay, int64_t space_id, uint64_t start, uint64_t end)
{
	const struct piece key = {.space_id = space_id, .start = start, .end = end};
	void *node = start < end ? tfind(&key, &replay->tree, compare) : NULL;

	return node ? *(struct piece **)node : NULL;
}

struct piece *pieces_find_lowest(const struct replay *replay, int64_t space_id, uint64_t start, uint64_t end)
{
	struct piece *lowest = pieces_find(replay, space_id, start, end), *lower;

	while (lowest && (lower = pieces_find(replay, space_id, start, lowest->start < end ? lowest->start : end)))
		lowest = lower;
	return lowest;
}

static void free_piece(void *node)
{
	struct piece *piece = node;

	history_deinit(&piece->history);
	free(piece);
}

struct error *pieces_insert(struct replay *replay, int64_t space_id, uint64_t start, uint64_t end,
			    struct history history, struct piece **ret_piece)
{
	struct piece *piece = malloc(sizeof(*piece));

	if (!piece) {
		history_deinit(&history);
		return &error_no_memory;
	}
	*piece = (struct piece){space_id, start, end, history};
	if (replay->piece_count >= REPLAY_PIECES_MAX) {
		free_piece(piece);
		return error_format(ERROR_INVALID, "too many mappings to follow");
	}
	if (!tsearch(piece, &replay->tree, compare)) {
		free_piece(piece);
		return &error_no_memory;
	}
	replay->piece_count++;
	*ret_piece = piece;
	return NULL;
}

void pieces_drop(struct replay *replay, struct piece *piece)
{
	tdelete(piece, &replay->tree, compare);
	free_piece(piece);
	replay->piece_count--;
}

uint64_t pieces_horizon(const struct replay *replay, uint64_t enter_ns)
{
	uint64_t ns = enter_ns > SETTLE_NS ? enter_ns - SETTLE_NS : 0;

	return ns > replay->older_ns ? ns : replay->older_ns;
}

struct error *pieces_cut(struct replay *replay, int64_t space_id, uint64_t address, uint64_t enter_ns)
{
	struct piece *piece = pieces_find(replay, space_id, address, address + 1), *upper;
	struct piece_sink sink = pieces_sink(replay, piece);
	struct history copy;
	struct error *err;
	uint64_t end;

	if (!piece || piece->start == address)
		return NULL;
	err = history_settle(&piece->history, pieces_horizon(replay, enter_ns), &sink.base);
	if (!err)
		err = history_copy(&piece->history, &copy);
	if (err)
		return err;
	end = piece->end;
	piece->end = address;
	return pieces_insert(replay, space_id, address, end, copy, &upper);
}

struct visit {
	struct error *(*visit)(struct piece *piece, void *context);
	void *context;
	struct error *err;
};

static void visit_node(const void *node, VISIT when, void *context)
{
	struct visit *visit = context;

	if ((when == postorder || when == leaf) && !visit->err)
		visit->err = visit->visit(*(struct piece *const *)node, visit->context);
}

struct error *pieces_visit(struct replay *replay, struct error *(*visit)(struct piece *piece, void *context),
			   void *context)
{
	struct visit all = {visit, context, NULL};

	twalk_r(replay->tree, visit_node, &all);
	return all.err;
}

void pieces_drop_all(struct replay *replay)
{
	tdestroy(replay->tree, free_piece);
	replay->tree = NULL;
	replay->piece_count = 0;
}
