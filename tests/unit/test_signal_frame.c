/* SPDX-License-Identifier: MIT */
/* What a signal frame tells of the signal, where the handler asked for a siginfo and where it did not. */
#include "tests/unit/core_builder.h"

#include <sys/ucontext.h>

#include "analyzer/facts/signal_frame.h"

#define CODE 0x10000u
#define STACK 0x20000u
#define FAULT 0x1234560u

/* struct rt_sigframe of the kernel, from the return address on. */
struct pushed {
	uint64_t restorer;
	uint64_t context[37]; /* uc_flags, uc_link, uc_stack, then uc_mcontext: 40 + 256 bytes */
	uint64_t mask;
	siginfo_t info;
};
#define CONTEXT_CS 18 /* in words behind uc_mcontext's start: cs, gs, fs, ss */

static struct interruption read_frame(const siginfo_t *info)
{
	static const uint8_t restorer[] = {0x48, 0xc7, 0xc0, 0x0f, 0x00, 0x00, 0x00, 0x0f, 0x05};
	struct pushed pushed = {.restorer = CODE + 16, .info = *info};
	struct elf_prstatus status = {.pr_pid = 100, .pr_cursig = SIGABRT, .pr_info.si_signo = SIGABRT};
	uint64_t *machine = pushed.context + 5;
	struct interruption interruption = {0};
	struct user_regs_struct registers = {.rsp = STACK};
	struct core *core;

	machine[16] = CODE;			  /* rip */
	machine[CONTEXT_CS] = 0x002b000000000033; /* ss, cs */
	machine[CONTEXT_CS + 1] = 4;		  /* error: a read from user space */
	machine[CONTEXT_CS + 2] = 14;		  /* page fault */
	machine[CONTEXT_CS + 4] = FAULT;
	begin();
	memcpy(&status.pr_reg, &registers, sizeof(registers));
	add_note(NT_PRSTATUS, &status, sizeof(status));
	add_segment(CODE, PAGE, PAGE, PF_R | PF_X);
	memcpy(builder.data + 16, restorer, sizeof(restorer));
	add_segment(STACK, PAGE, PAGE, PF_R | PF_W);
	memcpy(builder.data + PAGE, &pushed, sizeof(pushed));
	core = open_good(build());
	assert_true(signal_frame_find(core, &interruption));
	core_destroy(core);
	return interruption;
}

static void a_siginfo_is_taken(void **state)
{
	siginfo_t fault = {.si_signo = SIGSEGV, .si_code = SEGV_MAPERR}, sent = {.si_signo = SIGUSR1};
	struct interruption interruption;

	(void)state;
	fault.si_addr = (void *)FAULT;
	interruption = read_frame(&fault);
	assert_false(interruption.inferred);
	assert_int_equal(interruption.signal.number, SIGSEGV);
	assert_int_equal(interruption.signal.address, FAULT);
	/* The kernel keeps what it knows of the last fault: a later signal is what its siginfo says. */
	sent.si_pid = 77;
	interruption = read_frame(&sent);
	assert_false(interruption.inferred);
	assert_int_equal(interruption.signal.number, SIGUSR1);
	assert_int_equal(interruption.signal.sender_pid, 77);
}

/* Without SA_SIGINFO there is what was on the stack before. */
static void what_the_stack_held_is_no_siginfo(void **state)
{
	siginfo_t stale = {.si_signo = 32, .si_code = SI_QUEUE};
	struct interruption interruption;

	(void)state;
	memset((uint8_t *)&stale + 96, 0x7f, 6); /* the kernel writes zeros there */
	interruption = read_frame(&stale);
	assert_true(interruption.inferred);
	assert_int_equal(interruption.signal.number, SIGSEGV);
	assert_int_equal(interruption.signal.code, SEGV_MAPERR);
	assert_int_equal(interruption.signal.address, FAULT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_siginfo_is_taken),
		cmocka_unit_test(what_the_stack_held_is_no_siginfo),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
