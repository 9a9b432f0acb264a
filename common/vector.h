/* SPDX-License-Identifier: MIT */
/*
 * Arrays that grow. DEFINE_VECTOR makes a type of its own; array_reserve() and array_push() do the same to the members
 * of a structure that is shaped otherwise. An array is malloc(3)'s: free(3) gives it back, and NULL is an empty one.
 * A size that overflows is no memory. When one of these fails, the array is as it was.
 */
#ifndef COMMON_VECTOR_H
#define COMMON_VECTOR_H

#include <stddef.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "common/error.h"

/* `items`, moved to where `needed` elements have room; *capacity grows at least by half. The new elements are not
 * written. NULL without memory. */
void *vector_grow(void *items, size_t *capacity, size_t needed, size_t item_bytes) must_check;

/* Room for `needed` elements in all. `items` is a pointer to elements, `capacity` a size_t; both change. The result is
 * a struct error *. */
#define array_reserve(items, capacity, needed)                                                                         \
	({                                                                                                             \
		size_t needed_ = (needed);                                                                             \
		struct error *err_ = NULL;                                                                             \
                                                                                                                       \
		if (needed_ > (capacity)) {                                                                            \
			__typeof__(items) grown_ = vector_grow((items), &(capacity), needed_, sizeof(*(items)));       \
                                                                                                                       \
			if (grown_)                                                                                    \
				(items) = grown_;                                                                      \
			else                                                                                           \
				err_ = &error_no_memory;                                                               \
		}                                                                                                      \
		err_;                                                                                                  \
	})

/* Room for exactly `needed` elements, at least 1, where no capacity is kept: for short arrays. */
#define array_resize(items, needed)                                                                                    \
	({                                                                                                             \
		__typeof__(items) grown_ = reallocarray((items), (needed), sizeof(*(items)));                          \
                                                                                                                       \
		if (grown_)                                                                                            \
			(items) = grown_;                                                                              \
		grown_ ? NULL : &error_no_memory;                                                                      \
	})

/* The value (what follows `count`; a compound literal may have commas) as one more element of such an array. `count`
 * may have any integer type. */
#define array_push(items, count, ...)                                                                                  \
	({                                                                                                             \
		struct error *pushed_ = array_resize((items), (size_t)(count) + 1);                                    \
                                                                                                                       \
		if (!pushed_)                                                                                          \
			(items)[(count)++] = __VA_ARGS__;                                                              \
		pushed_;                                                                                               \
	})

/*
 * DEFINE_VECTOR(ports, uint16_t) makes `struct ports`, zeroed when empty, and
 *	ports_reserve(&ports, more)	room for so many more
 *	ports_push(&ports, port)	one more at the end
 *	ports_take(&ports, &count)	the elements, which are the caller's then; the vector is empty
 *	ports_deinit(&ports)		frees the elements, not what they point to; leaves an empty vector. For
 *					cleanup_with(ports_deinit) struct ports ports = {0};
 */
#define DEFINE_VECTOR(name, type)                                                                                      \
	struct name {                                                                                                  \
		type *items;                                                                                           \
		size_t count, capacity;                                                                                \
	};                                                                                                             \
                                                                                                                       \
	static inline __attribute__((unused))                                                                          \
	must_check struct error *name##_reserve(struct name *vector, size_t more)                                      \
	{                                                                                                              \
		size_t needed;                                                                                         \
                                                                                                                       \
		if (__builtin_add_overflow(vector->count, more, &needed))                                              \
			return &error_no_memory;                                                                       \
		return array_reserve(vector->items, vector->capacity, needed);                                         \
	}                                                                                                              \
                                                                                                                       \
	static inline __attribute__((unused)) must_check struct error *name##_push(struct name *vector, type item)     \
	{                                                                                                              \
		struct error *err = name##_reserve(vector, 1);                                                         \
                                                                                                                       \
		if (!err)                                                                                              \
			vector->items[vector->count++] = item;                                                         \
		return err;                                                                                            \
	}                                                                                                              \
                                                                                                                       \
	static inline __attribute__((unused)) type *name##_take(struct name *vector, size_t *ret_count)                \
	{                                                                                                              \
		type *items = vector->items;                                                                           \
                                                                                                                       \
		*ret_count = vector->count;                                                                            \
		*vector = (struct name){0};                                                                            \
		return items;                                                                                          \
	}                                                                                                              \
                                                                                                                       \
	static inline __attribute__((unused)) void name##_deinit(struct name *vector)                                  \
	{                                                                                                              \
		free(vector->items);                                                                                   \
		*vector = (struct name){0};                                                                            \
	}

#endif
