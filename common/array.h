/* SPDX-License-Identifier: MIT */
/* How many elements an array has. */
#ifndef COMMON_ARRAY_H
#define COMMON_ARRAY_H

/* A constant. Of a pointer, which does not know, it does not compile: a negative bit-field width. */
#define array_size(array)                                                                                              \
	(sizeof(array) / sizeof((array)[0]) +                                                                          \
	 sizeof(struct {                                                                                               \
		 int not_an_array : 1 - 2 * __builtin_types_compatible_p(__typeof__(array), __typeof__(&(array)[0]));  \
	 }) * 0)

#endif
