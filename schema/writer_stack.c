/* SPDX-License-Identifier: MIT */
/*
 * Stacks. A slice is cut at addresses that are multiples of 512, and each piece is stored once: two stacks that have
 * their outer frames in common share those pieces whatever their depth, and a loop that changes one local variable adds
 * one piece a turn and not a slice. A piece is compressed alone, so that it can be read alone, into 512 bytes at most
 * whatever a hostile file says.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <zstd.h>

#include "common/cleanup.h"
#include "schema/store.h"
#include "schema/store_internal.h"

#define PIECE_BYTES 512U
#define MAX_SLICE_BYTES 65536U
#define MAX_PIECES (MAX_SLICE_BYTES / PIECE_BYTES + 1)
#define LEB_BYTES 10
#define LEVEL 1

struct stack_packer {
	ZSTD_CCtx *context;
	uint64_t seed[2];
	uint8_t packed[ZSTD_COMPRESSBOUND(PIECE_BYTES)];
	uint8_t ids[MAX_PIECES * LEB_BYTES];
};

static struct error *packer_of(struct store_writer *writer, struct stack_packer **ret_packer)
{
	*ret_packer = writer->packer;
	if (writer->packer)
		return NULL;
	writer->packer = calloc(1, sizeof(*writer->packer));
	if (!writer->packer)
		return &error_no_memory;
	writer->packer->context = ZSTD_createCCtx();
	if (!writer->packer->context) {
		store_stack_deinit(writer);
		return &error_no_memory;
	}
	/* Recorded programs choose what is on their stacks: they must not choose what is taken for equal. Without
	 * entropy the seed is 0, and they could. */
	if (getrandom(writer->packer->seed, sizeof(writer->packer->seed), GRND_NONBLOCK) < 0)
		writer->packer->seed[0] = (uint64_t)(uintptr_t)writer->packer;
	/* Frames without a size or a checksum: the row has the one, SQLite's page the other. */
	ZSTD_CCtx_setParameter(writer->packer->context, ZSTD_c_compressionLevel, LEVEL);
	ZSTD_CCtx_setParameter(writer->packer->context, ZSTD_c_contentSizeFlag, 0);
	*ret_packer = writer->packer;
	return NULL;
}

void store_stack_forget(struct store_writer *writer)
{
	id_table_clear(&writer->stack_blocks);
	id_table_clear(&writer->stack_slices);
	id_table_clear(&writer->stacks);
}

void store_stack_deinit(struct store_writer *writer)
{
	store_stack_forget(writer);
	if (!writer->packer)
		return;
	ZSTD_freeCCtx(writer->packer->context);
	free(writer->packer);
	writer->packer = NULL;
}

static struct error *add_piece(struct store_writer *writer, const uint8_t *bytes, size_t size, int64_t *ret_id)
{
	struct stack_packer *packer = writer->packer;
	struct id_key key = id_key_of(bytes, size, packer->seed);
	struct values row;
	struct error *err;
	size_t packed;

	*ret_id = id_table_get(&writer->stack_blocks, &key);
	if (*ret_id)
		return NULL;
	packed = ZSTD_compress2(packer->context, packer->packed, sizeof(packer->packed), bytes, size);
	row = store_start_row(writer, ADD_STACK_BLOCK);
	store_put(&row, (int64_t)size);
	if (ZSTD_isError(packed) || packed >= size)
		store_put_blob(&row, bytes, size);
	else
		store_put_blob(&row, packer->packed, packed);
	err = store_finish_row(writer, ADD_STACK_BLOCK, ret_id);
	if (!err)
		id_table_put(&writer->stack_blocks, &key, *ret_id);
	return err;
}

static size_t put_leb(uint8_t *out, uint64_t value)
{
	size_t used = 0;

	for (; value >= 0x80; value >>= 7)
		out[used++] = (uint8_t)(value | 0x80);
	out[used++] = (uint8_t)value;
	return used;
}

struct error *store_writer_add_slice(struct store_writer *writer, uint64_t address, const uint8_t *bytes, size_t size,
				     int64_t *ret_id)
{
	struct stack_packer *packer;
	struct error *err = packer_of(writer, &packer);
	struct id_key key;
	struct values row;
	size_t used = 0, piece;

	if (err)
		return err;
	if (size > MAX_SLICE_BYTES)
		return error_format(ERROR_INVALID, "a slice of %zu bytes", size);
	for (size_t done = 0; done < size; done += piece) {
		int64_t id;

		piece = PIECE_BYTES - (address + done) % PIECE_BYTES;
		if (piece > size - done)
			piece = size - done;
		err = add_piece(writer, bytes + done, piece, &id);
		if (err)
			return err;
		used += put_leb(packer->ids + used, (uint64_t)id);
	}
	key = id_key_of(packer->ids, used, packer->seed);
	*ret_id = id_table_get(&writer->stack_slices, &key);
	if (*ret_id)
		return NULL;
	row = store_start_row(writer, ADD_STACK_SLICE);
	store_put(&row, (int64_t)size);
	store_put_blob(&row, packer->ids, used);
	err = store_finish_row(writer, ADD_STACK_SLICE, ret_id);
	if (!err)
		id_table_put(&writer->stack_slices, &key, *ret_id);
	return err;
}

