/* SPDX-License-Identifier: MIT */
/* A structure that its owner cleared. */
#include "common.h"
struct stream { int fd; char name[40]; char *data; };
separate int fill(struct stream *stream) { stream->data[stream->fd] = 'x'; return 1; }
separate int open_stream(int fd) { struct stream stream; memset(&stream, 0, sizeof(stream)); stream.fd = fd; return fill(&stream) + 1; }
int main(int argc, char **argv) { (void)argv; return open_stream(argc); }
