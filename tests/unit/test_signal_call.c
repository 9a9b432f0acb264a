/* SPDX-License-Identifier: MIT */
/* Which system call a thread is in, by its registers and code; whether a core is of a process that lived on. */
#include "tests/unit/core_builder.h"

#include <sys/syscall.h>

#include "analyzer/facts/signal_call.h"
#include "analyzer/facts/snapshot.h"

#define CODE 0x10000u
#define PID 100u

/* A core of two threads whose instruction pointers are behind `code`, in dumped memory. */
static struct core *core_with(const char *code, size_t size)
{
	begin();
	add_thread(PID, SIGABRT);
	add_thread(101, SIGABRT);
	add_segment(CODE, PAGE, PAGE, PF_R | PF_X);
	memset(builder.data, 0x90, PAGE);
	memcpy(builder.data + 64 - size, code, size);
	return open_good(build());
}

static bool reads(const char *code, size_t size, int64_t number, int64_t result, struct signal_call *ret_call)
{
	struct core *core = core_with(code, size);
	uint64_t registers[CORE_REGISTERS] = {0};
	bool found;

	registers[CORE_RIP] = CODE + 64;
	registers[CORE_ORIG_RAX] = (uint64_t)number;
	registers[CORE_RAX] = (uint64_t)result;
	registers[CORE_RDI] = PID;
	registers[CORE_RSI] = 101;
	registers[CORE_RDX] = 0xffffffff00000006; /* the upper half is not the kernel's */
	found = signal_call_read(core, registers, true, ret_call);
	core_destroy(core);
	return found;
}

static void a_call_is_told_by_its_number(void **state)
{
	struct signal_call call;

	(void)state;
	assert_true(reads("\x0f\x05", 2, SYS_tgkill, 0, &call));
	assert_int_equal(call.call, SYS_tgkill);
	assert_int_equal(call.pid, PID);
	assert_int_equal(call.tid, 101);
	assert_int_equal(call.number, SIGABRT);
	assert_true(reads("\x0f\x05", 2, SYS_kill, 0, &call));
	assert_int_equal(call.number, 101); /* its second argument */
	assert_int_equal(call.tid, 0);
	/* Waiting, whatever function it is in. */
	assert_false(reads("\x0f\x05", 2, SYS_futex, -512, &call));
	/* In no call: it was interrupted in user code. */
	assert_false(reads("\x0f\x05", 2, -1, 0, &call));
	/* No syscall instruction: int 0x80 has other numbers. */
	assert_false(reads("\xcd\x80", 2, SYS_tgkill, 0, &call));
}

static void emulators_leave_the_result_in_its_place(void **state)
{
	struct signal_call call;

	(void)state;
	assert_true(reads("\xb8\xea\x00\x00\x00\x0f\x05", 7, 0, 0, &call)); /* mov eax, 234; syscall */
	assert_int_equal(call.call, SYS_tgkill);
	/* A kernel's core in read(2): the number is another than the result. */
	assert_false(reads("\xb8\xea\x00\x00\x00\x0f\x05", 7, 0, 5, &call));
}

static void a_signal_frame_has_no_number(void **state)
{
	uint64_t registers[CORE_REGISTERS] = {0};
	struct signal_call call;
	struct core *core;

	(void)state;
	registers[CORE_RIP] = CODE + 64;
	registers[CORE_RSI] = SIGQUIT;
	registers[CORE_ORIG_RAX] = SYS_futex; /* of the thread now */
	core = core_with("\xb8\x3e\x00\x00\x00\x0f\x05", 7);
	assert_true(signal_call_read(core, registers, false, &call));
	assert_int_equal(call.call, SYS_kill);
	core_destroy(core);
	core = core_with("\x48\x89\xf8\x0f\x05", 5); /* mov rax, rdi: any number */
	assert_false(signal_call_read(core, registers, false, &call));
	core_destroy(core);
}

static void code_that_was_not_dumped_says_nothing(void **state)
{
	uint64_t registers[CORE_REGISTERS] = {0};
	struct signal_call call;
	struct core *core;

	(void)state;
	core = core_with("", 0);
	registers[CORE_RIP] = 0x7f0000001000;
	registers[CORE_ORIG_RAX] = SYS_kill;
	registers[CORE_RSI] = SIGABRT;
	assert_true(signal_call_read(core, registers, true, &call));
	assert_false(signal_call_read(core, registers, false, &call));
	core_destroy(core);
}

