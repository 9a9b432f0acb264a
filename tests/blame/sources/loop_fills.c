/* SPDX-License-Identifier: MIT */
/* main clears a field; a loop of its own then sets it again, through a pointer, from an array with a null in it. */
#include "common.h"
struct seat { int *guest; };
separate int greet(struct seat *seat) { return *seat->guest; }
separate void guests_of(int **guests, int *one) { guests[0] = one; guests[1] = NULL; guests[2] = one; }
int main(int argc, char **argv)
{
	struct seat seats[3], *at;
	int *guests[3];

	(void)argv;
	seats[1].guest = NULL;
	guests_of(guests, &argc);
	at = seats;
	for (int i = 0; i < 3; i++, at++)
		at->guest = guests[i];
	return greet(&seats[0]) + greet(&seats[1]);
}
