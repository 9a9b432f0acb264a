/* SPDX-License-Identifier: MIT */
/* One of two branches gives null. */
#include "common.h"
struct mode { int speed; };
static struct mode fast = {9};
separate int apply(const struct mode *mode) { return mode->speed; }
separate int select_mode(int level)
{
	const struct mode *mode;

	if (level > 5)
		mode = &fast;
	else
		mode = NULL;
	return apply(mode) + 1;
}
int main(int argc, char **argv) { (void)argv; printf("%d\n", select_mode(7)); return select_mode(argc); }
