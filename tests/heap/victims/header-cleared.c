/* SPDX-License-Identifier: MIT */
/* A wide text runs over a pointer of its own record, and its end over the header of the chunk behind: that header then
 * says, as a free chunk's does, that the block before is not in use. It is. */
#include <stdlib.h>
#include <wchar.h>

struct label {
	wchar_t text[4];
	int *colour;
};

__attribute__((noipa)) static void fill(wchar_t *to, const wchar_t *text)
{
	while ((*to++ = *text++))
		;
}

int main(void)
{
	struct label *label = malloc(sizeof(*label));

	fill(label->text, L"hello!");
	return *label->colour;
}
