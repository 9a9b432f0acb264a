/* SPDX-License-Identifier: MIT */
/* libwalker: reads stacks. It maps a file for each step and has a bug: see walker_step(). */
#ifndef EXAMPLE_WALKER_H
#define EXAMPLE_WALKER_H

#define WALKER_MAP_BYTES 578560

struct walker {
	void *image;
};

void walker_open(struct walker *walker, const char *path);
void walker_step(struct walker *walker);
void walker_step_again(struct walker *walker);

#endif
