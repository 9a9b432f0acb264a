/* SPDX-License-Identifier: MIT */
/* The last library: see plt-main.c. leaf writes to address 0. */
int *volatile nowhere;

__attribute__((noipa)) int leaf(int number)
{
	*nowhere = number;
	return number;
}

int back_work(int number)
{
	return leaf(number) + 1;
}
