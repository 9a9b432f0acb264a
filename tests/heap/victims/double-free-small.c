/* SPDX-License-Identifier: MIT */
/* Freed twice by one thread, in two libraries. */
#include "parts.h"

int main(void)
{
	void *block = maker_make(100), *other = maker_make(100);

	maker_drop(block);
	maker_drop(other);
	user_drop(block);
	return 0;
}
