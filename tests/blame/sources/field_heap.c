/* SPDX-License-Identifier: MIT */
/* A function that is still on the stack sets the field of a heap object to null. */
#include "common.h"
struct buffer { int used; char *data; };
separate int append(struct buffer *buffer, char c) { buffer->data[buffer->used] = c; return ++buffer->used; }
separate int flush(struct buffer *buffer) { free(buffer->data); buffer->data = NULL; buffer->used = 0; return append(buffer, '\n'); }
int main(int argc, char **argv)
{
	struct buffer *buffer = malloc(sizeof(*buffer));

	(void)argv;
	buffer->data = malloc(16);
	buffer->used = 0;
	append(buffer, (char)argc);
	return flush(buffer);
}
