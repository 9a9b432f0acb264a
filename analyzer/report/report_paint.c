/* SPDX-License-Identifier: MIT */
#include "analyzer/report/report_paint.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/inert.h"

void text_paint(const struct report_style *style, enum colour colour, FILE *out)
{
	static const char *const codes[] = {"\033[0m", "\033[1m", "\033[1;31m", "\033[1;33m", "\033[1;32m", "\033[2m"};

	if (style->colour)
		fputs(codes[colour], out);
}

void text_painted(const struct report_style *style, enum colour colour, const char *text, FILE *out)
{
	text_paint(style, colour, out);
	inert_write(text, out);
	text_paint(style, PLAIN, out);
}

void text_heading(const struct report_style *style, const char *text, FILE *out)
{
	fputc('\n', out);
	text_painted(style, BOLD, text, out);
	fputc('\n', out);
}

/* Bytes that begin no character do not count. */
static unsigned width_of(const char *text, size_t length)
{
	unsigned width = 0;

	for (size_t i = 0; i < length; i++)
		width += ((unsigned char)text[i] & 0xc0) != 0x80;
	return width;
}

void text_wrap(const struct report_style *style, const char *text, unsigned column, unsigned indent, FILE *out)
{
	unsigned columns = style->columns ?: REPORT_COLUMNS;
	cleanup_free char *word = malloc(strlen(text) + 1);
	bool first = true;

	for (const char *at = text; word && *at;) {
		size_t length = strcspn(at, " ");
		unsigned width = width_of(at, length);

		memcpy(word, at, length);
		word[length] = 0;
		if (!first && column + 1 + width > columns) {
			fprintf(out, "\n%*s", (int)indent, "");
			column = indent;
		} else if (!first) {
			fputc(' ', out);
			column++;
		}
		inert_write(word, out);
		column += width;
		first = false;
		at += length + strspn(at + length, " ");
	}
	fputc('\n', out);
}
