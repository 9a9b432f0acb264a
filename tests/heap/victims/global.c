/* SPDX-License-Identifier: MIT */
/* A variable of the program is freed. */
#include "parts.h"

static char array[64] __attribute__((aligned(16)));

int main(void)
{
	user_fill(array, 0, 8);
	user_drop(array + 16);
	return 0;
}
