/* SPDX-License-Identifier: MIT */
/* A global variable that nobody ever set. */
#include "common.h"
struct device { int irq; };
static struct device *current;
separate void attach(struct device *device) { current = device; }
separate int irq(void) { return current->irq; }
int main(int argc, char **argv) { struct device device = {argc}; (void)argv; if (argc > 5) attach(&device); return irq(); }
