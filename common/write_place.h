/* SPDX-License-Identifier: MIT */
/*
 * Where a path for writing leads: the walk along its directories and links, before anything is opened for writing.
 *
 * Each component is looked up in a directory that is held open, so that nothing can be swapped on the way. A root
 * process follows no link that lies in a directory where other users may write: one of them may have put it there. What
 * is done with a file in such a directory is for the caller to decide (common/output.h, schema/open_owner.c).
 */
#ifndef COMMON_WRITE_PLACE_H
#define COMMON_WRITE_PLACE_H

#include <stdbool.h>
#include <sys/stat.h>

#include "common/error.h"

enum write_place_kind {
	WRITE_PLACE_NEW,	/* nothing is there */
	WRITE_PLACE_FILE,	/* a regular file */
	WRITE_PLACE_OTHER,	/* a device or a FIFO */
	WRITE_PLACE_DESCRIPTOR, /* /dev/stdout, /dev/fd/N, /proc/self/fd/N: a descriptor of this process */
};

struct write_place {
	enum write_place_kind kind;
	int directory_fd; /* O_PATH; that of the last link's target. -1 for a descriptor */
	char *name;	  /* in the directory; NULL for a descriptor */
	int descriptor;
	struct stat status; /* of what is there; of WRITE_PLACE_NEW nothing */
	/* This is root, and the directory is not root's alone: another user owns it, or its permissions let a group
	 * other than root's, somebody named in an access control list, or everybody write, sticky or not. */
	bool others_may_write;
};

/* The message says "cannot write PATH: ...". A link that leads nowhere gives the place that it names. */
struct error *write_place_find(const char *path, struct write_place *ret) must_check;
void write_place_deinit(struct write_place *place);

/* "cannot write PATH: TEXT OF errno". Not error_errno(): a missing directory is not a missing crash. */
struct error *write_place_failure(const char *path, int system_errno) must_check;

#endif
