/* SPDX-License-Identifier: MIT */
/* A table of operations lacks one, as the function on the stack that made it left it. */
#include "common.h"
struct operations { int (*open)(int), (*close)(int); };
static int do_open(int fd) { return fd + 1; }
separate int finish(const struct operations *operations, int fd) { int r = operations->open(fd); return operations->close(fd) + r; }
int main(int argc, char **argv) { struct operations operations; (void)argv; operations.open = do_open; operations.close = NULL; return finish(&operations, argc); }
