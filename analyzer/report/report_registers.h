/* SPDX-License-Identifier: MIT */
/* The parts of the reports about the fault itself: where it lies, whether the signal can be trusted, where the
 * registers and the words on top of the stack point. */
#ifndef ANALYZER_REPORT_REGISTERS_H
#define ANALYZER_REPORT_REGISTERS_H

#include <jansson.h>
#include <stdio.h>

#include "analyzer/crash.h"
#include "analyzer/words.h"

/* Why the signal's code and address are not the whole truth, and where the truth comes from; "" when they are. */
const char *words_signal_trust(struct words *words, const struct crash *crash);

/* "unmapped", "permission", …; NULL when it cannot be told. */
const char *words_fault_cause(enum fault_cause cause);

/* One line a register, and one for each of the first words of the stack that points somewhere. Nothing without
 * registers.
 */
void report_write_registers(const struct crash *crash, FILE *out);

/* Arrays of {name, value, place}, {address, value, place}. */
json_t *report_registers_json(const struct crash *crash);
json_t *report_stack_words_json(const struct crash *crash);

#endif
