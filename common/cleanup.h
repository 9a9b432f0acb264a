/* SPDX-License-Identifier: MIT */
/*
 * Scope cleanup: a local variable marked with one of these is released when it goes out of scope, so that an early
 * return needs no label. Move a value out with take_pointer() or take_fd() to keep it.
 */
#ifndef COMMON_CLEANUP_H
#define COMMON_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define cleanup_with(function) __attribute__((cleanup(function)))

static inline void cleanup_free_pointer(void *pointer)
{
	free(*(void **)pointer);
}

static inline void cleanup_close_fd(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_close_file(FILE **file)
{
	if (*file)
		fclose(*file);
}

/* A type of the project's own. One that is embedded needs nothing: cleanup_with(thing_deinit) struct thing thing = {0};
 * For a heap object its header has, next to the destructor, DEFINE_CLEANUP(struct thing, thing_destroy), and then:
 * cleanup_by(thing_destroy) struct thing *thing = NULL; */
#define DEFINE_CLEANUP(type, destroy)                                                                                  \
	static inline void cleanup_##destroy(type **object)                                                            \
	{                                                                                                              \
		destroy(*object);                                                                                      \
	}
#define cleanup_by(destroy) cleanup_with(cleanup_##destroy)

#define cleanup_free cleanup_with(cleanup_free_pointer)
#define cleanup_fd cleanup_with(cleanup_close_fd)
#define cleanup_file cleanup_with(cleanup_close_file)

/* Moves the pointer out of a variable and leaves NULL there. */
#define take_pointer(variable)                                                                                         \
	({                                                                                                             \
		__typeof__(variable) taken_ = (variable);                                                              \
		(variable) = NULL;                                                                                     \
		taken_;                                                                                                \
	})

/* Moves the descriptor out of a variable and leaves -1 there. */
static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

#endif
