/* SPDX-License-Identifier: MIT */
/* An array on the stack is freed. */
#include "parts.h"

int main(void)
{
	char array[64] __attribute__((aligned(16)));

	user_fill(array, 0, sizeof(array));
	user_drop(array + 16);
	return 0;
}
