/* SPDX-License-Identifier: MIT */
/* Looks for the value that a wild pointer had before one of its bits changed; see detect/bit_flip.c. */
#ifndef ANALYZER_FAULT_TWIN_H
#define ANALYZER_FAULT_TWIN_H

#include "analyzer/crash.h"

/* Fills crash->facts.fault.twin from the operand or the jump that faulted, the registers, the functions of the modules,
 * and at most 16 MiB of the core's memory. */
void fault_find_twin(struct crash *crash);

#endif
