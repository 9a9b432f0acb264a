/* SPDX-License-Identifier: MIT */
/* libdepot: keeps data in blocks of its own. It has no bug. */
#ifndef EXAMPLE_DEPOT_H
#define EXAMPLE_DEPOT_H

#define DEPOT_BLOCK_BYTES 262144

struct depot {
	unsigned char *block;
};

void depot_open(struct depot *depot);
void depot_close(struct depot *depot);
int depot_read(const struct depot *depot);

#endif
