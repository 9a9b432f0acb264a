/* SPDX-License-Identifier: MIT */
/* What the ends of control share: how the instruction pointer came to where it is. Pure. */
#ifndef ANALYZER_EVIDENCE_JUMP_H
#define ANALYZER_EVIDENCE_JUMP_H

#include "analyzer/crash.h"
#include "analyzer/finding.h"
#include "analyzer/words.h"

/* How sure it is that a call or jump, not a return, went to the fault's address. `proven`: the call before the return
 * address on top of the stack goes exactly there, with registers and memory as they were left, or the branch itself was
 * refused. `likely`: that return address belongs to another call: then the function that was called jumped on.
 * `possible`: nothing on the stack shows it; a return is as good. CONFIDENCE_NONE: it was a return. */
enum finding_confidence evidence_jump_confidence(const struct crash *crash);

/* "call rax in victim run+0x12 (x.c:10)", "a tail call by a function called in …". */
const char *evidence_jump_source(struct words *words, const struct crash *crash);

/* Adds the branch, the return address and the word below the stack pointer as evidence or counter-evidence. */
struct error *evidence_add_jump(const struct crash *crash, struct finding *finding) must_check;

/* The instruction pointer is inside of an instruction of the function that holds it, as decoding from its start shows.
 */
bool evidence_is_inside_instruction(const struct crash *crash);

/* The same, where what stands there ran and its access faulted: the instruction is none of the program's, and says
 * nothing about the program's pointers. Not where a prefix alone was jumped over, as the C library does with lock. */
bool evidence_is_astray(const struct crash *crash);

#endif
