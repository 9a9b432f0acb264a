/* SPDX-License-Identifier: MIT */
/* Calls of allocators and of probed functions in a biography. Only for analyzer/report_*.c. */
#ifndef ANALYZER_REPORT_CHRONICLE_H
#define ANALYZER_REPORT_CHRONICLE_H

#include <stdio.h>

#include "analyzer/chronicle.h"
#include "analyzer/words.h"

/* "malloc(100) = 0x…", "depot_take(0x…, 12, \"name\") = 0": the call as its caller wrote it, as far as it is known. */
const char *words_told_call(struct words *words, const struct told_call *call);

/* "libwalker.so walker_step+0x12 (walker.c:31)": who made it. */
const char *words_told_caller(struct words *words, const struct told_call *call);

#endif
