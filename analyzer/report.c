/* SPDX-License-Identifier: MIT */
#include "analyzer/report.h"

#include <inttypes.h>
#include <string.h>

#include "analyzer/words.h"

static uint64_t mix_text(uint64_t hash, const char *text)
{
	/* FNV-1a, the closing NUL included so that "a"+"bc" and "ab"+"c" differ. */
	do {
		hash ^= (unsigned char)*text;
		hash *= 0x100000001b3ULL;
	} while (*text++);
	return hash;
}

/* "libwalker.so walker_step+0x12 (walker.c:31)" without the place in the source and the offset: both move with every
 * build. */
static void without_offset(const char *offender, char *out, size_t size)
{
	size_t length = strcspn(offender, "(");
	size_t plus;

	snprintf(out, size, "%.*s", (int)length, offender);
	plus = strcspn(out, "+");
	/* "lib.so+0x1234" has no function: there the offset is all that names the code. */
	if (strchr(out, ' ') && out[plus])
		out[plus] = 0;
}

void report_init(struct report *report, const struct crash *crash, const struct finding_list *findings)
{
	const struct finding *verdict = &findings->findings[0];
	uint64_t hash = mix_text(0xcbf29ce484222325ULL, finding_class_name(verdict->class));
	struct words words;

	report->crash = crash;
	report->findings = findings;
	if (verdict->offender) {
		char code[256];

		without_offset(verdict->offender, code, sizeof(code));
		hash = mix_text(hash, code);
	} else {
		hash = mix_text(hash, words_signal(&words, crash->signal.number));
		if (crash->stacks.thread_count && crash->stacks.threads[0].frame_count) {
			const struct symbol *symbol = &crash->stacks.threads[0].frames[0].symbol;

			hash = mix_text(hash, symbol->module ? words_base_name(symbol->module) : "");
			hash = mix_text(hash, symbol->function ? symbol->function : "");
		}
	}
	snprintf(report->signature, sizeof(report->signature), "%016" PRIx64, hash);
}

/* Length of the well-formed UTF-8 sequence at `text`, or 0. RFC 3629: no overlong forms, no surrogates, up to U+10FFFF.
 */
static size_t utf8_length(const unsigned char *text)
{
	static const struct {
		unsigned char first_low, first_high, second_low, second_high;
		size_t length;
	} rows[] = {
		{0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
		{0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
		{0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
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

/* U+0080 to U+009F are control characters too, and U+202A to U+202E, U+2066 to U+2069 turn the line around. */
static bool is_tricky(const unsigned char *text)
{
	return (text[0] == 0xc2 && text[1] < 0xa0) ||
	       (text[0] == 0xe2 && ((text[1] == 0x80 && text[2] >= 0xaa && text[2] <= 0xae) ||
				    (text[1] == 0x81 && text[2] >= 0xa6 && text[2] <= 0xa9)));
}

void report_write_inert(const char *text, FILE *out)
{
	const unsigned char *at = (const unsigned char *)(text ? text : "?");

	while (*at) {
		size_t length = utf8_length(at);

		if (*at >= 0x20 && *at < 0x7f) {
			fputc(*at++, out);
		} else if (length && !is_tricky(at)) {
			fwrite(at, 1, length, out);
			at += length;
		} else {
			fprintf(out, "\\x%02x", *at++);
		}
	}
}
