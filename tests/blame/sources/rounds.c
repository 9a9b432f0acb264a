/* SPDX-License-Identifier: MIT */
/* The pointer of the round before: null, as a function that has returned left it in the list. */
#include "common.h"
struct stop { int minutes; struct stop *next; };
static struct stop stops[4];
separate void build(int gap) { for (int i = 0; i < 3; i++) stops[i] = (struct stop){i, i == gap ? NULL : &stops[i + 1]}; }
separate int ride(struct stop *from, int count)
{
	struct stop *previous = from, *at = from;
	int sum = 0;

	for (int i = 0; i < count; i++) {
		sum += previous->minutes;
		previous = at;
		at = at ? at->next : &stops[3];
	}
	return sum;
}
int main(int argc, char **argv) { (void)argv; build(argc); return ride(stops, 5); }
