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
#include "schema/record_stack.h"
#include "schema/row.h"
#include "schema/slice.h"
#include "schema/writer.h"
#include "schema/writer_internal.h"

#define LEVEL 1

struct stack_packer {
	ZSTD_CCtx *context;
	uint64_t seed[2];
	uint8_t packed[ZSTD_COMPRESSBOUND(SLICE_PIECE_BYTES)];
	uint8_t ids[SLICE_IDS_BYTES_MAX];
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
	struct stack_block_row row = {.size = (int64_t)size, .data = bytes, .data_bytes = (uint32_t)size};
	struct error *err;
	size_t packed;

	*ret_id = id_table_get(&writer->stack_blocks, &key);
	if (*ret_id)
		return NULL;
	packed = ZSTD_compress2(packer->context, packer->packed, sizeof(packer->packed), bytes, size);
	if (!ZSTD_isError(packed) && packed < size) {
		row.data = packer->packed;
		row.data_bytes = (uint32_t)packed;
	}
	err = store_writer_insert(writer, ADD_STACK_BLOCK, &row, ret_id);
	if (!err)
		id_table_put(&writer->stack_blocks, &key, *ret_id);
	return err;
}

struct error *store_writer_add_slice(struct store_writer *writer, uint64_t address, const uint8_t *bytes, size_t size,
				     int64_t *ret_id)
{
	struct stack_packer *packer;
	struct error *err = packer_of(writer, &packer);
	struct id_key key;
	struct stack_slice_row row;
	size_t used = 0, piece;

	if (err)
		return err;
	if (size > SLICE_BYTES_MAX)
		return error_format(ERROR_INVALID, "a slice of %zu bytes", size);
	for (size_t done = 0; done < size; done += piece) {
		int64_t id;

		piece = SLICE_PIECE_BYTES - (address + done) % SLICE_PIECE_BYTES;
		if (piece > size - done)
			piece = size - done;
		err = add_piece(writer, bytes + done, piece, &id);
		if (err)
			return err;
		used += slice_put_id(packer->ids + used, (uint64_t)id);
	}
	key = id_key_of(packer->ids, used, packer->seed);
	*ret_id = id_table_get(&writer->stack_slices, &key);
	if (*ret_id)
		return NULL;
	row = (struct stack_slice_row){.size = (int64_t)size, .ids = packer->ids, .ids_bytes = (uint32_t)used};
	err = store_writer_insert(writer, ADD_STACK_SLICE, &row, ret_id);
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
	struct stack_row row;

	if (err)
		return err;
	memcpy(facts + 3, stack->registers, sizeof(stack->registers));
	key = id_key_of(facts, sizeof(facts), packer->seed);
	*ret_id = id_table_get(&writer->stacks, &key);
	if (*ret_id)
		return NULL;
	row = (struct stack_row){.state = stack->state, .asked_bytes = stack->asked_bytes, .slice_id = slice_id};
	memcpy(row.registers, stack->registers, sizeof(row.registers));
	err = store_writer_insert(writer, ADD_STACK, &row, ret_id);
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