static void who_a_call_reaches(void **state)
{
	(void)state;
	const struct {
		struct signal_call call;
		bool reaches;
	} rows[] = {
		{{SYS_kill, SIGABRT, PID, 0}, true},
		{{SYS_kill, SIGABRT, 0, 0}, true},     /* its own group */
		{{SYS_kill, SIGABRT, -1234, 0}, true}, /* a group: it may be in it */
		{{SYS_kill, SIGABRT, PID + 7, 0}, false},
		{{SYS_kill, SIGTERM, PID, 0}, false},
		{{SYS_tgkill, SIGABRT, PID, 101}, true},
		{{SYS_tgkill, SIGABRT, PID, 102}, false}, /* for another thread */
		{{SYS_tkill, SIGABRT, 0, 101}, true},
		{{SYS_tkill, SIGABRT, 0, 103}, false},
		{{SYS_pidfd_send_signal, SIGABRT, 0, 0}, true},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(signal_call_reaches(&rows[i].call, SIGABRT, PID, 101), rows[i].reaches);
}

/* ---- snapshots ---- */

/* The kernel writes the number twice, gdb into pr_cursig alone. */
static enum snapshot_kind kind_of(int cursig, int info_signal, const struct crash_signal *signal, uint8_t before_pc)
{
	struct elf_prstatus status = {.pr_pid = PID, .pr_cursig = (short)cursig, .pr_info.si_signo = info_signal};
	enum snapshot_kind kind;
	struct core *core;

	begin();
	status.pr_reg[CORE_RIP] = CODE + 64;
	add_note(NT_PRSTATUS, &status, sizeof(status));
	add_segment(CODE, PAGE, PAGE, PF_R | PF_X);
	builder.data[63] = before_pc;
	core = open_good(build());
	kind = snapshot_find(core, signal);
	core_destroy(core);
	return kind;
}

static void debuggers_write_snapshots(void **state)
{
	const struct crash_signal none = {.only_number = true};
	const struct crash_signal stopped = {.number = SIGSTOP, .code = SI_KERNEL};
	const struct crash_signal interrupted = {.number = SIGINT, .code = SI_KERNEL};
	const struct crash_signal breakpoint = {.number = SIGTRAP, .code = SI_KERNEL};
	const struct crash_signal step = {.number = SIGTRAP, .code = TRAP_TRACE};
	const struct crash_signal syscall_stop = {.number = SIGTRAP, .code = SIGTRAP | 0x80};
	const struct crash_signal fork_stop = {.number = SIGTRAP, .code = SIGTRAP | 1 << 8};
	const struct crash_signal bare = {.number = SIGTRAP, .only_number = true};

	(void)state;
	assert_int_equal(kind_of(0, 0, &none, 0x90), SNAPSHOT_NO_SIGNAL);
	assert_int_equal(kind_of(0, 0, &stopped, 0x90), SNAPSHOT_STOPPED);
	assert_int_equal(kind_of(SIGINT, 0, &interrupted, 0x90), SNAPSHOT_STOPPED);
	assert_int_equal(kind_of(SIGTRAP, 0, &breakpoint, 0x90), SNAPSHOT_BREAKPOINT);
	assert_int_equal(kind_of(SIGTRAP, 0, &step, 0x90), SNAPSHOT_BREAKPOINT);
	assert_int_equal(kind_of(SIGTRAP, 0, &bare, 0x90), SNAPSHOT_BREAKPOINT);
	/* Only ptrace gives these codes, whoever writes the core. */
	assert_int_equal(kind_of(0, 0, &syscall_stop, 0x90), SNAPSHOT_BREAKPOINT);
	assert_int_equal(kind_of(SIGTRAP, SIGTRAP, &fork_stop, 0x90), SNAPSHOT_BREAKPOINT);
}

static void deaths_are_no_snapshots(void **state)
{
	const struct crash_signal fault = {.number = SIGSEGV, .code = SEGV_MAPERR};
	const struct crash_signal bare_fault = {.number = SIGSEGV, .only_number = true};
	const struct crash_signal quit = {.number = SIGQUIT, .code = SI_USER, .sender_pid = 7};
	const struct crash_signal breakpoint = {.number = SIGTRAP, .code = SI_KERNEL};
	const struct crash_signal sent = {.number = SIGTRAP, .code = SI_USER, .sender_pid = 7};

	(void)state;
	assert_int_equal(kind_of(SIGSEGV, SIGSEGV, &fault, 0x90), SNAPSHOT_NONE);
	assert_int_equal(kind_of(SIGSEGV, SIGSEGV, &bare_fault, 0x90), SNAPSHOT_NONE);
	assert_int_equal(kind_of(SIGQUIT, SIGQUIT, &quit, 0x90), SNAPSHOT_NONE);
	/* A debugger that holds the process at a fault has the crash at hand. */
	assert_int_equal(kind_of(SIGSEGV, 0, &fault, 0x90), SNAPSHOT_NONE);
	/* The program's own breakpoint, in the kernel's core and in a debugger's; a signal that somebody sent. */
	assert_int_equal(kind_of(SIGTRAP, SIGTRAP, &breakpoint, 0xcc), SNAPSHOT_NONE);
	assert_int_equal(kind_of(SIGTRAP, 0, &breakpoint, 0xcc), SNAPSHOT_NONE);
	assert_int_equal(kind_of(SIGTRAP, 0, &sent, 0x90), SNAPSHOT_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_is_told_by_its_number),
		cmocka_unit_test(emulators_leave_the_result_in_its_place),
		cmocka_unit_test(a_signal_frame_has_no_number),
		cmocka_unit_test(code_that_was_not_dumped_says_nothing),
		cmocka_unit_test(who_a_call_reaches),
		cmocka_unit_test(debuggers_write_snapshots),
		cmocka_unit_test(deaths_are_no_snapshots),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
