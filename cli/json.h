/* SPDX-License-Identifier: MIT */
/* JSON on standard output, in the form that --json asks for. */
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include <jansson.h>

#include "cli/cli.h"

/* The value and a newline: on one line for --json=short, else indented. Takes the reference. What could not be written
 * is told at the end of main(), as for all output. */
struct error *cli_json_write(const struct cli_options *options, json_t *value) must_check;

#endif
