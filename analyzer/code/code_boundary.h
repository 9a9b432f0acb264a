/* SPDX-License-Identifier: MIT */
/* Where instructions begin. */
#ifndef ANALYZER_CODE_BOUNDARY_H
#define ANALYZER_CODE_BOUNDARY_H

#include "analyzer/code/code_function.h"
#include "common/error.h"

/* Checks that an instruction of `function` begins at `address`, by decoding it from its start: a breakpoint elsewhere
 * would change another instruction. ERROR_INVALID names the two around it, or says that it cannot be told. */
struct error *code_check_instruction(const struct elf_file *elf, const struct code_function *function,
				     uint64_t address) must_check;

#endif
