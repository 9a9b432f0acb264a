/* SPDX-License-Identifier: MIT */
/* Where a probed function can have been called from: return sites, each at the end of a call. */
#include <stdlib.h>

#include "analyzer/repair/repair_internal.h"
#include "common/cleanup.h"
#include "common/vector.h"

#define CANDIDATES_MAX 64 /* for one slot; more cannot be told apart in practice */
#define TAIL_CALL_DEPTH 3

struct error *repair_add_candidate(struct repair_candidates *candidates, uint64_t address)
{
	for (size_t i = 0; i < candidates->count; i++) {
		if (candidates->addresses[i] == address)
			return NULL;
	}
	if (candidates->count == CANDIDATES_MAX) {
		candidates->too_many = true;
		return NULL;
	}
	return array_push(candidates->addresses, candidates->count, address);
}

/* Start of the function that each address lies in (0: not known). */
static struct error *entries_of(struct repair_work *work, const uint64_t *addresses, size_t count,
				uint64_t *ret_entries)
{
	struct unwind_request request = {.addresses = addresses, .address_count = count};
	struct unwind_result result;
	struct error *err;

	work->unwinds++;
	err = unwind_core(work->request->core, &request, &result);
	if (err)
		return err;
	for (size_t i = 0; i < count; i++)
		ret_entries[i] = i < result.symbol_count && result.symbols[i].function
					 ? addresses[i] - result.symbols[i].function_offset
					 : 0;
	unwind_result_deinit(&result);
	return NULL;
}

/* Keeps the sites that lie at the end of an instruction of a known function. */
static struct error *add_sites(struct repair_work *work, const uint64_t *sites, size_t count,
			       struct repair_candidates *candidates)
{
	cleanup_free uint64_t *inside = calloc(count ?: 1, sizeof(*inside));
	cleanup_free uint64_t *entries = calloc(count ?: 1, sizeof(*entries));
	struct error *err;

	if (!inside || !entries)
		return &error_no_memory;
	if (!count)
		return NULL;
	for (size_t i = 0; i < count; i++)
		inside[i] = sites[i] - 1;
	err = entries_of(work, inside, count, entries);
	for (size_t i = 0; i < count && !err; i++) {
		if (!entries[i] || repair_is_call_boundary(work->request->core, entries[i], sites[i]))
			err = repair_add_candidate(candidates, sites[i]);
	}
	return err;
}

/* Return sites of calls that enter the function, and of calls that enter functions that jump to it. */
static struct error *collect_sites(struct repair_work *work, uint64_t entry, unsigned depth,
				   struct repair_candidates *candidates)
{
	cleanup_free uint64_t *sites = NULL, *jumps = NULL, *entries = NULL;
	size_t site_count = 0, jump_count = 0;
	struct error *err = repair_find_calls(work->request->core, entry, &sites, &site_count, &jumps, &jump_count)
				    ?: add_sites(work, sites, site_count, candidates);

	if (err || !jump_count || depth == TAIL_CALL_DEPTH)
		return err;
	entries = calloc(jump_count, sizeof(*entries));
	if (!entries)
		return &error_no_memory;
	err = entries_of(work, jumps, jump_count, entries);
	for (size_t i = 0; i < jump_count && !err; i++) {
		/* A jump of a function to itself is a loop. */
		if (entries[i] && entries[i] != entry)
			err = collect_sites(work, entries[i], depth + 1, candidates);
	}
	return err;
}

/* True return addresses that the kernel had for this function, from slots that have moved since (Go copies stacks). */
static struct error *add_recorded(const struct repair_work *work, uint64_t entry, struct repair_candidates *candidates)
{
	struct error *err = NULL;

	for (size_t i = 0; i < work->request->instance_count && !err; i++) {
		if (work->request->instances[i].function == entry)
			err = repair_add_candidate(candidates, work->request->instances[i].return_address);
	}
	return err;
}

struct error *repair_collect_candidates(struct repair_work *work, uint64_t function,
					const struct repair_candidates **ret)
{
	struct repair_candidates *candidates = &work->collected;
	struct error *err;

	*ret = candidates;
	if (work->collected_for == function)
		return NULL;
	work->collected_for = 0;
	free(candidates->addresses);
	*candidates = (struct repair_candidates){0};
	err = add_recorded(work, function, candidates) ?: collect_sites(work, function, 0, candidates);
	if (!err)
		work->collected_for = function;
	return err;
}
