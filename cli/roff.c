/* SPDX-License-Identifier: MIT */
#include "cli/roff.h"

#include <ctype.h>
#include <string.h>

/* One character; `code`: it is to be typed, so that a hyphen must stay one. */
static void write_character(const char *text, bool begins_line, bool code, FILE *out)
{
	if (begins_line && (*text == '.' || *text == '\''))
		fputs("\\&", out);
	if (*text == '\\')
		fputs("\\(rs", out);
	else if (*text == '-' && code)
		fputs("\\-", out);
	else if (*text == '\'' && code)
		fputs("\\(aq", out);
	else if (*text == '~' && code)
		fputs("\\(ti", out);
	else if (*text == '^' && code)
		fputs("\\(ha", out);
	else if (*text == '`')
		fputs("\\(ga", out);
	else
		fputc(*text, out);
}

void roff_write_bold(const char *text, size_t length, FILE *out)
{
	fputs("\\fB", out);
	for (size_t i = 0; i < length; i++)
		write_character(text + i, false, true, out);
	fputs("\\fR", out);
}

void roff_write_text(const char *text, size_t length, FILE *out)
{
	bool begins_line = true;

	for (size_t i = 0; i < length; i++) {
		const char *end = text[i] == '`' ? memchr(text + i + 1, '`', length - i - 1) : NULL;
		bool is_option =
			text[i] == '-' && ((i + 1 < length && text[i + 1] == '-') || (i > 0 && text[i - 1] == '-'));

		if (end) {
			roff_write_bold(text + i + 1, (size_t)(end - text) - i - 1, out);
			i = (size_t)(end - text);
		} else {
			write_character(text + i, begins_line, is_option, out);
		}
		begins_line = text[i] == '\n';
	}
}

void roff_write_variables(const char *text, FILE *out)
{
	while (*text) {
		size_t length = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_");

		if (length > 1 || (length == 1 && !isalnum((unsigned char)text[1]))) {
			fprintf(out, "\\fI%.*s\\fR", (int)length, text);
			text += length;
		} else {
			write_character(text, false, true, out);
			text++;
		}
	}
}

/* A block ends at an empty line. */
static size_t block_length(const char *text)
{
	const char *end = strstr(text, "\n\n");

	return end ? (size_t)(end - text) : strcspn(text, "") - (text[0] && text[strlen(text) - 1] == '\n');
}

static void write_verbatim(const char *text, size_t length, bool first, FILE *out)
{
	bool begins_line = true;

	fprintf(out, "%s.RS 4\n.nf\n", first ? "" : ".PP\n");
	for (size_t i = 0; i < length; i++) {
		if (begins_line)
			i += strspn(text + i, " ") < 4 ? strspn(text + i, " ") : 4;
		if (i >= length)
			break;
		write_character(text + i, begins_line, true, out);
		begins_line = text[i] == '\n';
	}
	fputs("\n.fi\n.RE\n", out);
}

/* Items may follow each other without an empty line. */
static void write_items(const char *text, size_t length, FILE *out)
{
	while (length > 0) {
		const char *next = memmem(text + 1, length - 1, "\n- ", 3);
		size_t this_length = next ? (size_t)(next - text) : length;

		fputs(".IP \\(bu 2\n", out);
		roff_write_text(text + 2, this_length - 2, out);
		fputc('\n', out);
		this_length += next != NULL;
		text += this_length;
		length -= this_length;
	}
}

static void write_block(const char *text, size_t length, bool first, FILE *out)
{
	const char *line = memchr(text, '\n', length);

	if (strncmp(text, "    ", 4) == 0) {
		write_verbatim(text, length, first, out);
		return;
	}
	if (strncmp(text, "- ", 2) == 0) {
		write_items(text, length, out);
		return;
	}
	if (line && strncmp(line, "\n: ", 3) == 0) {
		fputs(".TP\n", out);
		roff_write_text(text, (size_t)(line - text), out);
		fputc('\n', out);
		roff_write_text(line + 3, length - (size_t)(line - text) - 3, out);
	} else {
		fputs(first ? "" : ".PP\n", out);
		roff_write_text(text, length, out);
	}
	fputc('\n', out);
}

const char *roff_write_section(const char *text, FILE *out)
{
	bool first = true;

	for (text += strspn(text, "\n"); *text; text += strspn(text, "\n")) {
		size_t length = block_length(text);

		if (strncmp(text, "## ", 3) == 0)
			return text;
		write_block(text, length, first, out);
		first = false;
		text += length;
	}
	return NULL;
}
