/* SPDX-License-Identifier: MIT */
/*
 * A small table from a 128-bit key (a hash of something) to an id, for what was seen before. It forgets everything
 * when it holds more than its limit: its user then does something twice, which must be harmless. Zeroed is empty.
 */
#ifndef COMMON_ID_TABLE_H
#define COMMON_ID_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct id_key {
	uint64_t words[2];
};

struct id_table {
	struct id_slot *slots;
	size_t capacity; /* a power of two, or 0 */
	size_t count;
	size_t limit; /* most entries; 0: 65536 */
};

/* 0 when it is not there. */
int64_t id_table_get(const struct id_table *table, const struct id_key *key);

/* `id` is not 0. Without memory the entry is not kept. */
void id_table_put(struct id_table *table, const struct id_key *key, int64_t id);

/* Empties it and gives its memory back. */
void id_table_clear(struct id_table *table);

/* A key for some bytes; whoever does not know the seed cannot make two pieces of the same key but by chance. */
struct id_key id_key_of(const void *data, size_t size, const uint64_t seed[2]);

#endif
