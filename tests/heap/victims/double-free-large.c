/* SPDX-License-Identifier: MIT */
/* A large block is a mapping of its own: its second free finds no header any more. */
#include "parts.h"

int main(void)
{
	char *block = maker_make(1 << 20);

	user_fill(block, 0, 100);
	maker_drop(block);
	user_drop(block);
	return 0;
}
