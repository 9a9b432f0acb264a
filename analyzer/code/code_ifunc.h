/* SPDX-License-Identifier: MIT */
/*
 * What an IFUNC may resolve to. Its resolver picks one of several implementations once, by the processor; which one is
 * not in the file, but their addresses are, as operands of the resolver.
 */
#ifndef ANALYZER_CODE_IFUNC_H
#define ANALYZER_CODE_IFUNC_H

#include "analyzer/code/code_function.h"

/* The functions whose addresses the resolver loads: those that start where a symbol or an unwinding entry starts.
 * None found is a count of 0. A resolver that calls another function to choose, or reads a table of pointers, hides
 * them. The array is the caller's to free. */
struct error *code_ifunc_candidates(const struct elf_file *elf, const struct code_function *resolver,
				    struct code_function **ret, size_t *ret_count) must_check;

#endif
