/* SPDX-License-Identifier: MIT */
/* Text from elsewhere (names of processes, files, functions, arguments) on a terminal. */
#ifndef COMMON_INERT_H
#define COMMON_INERT_H

#include <stddef.h>
#include <stdio.h>

/* Writes `text` so that a terminal shows it and obeys nothing in it: control characters, what turns or ends a line,
 * bytes that are not UTF-8, and backslashes come out as \xNN. NULL gives "?". */
void inert_write(const char *text, FILE *out);

/* Length in bytes of the character at `text`, of `size` bytes, if a terminal only shows it; 0 if it is none of UTF-8's
 * or must be escaped. A backslash is shown. */
size_t inert_length(const char *text, size_t size);

/* Writes a piece of JSON text, of valid UTF-8 and without a cut character, in which each character that must be escaped
 * becomes \uXXXX: JSON has such characters in strings alone, so that the values stay what they are. jansson's
 * json_dump_callback_t, `out` being a FILE. -1 when it cannot be written. */
int inert_json_write(const char *text, size_t size, void *out);

/* The same into a new string, which the caller frees. NULL without memory. */
char *inert_json_text(const char *text);

#endif
