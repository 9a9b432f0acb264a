/* SPDX-License-Identifier: MIT */
/*
 * A library whose functions have a known chain of calls down to past_capture(), which keeps what a recorder would have
 * copied at its entry. test_event_stack.c builds it in several ways, loads it, and unwinds what was kept.
 */
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "past_victim.h"

#define distinct __attribute__((noinline, noclone))

__asm__(".text\n"
	".globl past_capture\n"
	".type past_capture, @function\n"
	"past_capture:\n"
	"1:\n"
	"	.cfi_startproc\n"
	"	mov %rbx, 0(%rdi)\n"
	"	mov %rbp, 8(%rdi)\n"
	"	mov %r12, 16(%rdi)\n"
	"	mov %r13, 24(%rdi)\n"
	"	mov %r14, 32(%rdi)\n"
	"	mov %r15, 40(%rdi)\n"
	"	mov %rsp, 48(%rdi)\n"
	"	lea 1b(%rip), %rax\n"
	"	mov %rax, 56(%rdi)\n"
	"	jmp past_copy@PLT\n"
	"	.cfi_endproc\n"
	".size past_capture, . - past_capture\n");

/* What lies above the stack pointer belongs to the callers, and nobody writes to it meanwhile. */
__attribute__((visibility("default"))) int past_copy(struct capture *capture)
{
	capture->slice_bytes = capture->stack_end - capture->sp;
	if (capture->slice_bytes > capture->asked_bytes)
		capture->slice_bytes = capture->asked_bytes;
	/* A sanitizer's memcpy() would mind, since frames are no objects. */
	for (uint64_t i = 0; i < capture->slice_bytes; i++)
		capture->slice[i] = ((const volatile uint8_t *)(uintptr_t)capture->sp)[i];
	return 1;
}

/* A wrapper that leaves a frame. */
distinct int victim_wrapper(struct capture *capture)
{
	return past_capture(capture) + capture->nothing;
}

distinct int victim_plain(struct capture *capture)
{
	return victim_wrapper(capture) * 3 + capture->nothing;
}

/* Many registers in use, and a frame of a size that only the caller knows. */
distinct int victim_crowded(struct capture *capture, int depth, long a, long b, long c, long d)
{
	volatile char *room = __builtin_alloca((size_t)(16 + depth * 40));
	long e = a ^ b, f = b * c, g = c + d;
	int result;

	room[0] = (char)depth;
	if (depth > 0)
		result = victim_crowded(capture, depth - 1, b, c, d, a);
	else
		result = victim_plain(capture);
	return result + (int)(e + f + g) + room[0];
}

/* Its frame is aligned more than the ABI asks for. */
distinct int victim_aligned(struct capture *capture)
{
	volatile char room[128] __attribute__((aligned(128)));

	room[0] = 1;
	return victim_plain(capture) + room[0];
}

/* At -O2 this one jumps: the stack does not show it. The call of it is a direct one. */
__attribute__((visibility("hidden"))) distinct int victim_jumps(struct capture *capture)
{
	return past_capture(capture);
}

distinct int victim_before_jump(struct capture *capture)
{
	return victim_jumps(capture) + capture->nothing;
}

distinct int victim_deep(struct capture *capture, int depth)
{
	if (depth == 0)
		return victim_plain(capture);
	return victim_deep(capture, depth - 1) * 3 + capture->nothing;
}

static struct capture *compared;

distinct int victim_compare(const void *left, const void *right)
{
	(void)left, (void)right;
	if (!compared)
		return 0;
	victim_plain(compared);
	compared = NULL;
	return 1;
}

/* Through the C library. */
distinct int victim_sorts(struct capture *capture)
{
	int numbers[2] = {2, 1};

	compared = capture;
	qsort(numbers, 2, sizeof(numbers[0]), victim_compare);
	return numbers[0];
}

static struct capture *signalled;

distinct void victim_handler(int number)
{
	victim_plain(signalled);
	signalled->nothing = number - number;
}

distinct int victim_signals(struct capture *capture)
{
	struct sigaction action = {.sa_handler = victim_handler}, before;

	signalled = capture;
	sigaction(SIGUSR1, &action, &before);
	raise(SIGUSR1);
	sigaction(SIGUSR1, &before, NULL);
	return capture->nothing + 1;
}

int victim_run(const char *how, struct capture *capture)
{
	if (strcmp(how, "plain") == 0)
		return victim_plain(capture) + capture->nothing;
	if (strcmp(how, "crowded") == 0)
		return victim_crowded(capture, 3, 1, 2, 3, 4) + capture->nothing;
	if (strcmp(how, "aligned") == 0)
		return victim_aligned(capture) + capture->nothing;
	if (strcmp(how, "jump") == 0)
		return victim_before_jump(capture) + capture->nothing;
	if (strcmp(how, "deep") == 0)
		return victim_deep(capture, 100) + capture->nothing;
	if (strcmp(how, "sort") == 0)
		return victim_sorts(capture) + capture->nothing;
	if (strcmp(how, "signal") == 0)
		return victim_signals(capture) + capture->nothing;
	return 0;
}
