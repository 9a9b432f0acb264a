/* SPDX-License-Identifier: MIT */
#include "analyzer/report.h"

#include <inttypes.h>
#include <string.h>

#include "analyzer/words.h"
#include "common/utf8.h"

static uint64_t mix_text(uint64_t hash, const char *text)
{
	/* FNV-1a, the closing NUL included so that "a"+"bc" and "ab"+"c" differ. */
	do {
		hash ^= (unsigned char)*text;
		hash *= 0x100000001b3ULL;
	} while (*text++);
	return hash;
}

void report_init(struct report *report, const struct crash *crash, const struct finding_list *findings)
{
	const struct finding *verdict = &findings->findings[0];
	uint64_t hash = mix_text(0xcbf29ce484222325ULL, finding_class_name(verdict->class));
	struct words words;

	report->crash = crash;
	report->findings = findings;
	if (verdict->offender) {
		hash = mix_text(hash, verdict->offender);
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

void report_write_inert(const char *text, FILE *out)
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
