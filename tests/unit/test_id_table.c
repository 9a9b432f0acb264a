/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/id_table.h"

static void test_keeps_and_forgets(void **state)
{
	struct id_table table = {.limit = 1000};
	struct id_key key = {{0}};

	(void)state;
	assert_int_equal(id_table_get(&table, &key), 0);
	for (uint64_t i = 0; i < 1000; i++) {
		key.words[1] = i << 40; /* alike but for what the first word's hash does not see */
		id_table_put(&table, &key, (int64_t)i + 1);
	}
	for (uint64_t i = 0; i < 1000; i++) {
		key.words[1] = i << 40;
		assert_int_equal(id_table_get(&table, &key), i + 1);
	}
	key.words[0] = 1;
	id_table_put(&table, &key, 77);
	assert_int_equal(table.count, 1);
	assert_int_equal(id_table_get(&table, &key), 77);
	id_table_put(&table, &key, 78);
	assert_int_equal(table.count, 1);
	assert_int_equal(id_table_get(&table, &key), 78);
	id_table_clear(&table);
	assert_int_equal(id_table_get(&table, &key), 0);
}

/* Pieces that differ in one bit, or in two that could cancel, have different keys. */
static void test_keys(void **state)
{
	static const uint64_t seed[2] = {1, 2};
	struct id_table table = {.limit = 1 << 16};
	unsigned char bytes[512] = {0};
	struct id_key key = id_key_of(bytes, sizeof(bytes), seed), same = key;
	int64_t id = 1;

	(void)state;
	id_table_put(&table, &key, id);
	for (size_t bit = 0; bit < 8 * sizeof(bytes); bit++) {
		for (size_t other = bit; other < 8 * sizeof(bytes); other += 8 * 16 * 5 + 64) {
			bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
			if (other != bit)
				bytes[other / 8] ^= (unsigned char)(1 << other % 8);
			key = id_key_of(bytes, sizeof(bytes), seed);
			assert_int_equal(id_table_get(&table, &key), 0);
			id_table_put(&table, &key, ++id);
			bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
			if (other != bit)
				bytes[other / 8] ^= (unsigned char)(1 << other % 8);
		}
	}
	for (size_t size = 0; size < sizeof(bytes); size++) {
		key = id_key_of(bytes, size, seed);
		assert_int_equal(id_table_get(&table, &key), 0);
		id_table_put(&table, &key, ++id);
	}
	key = id_key_of(bytes, sizeof(bytes), seed);
	assert_memory_equal(&key, &same, sizeof(key));
	id_table_clear(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keeps_and_forgets),
		cmocka_unit_test(test_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
