/* SPDX-License-Identifier: MIT */
/* The inside of a block is freed. */
#include "parts.h"

int main(void)
{
	char *block = maker_make(100);

	user_fill(block, 0, 100);
	user_drop(block + 32);
	return 0;
}
