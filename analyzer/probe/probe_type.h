/* SPDX-License-Identifier: MIT */
/*
 * The types of --probe, and where a calling convention puts values of them. Pure.
 *
 * C: integers, pointers, `char *` (a string), `char[arg1]` (as many bytes as the second argument says), `char[16]`,
 * `this`, and `_` for an argument that takes its place but is not recorded. Go: its integers, bool, string, []byte,
 * pointers, maps, channels, functions, interfaces and unsafe.Pointer. Sources: System V ABI for AMD64, 3.2.3; Go's
 * cmd/compile/abi-internal.md.
 */
#ifndef ANALYZER_PROBE_TYPE_H
#define ANALYZER_PROBE_TYPE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"

enum probe_type_shape {
	PROBE_TYPE_PLAIN,   /* one word, recorded as `kind` */
	PROBE_TYPE_SKIPPED, /* one word, not recorded */
	PROBE_TYPE_BUFFER,  /* one word: a pointer to as many bytes as argument number `length_argument` says */
	PROBE_TYPE_COUNTED, /* Go's string: a pointer, and how many bytes; a slice has a third word */
	PROBE_TYPE_PAIR,    /* Go's interface: two words, recorded as pointers */
};

struct probe_type {
	enum probe_type_shape shape;
	char kind[24];
	unsigned bytes; /* of one word, for Go's stack convention: its size and alignment */
	unsigned words; /* registers or words of stack that it takes */
	unsigned length_argument;
};

/* Both say in ERROR_INVALID what is not understood, with `text` in it. */
struct error *probe_type_read_c(const char *text, struct probe_type *ret) must_check;
struct error *probe_type_read_go(const char *text, struct probe_type *ret) must_check;

#endif
