/* SPDX-License-Identifier: MIT */
/* From --heap and --probe to a plan. */
#include "cli/record_plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/probe/probe_heap.h"
#include "analyzer/probe/probe_resolve.h"
#include "analyzer/probe/probe_space.h"
#include "common/cleanup.h"

/* What of the environment decides which files a program loads. */
struct surroundings {
	const char *search_path, *preload, *library_path;
};

static void take_assignment(struct surroundings *ret, const char *text)
{
	if (strncmp(text, "PATH=", 5) == 0)
		ret->search_path = text + 5;
	else if (strncmp(text, "LD_PRELOAD=", 11) == 0)
		ret->preload = text + 11;
	else if (strncmp(text, "LD_LIBRARY_PATH=", 16) == 0)
		ret->library_path = text + 16;
}

/* The program that the command comes to: `env NAME=VALUE program` is how one program gets a library preloaded. */
static const char *find_program(char *const *words, struct surroundings *ret)
{
	const char *slash = strrchr(words[0], '/');
	size_t at = 1;

	*ret = (struct surroundings){getenv("PATH"), getenv("LD_PRELOAD"), getenv("LD_LIBRARY_PATH")};
	if (strcmp(slash ? slash + 1 : words[0], "env") != 0)
		return words[0];
	while (words[at] && (words[at][0] == '-' || strchr(words[at], '='))) {
		const char *word = words[at++];

		if (strcmp(word, "-i") == 0 || strcmp(word, "-") == 0 || strcmp(word, "--ignore-environment") == 0)
			*ret = (struct surroundings){0};
		else if (strcmp(word, "-u") == 0 && words[at])
			at++;
		else if (word[0] != '-')
			take_assignment(ret, word);
	}
	return words[at] ? words[at] : words[0];
}

static struct error *add_targets(struct probe_space *space, const struct record_request *request)
{
	struct error *err = NULL;

	for (size_t i = 0; i < request->pid_count && !err; i++)
		err = probe_space_add_process(space, request->pids[i]);
	if (!err && request->executable) {
		cleanup_free char *path = realpath(request->executable, NULL);

		/* Whoever runs it has its own environment. */
		err = path ? probe_space_add_command(space, path, NULL, NULL)
			   : error_errno(errno, "--exe %s", request->executable);
	}
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
	struct surroundings around = {0};
	const char *program = request->command ? find_program(request->command, &around) : NULL;
	struct probe_space space;
	struct error *err = probe_space_init(&space, around.library_path);

	*ret = (struct probe_plan){0};
	if (!err && program)
		err = probe_space_add_command(&space, program, around.search_path, around.preload);
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
