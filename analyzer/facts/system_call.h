/* SPDX-License-Identifier: MIT */
/* Names of system calls of x86-64, from libseccomp's table. Pure. */
#ifndef ANALYZER_SYSTEM_CALL_H
#define ANALYZER_SYSTEM_CALL_H

#include "analyzer/words.h"

/* "socket"; "system call 9999" for one that the table does not know. */
const char *words_system_call(struct words *words, int number);

#endif
