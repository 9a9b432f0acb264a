/* SPDX-License-Identifier: MIT */
/* Both ways to the call pass null, one of them what it was given. */
#include "common.h"
struct gate { int open; };
separate int enter(const struct gate *gate) { return gate->open; }
separate int try_gate(const struct gate *gate, int hour) { const struct gate *use = gate; if (hour > 20) use = NULL; puts("gate"); return enter(use) + 1; }
separate int guard(int hour) { return try_gate(NULL, hour) + 2; }
int main(int argc, char **argv) { (void)argv; return guard(argc); }
