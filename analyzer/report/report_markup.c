/* SPDX-License-Identifier: MIT */
#include "analyzer/report/report_markup.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/inert.h"

/* NULL without memory. */
static char *inert_copy(const char *text)
{
	char *copy = NULL;
	size_t size;
	FILE *stream = open_memstream(&copy, &size);

	if (!stream)
		return NULL;
	inert_write(text, stream);
	fclose(stream);
	return copy;
}

void markup_html(const char *text, FILE *out)
{
	cleanup_free char *inert = inert_copy(text);

	for (const char *at = inert ? inert : "?"; *at; at++) {
		switch (*at) {
		case '&':
			fputs("&amp;", out);
			break;
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		case '\'':
			fputs("&#39;", out);
			break;
		default:
			fputc(*at, out);
		}
	}
}

void markup_html_format(FILE *out, const char *format, ...)
{
	cleanup_free char *text = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	markup_html(text, out);
}

/* GitHub makes links of bare addresses. */
static bool begins_link(const char *at, const char *start)
{
	if (*at == ':')
		return at[1] == '/' && at[2] == '/';
	return *at == '.' && at - start >= 3 && strncasecmp(at - 3, "www", 3) == 0;
}

/* What means something somewhere in a line becomes a character reference, which Markdown shows and does not read
 * (CommonMark, "Entity and numeric character references"). The dollar sign is for formulas; what would begin a list
 * stands first. Mentions, references and mail addresses are looked for in what is shown, so a comment, which is not,
 * divides them.
 */
void markup_markdown(const char *text, FILE *out)
{
	static const char meaning[] = "\\`*_{}[]<>#!|&@~$";
	cleanup_free char *inert = inert_copy(text);
	const char *start = inert ? inert : "?";

	for (const char *at = start; *at; at++) {
		bool begins_list = at == start && strchr("+-=0123456789", *at);

		if (strchr(meaning, *at) || begins_list || begins_link(at, start))
			fprintf(out, "&#%d;%s", *at, *at == '@' || *at == '#' ? "<!-- -->" : "");
		else
			fputc(*at, out);
	}
}

static size_t longest_fence(const char *text)
{
	size_t longest = 0;

	while (*text) {
		size_t length = strspn(text, "`");

		if (length > longest)
			longest = length;
		text += length ? length : 1;
	}
	return longest;
}

void markup_markdown_block(const char *text, FILE *out)
{
	size_t length = longest_fence(text);
	cleanup_free char *fence = malloc(length + 4);

	if (!fence)
		return;
	length = length < 3 ? 3 : length + 1;
	memset(fence, '`', length);
	fence[length] = 0;
	fprintf(out, "%s\n%s%s%s\n", fence, text, text[0] && text[strlen(text) - 1] != '\n' ? "\n" : "", fence);
}
