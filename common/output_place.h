/* SPDX-License-Identifier: MIT */
/*
 * Where a path for writing leads: the walk along its directories and links, before anything is opened for writing.
 *
 * Each component is looked up in a directory that is held open, so that nothing can be swapped on the way. A root
 * process follows no link out of a directory in which another user could have put it, and takes nothing that is already
 * in such a directory: only root, and nobody by group or other permission, may write in a directory that counts as
 * root's. Only for common/output.c.
 */
#ifndef COMMON_OUTPUT_PLACE_H
#define COMMON_OUTPUT_PLACE_H

#include <stdbool.h>
#include <sys/stat.h>

#include "common/error.h"

enum output_place_kind {
	OUTPUT_PLACE_NEW,	 /* nothing is there */
	OUTPUT_PLACE_FILE,	 /* a regular file */
	OUTPUT_PLACE_OTHER,	 /* a device or a FIFO */
	OUTPUT_PLACE_DESCRIPTOR, /* /dev/stdout, /dev/fd/N, /proc/self/fd/N: a descriptor of this process */
};

struct output_place {
	enum output_place_kind kind;
	int directory_fd; /* O_PATH; that of the last link's target. -1 for a descriptor */
	char *name;	  /* in the directory; NULL for a descriptor */
	int descriptor;
	struct stat status;    /* of what is there; of OUTPUT_PLACE_NEW nothing */
	bool others_may_write; /* this is root, and the directory is not root's alone */
};

/* The message says "cannot write PATH: ...". A link that leads nowhere gives the place that it names. */
struct error *output_place_find(const char *path, struct output_place *ret) must_check;
void output_place_deinit(struct output_place *place);

/* "cannot write PATH: TEXT OF errno". Not error_errno(): a missing directory is not a missing crash. */
struct error *output_failure(const char *path, int system_errno) must_check;

#endif
