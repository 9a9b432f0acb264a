/* SPDX-License-Identifier: MIT */
/*
 * Puts an empty program on instructions of a file, runs a command under it, and ends with the command's status: what is
 * left of the recorder's cost at uprobes when the kernel alone is to blame for it.
 *
 *     bench-probe OBJECT PATH OFFSET[,OFFSET...] COMMAND...
 *
 * OBJECT is the compiled empty.bpf.c. The probes are for the command alone, and are held by one link where the kernel
 * has such links, as the recorder's are.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_SITES 256
#define ATTACH_UPROBE_MULTI 48 /* include/uapi/linux/bpf.h, BPF_TRACE_UPROBE_MULTI */

struct multi_attributes {
	__u32 prog_fd, target_fd, attach_type, link_flags;
	__u64 path, offsets, ref_ctr_offsets, cookies;
	__u32 count, flags, pid, padding[13];
};

static int has_multi(void)
{
	struct btf *btf = btf__load_vmlinux_btf();
	int found = btf && btf__find_by_name_kind(btf, "bpf_uprobe_multi_link", BTF_KIND_STRUCT) > 0;

	btf__free(btf);
	return found;
}

static int attach(struct bpf_program *program, int multi, pid_t pid, const char *path, const __u64 *offsets,
		  size_t count)
{
	struct multi_attributes attributes = {
		.prog_fd = (__u32)bpf_program__fd(program),
		.attach_type = ATTACH_UPROBE_MULTI,
		.path = (__u64)(unsigned long)path,
		.offsets = (__u64)(unsigned long)offsets,
		.count = (__u32)count,
		.pid = (__u32)pid,
	};

	if (multi)
		return syscall(SYS_bpf, BPF_LINK_CREATE, &attributes, sizeof(attributes)) < 0 ? -1 : 0;
	for (size_t i = 0; i < count; i++)
		if (!bpf_program__attach_uprobe(program, false, pid, path, offsets[i]))
			return -1;
	return 0;
}

/* The child waits until the parent closes the pipe. */
static pid_t start(char **command, int *ret_gate)
{
	int gate[2];
	pid_t pid;
	char byte;

	if (pipe2(gate, O_CLOEXEC))
		return -1;
	pid = fork();
	if (pid == 0) {
		close(gate[1]);
		if (read(gate[0], &byte, 1) == 1)
			execvp(command[0], command);
		_exit(127);
	}
	close(gate[0]);
	*ret_gate = gate[1];
	return pid;
}

int main(int argc, char **argv)
{
	__u64 offsets[MAX_SITES];
	size_t count = 0;
	struct bpf_object *object;
	struct bpf_program *program;
	int multi = has_multi(), gate, status;
	pid_t pid;

	if (argc < 5) {
		fputs("usage: bench-probe OBJECT PATH OFFSET[,OFFSET...] COMMAND...\n", stderr);
		return 2;
	}
	for (char *word = strtok(argv[3], ","); word && count < MAX_SITES; word = strtok(NULL, ","))
		offsets[count++] = strtoull(word, NULL, 0);
	libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
	object = bpf_object__open_file(argv[1], NULL);
	program = object ? bpf_object__find_program_by_name(object, "empty_probe") : NULL;
	if (program && multi)
		bpf_program__set_expected_attach_type(program, (enum bpf_attach_type)ATTACH_UPROBE_MULTI);
	pid = start(argv + 4, &gate);
	if (!program || pid < 0 || bpf_object__load(object) || attach(program, multi, pid, argv[2], offsets, count)) {
		fprintf(stderr, "bench-probe: %s\n", strerror(errno));
		return 1;
	}
	if (write(gate, "", 1) != 1 || waitpid(pid, &status, 0) != pid)
		return 1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
