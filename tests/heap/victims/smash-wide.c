/* SPDX-License-Identifier: MIT */
/* The same with wide characters, none like its neighbour. */
#include "smash.h"

KEPT static void copy_line(size_t length)
{
	wchar_t *text = malloc((length + 1) * sizeof(*text));
	wchar_t line[20];

	for (size_t i = 0; i < length; i++)
		text[i] = (wchar_t)(L'a' + i * 7 % 23);
	text[length] = 0;
	for (size_t i = 0; text[i]; i++)
		((volatile wchar_t *)line)[i] = text[i];
	line[19] = 0;
	printf("%ls\n", line);
	free(text);
}

int main(void)
{
	copy_line(60);
	return 0;
}
