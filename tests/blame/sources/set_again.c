/* SPDX-License-Identifier: MIT */
/* main clears a field and sets it again from a lookup that finds nothing. */
#include "common.h"
struct query { int key; const int *row; };
static const int rows[3] = {4, 5, 6};
separate const int *row_of(int key) { for (int i = 0; i < 3; i++) if (rows[i] == key) return &rows[i]; return NULL; }
separate int value(const struct query *query) { return *query->row + query->key; }
int main(int argc, char **argv)
{
	struct query query;

	(void)argv;
	query.key = argc;
	query.row = NULL;
	if (argc < 5)
		query.row = row_of(argc);
	return value(&query);
}
