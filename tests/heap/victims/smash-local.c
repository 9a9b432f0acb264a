/* SPDX-License-Identifier: MIT */
/* An array is overrun into the pointer that lies above it in the same frame, and nothing else. The block that the text
 * came from is freed before the pointer is used. */
#include "smash.h"

struct frame {
	char line[24];
	long *count;
};

KEPT static long *forget(struct frame *frame)
{
	__asm__ volatile("" ::"r"(frame) : "memory");
	return NULL;
}

KEPT static long copy_line(size_t length)
{
	char *text = malloc(100);
	struct frame frame;
	long count = 1;

	frame.count = &count;
	memset(text, 'L', 100);
	for (size_t i = 0; i < length; i++)
		((volatile char *)&frame)[i] = text[i];
	free(text);
	forget(&frame);
	return *frame.count;
}

int main(void)
{
	return (int)copy_line(sizeof(struct frame));
}
