/* SPDX-License-Identifier: MIT */
/* Text from elsewhere (names of processes, files, functions, arguments) on a terminal. */
#ifndef COMMON_INERT_H
#define COMMON_INERT_H

#include <stdio.h>

/* Writes `text` so that a terminal shows it and obeys nothing in it: control characters, what turns or ends a line,
 * bytes that are not UTF-8, and backslashes come out as \xNN. NULL gives "?". */
void inert_write(const char *text, FILE *out);

#endif
