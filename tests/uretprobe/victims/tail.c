/* SPDX-License-Identifier: MIT */
/* middle jumps to inner instead of calling it: both use one return address. leaf writes to address 0. Build with -O2.
 */
#include "victim.h"

int *volatile nowhere;

KEPT int leaf(int number)
{
	*nowhere = number;
	return number;
}

KEPT int inner(int number)
{
	return leaf(number) + 1;
}

KEPT int middle(int number)
{
	return inner(number * 3);
}

KEPT int outer(int number)
{
	return middle(number + 1) * 2;
}

int main(void)
{
	wait_for_line("ready");
	return outer(1) == 0;
}
