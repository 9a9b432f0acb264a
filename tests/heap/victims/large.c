/* SPDX-License-Identifier: MIT */
/* A freed large block: its memory is unmapped at once. */
#include "parts.h"

int main(void)
{
	char *block = maker_make(1 << 20);

	user_fill(block, 0, 100);
	maker_drop(block);
	user_fill(block, 5000, 5100);
	return 0;
}
