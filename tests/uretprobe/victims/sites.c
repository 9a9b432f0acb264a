/* SPDX-License-Identifier: MIT */
/* caller calls probed at two places; the second call dies in leaf, on address 0. */
#include "victim.h"

int *volatile nowhere;
int somewhere;

KEPT int leaf(int *place)
{
	*place = 1;
	return *place;
}

KEPT int probed(int *place)
{
	return leaf(place) + 1;
}

KEPT int caller(int number)
{
	int sum;

	sum = probed(&somewhere) * number; /* @first */
	sum += probed(nowhere);		   /* @second */
	return sum;
}

int main(void)
{
	wait_for_line("ready");
	return caller(2) == 0;
}
