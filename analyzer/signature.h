/* SPDX-License-Identifier: MIT */
/*
 * The signatures of a crash: what groups it with others of the same bug. Pure.
 *
 * The cause signature is the cause's class and the culprit's code (module and function), so that one bug has one
 * signature whoever dies of it, in whichever thread, wherever the loader put it, and in builds whose lines have moved.
 * Beside or instead of the code: assertion-failure   the expression too, because a function may assert many things
 *   killed-by-process   the signal and who sent it, by command name
 * Where the cause is not known, or is no surer than possible, or nobody is known to have done it, there is none. What
 * the processor met at the end (a null pointer, a wild jump) is no cause: the same bug ends in many ways.
 *
 * The stack signature is the signal and the innermost functions of the program on the crashed thread's stack
 * (signature_stack.h). It stands beside the first, for crashes of which less is known. There is none where no function
 * of the program could be found on the stack.
 *
 * A signature is the hash of its text, in which names are normalized (signature_name.h) and SIGNATURE_VERSION is.
 * Signatures of different versions say nothing about each other.
 */
#ifndef ANALYZER_SIGNATURE_H
#define ANALYZER_SIGNATURE_H

#include "analyzer/crash.h"
#include "analyzer/finding.h"
#include "analyzer/signature_stack.h"

/* Grows when a crash's texts can become others. (1 had no number in its text.) */
#define SIGNATURE_VERSION 2

#define SIGNATURE_HEX 17 /* 16 hexadecimal digits and a NUL */

struct signatures {
	char cause[SIGNATURE_HEX], stack[SIGNATURE_HEX]; /* "" for none */
	/* "cause 2: double-munmap libwalker.so walker_close", "stack 2: SIGSEGV, prog walk, prog main"; "" for none. */
	char cause_text[640];
	char stack_text[64 + SIGNATURE_FRAMES * SIGNATURE_CODE];
	/* One for any crash: the cause's, else the stack's, else of the program's name and the signal, which say
	 * nothing of the bug. */
	char any[SIGNATURE_HEX];
};

void signatures_make(const struct crash *crash, const struct finding_list *findings, struct signatures *ret);

#endif
