/* SPDX-License-Identifier: MIT */
/*
 * What a panic said, from the memory of the process that it ended: the runtimes write it to standard error alone.
 *
 * Go: runtime.gopanic keeps the panic's value in its frame (runtime/runtime2.go, struct _panic: arg, an interface: the
 * type and a pointer to the value), and before it ends the program turns errors into their text (runtime/panic.go,
 * preprintpanics). Types that are read are strings and integers (internal/abi/type.go: size at 0, kind at 23).
 * runtime.throw keeps its text for the function that prints it: that function, the text and its length.
 *
 * Rust: std keeps the formatted text of a panic, or the literal that it is, behind a pair of a pointer and a virtual
 * table (std/panicking.rs: FormatStringPayload, a String and a reference, of 32 bytes; StaticStrPayload, a &str of 16).
 * A virtual table of Rust begins with the drop function, the size and the alignment.
 *
 * What is read is checked to be text; what cannot be read is not told. The caller frees the result.
 */
#ifndef ANALYZER_PANIC_MESSAGE_H
#define ANALYZER_PANIC_MESSAGE_H

#include <stdint.h>

#include "analyzer/core/core.h"

/* `start` and `end` bound the frame of runtime.gopanic, or of runtime.throw. NULL when nothing is found. */
char *panic_message_of_go(const struct core *core, uint64_t start, uint64_t end);
char *panic_message_of_go_throw(const struct core *core, uint64_t start, uint64_t end);

/* `start` and `end` bound the frames from the innermost of the panic to the program's own. */
char *panic_message_of_rust(const struct core *core, uint64_t start, uint64_t end);

#endif
