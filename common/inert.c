/* SPDX-License-Identifier: MIT */
#include "common/inert.h"

#include <stdbool.h>

#include "common/utf8.h"

/* C1 control characters (U+0080 to U+009F), what turns the line around (U+061C, U+200E, U+200F, U+202A to U+202E,
 * U+2066 to U+2069), and what ends it (U+2028, U+2029). */
static bool is_tricky(const unsigned char *text)
{
	if (text[0] == 0xc2)
		return text[1] < 0xa0;
	if (text[0] == 0xd8)
		return text[1] == 0x9c;
	if (text[0] != 0xe2)
		return false;
	return (text[1] == 0x80 && (text[2] == 0x8e || text[2] == 0x8f || (text[2] >= 0xa8 && text[2] <= 0xae))) ||
	       (text[1] == 0x81 && text[2] >= 0xa6 && text[2] <= 0xa9);
}

void inert_write(const char *text, FILE *out)
{
	const unsigned char *at = (const unsigned char *)(text ? text : "?");

	while (*at) {
		size_t length = utf8_length(at);

		/* A backslash too, so that what looks like an escape is one. */
		if (*at >= 0x20 && *at < 0x7f && *at != '\\') {
			fputc(*at++, out);
		} else if (length && !is_tricky(at)) {
			fwrite(at, 1, length, out);
			at += length;
		} else {
			fprintf(out, "\\x%02x", *at++);
		}
	}
}
