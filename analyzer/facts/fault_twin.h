/* SPDX-License-Identifier: MIT */
/* Looks for the value that a wild pointer had before one of its bits changed; see detect/bit_flip.c. */
#ifndef ANALYZER_FAULT_TWIN_H
#define ANALYZER_FAULT_TWIN_H

#include "analyzer/facts/fault.h"

/* From the operand or the jump that faulted, the registers, the functions of the modules, and at most 16 MiB of the
 * core's memory. Fills `fault->twin`. */
void fault_find_twin(const struct crash_from_core *from, struct fault *fault);

#endif
