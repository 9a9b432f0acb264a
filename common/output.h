/* SPDX-License-Identifier: MIT */
/*
 * A file that the user names, as -o does: the one rule for every verb that writes one.
 *
 * - A regular file is replaced whole or not at all. It is written out of sight in the same directory, brought to the
 *   disk, and renamed. What was there stays as it is until then. A new file has mode 0600; one that replaces another
 *   keeps its permissions, owner and group, unless it is private: then it is 0600 and its writer's.
 * - A device or a FIFO is written to, in order and at once. So is a descriptor that the caller has opened (/dev/stdout,
 *   /dev/fd/N, /proc/self/fd/N), where it stands.
 * - The target of a symbolic link is what is replaced; the link stays.
 * - Root writes in a directory where other users may write only if the file is new, and follows no link that lies in
 *   one. "Other users": the directory is not root's, or its permissions let a group other than root's, somebody named
 *   in an access control list, or everybody write, sticky or not.
 */
#ifndef COMMON_OUTPUT_H
#define COMMON_OUTPUT_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "common/write_place.h"

struct output {
	int fd;			/* to write to */
	bool is_stream;		/* cannot be sought or cut: a device, a FIFO, a descriptor */
	uint64_t device, inode; /* of the file that is there now; 0: nothing */
	/* The rest is for output.c. */
	const char *path;
	struct write_place place;
	char temporary[32]; /* the name in the directory; "" while it has none */
	bool is_private, ignores_pipe;
	struct sigaction pipe_before;
};

/* `path` must outlive the output. While a stream is open SIGPIPE is ignored, so that a reader who has left is an error
 * (EPIPE). A FIFO is waited for, as a shell does. Nothing is left on an error. */
struct error *output_open(const char *path, bool is_private, struct output *ret) must_check;
/* All of it is written: to the disk and into its place. Errors name the path. Call it once. */
struct error *output_commit(struct output *output) must_check;
/* Without a commit a regular file is what it was before. What went to a stream is gone. */
void output_deinit(struct output *output);

/* Is it what standard output goes to? Then what a verb has to say belongs to standard error. */
bool output_is_standard(const char *path);

#endif
