/* SPDX-License-Identifier: MIT */
/*
 * Rows out: stacks, put together from their pieces.
 */
#ifndef SCHEMA_READER_STACK_H
#define SCHEMA_READER_STACK_H

#include <stdint.h>

#include "common/error.h"
#include "schema/record_stack.h"

struct store_reader;

/* The stack of an event, by its stack_id; ERROR_NOT_FOUND when there is no such row. Free with
 * recorded_stack_deinit(). */
struct error *store_reader_stack(struct store_reader *, int64_t id, struct recorded_stack *ret) must_check;

#endif
