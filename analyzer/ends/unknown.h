/* SPDX-License-Identifier: MIT */
/* What is said when nothing else found anything: the end as far as it is known, what is missing, and where to get it.
 */
#ifndef ANALYZER_UNKNOWN_H
#define ANALYZER_UNKNOWN_H

#include "analyzer/crash.h"
#include "analyzer/finding.h"

/* Appends the finding of the class `unknown`, with the confidence `none`. */
struct error *unknown_append(const struct crash *crash, struct finding_list *list) must_check;

#endif
