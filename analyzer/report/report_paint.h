/* SPDX-License-Identifier: MIT */
/* Colour, headings and wrapped lines of the text form. Only for analyzer/report_text*.c. */
#ifndef ANALYZER_REPORT_PAINT_H
#define ANALYZER_REPORT_PAINT_H

#include <stdio.h>

#include "analyzer/report/report.h"

enum colour { PLAIN, BOLD, RED, YELLOW, GREEN, DIM };

/* Nothing without style->colour. */
void text_paint(const struct report_style *style, enum colour colour, FILE *out);

/* All text of the dead process's is written inert (common/inert.h). */
void text_painted(const struct report_style *style, enum colour colour, const char *text, FILE *out);

/* An empty line, then the heading. */
void text_heading(const struct report_style *style, const char *text, FILE *out);

/* `text` broken at blanks so that no line is wider than style->columns, each further line after `indent` blanks;
 * `column` says how far the first line has come. A word that is wider stays whole. Ends with a newline. */
void text_wrap(const struct report_style *style, const char *text, unsigned column, unsigned indent, FILE *out);

#endif
