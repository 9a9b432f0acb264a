/* SPDX-License-Identifier: MIT */
/*
 * --time-limit and --memory-limit, around the work on one crash. A verb that works on several gives each a process of
 * its own (cli_limits_apart), so that one which runs out does not take the others with it.
 */
#ifndef CLI_LIMITS_H
#define CLI_LIMITS_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/cli.h"
#include "common/error.h"
#include "common/limits.h"

/* What the options say, into options->limits. ERROR_INVALID for what is no time or size above 0. */
struct error *cli_limits_read(struct cli_options *options) must_check;

/* Until limits_end() the program ends with a sentence on standard error and CLI_FAILED. Nothing may have been printed
 * by then, and no file begun that would be left. `names` is what the crash was called by. */
void cli_limits_begin(const struct cli_options *options, char **names, size_t count);

/* Runs work(context, out) in a child within the limits and gives what it has written; the caller frees it. An error of
 * the work, a limit's sentence, and a child that dies are errors here. */
struct error *cli_limits_apart(const struct cli_options *options, const char *subject,
			       struct error *(*work)(void *context, FILE *out), void *context, char **ret_text,
			       size_t *ret_size) must_check;

#endif
