/* SPDX-License-Identifier: MIT */
/*
 * What causes and ends of bad pointers and jumps share: the code that faulted and who called it, the operand's
 * registers in words, what a pointer's value looks like. Pure.
 */
#ifndef ANALYZER_EVIDENCE_FAULT_H
#define ANALYZER_EVIDENCE_FAULT_H

#include "analyzer/crash.h"
#include "analyzer/facts/fault_frame.h"
#include "analyzer/finding.h"
#include "analyzer/words.h"

/* "victim parse+0x12 (parse.c:10)", and for code of the C or C++ library also who called it: "libc.so.6 strlen+0x1d,
 * called by victim parse+0x12 (parse.c:10)". "code at 0x…" when there is no name. */
const char *evidence_fault_code(struct words *words, const struct crash *crash);

/* Adds the fault, and for a fault in a handler that it was recovered from the handler's frame. */
struct error *evidence_add_refusal(const struct crash *crash, struct finding *finding) must_check;

/* Adds what the address of the operand that faulted is made of: "[rbx+0x0c]: rbx is 0x4141414141414141". */
struct error *evidence_add_operand(const struct crash *crash, struct finding *finding) must_check;

/* The base register of the operand that faulted, and its value; -1 when there is none. */
int evidence_base_register(const struct crash *crash, uint64_t *ret_value);

/* What a wild value may be, from its bytes: text, or a pattern that allocators and compilers fill memory with. "" when
 * it looks like neither. */
const char *words_pointer_value(struct words *words, uint64_t value);

/* -1 is MAP_FAILED, and -4095 to -1 are what system calls fail with. Multiples of -8 are not taken for one: the
 * structure around a null member (container_of) begins there, which is by far the more common way to such a value. */
bool evidence_is_error_value(uint64_t value);

/* The base register is small, and is an address of writable anonymous memory without its lowest twelve bits: what glibc
 * since 2.32 makes of the null at the end of a list of freed blocks (malloc/malloc.c, PROTECT_PTR). */
bool evidence_is_shifted_pointer(const struct crash *crash);

#endif
