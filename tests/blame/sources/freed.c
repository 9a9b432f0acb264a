/* SPDX-License-Identifier: MIT */
/* A pointer is read from a block that was freed. */
#include "common.h"
struct page { struct page *next; int number; };
separate struct page *page_new(struct page *next, int number) { struct page *page = malloc(sizeof(*page)); page->next = next; page->number = number; return page; }
separate int total(const struct page *page) { int sum = 0; for (int i = 0; i < 3; i++) { sum += page->number; page = page->next; } return sum; }
int main(int argc, char **argv)
{
	struct page *a = page_new(NULL, argc), *b = page_new(a, 2), *c = page_new(b, 3);

	(void)argv;
	printf("%d\n", total(c));
	free(b);
	free(a);
	return total(c);
}
