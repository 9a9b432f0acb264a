/* SPDX-License-Identifier: MIT */
/*
 * Attaches the empty programs to the hooks that the recorder uses, says "ready", and stays until SIGTERM or SIGINT.
 *
 *     bench-attach OBJECT
 *
 * OBJECT is the compiled empty.bpf.c. tracefs is mounted for this process alone where the host has it not.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

static const char *const system_calls[] = {"mmap",    "munmap", "mremap", "mprotect", "pkey_mprotect",
					   "madvise", "brk",	"shmat",  "shmdt",    "prctl"};

#define SYSTEM_CALLS (sizeof(system_calls) / sizeof(system_calls[0]))

static int ensure_tracefs(void)
{
	if (access("/sys/kernel/tracing/events/syscalls", F_OK) == 0 ||
	    access("/sys/kernel/debug/tracing/events/syscalls", F_OK) == 0)
		return 0;
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL))
		return -1;
	return mount("tracefs", "/sys/kernel/tracing", "tracefs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
}

static int attach(struct bpf_object *object, const char *program_name, const char *side, struct bpf_link **links)
{
	struct bpf_program *program = bpf_object__find_program_by_name(object, program_name);
	char tracepoint[64];

	if (!program) {
		errno = ENOENT;
		return -1;
	}
	for (size_t i = 0; i < SYSTEM_CALLS; i++) {
		snprintf(tracepoint, sizeof(tracepoint), "sys_%s_%s", side, system_calls[i]);
		links[i] = bpf_program__attach_tracepoint(program, "syscalls", tracepoint);
		if (!links[i])
			return -1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	static struct bpf_link *links[2 * SYSTEM_CALLS];
	struct bpf_object *object;
	sigset_t stop;
	int status = 1, number;

	if (argc != 2) {
		fputs("usage: bench-attach OBJECT\n", stderr);
		return 2;
	}
	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGINT);
	sigprocmask(SIG_BLOCK, &stop, NULL);
	libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
	object = bpf_object__open_file(argv[1], NULL);
	if (!object || ensure_tracefs() || bpf_object__load(object) || attach(object, "empty_exit", "exit", links) ||
	    attach(object, "empty_enter", "enter", links + SYSTEM_CALLS)) {
		fprintf(stderr, "bench-attach: %s\n", strerror(errno));
	} else {
		puts("ready");
		fflush(stdout);
		sigwait(&stop, &number);
		status = 0;
	}
	for (size_t i = 0; i < 2 * SYSTEM_CALLS; i++)
		bpf_link__destroy(links[i]);
	bpf_object__close(object);
	return status;
}
