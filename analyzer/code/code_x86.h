/* SPDX-License-Identifier: MIT */
/* What code_x86.c's table has of code_x86_calls.c; see code_machine.h for each. */
#ifndef ANALYZER_CODE_X86_H
#define ANALYZER_CODE_X86_H

#include "analyzer/code/code_machine.h"

bool code_x86_may_be_call(const uint8_t before[CODE_CALL_BYTES]);
enum code_call code_x86_call_before(const uint8_t before[CODE_CALL_BYTES], uint64_t return_address, uint64_t *ret);
bool code_x86_stub_slot(const uint8_t bytes[CODE_STUB_BYTES], uint64_t address, uint64_t *ret_slot);
bool code_x86_next_stub(const uint8_t *bytes, size_t size, uint64_t address, size_t from, struct code_stub *ret);
bool code_x86_next_transfer(const uint8_t *bytes, size_t size, uint64_t address, size_t from,
			    struct code_transfer *ret);

#endif
