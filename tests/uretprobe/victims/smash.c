/* SPDX-License-Identifier: MIT */
/* fill writes a text that is longer than its array, over its own return address. */
#include <string.h>

#include "victim.h"

static const char *volatile text = "a text that is longer than the array it is copied to, by far, and that goes on";

KEPT void show(const char *line)
{
	puts(line);
}

KEPT void fill(void)
{
	char line[16];

	for (size_t i = 0; text[i]; i++)
		((volatile char *)line)[i] = text[i];
	show(line);
}

int main(void)
{
	wait_for_line("ready");
	fill();
	return 0;
}
