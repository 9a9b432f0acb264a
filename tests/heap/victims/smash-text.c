/* SPDX-License-Identifier: MIT */
/* copy_line writes a text over its own return address; the block that the text came from is freed before it returns. */
#include "smash.h"

KEPT static void copy_line(size_t length)
{
	char *text = malloc(length + 1);
	char line[40];

	memset(text, 'T', length);
	text[length] = 0;
	for (size_t i = 0; text[i]; i++)
		((volatile char *)line)[i] = text[i];
	line[39] = 0;
	puts(line);
	free(text);
}

int main(void)
{
	copy_line(120);
	return 0;
}
