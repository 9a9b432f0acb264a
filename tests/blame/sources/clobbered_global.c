/* SPDX-License-Identifier: MIT */
/* A function that is gone had set the global again; main's store of null came before. */
#include "common.h"
static int *cursor;
static int cells[4];
separate void rewind_cells(int way) { cursor = way > 1 ? &cells[0] : NULL; }
separate int read_cell(void) { return *cursor; }
int main(int argc, char **argv) { (void)argv; cursor = NULL; rewind_cells(argc); return read_cell(); }
