/* SPDX-License-Identifier: MIT */
/*
 * Work on untrusted input in a child process that can open, connect and run nothing.
 *
 * The child is a fork, so it has the caller's memory (a copy) and those of its descriptors that are asked for. It can
 * allocate, map what is open, and write to one pipe. What comes out of the pipe is untrusted. Knows nothing of cores.
 */
#ifndef ANALYZER_SANDBOX_H
#define ANALYZER_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

struct sandbox_task {
	/* Runs in the child and writes its answer to `output_fd`. False makes the child fail. */
	bool (*work)(void *context, int output_fd);
	/* Runs in the parent with bytes as they come, cut anywhere. False ("this makes no sense") ends the child. */
	bool (*receive)(void *context, const uint8_t *bytes, size_t size);
	void *context;
	const int *descriptors; /* to be left open in the child; standard input and output are /dev/null there */
	size_t descriptor_count;
	unsigned timeout_ms; /* of CLOCK_MONOTONIC, for the whole task; 0: what limits_child_ms() gives; never more than
				is left to us (common/limits.h) */
};

/* Runs the task to its end. Sets *ret_failure (the caller frees it) to a sentence if the child crashed, failed, took
 * too long, or was not understood, else to NULL. What was received before counts all the same. An error only when there
 * could be no child. A call that the child may not make fails there with EPERM. */
struct error *sandbox_run(const struct sandbox_task *task, char **ret_failure) must_check;

#endif
