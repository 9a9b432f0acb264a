/* SPDX-License-Identifier: MIT */
/* A file that is written out of sight and put into its place when it is whole. */
#ifndef BUNDLE_TARGET_H
#define BUNDLE_TARGET_H

#include <stdint.h>

#include "common/error.h"

struct bundle_target {
	int fd; /* to write to; 0600 */
	const char *path;
	char *temporary;	/* its name beside the path; NULL while it has none */
	uint64_t device, inode; /* of what is at the path now; 0: nothing */
};

/* `path` must outlive the target. What is there must be a regular file, and stays until the commit. */
struct error *bundle_target_open(const char *path, struct bundle_target *ret) must_check;
/* Puts it on the disk and into its place. */
struct error *bundle_target_commit(struct bundle_target *target) must_check;
/* Without a commit nothing is left. */
void bundle_target_deinit(struct bundle_target *target);

#endif
