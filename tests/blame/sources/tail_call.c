/* SPDX-License-Identifier: MIT */
/* The function that passes null jumps to the next one; its caller passed something good. */
#include "common.h"
struct state { int level; };
static struct state good = {3};
separate int finish(int code, const struct state *state) { return state->level + code; }
separate int next_step(const struct state *state, int code) { printf("%d\n", state->level); return finish(code, NULL); }
separate int begin(const struct state *state) { return next_step(state, 4) + 1; }
int main(int argc, char **argv) { (void)argv; good.level = argc; return begin(&good); }
