/* SPDX-License-Identifier: MIT */
#include "schema/slice.h"

size_t slice_put_id(uint8_t *out, uint64_t value)
{
	size_t used = 0;

	for (; value >= 0x80; value >>= 7)
		out[used++] = (uint8_t)(value | 0x80);
	out[used++] = (uint8_t)value;
	return used;
}

uint64_t slice_take_id(const uint8_t *bytes, size_t size, size_t *at)
{
	uint64_t value = 0;

	for (unsigned int shift = 0; shift < 63 && *at < size; shift += 7) {
		uint8_t byte = bytes[(*at)++];

		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return value;
	}
	return 0;
}
