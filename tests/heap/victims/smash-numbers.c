/* SPDX-License-Identifier: MIT */
/* The same with an array of numbers: one again and again, or (an argument) each larger than the one before. */
#include "smash.h"

KEPT static void show(int number)
{
	printf("%d\n", number);
}

KEPT static void copy_numbers(size_t count, int step)
{
	int *numbers = malloc(count * sizeof(*numbers));
	int copied[30];

	for (size_t i = 0; i < count; i++)
		numbers[i] = 5 + (int)i * step;
	for (size_t i = 0; i < count; i++)
		((volatile int *)copied)[i] = numbers[i];
	show(copied[3]);
	free(numbers);
}

int main(int argc, char **argv)
{
	(void)argv;
	copy_numbers(60, argc > 1 ? 3 : 0);
	return 0;
}
