/* SPDX-License-Identifier: MIT */
/* An accessor that takes a reference where there is one; the null is somebody else's. */
#include "common.h"
struct image { int users, width; };
struct slot { struct image *image; };
static struct image images[2] = {{1, 10}, {1, 20}};
static struct slot slots[2] = {{&images[0]}, {&images[1]}};
separate void evict(struct slot *slot) { slot->image = NULL; }
separate struct image *image_get(struct slot *slot)
{
	struct image *image = slot->image;

	if (image)
		image->users++;
	return image;
}
separate int width(struct slot *slot) { return image_get(slot)->width; }
int main(int argc, char **argv) { (void)argv; printf("%d\n", width(&slots[0])); evict(&slots[argc]); return width(&slots[argc]); }
