/* SPDX-License-Identifier: MIT */
/* The end: what the processor or the kernel did to the process, in one clause. It claims nothing about why. Pure. */
#ifndef ANALYZER_END_H
#define ANALYZER_END_H

#include "analyzer/crash.h"
#include "analyzer/finding.h"

/* Fills list->end of a ranked list: the class and confidence of its best finding that is an end; where there is none,
 * no class, and CONFIDENCE_PROVEN where the signal or the exit is known. An end that is known whole is called `certain`
 * in what is printed. */
struct error *end_describe(const struct crash *crash, struct finding_list *list) must_check;

/* "none", "possible", "likely", "certain". */
const char *end_confidence_name(enum finding_confidence confidence);

#endif
