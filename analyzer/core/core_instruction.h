/* SPDX-License-Identifier: MIT */
/* Where instructions begin. */
#ifndef ANALYZER_CORE_INSTRUCTION_H
#define ANALYZER_CORE_INSTRUCTION_H

#include "analyzer/core/core_return_sites.h"
#include "common/error.h"

/* Checks that an instruction of `function` begins at `address`, by decoding it from its start: a breakpoint elsewhere
 * would change another instruction. ERROR_INVALID names the two around it, or says that it cannot be told. */
struct error *core_check_instruction(const struct core_elf *elf, const struct core_function *function,
				     uint64_t address) must_check;

#endif
