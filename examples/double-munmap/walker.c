/* SPDX-License-Identifier: MIT */
#include "walker.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

void walker_open(struct walker *walker, const char *path)
{
	int fd = open(path, O_RDONLY);

	walker->image = mmap(NULL, WALKER_MAP_BYTES, PROT_READ, MAP_PRIVATE, fd, 0);
	if (walker->image == MAP_FAILED) {
		perror(path);
		exit(1);
	}
	close(fd);
}

/* The bug: the image is unmapped, and stays in the struct. */
void walker_step(struct walker *walker)
{
	munmap(walker->image, WALKER_MAP_BYTES);
}

void walker_step_again(struct walker *walker)
{
	if (walker->image)
		munmap(walker->image, WALKER_MAP_BYTES);
	walker->image = NULL;
}
