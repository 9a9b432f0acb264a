/* SPDX-License-Identifier: MIT */
/* What corelated was asked to record, from its command line. */
#ifndef COLLECTOR_OPTIONS_H
#define COLLECTOR_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/event.h"
#include "common/error.h"

#define OPTIONS_MAX_PIDS 64

struct recorder_options {
	const char *database;	    /* never NULL */
	const char *user;	    /* for the command; NULL: see command_prepare() */
	char *const *command;	    /* NULL-terminated arguments, or NULL */
	struct event_filter filter; /* recorder_pid and has_pid for a command are filled in later */
	int pids[OPTIONS_MAX_PIDS];
	size_t pid_count;
	size_t ring_bytes;
	size_t queue_bytes;
	uint32_t stack_bytes; /* most of a stack that is kept with an event; 0: none */
	bool stack_at_mmap;   /* see struct kernel_options */
	bool calls;	      /* results of system calls */
	bool stack_at_malloc;
	uint64_t quota_bytes;	/* 0: no limit */
	const char *probe_plan; /* path of the functions to probe, as corelate record wrote it; or NULL */
	bool list_probes;	/* print what is attached now, and record nothing */
	bool help;
	bool version;
	char description[512]; /* the filter in words; "" for every process */
};

/* Reads the command line. ERROR_INVALID for what makes no sense, ERROR_NOT_FOUND for a process, program, user or
 * cgroup that is not there. */
struct error *options_parse(int argc, char **argv, struct recorder_options *ret_options) must_check;

#endif