struct error *store_writer_add_stack_of_slice(struct store_writer *writer, const struct recorded_stack *stack,
					      int64_t slice_id, int64_t *ret_id)
{
	uint64_t facts[9] = {stack->state, stack->asked_bytes, (uint64_t)slice_id};
	struct stack_packer *packer;
	struct error *err = packer_of(writer, &packer);
	struct id_key key;
	struct values row;

	if (err)
		return err;
	memcpy(facts + 3, stack->registers, sizeof(stack->registers));
	key = id_key_of(facts, sizeof(facts), packer->seed);
	*ret_id = id_table_get(&writer->stacks, &key);
	if (*ret_id)
		return NULL;
	row = store_start_row(writer, ADD_STACK);
	store_put(&row, stack->state);
	for (int i = 0; i < 6; i++)
		store_put(&row, (int64_t)stack->registers[i]);
	store_put(&row, stack->asked_bytes);
	store_put(&row, slice_id);
	err = store_finish_row(writer, ADD_STACK, ret_id);
	if (!err)
		id_table_put(&writer->stacks, &key, *ret_id);
	return err;
}

struct error *store_writer_add_stack(struct store_writer *writer, const struct recorded_stack *stack, int64_t *ret_id)
{
	int64_t slice_id = 0;

	if (stack->slice_bytes) {
		struct error *err = store_writer_add_slice(writer, 0, stack->slice, stack->slice_bytes, &slice_id);

		if (err)
			return err;
	}
	return store_writer_add_stack_of_slice(writer, stack, slice_id, ret_id);
}

/* ---- reading ---- */

void recorded_stack_deinit(struct recorded_stack *stack)
{
	free(stack->slice);
	stack->slice = NULL;
	stack->slice_bytes = 0;
}

struct slice_row {
	uint32_t size;
	uint8_t ids[MAX_PIECES * LEB_BYTES];
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
	struct error *err = store_connection_prepare(
		&reader->connection, "SELECT size, blocks FROM stack_slice WHERE id = ?", 0, &statement);
	int64_t size;
	int bytes;

	if (err)
		return err;
	sqlite3_bind_int64(statement, 1, slice_id);
	if (sqlite3_step(statement) != SQLITE_ROW)
		return &error_not_found;
	size = sqlite3_column_int64(statement, 0);
	bytes = sqlite3_column_bytes(statement, 1);
	if (size <= 0 || size > MAX_SLICE_BYTES || bytes <= 0 || (size_t)bytes > sizeof(ret_row->ids))
		return broken(reader, slice_id);
	ret_row->size = (uint32_t)size;
	ret_row->ids_size = (size_t)bytes;
	memcpy(ret_row->ids, sqlite3_column_blob(statement, 1), (size_t)bytes);
	return NULL;
}

/* Appends a piece to the slice that has `*used` of `room` bytes. */
static struct error *read_piece(sqlite3_stmt *statement, int64_t id, uint8_t *slice, size_t room, size_t *used)
{
	const void *data;
	size_t bytes, got;
	int64_t size;

	sqlite3_bind_int64(statement, 1, id);
	if (sqlite3_step(statement) != SQLITE_ROW)
		return &error_not_found;
	size = sqlite3_column_int64(statement, 0);
	data = sqlite3_column_blob(statement, 1);
	bytes = (size_t)sqlite3_column_bytes(statement, 1);
	if (!data || size <= 0 || size > (int64_t)PIECE_BYTES || (size_t)size > room - *used)
		return error_format(ERROR_INVALID, "a piece of %lld bytes", (long long)size);
	if (bytes == (size_t)size)
		memcpy(slice + *used, data, bytes);
	got = bytes == (size_t)size ? bytes : ZSTD_decompress(slice + *used, (size_t)size, data, bytes);
	if (got != (size_t)size)
		return error_format(ERROR_INVALID, "a piece that does not unpack");
	*used += got;
	return NULL;
}

uint64_t store_take_leb(const uint8_t *bytes, size_t size, size_t *at)
{
	uint64_t value = 0;

	for (unsigned int shift = 0; shift < 63 && *at < size; shift += 7) {
		uint8_t byte = bytes[(*at)++];

		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return value;
	}
	return 0;
}

/* error_not_found when a row of it was lost. */
static struct error *read_slice(struct store_reader *reader, int64_t slice_id, struct recorded_stack *stack)
{
	cleanup_statement sqlite3_stmt *pieces = NULL;
	struct slice_row row = {0};
	struct error *err = read_slice_row(reader, slice_id, &row);
	size_t used = 0, at = 0;

	if (!err)
		err = store_connection_prepare(&reader->connection, "SELECT size, data FROM stack_block WHERE id = ?",
					       0, &pieces);
	if (err)
		return err;
	stack->slice = malloc(row.size);
	if (!stack->slice)
		return &error_no_memory;
	while (!err && at < row.ids_size) {
		uint64_t id = store_take_leb(row.ids, row.ids_size, &at);

		if (!id)
			return broken(reader, slice_id);
		err = read_piece(pieces, (int64_t)id, stack->slice, row.size, &used);
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
	cleanup_statement sqlite3_stmt *statement = NULL;
	struct recorded_stack stack = {0};
	struct error *err = store_connection_prepare(
		&reader->connection,
		"SELECT id, state, rbx, rbp, r12, r13, r14, r15, asked_bytes, slice_id FROM stack WHERE id = ?", 0,
		&statement);
	int64_t slice_id;
	int status;

	if (err)
		return err;
	sqlite3_bind_int64(statement, 1, id);
	status = sqlite3_step(statement);
	if (status == SQLITE_DONE)
		return &error_not_found;
	if (status != SQLITE_ROW)
		return store_connection_error(&reader->connection, status, "cannot read a stack");
	stack.id = sqlite3_column_int64(statement, 0);
	stack.state = (enum stack_state)sqlite3_column_int64(statement, 1);
	for (int i = 0; i < 6; i++)
		stack.registers[i] = (uint64_t)sqlite3_column_int64(statement, 2 + i);
	stack.asked_bytes = (uint32_t)sqlite3_column_int64(statement, 8);
	slice_id = sqlite3_column_int64(statement, 9);
	if (slice_id)
		err = read_slice(reader, slice_id, &stack);
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
