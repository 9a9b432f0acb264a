/* SPDX-License-Identifier: MIT */
/* The loop over the steps, and the proof that each keeps to what it says of itself. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "analyzer/assemble/assemble_steps.h"
#include "common/cleanup.h"

/* No count, pointer or truth value is this by chance. */
#define RUBBISH 0xa5

static const char *name_of_first(uint64_t parts)
{
	return assemble_parts[__builtin_ctzll(parts)].name;
}

struct error *assemble_check_steps(const struct assemble_step *steps, size_t count)
{
	uint64_t made = 0, gone = 0;

	for (size_t i = 0; i < count; i++) {
		const struct assemble_step *step = &steps[i];

		if (step->takes & ~made)
			return error_format(ERROR_INVALID, "step %s takes %s, which no step before it makes",
					    step->name, name_of_first(step->takes & ~made));
		if (step->takes & gone)
			return error_format(ERROR_INVALID, "step %s takes %s, which is used up", step->name,
					    name_of_first(step->takes & gone));
		if (step->makes & made)
			return error_format(ERROR_INVALID, "step %s makes %s, which is made before", step->name,
					    name_of_first(step->makes & made));
		if (step->uses_up & ~step->takes)
			return error_format(ERROR_INVALID, "step %s uses %s up, which it does not take", step->name,
					    name_of_first(step->uses_up & ~step->takes));
		made |= step->makes;
		gone |= step->uses_up;
	}
	if (made != PART(COUNT) - 1)
		return error_format(ERROR_INVALID, "no step makes %s", name_of_first(~made));
	return NULL;
}

static void copy_parts(struct assembly *to, const struct assembly *from, uint64_t parts)
{
	for (size_t i = 0; i < PART_COUNT; i++) {
		const struct assemble_part_range *range = &assemble_parts[i];

		if (parts & 1ull << i)
			memcpy((char *)to + range->offset, (const char *)from + range->offset, range->bytes);
	}
}

/* The first part, other than those, in which the two differ; PART_COUNT for none. */
static size_t find_difference(const struct assembly *a, const struct assembly *b, uint64_t but)
{
	for (size_t i = 0; i < PART_COUNT; i++) {
		const struct assemble_part_range *range = &assemble_parts[i];

		if (!(but & 1ull << i) &&
		    memcmp((const char *)a + range->offset, (const char *)b + range->offset, range->bytes) != 0)
			return i;
	}
	return PART_COUNT;
}

/* On an assembly in which there is nothing but what the step takes, and its own parts, which are still empty. */
static struct error *run_alone(const struct assemble_step *step, const struct assemble_request *request,
			       struct assembly *assembly)
{
	cleanup_free struct assembly *given = malloc(sizeof(*given)), *before = malloc(sizeof(*before));
	uint64_t own = step->makes | step->uses_up;
	struct error *err;
	size_t wrong;

	if (!given || !before)
		return &error_no_memory;
	memset(given, RUBBISH, sizeof(*given));
	copy_parts(given, assembly, step->takes | step->makes);
	given->crash.notes = assembly->crash.notes;
	memcpy(before, given, sizeof(*given));
	err = step->run(request, given);
	wrong = find_difference(given, before, own);
	copy_parts(assembly, given, own);
	assembly->crash.notes = given->crash.notes;
	if (!err && wrong < PART_COUNT)
		err = error_format(ERROR_INVALID, "step %s wrote %s, which it does not make", step->name,
				   assemble_parts[wrong].name);
	return err;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

struct error *assemble_run(const struct assemble_step *steps, size_t count, const struct assemble_request *request,
			   bool alone, struct assembly *assembly)
{
	struct error *err = NULL;

	for (size_t i = 0; i < count && !err; i++) {
		uint64_t begun_ns = request->step_ns ? now_ns() : 0;

		err = alone ? run_alone(&steps[i], request, assembly) : steps[i].run(request, assembly);
		if (request->step_ns)
			request->step_ns[i] = now_ns() - begun_ns;
	}
	return err;
}
