/* SPDX-License-Identifier: MIT */
/* A crash that is in a bundle. */
#ifndef CLI_BUNDLE_CRASH_H
#define CLI_BUNDLE_CRASH_H

#include "cli/cli.h"

/* Opens the bundle at `path`: nothing of this host is looked at for it, neither its files nor its database. Errors are
 * those of bundle_open() and of what is in it. */
struct error *cli_open_bundle(const char *path, struct cli_crash *ret) must_check;

#endif
