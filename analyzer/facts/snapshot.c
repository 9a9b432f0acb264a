/* SPDX-License-Identifier: MIT */
#include "analyzer/facts/snapshot.h"

#include <signal.h>

#include "common/array.h"

#define BREAKPOINT_BYTE 0xcc
/* si_code of a stop that ptrace(2) reports: SIGTRAP | 0x80 at a system call, SIGTRAP | event << 8. */
#define STOP_SYSTEM_CALL (SIGTRAP | 0x80)
#define STOP_EVENT 0x100

static bool dumps_core(int number)
{
	static const int numbers[] = {SIGQUIT, SIGILL,	SIGTRAP, SIGABRT, SIGBUS,
				      SIGFPE,  SIGSEGV, SIGXCPU, SIGXFSZ, SIGSYS};

	for (size_t i = 0; i < array_size(numbers); i++) {
		if (numbers[i] == number)
			return true;
	}
	return false;
}

static bool is_written_by_kernel(const struct core *core)
{
	return core->threads[0].signal == core->threads[0].info_signal;
}

/* A breakpoint of the program's own: it stands before the instruction pointer. A debugger hides its own ones. */
static bool has_breakpoint(const struct core *core)
{
	uint8_t byte;

	return core_read(core, core->threads[0].registers[CORE_RIP] - 1, &byte, 1) == 1 && byte == BREAKPOINT_BYTE;
}

static bool is_debuggers_trap(const struct core *core, const struct crash_signal *signal)
{
	if (!signal->only_number && (signal->code == STOP_SYSTEM_CALL || signal->code >= STOP_EVENT))
		return true;
	if (is_written_by_kernel(core) || has_breakpoint(core))
		return false;
	/* Not one that a process sent. */
	return signal->only_number || signal->code > 0;
}

enum snapshot_kind snapshot_find(const struct core *core, const struct crash_signal *signal)
{
	if (!signal->number)
		return SNAPSHOT_NO_SIGNAL;
	if (!dumps_core(signal->number))
		return SNAPSHOT_STOPPED;
	return signal->number == SIGTRAP && is_debuggers_trap(core, signal) ? SNAPSHOT_BREAKPOINT : SNAPSHOT_NONE;
}
