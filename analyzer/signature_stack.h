/* SPDX-License-Identifier: MIT */
/*
 * The part of a stack that says which bug it is: functions of the program, of the crashed thread, innermost first.
 * Pure.
 *
 * Chosen so that it is the same for one bug in all states of evidence in which a stack can be read at all:
 *   - Frames of libraries that everybody uses (the C and C++ libraries and what they are linked from in static
 * programs, the dynamic linker, allocators, the runtimes of Rust and Go) are left out. Their names are those that need
 * debug symbols or differ with the processor ("__strlen_evex"), and their callers say as much.
 *   - A function counts once. Functions that come again, on a recursion, stand by name, because which of them ran out
 * of stack or met the bad node is chance.
 *   - Frames without a module (a jump into nothing, unloaded code) and functions that were only inferred are left out:
 * their addresses change, and more evidence names more of them. A stack that is lost ends there.
 *   - Only the innermost SIGNATURE_FRAMES functions count, and C's main at the bottom only where it is alone: the
 * unwinder may not get further without debug information. A function without a symbol is its module and the offset of
 * the instruction in it. That costs: such a signature holds for one build only, tells two places of one function apart,
 * and a stripped build has other signatures than its unstripped twin.
 *
 * It knows nothing of inlined functions: what is inlined counts as its caller, so builds that inline otherwise differ.
 */
#ifndef ANALYZER_SIGNATURE_STACK_H
#define ANALYZER_SIGNATURE_STACK_H

#include <stdbool.h>
#include <stddef.h>

#include "analyzer/unwind/unwind.h"

#define SIGNATURE_FRAMES 3

/* A module's and a function's name, or "module+0x12": what one frame counts as. */
#define SIGNATURE_CODE 256

/* Up to SIGNATURE_FRAMES of them, without the `skipped` innermost frames; returns how many. 0: no function of the
 * program is known. */
size_t signature_stack(const struct thread_stack *stack, size_t skipped,
		       char ret_codes[SIGNATURE_FRAMES][SIGNATURE_CODE]);

/* True for frames that are left out because everybody's programs have them. */
bool signature_is_library(const struct frame *frame);

/* "libwalker.so walker_close", "prog+0x1234"; "" for a symbol without module. */
void signature_code(const struct symbol *symbol, char ret[SIGNATURE_CODE]);

#endif
