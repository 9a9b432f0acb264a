/* SPDX-License-Identifier: MIT */
/* A callback's context, set when it was registered. */
#include "common.h"
struct timer { void (*fire)(void *); void *context; };
static struct timer timers[2];
separate void tick(void *context) { ++*(int *)context; }
separate void timer_add(int slot, void (*fire)(void *), void *context) { timers[slot].fire = fire; timers[slot].context = context; }
separate void timers_run(void) { for (int i = 0; i < 2; i++) if (timers[i].fire) timers[i].fire(timers[i].context); }
int main(int argc, char **argv) { (void)argv; timer_add(argc, tick, NULL); timers_run(); return 0; }
