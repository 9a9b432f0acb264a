/* SPDX-License-Identifier: MIT */
/*
 * The lives of mappings. One tree holds the pieces of all address spaces; two pieces compare as equal when they
 * overlap, so that looking one up by a range finds any piece in it.
 */
#include <search.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "common/cleanup.h"
#include "schema/replay.h"

/* ---- rows ---- */

struct error *replay_rows_add(struct replay_rows *rows, const int64_t row[REPLAY_COLUMNS])
{
	if (rows->count == rows->capacity) {
		size_t capacity = rows->capacity ? 2 * rows->capacity : 64;
		int64_t(*grown)[REPLAY_COLUMNS] = reallocarray(rows->rows, capacity, sizeof(*grown));

		if (!grown)
			return &error_no_memory;
		rows->rows = grown;
		rows->capacity = capacity;
	}
	for (int i = 0; i < REPLAY_COLUMNS; i++)
		rows->rows[rows->count][i] = row[i];
	rows->count++;
	return NULL;
}

const int64_t *replay_rows_take(struct replay_rows *rows)
{
	if (rows->next < rows->count)
		return rows->rows[rows->next++];
	rows->next = rows->count = 0;
	return NULL;
}

void replay_rows_deinit(struct replay_rows *rows)
{
	free(rows->rows);
	*rows = (struct replay_rows){0};
}

/* ---- pieces ---- */

struct piece {
	int64_t space_id;
	uint64_t start, end;
	int64_t made_event;
	uint64_t made_exit_ns;
	int64_t file_id;
	int64_t protection;
	int64_t gone_event; /* 0: it is there. Else nothing is, since that event */
	/* What stood here when this was made, and whose end has not been seen; made_event 0 for nothing. */
	int64_t under_event, under_file_id, under_protection;
};

/* Pieces of a range, taken out of the tree and cut to the range, by rising start. */
struct taken {
	struct piece *pieces;
	size_t count, capacity;
};

static int compare(const void *left, const void *right)
{
	const struct piece *a = left, *b = right;

	if (a->space_id != b->space_id)
		return a->space_id < b->space_id ? -1 : 1;
	if (a->end <= b->start)
		return -1;
	return b->end <= a->start ? 1 : 0;
}

static int compare_starts(const void *left, const void *right)
{
	const struct piece *a = left, *b = right;

	return a->start < b->start ? -1 : a->start > b->start;
}

static struct error *insert(struct mapping_replay *replay, const struct piece *piece)
{
	struct piece *copy;

	if (piece->start >= piece->end)
		return NULL;
	if (replay->piece_count >= REPLAY_PIECES_MAX)
		return error_format(ERROR_INVALID, "too many mappings to follow");
	copy = malloc(sizeof(*copy));
	if (!copy)
		return &error_no_memory;
	*copy = *piece;
	if (!tsearch(copy, &replay->tree, compare)) {
		free(copy);
		return &error_no_memory;
	}
	replay->piece_count++;
	return NULL;
}

static struct piece *find(const struct mapping_replay *replay, int64_t space_id, uint64_t start, uint64_t end)
{
	const struct piece key = {.space_id = space_id, .start = start, .end = end};
	void *node = start < end ? tfind(&key, &replay->tree, compare) : NULL;

	return node ? *(struct piece **)node : NULL;
}

static void forget(struct mapping_replay *replay, struct piece *piece)
{
	tdelete(piece, &replay->tree, compare);
	free(piece);
	replay->piece_count--;
}

static struct error *keep_taken(struct taken *taken, const struct piece *piece)
{
	if (taken->count == taken->capacity) {
		size_t capacity = taken->capacity ? 2 * taken->capacity : 8;
		struct piece *pieces = reallocarray(taken->pieces, capacity, sizeof(*pieces));

		if (!pieces)
			return &error_no_memory;
		taken->pieces = pieces;
		taken->capacity = capacity;
	}
	taken->pieces[taken->count++] = *piece;
	return NULL;
}

/* What stands out of the range stays in the tree. */
static struct error *take_out(struct mapping_replay *replay, int64_t space_id, uint64_t start, uint64_t end,
			      struct taken *taken)
{
	struct error *err = NULL;
	struct piece *found;

