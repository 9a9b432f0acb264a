/* SPDX-License-Identifier: MIT */
/* What `corelate record` itself reads of its command line: what to probe, and in which processes. */
#ifndef CLI_RECORD_PLAN_H
#define CLI_RECORD_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/probe/probe_plan.h"
#include "common/error.h"

struct record_request {
	bool heap;
	const char *heap_library; /* or NULL */
	const char **probes;
	size_t probe_count;
	uint32_t *pids;
	size_t pid_count;
	const char *executable; /* of --exe, or NULL */
	char *const *command;	/* its words, or NULL */
	bool print;		/* the plan, instead of recording */
};

/* Resolves the request. The plan is the caller's to deinit. */
struct error *record_make_plan(const struct record_request *request, struct probe_plan *ret) must_check;

#endif
