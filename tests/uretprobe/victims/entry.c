/* SPDX-License-Identifier: MIT */
/*
 * Functions whose first instruction is special, called three times so that the kernel may rewrite a probe that it has
 * met: nop_first begins with a five-byte nop, fault_first with the write that faults the third time, on address 0.
 */
#include "victim.h"

int nop_first(int *place);
int fault_first(int *place);

__asm__(".text\n"
	".globl nop_first\n"
	".type nop_first, @function\n"
	"nop_first:\n"
	"	.cfi_startproc\n"
	"	.byte 0x0f, 0x1f, 0x44, 0x00, 0x00\n"
	"	sub $8, %rsp\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	call fault_first\n"
	"	add $8, %rsp\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	ret\n"
	"	.cfi_endproc\n"
	".size nop_first, . - nop_first\n"
	".globl fault_first\n"
	".type fault_first, @function\n"
	"fault_first:\n"
	"	.cfi_startproc\n"
	"	movl $1, (%rdi)\n"
	"	mov $1, %eax\n"
	"	ret\n"
	"	.cfi_endproc\n"
	".size fault_first, . - fault_first\n");

int somewhere;

KEPT int caller(int *place)
{
	return nop_first(place) + 1;
}

int main(void)
{
	int sum = 0;

	wait_for_line("ready");
	for (int i = 0; i < 3; i++)
		sum += caller(i < 2 ? &somewhere : NULL);
	return sum == 0;
}
