/* SPDX-License-Identifier: MIT */
/*
 * What the verbs share: the table entry that each verb ends in, its options, and the search for the crash that is
 * meant.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

#include "analyzer/crash.h"
#include "analyzer/facts/explain.h"
#include "analyzer/finding.h"
#include "analyzer/report/report.h"
#include "cli/crashes.h"
#include "cli/match.h"
#include "common/error.h"
#include "common/option_table.h"
#include "schema/store.h"

/* Exit status; what each means for users: cli/help.c. `record` returns the status of its command, and 125 when
 * recording itself failed. */
enum cli_status { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2, CLI_NOT_FOUND = 3, CLI_UNSAFE = 4 };

/* What a verb takes; the options themselves: cli/options.c. */
enum cli_flag {
	CLI_MATCH = 1024, /* --since, --until */
	CLI_LIST = 2048,  /* -1, -n, -r, -q, --no-legend */
