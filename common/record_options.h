/* SPDX-License-Identifier: MIT */
/*
 * The options of `corelate record`, which the command line and the recorder both read: the first to find what it has to
 * resolve (--heap, --probe) and where the command begins, the second for everything else. One table, so that they
 * cannot disagree.
 */
#ifndef COMMON_RECORD_OPTIONS_H
#define COMMON_RECORD_OPTIONS_H

#include "common/option_table.h"

/* Of long options that have no letter. */
enum record_option {
	RECORD_OPTION_DB = 256,
	RECORD_OPTION_USER,
	RECORD_OPTION_QUOTA,
	RECORD_OPTION_RING,
	RECORD_OPTION_QUEUE,
	RECORD_OPTION_STACK_BYTES,
	RECORD_OPTION_STACK_EVENTS,
	RECORD_OPTION_CALLS,
	RECORD_OPTION_LIST_PROBES,
	RECORD_OPTION_VERSION,
	RECORD_OPTION_HEAP,	  /* for the command line alone: becomes a plan */
	RECORD_OPTION_PROBE,	  /* as above */
	RECORD_OPTION_PRINT_PLAN, /* as above */
	RECORD_OPTION_PROBE_PLAN, /* for the recorder alone: the path of a plan; its format: analyzer/probe/probe_plan.h
				   */
};

#define RECORD_OPTION_COUNT 20
extern const struct option_row record_options[RECORD_OPTION_COUNT];

/* For getopt_long(); the first word that is no option begins the command. */
void record_options_table(struct option_table *ret_table);

void record_options_write_help(FILE *out);

#endif
