/* SPDX-License-Identifier: MIT */
/* Where a Go function really begins. */
#ifndef ANALYZER_CODE_GO_ENTRY_H
#define ANALYZER_CODE_GO_ENTRY_H

#include "analyzer/code/code_function.h"

/* A Go function first compares the stack pointer with the goroutine's limit; when there is too little room, it grows
 * the stack (which moves it) and starts anew, with the same arguments in the same registers. A probe on its first
 * instruction would see such a call twice, the first time with a stack pointer that no return will ever have. This
 * gives the distance from the start to the instruction behind the check, at which stack pointer and arguments are as at
 * the start; 0 when there is no check that is known (cmd/internal/obj/x86/obj6.go, stacksplit()). */
uint64_t code_go_entry_skip(const struct elf_file *elf, const struct code_function *function);

#endif
