/* SPDX-License-Identifier: MIT */
/*
 * The functions to probe, as `corelate record` wrote them: which instructions of which files, and where arguments and
 * results are there. The format is told in analyzer/probe/probe_plan.h. It comes from a program without privilege, so
 * that nothing in it is trusted: not its numbers, not its length.
 */
#ifndef COLLECTOR_PLAN_H
#define COLLECTOR_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#include "bpf/event.h"
#include "common/error.h"

struct plan_file {
	char *path;
	bool has_identity;
	struct stat identity; /* st_dev, st_ino, st_size and st_mtim of when its code was read */
};

struct plan_function {
	uint32_t file;
	uint64_t offset;
	char *name;
	char *signature;
	char *hole;
};

/* Where a probe goes: once a place, whatever the number of functions that return there. */
struct plan_site {
	uint32_t file;
	uint32_t index; /* of the function at an entry; at a return of the result, 0 where it is left as usual */
	uint64_t offset;
	uint64_t semaphore; /* 0: none */
	bool at_return;
};

struct plan {
	struct plan_file *files;
	size_t file_count;
	struct plan_function *functions;
	struct event_function *codes; /* for the kernel side; of the same index */
	size_t function_count;
	struct event_source *results; /* element 0 stands for the usual place */
	size_t result_count;
	struct plan_site *sites; /* returns first: a call that is seen to begin is seen to end */
	size_t site_count;
	bool heap; /* heap functions are among them */
};

/* ERROR_INVALID "line N: ..." for anything that is not exactly of the format. */
struct error *plan_read(FILE *in, struct plan *ret_plan) must_check;
struct error *plan_open(const char *path, struct plan *ret_plan) must_check;
void plan_deinit(struct plan *plan);

/* plan_source.c: one SOURCE, and one KIND, of the format into *source. False when it is none. */
bool plan_parse_source(const char *text, struct event_source *source);
bool plan_parse_kind(const char *text, struct event_source *source);

#endif
