/* SPDX-License-Identifier: MIT */
/* The function that made the bad value, in JSON. */
#ifndef ANALYZER_REPORT_BLAME_H
#define ANALYZER_REPORT_BLAME_H

#include <jansson.h>

#include "analyzer/crash.h"

/* The schema's "blame"; null where it is not known. A new reference. */
json_t *report_blame_json(const struct crash *crash);

#endif
