/* SPDX-License-Identifier: MIT */
/* The verdict as JSON (report.schema.json): the end, the cause and its links, the culprit, the suspect, all findings.
 * Each returns a new reference; what is not known is null. */
#ifndef ANALYZER_REPORT_VERDICT_H
#define ANALYZER_REPORT_VERDICT_H

#include <jansson.h>

#include "analyzer/report/report.h"

json_t *report_end_json(const struct report *report);
json_t *report_cause_json(const struct report *report);
json_t *report_culprit_json(const struct report *report);
json_t *report_suspect_json(const struct report *report);

/* findings[0] is the verdict; the confidence of an end is `none`. */
json_t *report_findings_json(const struct report *report);

json_t *report_lines_json(char *const *lines, size_t count);

#endif
