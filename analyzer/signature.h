/* SPDX-License-Identifier: MIT */
/*
 * The signature of a crash: what groups it with others of the same cause. Pure.
 *
 * It is made of the verdict's class and of the code to blame (the finding's offender: module and function), so that one bug
 * has one signature whoever dies of it, in whichever thread, wherever the loader put it, and in builds whose lines have
 * moved. Of a module only the name counts, without directories and version; of a function the name, without what a compiler
 * hangs on to it when it splits or copies one. Beside the offender:
 *   assertion-failure   the expression, because a function may assert many things
 *   killed-by-process   who sent the signal, by command name
 *   no offender known   the signal and the innermost function that is not of a library that everybody uses
 * Code without a symbol is named by its offset in the module, which holds for one build only.
 */
#ifndef ANALYZER_SIGNATURE_H
#define ANALYZER_SIGNATURE_H

#include "analyzer/crash.h"
#include "analyzer/finding.h"
#include "analyzer/words.h"

/* "double-munmap libwalker.so walker_close": the text that is hashed. */
const char *signature_text(struct words *words, const struct crash *crash, const struct finding_list *findings);

/* 16 hexadecimal digits. */
void signature_hash(const struct crash *crash, const struct finding_list *findings, char ret_signature[17]);

/* A file's name without directories, " (deleted)" and version: "libz.so" for "/lib/libz.so.1.2.13", "libc.so" for
 * "libc-2.36.so". */
void signature_module(const char *path, char *out, size_t size);

/* A function's name without what compilers append: ".constprop.0", ".isra.2", ".part.1", ".cold", ".llvm.123", a symbol's
 * version, the hash of Rust's older names. */
void signature_function(const char *name, char *out, size_t size);

#endif
