/* SPDX-License-Identifier: MIT */
/*
 * The last words of a C library that ended its own process: "free(): double free detected in tcache 2", "*** stack
 * smashing detected ***: terminated", "prog: main.c:12: main: Assertion `n > 0' failed."
 *
 * glibc keeps a copy of what it wrote to standard error before abort(): the variable __abort_msg (GLIBC_PRIVATE, in the
 * dynamic symbol table, so no debug file is needed) points to a struct of an unsigned size and the text, in memory that
 * was mapped for it (sysdeps/posix/libc_fatal.c, assert/assert.c, include/stdlib.h). Other C libraries keep nothing.
 * What it means is for causes and ends.
 */
#ifndef ANALYZER_ABORT_MESSAGE_H
#define ANALYZER_ABORT_MESSAGE_H

#include "analyzer/core/core.h"

/* Sets *ret_text to the text without the newline at its end, which the caller frees, or to NULL when there is none. The
 * bytes are the process's: they may hold anything but NUL. At most 4 KiB. Fails only for want of memory. The modules of
 * the core must have been found. */
struct error *abort_message_read(const struct core *core, char **ret_text) must_check;

#endif
