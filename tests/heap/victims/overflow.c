/* SPDX-License-Identifier: MIT */
/* One block runs over into the next, whose free finds out. */
#include "parts.h"

int main(void)
{
	char *block = maker_make(2000), *next = maker_make(2000), *wall = maker_make(2000);

	user_fill(block, 0, 2016);
	user_drop(next);
	return wall == block;
}
