/* SPDX-License-Identifier: MIT */
/*
 * Stacks, put together from their pieces. A file may come from elsewhere: nothing in a row is believed.
 */
#include "schema/reader_stack.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "schema/connection.h"
#include "schema/reader_internal.h"
#include "schema/row.h"
#include "schema/slice.h"

struct slice_row {
	uint32_t size;
	uint8_t ids[SLICE_IDS_BYTES_MAX];
	size_t ids_size;
};

static struct error *broken(const struct store_reader *reader, int64_t slice_id)
{
	return error_format(ERROR_INVALID, "%s: stack slice %lld is broken", reader->connection.path,
			    (long long)slice_id);
}

static struct error *read_slice_row(struct store_reader *reader, int64_t slice_id, struct slice_row *ret_row)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	struct error *err =
		store_prepare_bound(&reader->connection, "SELECT size, blocks FROM stack_slice WHERE id = :id",
				    PARAMETERS({":id", slice_id}), &statement);
	int64_t size;
	int bytes;

	if (err)
		return err;
	if (sqlite3_step(statement) != SQLITE_ROW)
		return &error_not_found;
	size = sqlite3_column_int64(statement, 0);
	bytes = sqlite3_column_bytes(statement, 1);
	if (size <= 0 || size > SLICE_BYTES_MAX || bytes <= 0 || (size_t)bytes > sizeof(ret_row->ids))
		return broken(reader, slice_id);
	ret_row->size = (uint32_t)size;
	ret_row->ids_size = (size_t)bytes;
	memcpy(ret_row->ids, sqlite3_column_blob(statement, 1), (size_t)bytes);
	return NULL;
}

/* Appends a piece to the slice that has `*used` of `room` bytes. */
static struct error *read_piece(sqlite3_stmt *statement, uint8_t *slice, size_t room, size_t *used)
{
	const void *data;
	size_t bytes, got;
	int64_t size;

	if (sqlite3_step(statement) != SQLITE_ROW)
		return &error_not_found;
	size = sqlite3_column_int64(statement, 0);
	data = sqlite3_column_blob(statement, 1);
	bytes = (size_t)sqlite3_column_bytes(statement, 1);
	if (!data || size <= 0 || size > (int64_t)SLICE_PIECE_BYTES || (size_t)size > room - *used)
		return error_format(ERROR_INVALID, "a piece of %lld bytes", (long long)size);
	if (bytes == (size_t)size)
		memcpy(slice + *used, data, bytes);
	got = bytes == (size_t)size ? bytes : ZSTD_decompress(slice + *used, (size_t)size, data, bytes);
	if (got != (size_t)size)
		return error_format(ERROR_INVALID, "a piece that does not unpack");
	*used += got;
	return NULL;
}

/* error_not_found when a row of it was lost. */
static struct error *read_slice(struct store_reader *reader, int64_t slice_id, struct recorded_stack *stack)
{
	cleanup_statement sqlite3_stmt *pieces = NULL;
	struct slice_row row = {0};
	struct error *err = read_slice_row(reader, slice_id, &row);
	size_t used = 0, at = 0;

	if (!err)
		err = store_connection_prepare(&reader->connection, "SELECT size, data FROM stack_block WHERE id = :id",
					       0, &pieces);
	if (err)
		return err;
	stack->slice = malloc(row.size);
	if (!stack->slice)
		return &error_no_memory;
	while (!err && at < row.ids_size) {
		uint64_t id = slice_take_id(row.ids, row.ids_size, &at);

		if (!id)
			return broken(reader, slice_id);
		err = store_bind(&reader->connection, pieces, PARAMETERS({":id", (int64_t)id}));
		if (!err)
			err = read_piece(pieces, stack->slice, row.size, &used);
		sqlite3_reset(pieces);
	}
	if (err)
		return err == &error_not_found ? err
					       : error_prefix(err, "%s: stack slice %lld is broken",
							      reader->connection.path, (long long)slice_id);
	if (used != row.size)
		return broken(reader, slice_id);
	stack->slice_bytes = row.size;
	return NULL;
}

struct error *store_reader_stack(struct store_reader *reader, int64_t id, struct recorded_stack *ret)
{
	struct stack_row row;
	struct recorded_stack stack;
	struct error *err = store_select_one(reader, &row_stack, "WHERE id = :id", PARAMETERS({":id", id}), &row);

	if (err)
		return err;
	stack = (struct recorded_stack){.id = row.id, .state = row.state, .asked_bytes = row.asked_bytes};
	memcpy(stack.registers, row.registers, sizeof(stack.registers));
	if (row.slice_id)
		err = read_slice(reader, row.slice_id, &stack);
	if (err == &error_not_found) {
		/* It went with a rollback that the stack's own row outlived. */
		recorded_stack_deinit(&stack);
		stack.state = STACK_SKIPPED;
		err = NULL;
	}
	if (err) {
		recorded_stack_deinit(&stack);
		return err;
	}
	*ret = stack;
	return NULL;
}
