/* SPDX-License-Identifier: MIT */
#include "replay/pieces.h"

#include <stdlib.h>
#include <string.h>

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

/* ---- the pieces: sorted blocks of them, which are sorted themselves ---- */

#define BLOCK_SLOTS 256

/* The key stands here too: a search touches one piece. */
struct slot {
	int64_t space_id;
	uint64_t start;
	struct piece *piece;
};

/* Never empty. */
struct pieces_block {
	size_t count;
	struct slot slots[BLOCK_SLOTS];
};

/* A slot; index may be that of a slot behind the last of its block. */
struct place {
	size_t block, index;
};

static bool is_before(const struct slot *slot, int64_t space_id, uint64_t start)
{
	return slot->space_id != space_id ? slot->space_id < space_id : slot->start < start;
}

/* Behind the last slot of which the key is lower, in the block where that is; in the first block when there is none. */
static struct place place_of(const struct replay *replay, int64_t space_id, uint64_t start)
{
	size_t low = 0, high = replay->block_count, bottom = 0, top;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (is_before(&replay->blocks[middle]->slots[0], space_id, start))
			low = middle + 1;
		else
			high = middle;
	}
	if (!low)
		return (struct place){0, 0};
	top = replay->blocks[low - 1]->count;
	while (bottom < top) {
		size_t middle = bottom + (top - bottom) / 2;

		if (is_before(&replay->blocks[low - 1]->slots[middle], space_id, start))
			bottom = middle + 1;
		else
			top = middle;
	}
	return (struct place){low - 1, bottom};
}

/* The slot there, or the one after the block; NULL at the end. */
static struct slot *slot_at(const struct replay *replay, struct place place)
{
	if (place.block < replay->block_count && place.index == replay->blocks[place.block]->count)
		place = (struct place){place.block + 1, 0};
	return place.block < replay->block_count ? &replay->blocks[place.block]->slots[place.index] : NULL;
}

struct piece *pieces_find_lowest(const struct replay *replay, int64_t space_id, uint64_t start, uint64_t end)
{
	struct place place;
	struct slot *slot;

	if (start >= end)
		return NULL;
	place = place_of(replay, space_id, start);
	if (place.index) {
		slot = &replay->blocks[place.block]->slots[place.index - 1];
		if (slot->space_id == space_id && slot->piece->end > start)
			return slot->piece;
	}
	slot = slot_at(replay, place);
	return slot && slot->space_id == space_id && slot->start < end ? slot->piece : NULL;
}

static void destroy_piece(struct piece *piece)
{
	history_deinit(&piece->history);
	free(piece);
}

static struct error *insert_block(struct replay *replay, size_t at)
{
	struct pieces_block *block;

	if (replay->block_count == replay->block_room) {
		size_t room = replay->block_room ? 2 * replay->block_room : 16;
		struct pieces_block **grown = reallocarray(replay->blocks, room, sizeof(struct pieces_block *));

		if (!grown)
			return &error_no_memory;
		replay->blocks = grown;
		replay->block_room = room;
	}
	block = malloc(sizeof(*block));
	if (!block)
		return &error_no_memory;
	block->count = 0;
	memmove(replay->blocks + at + 1, replay->blocks + at,
		(replay->block_count - at) * sizeof(struct pieces_block *));
	replay->blocks[at] = block;
	replay->block_count++;
	return NULL;
}

static void remove_block(struct replay *replay, size_t at)
{
	free(replay->blocks[at]);
	replay->block_count--;
	memmove(replay->blocks + at, replay->blocks + at + 1,
		(replay->block_count - at) * sizeof(struct pieces_block *));
}

static void move_slots(struct pieces_block *to, struct pieces_block *from, size_t first)
{
	memcpy(to->slots + to->count, from->slots + first, (from->count - first) * sizeof(struct slot));
	to->count += from->count - first;
	from->count = first;
}

static struct error *insert_slot(struct replay *replay, const struct slot *slot)
{
	struct place place = place_of(replay, slot->space_id, slot->start);
	struct pieces_block *block;
	struct error *err = NULL;

