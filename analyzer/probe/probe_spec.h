/* SPDX-License-Identifier: MIT */
/*
 * What --probe was given, taken apart. Pure: no file is looked at, so that types are still text (C and Go spell them
 * differently).
 *
 *   LIB:FUNCTION                       its calls, without arguments or returns
 *   LIB:FUNCTION(TYPE, ...) -> TYPE    arguments and result; without "->" or with "-> void" no result
 *   LIB:FUNCTION+0xOFFSET              the instruction so far behind its start
 *   LIB:0xOFFSET[(...) -> ...]         the instruction, or with types the function, at that offset in the file
 *   [usdt:]LIB:PROVIDER:NAME           a static probe
 */
#ifndef ANALYZER_PROBE_SPEC_H
#define ANALYZER_PROBE_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

/* More than can be recorded, so that the excess can be told; `_` takes no place in the record. */
#define PROBE_SPEC_ARGUMENTS_MAX 32

struct probe_spec {
	char *text; /* as given */
	char *library;
	char *function; /* NULL: `offset` is one in the file, or it is a static probe */
	bool has_offset;
	uint64_t offset;
	char *provider, *probe; /* of a static probe, or NULL */
	bool has_signature;
	char *signature; /* "(…) -> …" as given; "" without one */
	char *arguments[PROBE_SPEC_ARGUMENTS_MAX];
	size_t argument_count;
	char *result; /* NULL for none, and for void */
};

/* ERROR_INVALID says what is wrong and where. */
struct error *probe_spec_parse(const char *text, struct probe_spec *ret) must_check;
void probe_spec_deinit(struct probe_spec *spec);

#endif
