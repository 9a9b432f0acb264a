/* SPDX-License-Identifier: MIT */
/*
 * Which crashes belong together, by their signatures (signature.h). Pure.
 *
 *   1. Crashes of one cause signature are a group.
 *   2. A crash without one joins such a group if crashes of its stack signature that have a cause signature are all of
 * that one group. If they are of several, nothing tells which bug it is, and it joins none.
 *   3. Crashes without a cause signature that joined none are a group with those of the same stack signature.
 *   4. Crashes without either are counted by program and signal. That is no group: nothing says that they are one bug.
 *
 * The order of the crashes does not matter to which of them are together.
 */
#ifndef ANALYZER_SIGNATURE_GROUP_H
#define ANALYZER_SIGNATURE_GROUP_H

#include <stddef.h>

#include "analyzer/signature.h"
#include "common/error.h"

struct signature_pair {
	char cause[SIGNATURE_HEX], stack[SIGNATURE_HEX]; /* "" for none */
	char any[SIGNATURE_HEX];
};

/* The group of each crash in ret_groups, which has room for `count`: numbers from 0 on, in the order in which the first
 * of each group comes. */
struct error *signature_group(const struct signature_pair *pairs, size_t count, size_t *ret_groups) must_check;

#endif
