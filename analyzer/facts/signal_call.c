/* SPDX-License-Identifier: MIT */
#include "analyzer/facts/signal_call.h"

#include <string.h>
#include <sys/syscall.h>

#include "analyzer/unwind/unwind.h"
#include "common/array.h"

#define SYSCALL_BYTES 2	 /* 0f 05 */
#define CONSTANT_BYTES 5 /* b8 imm32: mov eax, imm32 */

/* Where each call has its arguments, among rdi, rsi and rdx: -1 for an argument that it does not have. */
static const struct call_row {
	int call;
	int pid, tid, number;
} rows[] = {
	{SYS_kill, 0, -1, 1},
	{SYS_tgkill, 0, 1, 2},
	{SYS_tkill, -1, 0, 1},
	{SYS_rt_sigqueueinfo, 0, -1, 1},
	{SYS_rt_tgsigqueueinfo, 0, 1, 2},
	{SYS_pidfd_send_signal, -1, -1, 1},
};

static int64_t argument(const uint64_t *registers, int index)
{
	static const enum core_register order[] = {CORE_RDI, CORE_RSI, CORE_RDX};

	/* pid_t and int: the upper half is not the kernel's. */
	return index < 0 ? 0 : (int32_t)registers[order[index]];
}

static bool read_row(const struct call_row *row, const uint64_t *registers, struct signal_call *ret_call)
{
	*ret_call = (struct signal_call){.call = row->call,
					 .number = (int)argument(registers, row->number),
					 .pid = argument(registers, row->pid),
					 .tid = argument(registers, row->tid)};
	return true;
}

/* The number that the code gives the call: "mov eax, imm32" right before "syscall"; -1 for another way to load it, -2
 * where the instruction is no syscall, -3 where the bytes cannot be had. */
static int64_t number_by_code(const struct core *core, uint64_t pc)
{
	uint8_t bytes[CONSTANT_BYTES + SYSCALL_BYTES], *end = bytes + CONSTANT_BYTES;
	int32_t number;

	if (core_read(core, pc - sizeof(bytes), bytes, sizeof(bytes)) != sizeof(bytes))
		return -3;
	if (end[0] != 0x0f || end[1] != 0x05)
		return -2;
	memcpy(&number, bytes + 1, sizeof(number));
	return bytes[0] == 0xb8 && number >= 0 ? number : -1;
}

bool signal_call_read(const struct core *core, const uint64_t registers[CORE_REGISTERS], bool has_number,
		      struct signal_call *ret_call)
{
	int64_t by_code = number_by_code(core, registers[CORE_RIP]);
	int64_t number = has_number ? (int64_t)registers[CORE_ORIG_RAX] : by_code;

	if (by_code == -2 || number < 0)
		return false;
	/* qemu's user emulation writes rax, the call's result, instead of orig_rax (linux-user, x86_64). */
	if (has_number && by_code >= 0 && registers[CORE_ORIG_RAX] == registers[CORE_RAX])
		number = by_code;
	for (size_t i = 0; i < array_size(rows); i++) {
		if (rows[i].call == number)
			return read_row(&rows[i], registers, ret_call);
	}
	return false;
}

bool signal_call_reaches(const struct signal_call *call, int number, uint32_t pid, uint32_t tid)
{
	if (call->number != number || (call->tid && call->tid != tid))
		return false;
	/* A process group, or all that may be signalled, where pid is 0 or less: the process is in its own group. A
	 * descriptor of pidfd_send_signal says nothing either way. */
	return call->tid || call->pid == pid || call->pid <= 0;
}

static size_t stack_of(const struct unwind_result *stacks, uint32_t tid)
{
	for (size_t i = 1; i < stacks->thread_count; i++) {
		if (stacks->threads[i].tid == tid)
			return i;
	}
	return 0;
}

void signal_call_find(const struct core *core, const struct unwind_result *stacks, int number, bool elsewhere,
		      struct signal_sending *ret_sending)
{
	struct signal_call call;

	*ret_sending = (struct signal_sending){0};
	if (!elsewhere && signal_call_read(core, core->threads[0].registers, true, &call) &&
	    signal_call_reaches(&call, number, core->pid, core->threads[0].tid))
		ret_sending->crashed = call.call;
	for (size_t i = 1; i < core->thread_count && !ret_sending->other; i++) {
		const struct core_thread *thread = &core->threads[i];

		if (!signal_call_read(core, thread->registers, true, &call) ||
		    !signal_call_reaches(&call, number, core->pid, core->threads[0].tid))
			continue;
		ret_sending->other = stack_of(stacks, thread->tid);
		ret_sending->other_call = call.call;
	}
}