	if (!replay->block_count)
		err = insert_block(replay, 0);
	if (!err && replay->blocks[place.block]->count == BLOCK_SLOTS) {
		err = insert_block(replay, place.block + 1);
		if (!err)
			move_slots(replay->blocks[place.block + 1], replay->blocks[place.block], BLOCK_SLOTS / 2);
		if (place.index > BLOCK_SLOTS / 2)
			place = (struct place){place.block + 1, place.index - BLOCK_SLOTS / 2};
	}
	if (err)
		return err;
	block = replay->blocks[place.block];
	memmove(block->slots + place.index + 1, block->slots + place.index,
		(block->count - place.index) * sizeof(*slot));
	block->slots[place.index] = *slot;
	block->count++;
	return NULL;
}

struct error *pieces_insert(struct replay *replay, int64_t space_id, uint64_t start, uint64_t end,
			    struct history history, struct piece **ret_piece)
{
	struct piece *piece = malloc(sizeof(*piece));
	struct error *err;

	if (!piece) {
		history_deinit(&history);
		return &error_no_memory;
	}
	*piece = (struct piece){space_id, start, end, history};
	if (replay->piece_count >= REPLAY_PIECES_MAX)
		err = error_format(ERROR_INVALID, "too many mappings to follow");
	else
		err = insert_slot(replay, &(struct slot){space_id, start, piece});
	if (err) {
		destroy_piece(piece);
		return err;
	}
	replay->piece_count++;
	*ret_piece = piece;
	return NULL;
}

void pieces_drop(struct replay *replay, struct piece *piece)
{
	const struct place place = place_of(replay, piece->space_id, piece->start);
	size_t at = place.block, index = place.index;
	struct pieces_block *block = replay->blocks[at];

	/* The key is there: it is the first of its block, or stands right behind a lower one. */
	if (index == block->count) {
		block = replay->blocks[++at];
		index = 0;
	}
	block->count--;
	memmove(block->slots + index, block->slots + index + 1, (block->count - index) * sizeof(struct slot));
	destroy_piece(piece);
	replay->piece_count--;
	if (!block->count) {
		remove_block(replay, at);
	} else if (at + 1 < replay->block_count && block->count + replay->blocks[at + 1]->count < BLOCK_SLOTS / 2) {
		move_slots(block, replay->blocks[at + 1], 0);
		remove_block(replay, at + 1);
	}
}

void pieces_extend(struct replay *replay, struct piece *piece, uint64_t start, uint64_t end)
{
	struct slot *slot = slot_at(replay, place_of(replay, piece->space_id, piece->start));

	slot->start = piece->start = start;
	piece->end = end;
}

uint64_t pieces_horizon(const struct replay *replay, uint64_t enter_ns)
{
	uint64_t ns = enter_ns > SETTLE_NS ? enter_ns - SETTLE_NS : 0;

	return ns > replay->older_ns ? ns : replay->older_ns;
}

struct error *pieces_cut(struct replay *replay, int64_t space_id, uint64_t address, uint64_t enter_ns)
{
	struct piece *piece = pieces_find_lowest(replay, space_id, address, address + 1), *upper;
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

struct error *pieces_visit(struct replay *replay, struct error *(*visit)(struct piece *piece, void *context),
			   void *context)
{
	struct error *err = NULL;

	for (size_t i = 0; i < replay->block_count && !err; i++)
		for (size_t j = 0; j < replay->blocks[i]->count && !err; j++)
			err = visit(replay->blocks[i]->slots[j].piece, context);
	return err;
}

void pieces_drop_all(struct replay *replay)
{
	for (size_t i = 0; i < replay->block_count; i++) {
		for (size_t j = 0; j < replay->blocks[i]->count; j++)
			destroy_piece(replay->blocks[i]->slots[j].piece);
		free(replay->blocks[i]);
	}
	free(replay->blocks);
	replay->blocks = NULL;
	replay->block_count = replay->block_room = 0;
	replay->piece_count = 0;
}
