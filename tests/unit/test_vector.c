/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>

#include <cmocka.h>
#include <stdint.h>
#include <string.h>

#include "common/array.h"
#include "common/vector.h"

struct point {
	uint64_t x;
	char name[24];
};

DEFINE_VECTOR(points, struct point)
DEFINE_VECTOR(bytes, uint8_t)

static void test_growth(void **state)
{
	cleanup_with(points_deinit) struct points points = {0};

	(void)state;
	for (uint64_t i = 0; i < 10000; i++) {
		struct point point = {.x = i, .name = "p"};

		assert_null(points_push(&points, point));
		assert_int_equal(points.count, i + 1);
		assert_true(points.capacity >= points.count);
	}
	for (uint64_t i = 0; i < 10000; i++) {
		assert_int_equal(points.items[i].x, i);
		assert_string_equal(points.items[i].name, "p");
	}
	/* Not a new block for each: 8 * 1.5^n. */
	assert_in_range(points.capacity, 10000, 15000);
}

static void test_reserve(void **state)
{
	cleanup_with(bytes_deinit) struct bytes bytes = {0};
	uint8_t *before;

	(void)state;
	assert_null(bytes_reserve(&bytes, 0));
	assert_null(bytes.items);
	assert_null(bytes_reserve(&bytes, 1000));
	assert_true(bytes.capacity >= 1000);
	before = bytes.items;
	/* ASan sees where the room ends. */
	memset(bytes.items, 1, bytes.capacity);
	for (size_t i = 0; i < 1000; i++)
		assert_null(bytes_push(&bytes, (uint8_t)i));
	assert_ptr_equal(bytes.items, before);
}

static void test_overflow(void **state)
{
	cleanup_with(points_deinit) struct points points = {0};
	struct points before;

	(void)state;
	assert_null(points_push(&points, (struct point){.x = 7}));
	before = points;
	/* The count overflows; the size in bytes does. */
	assert_ptr_equal(points_reserve(&points, SIZE_MAX), &error_no_memory);
	assert_ptr_equal(points_reserve(&points, SIZE_MAX / sizeof(struct point) + 1), &error_no_memory);
	assert_memory_equal(&points, &before, sizeof(points));
	assert_int_equal(points.items[0].x, 7);
}

static void test_take(void **state)
{
	struct bytes bytes = {0};
	cleanup_free uint8_t *taken = NULL;
	size_t count;

	(void)state;
	assert_null(bytes_take(&bytes, &count));
	assert_int_equal(count, 0);
	assert_null(bytes_push(&bytes, 3));
	taken = bytes_take(&bytes, &count);
	assert_int_equal(count, 1);
	assert_int_equal(taken[0], 3);
	assert_null(bytes.items);
	assert_int_equal(bytes.count + bytes.capacity, 0);
	bytes_deinit(&bytes);
	assert_null(bytes_push(&bytes, 4));
	bytes_deinit(&bytes);
	assert_null(bytes.items);
}

static void test_members(void **state)
{
	struct {
		struct point *points;
		uint32_t point_count;
		uint8_t *text;
		size_t size, room;
	} thing = {0};

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		assert_null(array_push(thing.points, thing.point_count, (struct point){.x = i, .name = "q"}));
		assert_null(array_reserve(thing.text, thing.room, thing.size + 1));
		thing.text[thing.size++] = (uint8_t)i;
	}
	assert_int_equal(thing.point_count, 100);
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(thing.points[i].x, i);
		assert_int_equal(thing.text[i], i);
	}
	assert_ptr_equal(array_reserve(thing.text, thing.room, SIZE_MAX), &error_no_memory);
	assert_null(array_resize(thing.points, 50));
	thing.points[49].x++; /* ASan sees where the room ends */
	assert_int_equal(thing.points[49].x, 50);
	assert_int_equal(thing.text[99], 99);
	free(thing.points);
	free(thing.text);
}

static void test_array_size(void **state)
{
	const struct point points[3] = {0};
	char text[2][7] = {{0}};

	(void)state;
	_Static_assert(array_size(points) == 3, "a constant");
	assert_int_equal(array_size(points), 3);
	assert_int_equal(array_size(text), 2);
	assert_int_equal(array_size(text[0]), 7);
}

static void test_catch(void **state)
{
	struct error *err = NULL;

	(void)state;
	assert_false(error_catch(&err, ERROR_NOT_FOUND));
	err = &error_not_found;
	assert_false(error_catch(&err, ERROR_INVALID));
	assert_ptr_equal(err, &error_not_found);
	assert_true(error_catch(&err, ERROR_NOT_FOUND));
	assert_null(err);
	/* LeakSanitizer sees one that is dropped. */
	err = error_format(ERROR_INVALID, "no %d", 1);
	assert_false(error_catch(&err, ERROR_NOT_FOUND));
	assert_non_null(err);
	assert_true(error_catch(&err, ERROR_INVALID));
	assert_null(err);
}

static unsigned destroyed;

struct thing {
	int number;
};

static void thing_destroy(struct thing *thing)
{
	destroyed += thing ? 1 : 100;
}

DEFINE_CLEANUP(struct thing, thing_destroy)

static void test_cleanup_by(void **state)
{
	(void)state;
	destroyed = 0;
	{
		struct thing one;
		cleanup_by(thing_destroy) struct thing *first = &one;
		cleanup_by(thing_destroy) struct thing *second = NULL;

		(void)first;
		(void)second;
		assert_int_equal(destroyed, 0);
	}
	assert_int_equal(destroyed, 101);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_growth), cmocka_unit_test(test_reserve),	  cmocka_unit_test(test_overflow),
		cmocka_unit_test(test_take),   cmocka_unit_test(test_members),	  cmocka_unit_test(test_array_size),
		cmocka_unit_test(test_catch),  cmocka_unit_test(test_cleanup_by),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
