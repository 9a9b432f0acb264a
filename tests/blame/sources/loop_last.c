/* SPDX-License-Identifier: MIT */
/* The last round of a loop sets null. */
#include "common.h"
struct step { int cost; };
static struct step steps[4] = {{1}, {2}, {3}, {4}};
separate int spend(const struct step *step) { return step->cost; }
separate int walk(int rounds)
{
	const struct step *step = steps;
	int sum = 0;

	for (int i = 0; i < rounds; i++) {
		sum += spend(step);
		step = i < 2 ? step + 1 : NULL;
	}
	return sum;
}
int main(int argc, char **argv) { (void)argv; return walk(argc + 4); }
