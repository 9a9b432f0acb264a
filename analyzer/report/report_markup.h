/* SPDX-License-Identifier: MIT */
/*
 * Text from elsewhere inside markup. What inert_write() does for a terminal comes first, so that nothing is shown that
 * is not there; then the markup's own characters lose their meaning. Only for analyzer/report_*.c.
 */
#ifndef ANALYZER_REPORT_MARKUP_H
#define ANALYZER_REPORT_MARKUP_H

#include <stdio.h>

/* As an element's text or a quoted attribute's value, in HTML and in SVG. NULL gives "?". */
void markup_html(const char *text, FILE *out);
void markup_html_format(FILE *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* As a part of a line of GitHub-flavoured Markdown: no emphasis, link, HTML, mention or reference comes of it. */
void markup_markdown(const char *text, FILE *out);

/* As a code block of its own. `text` keeps its lines; it must be inert already. */
void markup_markdown_block(const char *text, FILE *out);

#endif
