/* SPDX-License-Identifier: MIT */
#include "common/utf8.h"

#include <stdlib.h>
#include <string.h>

#include "common/array.h"

size_t utf8_length(const unsigned char *text)
{
	static const struct {
		unsigned char first_low, first_high, second_low, second_high;
		size_t length;
	} rows[] = {
		{0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
		{0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
		{0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		if (text[0] < rows[i].first_low || text[0] > rows[i].first_high)
			continue;
		if (text[1] < rows[i].second_low || text[1] > rows[i].second_high)
			return 0;
		for (size_t j = 2; j < rows[i].length; j++) {
			if ((text[j] & 0xc0) != 0x80)
				return 0;
		}
		return rows[i].length;
	}
	return 0;
}

char *utf8_clean(const char *text)
{
	size_t length = strlen(text), used = 0;
	char *clean = malloc(3 * length + 1);

	if (!clean)
		return NULL;
	for (size_t i = 0; i <= length;) {
		size_t good = (unsigned char)text[i] < 0x80 ? 1 : utf8_length((const unsigned char *)text + i);

		memcpy(clean + used, good ? text + i : "\xef\xbf\xbd", good ? good : 3);
		used += good ? good : 3;
		i += good ? good : 1;
	}
	return clean;
}
