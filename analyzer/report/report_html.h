/* SPDX-License-Identifier: MIT */
/* What the files of the HTML report share. Only for analyzer/report_html*.c. */
#ifndef ANALYZER_REPORT_HTML_H
#define ANALYZER_REPORT_HTML_H

#include <stdio.h>

#include "analyzer/crash.h"
#include "analyzer/report/report.h"

/* The address space around the fault over time, as SVG: lives of mappings as bars, calls and markers in the order of
 * time, the crash. Nothing when no life was recorded. */
void report_html_picture(const struct crash *crash, FILE *out);

/* A thread's stack, folded in unless it crashed; evidence links to the frames of the one that `is_target`. */
void report_html_thread(const struct thread_stack *thread, bool is_target, FILE *out);

/* The whole stack of a recorded call, folded in; nothing when none was recorded. */
void report_html_event_stack(const struct event_stack *stack, FILE *out);

/* The text of the style element, and the hash by which the content security policy allows it and nothing else. A test
 * computes it again. */
extern const char report_html_style[];
extern const char report_html_style_hash[];

/* The most system calls that the table of the biography shows: the newest. */
#define REPORT_HTML_EVENTS 200

/* The story in the order of time; nothing where it has no line. */
struct error *report_html_story(const struct report *report, FILE *out) must_check;

/* What to do next, and what would show what was not seen. */
void report_html_next(const struct finding *finding, FILE *out);

/* Of the verdict: the end, culprit and suspect, and the links from the end to the act, each with what it cites and what
 * else would look the same. */
void report_html_chain(const struct report *report, FILE *out);

#endif
