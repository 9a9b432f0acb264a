/* SPDX-License-Identifier: MIT */
/*
 * What the victims share. A victim says "ready" and waits for a line on its standard input, so that a tracer can attach
 * to it; some say "inside" later and wait again, so that the tracer can leave.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A function that stays one: not inlined, not cloned, no knowledge of it in its callers. */
#define KEPT __attribute__((noipa))

static inline void wait_for_line(const char *said)
{
	char letter;

	puts(said);
	fflush(stdout);
	do {
		if (read(STDIN_FILENO, &letter, 1) != 1)
			_exit(3);
	} while (letter != '\n');
}
