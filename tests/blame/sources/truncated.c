/* SPDX-License-Identifier: MIT */
/* Half of a pointer is kept. */
#include "common.h"
struct handle { int id; };
separate void *my_alloc(size_t size) { return malloc(size); }
separate int use(const struct handle *handle) { return handle->id; }
separate int keep(void) { int kept = (int)(intptr_t)my_alloc(16); return use((struct handle *)(intptr_t)kept) + 1; }
int main(int argc, char **argv) { (void)argv; return keep() + argc; }
