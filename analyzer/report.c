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
