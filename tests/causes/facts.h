/* SPDX-License-Identifier: MIT */
/*
 * Facts of a made-up crash, read from a small text file into the struct that causes and ends get. README.md has the format.
 * There is no store, and a core only where the file has mappings: what the analyzer would have looked up there is said
 * by the file. Test code: a bad
 * file ends the program with status 2 and a line that names the place.
 */
#ifndef TESTS_DETECT_FACTS_H
#define TESTS_DETECT_FACTS_H

#include "analyzer/crash.h"

#define BAD_INPUT_STATUS 2

/* Reads `path`; the result is released with facts_release(). */
void facts_read(const char *path, struct crash *ret_crash);
void facts_release(struct crash *crash);

#endif
