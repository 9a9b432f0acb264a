/* SPDX-License-Identifier: MIT */
/* A global variable, set to null right before. */
#include "common.h"
struct device { int irq; };
static struct device *current;
separate int irq(void) { return current->irq; }
separate int suspend(struct device *device) { int old; current = device; old = irq(); current = NULL; return old + irq(); }
int main(int argc, char **argv) { struct device device = {argc}; (void)argv; return suspend(&device); }
