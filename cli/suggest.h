/* SPDX-License-Identifier: MIT */
/* Which word was meant. */
#ifndef CLI_SUGGEST_H
#define CLI_SUGGEST_H

#include <stddef.h>

/* The one of `words` that is nearest to `given`, when it is near (a third of its letters, at least one, may differ; a
 * transposition counts as one), else NULL. */
const char *suggest_word(const char *given, const char *const *words, size_t count);

#endif
