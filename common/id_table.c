/* SPDX-License-Identifier: MIT */
#include "common/id_table.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 256
#define DEFAULT_LIMIT 65536

struct id_slot {
	struct id_key key;
	int64_t id; /* 0: free */
};

/* The slot of the key, or the free one where it belongs. Less than all slots are taken. */
static struct id_slot *find_slot(const struct id_table *table, const struct id_key *key)
{
	size_t mask = table->capacity - 1;
	size_t i = (size_t)(key->words[0] * 0x9e3779b97f4a7c15ULL >> 20) & mask;

	while (table->slots[i].id && memcmp(&table->slots[i].key, key, sizeof(*key)) != 0)
		i = (i + 1) & mask;
	return &table->slots[i];
}

int64_t id_table_get(const struct id_table *table, const struct id_key *key)
{
	return table->capacity ? find_slot(table, key)->id : 0;
}

/* Room for one more; false without memory. */
static int grow(struct id_table *table)
{
	struct id_table larger = {.limit = table->limit};

	if (table->count >= (table->limit ? table->limit : DEFAULT_LIMIT))
		id_table_clear(table);
	if (table->capacity && table->count < table->capacity / 4 * 3)
		return 1;
	larger.capacity = table->capacity ? 2 * table->capacity : FIRST_CAPACITY;
	larger.slots = calloc(larger.capacity, sizeof(*larger.slots));
	if (!larger.slots)
		return 0;
	for (size_t i = 0; i < table->capacity; i++)
		if (table->slots[i].id)
			*find_slot(&larger, &table->slots[i].key) = table->slots[i];
	larger.count = table->count;
	free(table->slots);
	*table = larger;
	return 1;
}

void id_table_put(struct id_table *table, const struct id_key *key, int64_t id)
{
	struct id_slot *slot;

	if (!grow(table))
		return;
	slot = find_slot(table, key);
	table->count += !slot->id;
	*slot = (struct id_slot){*key, id};
}

void id_table_clear(struct id_table *table)
{
	free(table->slots);
	*table = (struct id_table){.limit = table->limit};
}

/* The two halves of a 128-bit product, folded: every input bit reaches about half of the output bits. */
static uint64_t fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

struct id_key id_key_of(const void *data, size_t size, const uint64_t seed[2])
{
	const unsigned char *bytes = data;
	uint64_t low = seed[0] ^ size, high = seed[1] + size;
	uint64_t words[2];

	for (size_t done = 0; done < size; done += sizeof(words)) {
		if (size - done >= sizeof(words)) {
			memcpy(words, bytes + done, sizeof(words));
		} else {
			memset(words, 0, sizeof(words));
			memcpy(words, bytes + done, size - done);
		}
		low = fold(words[0] ^ seed[0] ^ 0x9e3779b97f4a7c15ULL, words[1] ^ low);
		high = fold(words[1] ^ seed[1] ^ 0xbf58476d1ce4e5b9ULL, words[0] + high);
	}
	return (struct id_key){
		{fold(low ^ seed[1], high ^ 0x94d049bb133111ebULL), fold(high ^ seed[0], low ^ 0xd6e8feb86659fd93ULL)}};
}