	while (!err && (found = find(replay, space_id, start, end))) {
		struct piece below = *found, inside = *found, above = *found;

		forget(replay, found);
		below.end = start;
		above.start = end;
		inside.start = inside.start < start ? start : inside.start;
		inside.end = inside.end > end ? end : inside.end;
		err = insert(replay, &below);
		if (!err)
			err = insert(replay, &above);
		if (!err)
			err = keep_taken(taken, &inside);
	}
	if (!err && taken->count > 1)
		qsort(taken->pieces, taken->count, sizeof(*taken->pieces), compare_starts);
	return err;
}

/* ---- what is told ---- */

static struct error *tell_life(struct mapping_replay *replay, const struct piece *piece, int64_t gone_event)
{
	const int64_t row[REPLAY_COLUMNS] = {
		piece->space_id, (int64_t)piece->start, (int64_t)piece->end, piece->protection,
		piece->file_id,	 piece->made_event,	gone_event,
	};

	return replay->want == REPLAY_LIVES ? replay_rows_add(&replay->rows, row) : NULL;
}

static struct error *tell_under(struct mapping_replay *replay, const struct piece *piece, int64_t gone_event)
{
	struct piece under = *piece;

	if (!piece->under_event)
		return NULL;
	under.made_event = piece->under_event;
	under.file_id = piece->under_file_id;
	under.protection = piece->under_protection;
	return tell_life(replay, &under, gone_event);
}

static struct error *tell_again(struct mapping_replay *replay, const struct piece *piece, int64_t event)
{
	const int64_t row[REPLAY_COLUMNS] = {
		piece->space_id, (int64_t)piece->start, (int64_t)piece->end, piece->gone_event, event,
	};

	return replay->want == REPLAY_AGAIN ? replay_rows_add(&replay->rows, row) : NULL;
}

/* ---- events ---- */

/* Sets *ret_stays when the piece is still there after all: the event ended what stood below it. */
static struct error *end_piece(struct mapping_replay *replay, struct piece *piece, const struct memory_event *event,
			       bool *ret_stays)
{
	struct error *err;

	*ret_stays = false;
	if (piece->gone_event)
		return event->kind == MEMORY_MUNMAP ? tell_again(replay, piece, event->id) : NULL;
	if (piece->under_event && event->enter_ns < piece->made_exit_ns) {
		err = tell_under(replay, piece, event->id);
		piece->under_event = 0;
		*ret_stays = true;
		return err;
	}
	err = tell_under(replay, piece, piece->made_event);
	return err ? err : tell_life(replay, piece, event->id);
}

static struct error *remove_range(struct mapping_replay *replay, const struct memory_event *event, uint64_t start,
				  uint64_t end)
{
	struct piece hole = {.space_id = event->space_id, .start = start, .gone_event = event->id};
	struct taken taken = {0};
	struct error *err;

	if (start >= end)
		return NULL;
	err = take_out(replay, event->space_id, start, end, &taken);
	for (size_t i = 0; !err && i < taken.count; i++) {
		struct piece *piece = &taken.pieces[i];
		bool stays;

		err = end_piece(replay, piece, event, &stays);
		if (err || !stays)
			continue;
		hole.end = piece->start;
		err = insert(replay, &hole);
		if (!err)
			err = insert(replay, piece);
		hole.start = piece->end;
	}
	hole.end = end;
	if (!err)
		err = insert(replay, &hole);
	free(taken.pieces);
	return err;
}

/* `made` has everything but its range, which is [start, end). */
static struct error *add_range(struct mapping_replay *replay, const struct memory_event *event, struct piece made,
			       uint64_t start, uint64_t end)
{
	struct taken taken = {0};
	struct error *err = take_out(replay, event->space_id, start, end, &taken);

	made.start = start;
	for (size_t i = 0; !err && i < taken.count; i++) {
		struct piece *piece = &taken.pieces[i], over = made;

		if (piece->gone_event)
			continue;
		made.end = piece->start;
		err = insert(replay, &made);
		made.start = piece->end;
		if (err)
			break;
		over.start = piece->start;
		over.end = piece->end;
		over.under_event = piece->made_event;
		over.under_file_id = piece->file_id;
		over.under_protection = piece->protection;
		if (event->kind != MEMORY_SEEN)
			err = tell_under(replay, piece, piece->made_event);
		/* A mapping that is found where one is known is that one. */
		if (!err)
			err = insert(replay, event->kind == MEMORY_SEEN ? piece : &over);
	}
	made.end = end;
	if (!err)
		err = insert(replay, &made);
	free(taken.pieces);
	return err;
}

