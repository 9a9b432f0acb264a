/* SPDX-License-Identifier: MIT */
/* From --heap and --probe to a plan. */
#include "cli/record_plan.h"

#include <stdlib.h>

#include "analyzer/probe_heap.h"
#include "analyzer/probe_resolve.h"
#include "analyzer/probe_space.h"
#include "common/cleanup.h"

static struct error *add_targets(struct probe_space *space, const struct record_request *request)
{
	struct error *err = NULL;

	if (request->command)
		return probe_space_add_command(space, request->command, getenv("PATH"), getenv("LD_PRELOAD"));
	for (size_t i = 0; i < request->pid_count && !err; i++)
		err = probe_space_add_process(space, request->pids[i]);
	/* Whoever runs it has its own environment. */
	if (!err && request->executable)
		err = probe_space_add_command(space, request->executable, NULL, NULL);
	return err;
}

static struct error *add_heap(struct probe_plan *plan, struct probe_space *space, const char *library)
{
	cleanup_free size_t *objects = NULL;
	size_t count = 0;
	struct error *err = library ? probe_space_find(space, library, &objects, &count) : NULL;

	if (!err)
		err = probe_heap_add(plan, space, objects, count);
	return error_prefix(err, "--heap");
}

struct error *record_make_plan(const struct record_request *request, struct probe_plan *ret)
{
	struct probe_space space;
	struct error *err = probe_space_init(&space, request->command ? getenv("LD_LIBRARY_PATH") : NULL);

	*ret = (struct probe_plan){0};
	if (!err)
		err = add_targets(&space, request);
	if (!err && request->heap)
		err = add_heap(ret, &space, request->heap_library);
	for (size_t i = 0; i < request->probe_count && !err; i++)
		err = probe_resolve(ret, &space, request->probes[i]);
	probe_space_deinit(&space);
	if (err)
		probe_plan_deinit(ret);
	return err;
}
