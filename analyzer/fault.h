/* SPDX-License-Identifier: MIT */
/*
 * The faulting instruction: what it is, which memory it touched and how. Decodes with Zydis; a pure function of bytes
 * and registers. Vector gathers and string instructions with a repeat prefix give their first address only.
 */
#ifndef ANALYZER_FAULT_H
#define ANALYZER_FAULT_H

#include <stddef.h>
#include <stdint.h>

#include "analyzer/crash.h"

/* Fills the instruction, its memory operands and the access in `fault` from `size` bytes at the instruction pointer.
 * `fault->address`, when `source` is ADDRESS_SIGNAL, picks the operand that faulted; otherwise, if exactly one operand
 * lies at a non-canonical address, it gives the address. An instruction that cannot be decoded leaves `fault` as it
 * was. */
void fault_decode(const uint8_t *bytes, size_t size, const uint64_t registers[CORE_REGISTERS], struct fault *fault);

#endif
