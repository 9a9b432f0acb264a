/* SPDX-License-Identifier: MIT */
/* A longjmp comes back into the function: what was assigned before the setjmp is not what counts. */
#include <setjmp.h>
#include "common.h"
struct node { int kind; };
static struct node nodes[2];
static jmp_buf back;
separate struct node *volatile_pick(int i) { return i ? NULL : &nodes[0]; }
separate void fail(void) { longjmp(back, 1); }
separate int parse(int i)
{
	struct node *volatile node = NULL;

	if (setjmp(back) == 0) {
		node = &nodes[1];
		node = volatile_pick(i);
		fail();
	}
	return node->kind;
}
int main(int argc, char **argv) { (void)argv; return parse(argc); }
