/* SPDX-License-Identifier: MIT */
/* main calls front_enter in one library, which calls back_work in another, both through the procedure linkage table. */
#include "victim.h"

int front_enter(int number);

int main(void)
{
	wait_for_line("ready");
	return front_enter(1) == 0;
}
