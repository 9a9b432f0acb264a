/* SPDX-License-Identifier: MIT */
/*
 * The faulting instruction: what it is, which memory it touched and how, and what the processor refused. Decodes with
 * Zydis. Vector gathers give no operand address; an instruction of strings with a repeat prefix gives the address of
 * the repetition at hand, because the processor keeps the registers up to date.
 *
 * What the processor reports (Intel SDM, volume 3, "Exception and Interrupt Reference"; tried on Linux 6.18): a page
 * fault comes as SIGSEGV with its address, also for the kernel's half; a general protection fault (non-canonical
 * address, misaligned vector, privileged instruction) as SIGSEGV with code SI_KERNEL and zeroes; a non-canonical
 * address through rsp or rbp as SIGBUS with the same. A near call, jump or return to a non-canonical address is refused
 * at that instruction, before it changes anything.
 */
#ifndef ANALYZER_FAULT_H
#define ANALYZER_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/crash.h"

/* Fills the instruction, its memory operands and the access in `fault` from `size` bytes at the instruction pointer.
 * `fault->address`, when `source` is ADDRESS_SIGNAL, picks the operand that faulted; otherwise, if exactly one operand
 * lies at a non-canonical address, it gives the address. False for an instruction that cannot be decoded, which leaves
 * `fault` as it was. */
bool fault_decode(const uint8_t *bytes, size_t size, const uint64_t registers[CORE_REGISTERS], struct fault *fault);

/* Where the call instruction in `bytes`, all of them, goes with those registers; what it reads is read from `core`.
 * `text` gets its disassembly. False when it is no call of exactly that length. */
bool fault_decode_call(const struct core *core, const uint8_t *bytes, size_t size, uint64_t address,
		       const uint64_t registers[CORE_REGISTERS], char *text, size_t text_size, bool *ret_indirect,
		       bool *ret_target_known, uint64_t *ret_target);

/* True when decoding from `start`, where an instruction begins, steps over `address` into its middle. False also when
 * the bytes cannot be read or decoded. */
bool fault_is_inside_instruction(const struct core *core, uint64_t start, uint64_t address);

/* Fills crash->fault, fault_mapped and the pointers from the crash's signal, registers, core and interruption. Looks
 * for the interruption itself. To be called once these are known, before anything that asks about the fault. */
void fault_examine(struct crash *crash);

/* The same without the interruption, when it turned out to be none. */
void fault_examine_again(struct crash *crash);

/* "rbx". */
const char *fault_register_name(int core_register);

#endif
