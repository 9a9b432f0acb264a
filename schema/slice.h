/* SPDX-License-Identifier: MIT */
/*
 * How the slice of a stack is stored: stack_slice.blocks holds the ids of its pieces in LEB128, stack_block the pieces.
 * Not for other modules.
 */
#ifndef SCHEMA_SLICE_H
#define SCHEMA_SLICE_H

#include <stddef.h>
#include <stdint.h>

/* A piece ends where an address is a multiple of this. */
#define SLICE_PIECE_BYTES 512U
#define SLICE_BYTES_MAX 65536U
#define SLICE_PIECES_MAX (SLICE_BYTES_MAX / SLICE_PIECE_BYTES + 1)
/* Of one id, and of all of a slice. */
#define SLICE_ID_BYTES_MAX 10
#define SLICE_IDS_BYTES_MAX (SLICE_PIECES_MAX * SLICE_ID_BYTES_MAX)

/* Writes the number, at most SLICE_ID_BYTES_MAX bytes; returns how many. */
size_t slice_put_id(uint8_t *out, uint64_t value);
/* The number at `*at`, which moves on; 0 when there is none. */
uint64_t slice_take_id(const uint8_t *bytes, size_t size, size_t *at);

#endif
