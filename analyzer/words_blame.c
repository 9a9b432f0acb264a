/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>

#include "analyzer/words.h"

const char *words_blame(struct words *words, const struct crash *crash)
{
	const struct blame *blame = &crash->facts.blame;
	const struct thread_stack *stack = crash->facts.stacks.threads;
	const char *name, *user_name;
	struct words maker, user;

	words->text[0] = 0;
	if (blame->how == BLAME_NOT_KNOWN)
		return words->text;
	name = words_function(&maker, &blame->symbol);
	user_name = words_function(&user,
				   &stack->frames[blame->how == BLAME_RETURNED ? blame->frame : blame->crashed].symbol);

	switch (blame->how) {
	case BLAME_MADE:
		snprintf(words->text, sizeof(words->text), "%.80s made 0x%" PRIx64 " itself", name, blame->value);
		break;
	case BLAME_PASSED:
		snprintf(words->text, sizeof(words->text), "%.80s passed 0x%" PRIx64 " down to %.80s", name,
			 blame->value, user_name);
		break;
	case BLAME_RETURNED:
		snprintf(words->text, sizeof(words->text), "%.80s returned 0x%" PRIx64 " to %.80s", name, blame->value,
			 user_name);
		break;
	case BLAME_STORED:
		snprintf(words->text, sizeof(words->text), "%.80s stored 0x%" PRIx64 ", which %.80s loaded", name,
			 blame->value, user_name);
		break;
	case BLAME_NOT_KNOWN:
		break;
	}
	return words->text;
}
