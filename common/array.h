/* SPDX-License-Identifier: MIT */
/* How many elements an array has, and how many of a sorted one lie up to a key. */
#ifndef COMMON_ARRAY_H
#define COMMON_ARRAY_H

#include <stddef.h>

/* A constant. Of a pointer, which does not know, it does not compile: an array of negative size. */
#define array_size(array)                                                                                              \
	(sizeof(array) / sizeof((array)[0]) +                                                                          \
	 0 * sizeof(char[1 - 2 * __builtin_types_compatible_p(__typeof__(array), __typeof__(&(array)[0]))]))

/* How many of the `count` leading items have a `member` of at most `key`. They stand by rising `member`; the search
 * halves. What it gives is also the index of the first item above the key. */
#define array_count_up_to(items, count, member, key)                                                                   \
	({                                                                                                             \
		size_t low_ = 0, high_ = (count);                                                                      \
		const __typeof__((items)[0].member) key_ = (key);                                                      \
                                                                                                                       \
		while (low_ < high_) {                                                                                 \
			size_t middle_ = low_ + (high_ - low_) / 2;                                                    \
                                                                                                                       \
			if ((items)[middle_].member <= key_)                                                           \
				low_ = middle_ + 1;                                                                    \
			else                                                                                           \
				high_ = middle_;                                                                       \
		}                                                                                                      \
		low_;                                                                                                  \
	})

#endif
