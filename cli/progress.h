/* SPDX-License-Identifier: MIT */
/*
 * One line on a terminal for what takes long: it appears after a second, is rewritten five times a second, and is gone
 * when the work is done. Only where standard error is a terminal; elsewhere nothing of this does anything. One at a time,
 * for the whole program; whoever prints ends it first.
 *
 * A thread of its own draws it, so that nothing that works has to think of it. It takes no lock of stdio: the work may
 * fork.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stddef.h>
#include <stdint.h>

/* "unpacking the core of depot": what is done, and (if not NULL) to what, which may be a stranger's name. Within
 * another one that has not ended it shows nothing: the outermost is what the reader waits for. */
void progress_begin(const char *what, const char *of);

/* The work reads `fd`, a file of so many bytes: its position is how far it is, in whichever process. The descriptor must
 * stay open until the progress is ended or begun anew. */
void progress_follow(int fd, uint64_t bytes);

/* So many things of so many are done. */
void progress_count(size_t done, size_t total);

/* Gives the terminal its line back. */
void progress_end(void);

#endif
