/* SPDX-License-Identifier: MIT */
/*
 * Whether a seccomp filter gets to see a uretprobe's system call.
 *
 * Since 6.11 the trampoline on x86-64 enters the kernel by a system call of its own (arch/x86/kernel/uprobes.c,
 * SYSCALL_DEFINE0(uretprobe)) instead of by a breakpoint. A filter that does not know its number refuses it, and the
 * function returns to nowhere. Later kernels let it pass (kernel/seccomp.c, seccomp_uprobe_exception). Called from
 * anywhere but the trampoline it raises SIGILL, which tells that it ran.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "analyzer/probe/probe_uretprobe.h"
#include "common/array.h"
#include "common/child.h"
#include "common/cleanup.h"

#define URETPROBE_CALL 335

enum { RAN = 1, REFUSED = 2, NO_SUCH_CALL = 3, NO_FILTER = 4 };

static void exit_ran(int signal)
{
	(void)signal;
	_exit(RAN);
}

static bool refuse_call(void)
{
	struct sock_filter instructions[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, URETPROBE_CALL, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = array_size(instructions), .filter = instructions};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

static int call_it(void *context, const int ends[CHILD_STREAMS])
{
	const bool *filtered = context;
	struct sigaction action = {.sa_handler = exit_ran};
	struct rlimit none = {0};

	(void)ends;
	setrlimit(RLIMIT_CORE, &none);
	sigaction(SIGILL, &action, NULL);
	if (*filtered && !refuse_call())
		return NO_FILTER;
	errno = 0;
	syscall(URETPROBE_CALL);
	return errno == ENOSYS ? NO_SUCH_CALL : REFUSED;
}

static int try_in_child(bool filtered)
{
	struct child child = CHILD_NONE;
	struct error *err = child_start(&(struct child_task){.work = call_it, .context = &filtered}, &child);
	int code = err ? -1 : child_wait(&child).exit_code;

	error_destroy(err);
	return code < 0 ? NO_FILTER : code;
}

/* Where this process is filtered itself and cannot try. */
static bool kernel_has_symbol(void)
{
	cleanup_file FILE *file = fopen("/proc/kallsyms", "re");
	char line[512];

	while (file && fgets(line, sizeof(line), file)) {
		if (strstr(line, " __x64_sys_uretprobe") || strstr(line, " __do_sys_uretprobe"))
			return true;
	}
	return false;
}

enum probe_uretprobe_call probe_uretprobe_call_probe(void)
{
#ifdef __x86_64__
	switch (try_in_child(false)) {
	case RAN:
		switch (try_in_child(true)) {
		case RAN:
			return PROBE_URETPROBE_CALL_EXEMPT;
		case REFUSED:
			return PROBE_URETPROBE_CALL_FILTERED;
		default:
			return PROBE_URETPROBE_CALL_UNKNOWN;
		}
	case NO_SUCH_CALL:
		/* Or a filter of our own that says so. */
		return kernel_has_symbol() ? PROBE_URETPROBE_CALL_UNKNOWN : PROBE_URETPROBE_CALL_ABSENT;
	default:
		return PROBE_URETPROBE_CALL_UNKNOWN;
	}
#else
	return PROBE_URETPROBE_CALL_ABSENT;
#endif
}
