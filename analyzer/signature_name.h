/* SPDX-License-Identifier: MIT */
/*
 * Names of modules and functions as signatures have them: without what differs from build to build and from host to
 * host for the same source. Pure.
 *
 * Names stay mangled: demanglers differ from version to version. A name that does not fit into the caller's buffer
 * keeps its beginning and ends in "~" and 16 hexadecimal digits, the hash of all of it, so that long names stay apart.
 */
#ifndef ANALYZER_SIGNATURE_NAME_H
#define ANALYZER_SIGNATURE_NAME_H

#include <stddef.h>
#include <stdint.h>

/* A file's name without directories, " (deleted)" and version: "libz.so" for "/lib/libz.so.1.2.13", "libc.so" for
 * "libc-2.36.so". `size` is at least 32. */
void signature_module(const char *path, char *out, size_t size);

/* A function's name without what compilers append: ".constprop.0", ".isra.2", ".part.1", ".cold", ".llvm.123", a
 * symbol's version, Go's ".abi0", the hash of Rust's older names and the crate hashes of its newer ones. `size` is at
 * least 32. */
void signature_function(const char *name, char *out, size_t size);

/* FNV-1a, 64 bits. */
uint64_t signature_hash(const char *text, size_t length);

#endif
