/* SPDX-License-Identifier: MIT */
/*
 * The sites of a planned function: its entry, and every instruction at which a call of it ends. A tail call ends where
 * its target does, so the target's returns are taken too, in the same file or (through the PLT) in every file of the
 * space that defines the name; except where the target is known to return its first argument, which can be read at the
 * jump.
 */
#ifndef ANALYZER_PROBE_SITES_H
#define ANALYZER_PROBE_SITES_H

#include "analyzer/code/code_return_sites.h"
#include "analyzer/probe/probe_plan.h"
#include "analyzer/probe/probe_space.h"

/* Adds object number `object` to the plan. */
struct error *probe_sites_add_file(struct probe_plan *plan, const struct probe_space *space, size_t object,
				   size_t *ret) must_check;

/* Adds the entry of `found`, a function of object number `object`, to the planned function number `number`. */
struct error *probe_sites_add_entry(struct probe_plan *plan, const struct probe_space *space, size_t object,
				    const struct code_function *found, size_t number) must_check;

/* Adds its returns. What may be missed becomes a hole. Files of tail calls' targets are added to the plan. */
struct error *probe_sites_add_returns(struct probe_plan *plan, const struct probe_space *space, size_t object,
				      const struct code_function *found, size_t number) must_check;

#endif
