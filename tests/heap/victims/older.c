/* SPDX-License-Identifier: MIT */
/* A block that is older than the recording is freed twice after the word on standard input. */
#include <stdio.h>

#include "parts.h"

int main(void)
{
	void *block = maker_make(100), *other = maker_make(100);
	char line[16];

	puts("ready");
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		return 1;
	maker_drop(block);
	maker_drop(other);
	user_drop(block);
	return 0;
}