static bool are_alike(const struct piece *a, const struct piece *b)
{
	return a && !a->gone_event && !b->gone_event && a->made_event == b->made_event &&
	       a->protection == b->protection && a->file_id == b->file_id && a->under_event == b->under_event;
}

/* Grows into neighbours of the same mapping that are alike: an arena that is made accessible bit by bit stays one. */
static struct error *insert_joined(struct mapping_replay *replay, struct piece piece)
{
	struct piece *beside = piece.start ? find(replay, piece.space_id, piece.start - 1, piece.start) : NULL;

	if (are_alike(beside, &piece)) {
		piece.start = beside->start;
		forget(replay, beside);
	}
	beside = find(replay, piece.space_id, piece.end, piece.end + 1);
	if (are_alike(beside, &piece)) {
		piece.end = beside->end;
		forget(replay, beside);
	}
	return insert(replay, &piece);
}

static struct error *protect_range(struct mapping_replay *replay, const struct memory_event *event, uint64_t start,
				   uint64_t end)
{
	struct taken taken = {0};
	struct error *err;

	if (start >= end)
		return NULL;
	err = take_out(replay, event->space_id, start, end, &taken);
	for (size_t i = 0; !err && i < taken.count; i++) {
		if (!taken.pieces[i].gone_event)
			taken.pieces[i].protection = (int64_t)event->args[2];
		err = insert_joined(replay, taken.pieces[i]);
	}
	free(taken.pieces);
	return err;
}

static struct piece made_by(const struct mapping_replay *replay, const struct memory_event *event)
{
	struct piece made = {
		.space_id = event->space_id,
		.made_event = event->id,
		.made_exit_ns = event->exit_ns,
		.file_id = event->file_id,
		.protection = -1,
	};
	const struct piece *old;

	switch (event->kind) {
	case MEMORY_SEEN:
	case MEMORY_MMAP:
		made.protection = (int64_t)event->args[2];
		break;
	case MEMORY_BRK:
		made.protection = PROT_READ | PROT_WRITE;
		break;
	case MEMORY_MREMAP:
		old = find(replay, event->space_id, event->args[0], event->args[0] + 1);
		if (old && !old->gone_event) {
			made.file_id = old->file_id;
			made.protection = old->protection;
		}
		break;
	default:
		break;
	}
	return made;
}

struct error *mapping_replay_take(struct mapping_replay *replay, const struct memory_event *event)
{
	const struct memory_effect effect = memory_event_effect(event);
	const struct piece made = made_by(replay, event);
	struct error *err = remove_range(replay, event, effect.removed_start, effect.removed_end);

	if (!err)
		err = remove_range(replay, event, effect.removed2_start, effect.removed2_end);
	if (!err && effect.added_start < effect.added_end)
		err = add_range(replay, event, made, effect.added_start, effect.added_end);
	if (!err && (event->kind == MEMORY_MPROTECT || event->kind == MEMORY_PKEY_MPROTECT))
		err = protect_range(replay, event, effect.touched_start, effect.touched_end);
	return err;
}

struct last_walk {
	struct mapping_replay *replay;
	struct error *err;
};

static void tell_last(const void *node, VISIT visit, void *context)
{
	const struct piece *piece = *(struct piece *const *)node;
	struct last_walk *walk = context;

	if ((visit != postorder && visit != leaf) || walk->err || piece->gone_event)
		return;
	walk->err = tell_under(walk->replay, piece, piece->made_event);
	if (!walk->err)
		walk->err = tell_life(walk->replay, piece, 0);
}

struct error *mapping_replay_finish(struct mapping_replay *replay)
{
	struct last_walk walk = {.replay = replay};

	twalk_r(replay->tree, tell_last, &walk);
	return walk.err;
}

void mapping_replay_deinit(struct mapping_replay *replay)
{
	tdestroy(replay->tree, free);
	replay_rows_deinit(&replay->rows);
	*replay = (struct mapping_replay){0};
}
