/* SPDX-License-Identifier: MIT */
/* A divisor of zero comes from a count. */
#include "common.h"
separate int count_of(const char *text) { if (text[0] == '#') return 4; return 0; }
separate int share(int total, int count) { return total / count; }
separate int each(const char *text) { return share(100, count_of(text)) + 1; }
int main(int argc, char **argv) { (void)argc; printf("%d\n", each("#")); return each(argv[0]); }
