/* SPDX-License-Identifier: MIT */
/* The first lookup's result is checked; the fallback's is not. */
#include "common.h"
struct font { int size, kind; };
static struct font fonts[2] = {{10, 1}, {12, 2}};
separate struct font *exact(int size) { for (int i = 0; i < 2; i++) if (fonts[i].size == size) return &fonts[i]; return NULL; }
separate struct font *nearest(int size) { if (size < 10) return NULL; return &fonts[size > 11]; }
separate int draw(int size)
{
	struct font *font = exact(size);

	if (!font)
		font = nearest(size);
	return font->kind;
}
int main(int argc, char **argv) { (void)argv; printf("%d\n", draw(11)); return draw(argc); }
