/* SPDX-License-Identifier: MIT */
#include "common/inert.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

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

/* utf8_length() needs text that ends with a NUL. */
static size_t character_length(const unsigned char *text, size_t size)
{
	unsigned char copy[5] = {0};

	for (size_t i = 0; i < size && i < 4; i++)
		copy[i] = text[i];
	return utf8_length(copy);
}

size_t inert_length(const char *text, size_t size)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t length;

	if (size && *at >= 0x20 && *at < 0x7f)
		return 1;
	length = character_length(at, size);
	return length && !is_tricky(at) ? length : 0;
}

void inert_write(const char *text, FILE *out)
{
	const char *at = text ? text : "?";
	size_t size = strlen(at);

	while (size) {
		/* A backslash too, so that what looks like an escape is one. */
		size_t length = *at == '\\' ? 0 : inert_length(at, size);

		if (length)
			fwrite(at, 1, length, out);
		else
			fprintf(out, "\\x%02x", (unsigned char)*at);
		at += length ? length : 1;
		size -= length ? length : 1;
	}
}

/* All that is tricky has two or three bytes. */
static unsigned int code_point(const unsigned char *at, size_t length)
{
	return length == 2 ? (at[0] & 0x1fu) << 6 | (at[1] & 0x3fu)
			   : (at[0] & 0x0fu) << 12 | (at[1] & 0x3fu) << 6 | (at[2] & 0x3fu);
}

int inert_json_write(const char *text, size_t size, void *out)
{
	const unsigned char *at = (const unsigned char *)text, *end = at + size, *plain = at;

	while (at < end) {
		size_t length = *at < 0x80 ? 1 : character_length(at, (size_t)(end - at));

		if (*at != 0x7f && (length < 2 || length > 3 || !is_tricky(at))) {
			at += length ? length : 1;
			continue;
		}
		fwrite(plain, 1, (size_t)(at - plain), out);
		fprintf(out, "\\u%04x", length == 1 ? 0x7fu : code_point(at, length));
		at += length;
		plain = at;
	}
	fwrite(plain, 1, (size_t)(at - plain), out);
	return ferror(out) ? -1 : 0;
}

char *inert_json_text(const char *text)
{
	char *inert = NULL;
	size_t size;
	FILE *out = open_memstream(&inert, &size);

	if (!out)
		return NULL;
	inert_json_write(text, strlen(text), out);
	if (fclose(out) == 0)
		return inert;
	free(inert);
	return NULL;
}
