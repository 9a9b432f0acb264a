/* SPDX-License-Identifier: MIT */
/* The best of nothing. */
#include "common.h"
struct bid { int price, who; };
separate int award(const struct bid *bids, int count, int limit)
{
	const struct bid *best = NULL;

	for (int i = 0; i < count; i++) {
		if (bids[i].price < limit && (!best || bids[i].price > best->price))
			best = &bids[i];
	}
	return best->who;
}
int main(int argc, char **argv) { struct bid bids[3] = {{50, 1}, {60, 2}, {70, 3}}; (void)argv; printf("%d\n", award(bids, 3, 65)); return award(bids, 3, argc); }
