/* SPDX-License-Identifier: MIT */
#include "cli/suggest.h"

#include <string.h>

#define LENGTH_MAX 32

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Damerau and Levenshtein, "optimal string alignment". Both are at most LENGTH_MAX long. */
static size_t distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
	size_t rows[LENGTH_MAX + 1][LENGTH_MAX + 1];

	for (size_t i = 0; i <= a_length; i++)
		rows[i][0] = i;
	for (size_t j = 0; j <= b_length; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a_length; i++) {
		for (size_t j = 1; j <= b_length; j++) {
			rows[i][j] = least(least(rows[i - 1][j], rows[i][j - 1]) + 1,
					   rows[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				rows[i][j] = least(rows[i][j], rows[i - 2][j - 2] + 1);
		}
	}
	return rows[a_length][b_length];
}

const char *suggest_word(const char *given, const char *const *words, size_t count)
{
	size_t length = strlen(given), best = LENGTH_MAX;
	const char *nearest = NULL;

	if (length > LENGTH_MAX)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		size_t word_length = strlen(words[i]), far;

		if (word_length > LENGTH_MAX)
			continue;
		far = distance(given, length, words[i], word_length);
		if (far < best && far <= (word_length < 6 ? 1 : word_length / 3)) {
			best = far;
			nearest = words[i];
		}
	}
	return nearest;
}
