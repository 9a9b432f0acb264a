/* SPDX-License-Identifier: MIT */
/* One of two lookups, either may return null. */
#include "common.h"
struct item { int id, price; };
static struct item cheap[2] = {{1, 5}, {2, 6}}, dear[2] = {{11, 50}, {12, 60}};
separate struct item *find_cheap(int id) { for (int i = 0; i < 2; i++) if (cheap[i].id == id) return &cheap[i]; return NULL; }
separate struct item *find_dear(int id) { for (int i = 0; i < 2; i++) if (dear[i].id == id) return &dear[i]; return NULL; }
separate int price(int id, int limit)
{
	struct item *item = id > limit ? find_dear(id) : find_cheap(id);

	return item->price;
}
int main(int argc, char **argv) { (void)argv; printf("%d\n", price(2, 10)); return price(13 + argc, 10); }
