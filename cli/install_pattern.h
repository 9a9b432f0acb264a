/* SPDX-License-Identifier: MIT */
/*
 * What core_pattern must be so that the kernel runs `corelate capture` (cli/capture.h has its words).
 *
 * The kernel (fs/coredump.c, kernel/umh.c) splits a pattern at blanks, expands '%', holds CAPTURE_PATTERN_MAX bytes,
 * and runs the program as root in the initial namespaces. So whoever may replace the program, the settings, or a
 * directory above them would be root: such paths are refused. A path with a blank or '%' in it, and paths that are too
 * long together, are given to the kernel by links in INSTALL_LINKS, which is gone with the next start of the machine,
 * as the pattern is.
 */
#ifndef CLI_INSTALL_PATTERN_H
#define CLI_INSTALL_PATTERN_H

#include <limits.h>
#include <stdbool.h>

#include "cli/capture.h"
#include "common/error.h"

#define INSTALL_LINKS "/run/corelate"

struct install_pattern {
	char text[CAPTURE_PATTERN_MAX + 1];
	bool has_links;
	char program[PATH_MAX]; /* of this process, without links */
	char config[PATH_MAX];	/* without links; empty: the usual one */
};

/* `config`: the settings that the kernel's corelate is to use, NULL for the usual. Changes nothing. ERROR_INVALID:
 * others than root could change what would run. */
struct error *install_pattern_make(const char *config, struct install_pattern *ret) must_check;

/* Makes the links that the pattern needs, if any, or makes them lead elsewhere; they are root's alone. */
struct error *install_pattern_link(const struct install_pattern *pattern) must_check;

/* Whether the links that it needs are there and lead where they should. */
bool install_pattern_is_linked(const struct install_pattern *pattern);

/* What the links led to at some time; empty: there was none. */
struct install_links {
	char program[PATH_MAX], config[PATH_MAX];
};

/* Where they lead now, and back there: the kernel may be using them. */
void install_pattern_read_links(struct install_links *ret);
void install_pattern_restore_links(const struct install_links *links);

/* Removes the links, if there are any. Nothing else in their directory is touched. */
void install_pattern_unlink(void);

#endif
