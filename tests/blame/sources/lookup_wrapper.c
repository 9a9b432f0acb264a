/* SPDX-License-Identifier: MIT */
/* Two wrappers around the lookup that finds nothing. */
#include "common.h"
struct route { int prefix, port; };
static struct route table[4] = {{10, 1}, {20, 2}, {30, 3}, {40, 4}};
separate struct route *search_table(int prefix)
{
	for (int i = 0; i < 4; i++)
		if (table[i].prefix == prefix)
			return table + i;
	return NULL;
}
separate struct route *lookup(int prefix) { struct route *route = search_table(prefix); return route; }
separate struct route *route_for(int address) { return lookup(address / 256); }
separate int port_of(int address) { struct route *route = route_for(address); return route->port; }
int main(int argc, char **argv) { (void)argv; printf("%d\n", port_of(2561)); return port_of(argc); }
