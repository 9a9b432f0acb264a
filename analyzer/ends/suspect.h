/* SPDX-License-Identifier: MIT */
/* Blame by code: a suspect for an end whose cause was not seen. Pure. */
#ifndef ANALYZER_SUSPECT_H
#define ANALYZER_SUSPECT_H

#include "analyzer/crash.h"
#include "analyzer/finding.h"

/* Where the verdict of the ranked list is the end of a bad pointer or divisor, and the code on the stack shows which
 * function made that value (facts/blame.h), that function becomes the finding's suspect; where it does not, and the end
 * says nothing of it, the place where the trail is lost. Nobody is accused. */
struct error *suspect_add(const struct crash *crash, struct finding_list *list) must_check;

#endif
