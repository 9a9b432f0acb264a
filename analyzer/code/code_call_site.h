/* SPDX-License-Identifier: MIT */
/*
 * What was called, told from the return address: the call instruction before it, followed through the procedure linkage
 * table. Reads the dead process's memory; no ELF, no symbols.
 */
#ifndef ANALYZER_CODE_CALL_SITE_H
#define ANALYZER_CODE_CALL_SITE_H

#include <stdbool.h>
#include <stdint.h>

#include "analyzer/core/core.h"

/* Address of the function that the call before `return_address` entered, or 0 when the call goes through a register or
 * the bytes are no call. Knows call rel32 and call [rip+disp32], and jumps through a table slot behind them: the shapes
 * that compilers and linkers emit (System V ABI, AMD64 supplement, "Procedure Linkage Table"). */
uint64_t code_call_site_target(const struct core *core, uint64_t return_address);

/* The same where the code is known from a picture (core_past.h) and the table's slots only from the core of later: a
 * slot counts where the core has the picture's module at the same place. `core` may be NULL. */
uint64_t code_call_site_target_in(const struct core *picture, const struct core *core, uint64_t return_address);

/* Where a stub of the linkage table at `address` leads; `address` itself when there is no stub. */
uint64_t code_call_site_through_stub(const struct core *core, uint64_t address);

/* The call before `return_address` names its target itself. False also when its bytes cannot be read. */
bool code_call_site_is_direct(const struct core *core, uint64_t return_address);

#endif
