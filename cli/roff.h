/* SPDX-License-Identifier: MIT */
/* Text as man(7) wants it. */
#ifndef CLI_ROFF_H
#define CLI_ROFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Running text, without a newline at its end: backslashes and what would be a request are disarmed, `...` is bold. */
void roff_write_text(const char *text, size_t length, FILE *out);
/* A word that a person types: bold, its hyphens real ones. */
void roff_write_bold(const char *text, size_t length, FILE *out);
/* "[CRASH] ...": words in capitals are set as variables. */
void roff_write_variables(const char *text, FILE *out);
/* Prose as cli/manual.h describes it, from `text` to the next section; returns where that begins, or NULL. */
const char *roff_write_section(const char *text, FILE *out);

#endif
