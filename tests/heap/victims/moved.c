/* SPDX-License-Identifier: MIT */
/* realloc moves a block, and the old address is used. */
#include "parts.h"

int main(void)
{
	char *block = maker_make(1 << 20), *wall = maker_make(1 << 20), *grown;

	user_fill(block, 0, 100);
	grown = maker_grow(block, 64 << 20);
	user_fill(block, 5000, 5100);
	return grown == wall;
}
