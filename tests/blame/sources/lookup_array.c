/* SPDX-License-Identifier: MIT */
/* A lookup in an array finds nothing. */
#include "common.h"
struct user { int id; const char *name; };
static struct user users[] = {{3, "ann"}, {5, "bob"}, {8, "cid"}};
separate struct user *find_user(int id)
{
	for (size_t i = 0; i < sizeof(users) / sizeof(*users); i++) {
		if (users[i].id == id)
			return &users[i];
	}
	return NULL;
}
separate void greet(int id)
{
	struct user *user = find_user(id);

	printf("hello %s\n", user->name);
}
int main(int argc, char **argv) { (void)argv; greet(3); greet(argc); return 0; }
