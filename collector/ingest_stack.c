/* SPDX-License-Identifier: MIT */
/*
 * User stacks: slices come once, events name them by their hash. A slice that did not arrive, or whose row a rollback
 * took, is asked for again; until it comes, events that name it have registers only.
 */
#include <string.h>

#include "collector/ingest_internal.h"
#include "schema/record_stack.h"
#include "schema/writer.h"

struct error *ingest_take_slice(struct ingest *ingest, const struct event_stack_slice *record)
{
	struct id_key key = {{record->hash}};
	struct error *err;
	int64_t id;

	if (record->bytes > EVENT_STACK_MAX_BYTES || record->header.size < sizeof(*record) + record->bytes)
		return error_format(ERROR_INVALID, "a broken slice of a stack");
	err = store_writer_add_slice(ingest->writer, record->address, record->data, record->bytes, &id);
	if (!err)
		id_table_put(&ingest->slices, &key, id);
	return err;
}

static enum stack_state state_of(uint32_t state)
{
	switch (state) {
	case EVENT_STACK_WHOLE:
		return STACK_WHOLE;
	case EVENT_STACK_UNREADABLE:
		return STACK_UNREADABLE;
	default:
		return STACK_SKIPPED;
	}
}

struct error *ingest_stack_row(struct ingest *ingest, const struct event_stack *stack, int64_t *ret_id)
{
	struct id_key key = {{stack->hash}};
	struct recorded_stack row = {.state = state_of(stack->state), .asked_bytes = ingest->stack_bytes};
	int64_t slice_id = stack->hash ? id_table_get(&ingest->slices, &key) : 0;

	if (row.state == STACK_WHOLE && !slice_id) {
		row.state = STACK_SKIPPED;
		ingest->slices_missed = true;
	}
	memcpy(row.registers, stack->registers, sizeof(row.registers));
	return store_writer_add_stack_of_slice(ingest->writer, &row, slice_id, ret_id);
}

void ingest_forget_slices(struct ingest *ingest)
{
	id_table_clear(&ingest->slices);
	ingest->slices_missed = true;
}

bool ingest_wants_slices(struct ingest *ingest)
{
	bool missed = ingest->slices_missed;

	ingest->slices_missed = false;
	return missed;
}
