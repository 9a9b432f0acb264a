/* SPDX-License-Identifier: MIT */
/*
 * Attaches a uretprobe in a way that bpftrace does not, says "attached", and holds it until its standard input ends.
 * Usage: ledger_tracer perf|link PATH OFFSET [PID]. "perf" is a perf event without a BPF program; "link" a BPF link of
 * type uprobe_multi: "unsupported" where the kernel has none.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { UPROBE_MULTI = 48, MULTI_RETURN = 1 };

/* include/uapi/linux/bpf.h of Linux 6.6: BPF_LINK_CREATE */
struct link_create {
	uint32_t program_fd;
	uint32_t target_fd;
	uint32_t attach_type;
	uint32_t flags;
	uint64_t path;
	uint64_t offsets;
	uint64_t reference_offsets;
	uint64_t cookies;
	uint32_t count;
	uint32_t multi_flags;
	uint32_t pid;
	uint32_t padding;
};

static int attach_perf(const char *path, uint64_t offset, int pid)
{
	struct perf_event_attr attributes = {.size = sizeof(attributes), .config = 1 /* a uretprobe */};
	FILE *type = fopen("/sys/bus/event_source/devices/uprobe/type", "r");

	if (!type || fscanf(type, "%u", &attributes.type) != 1)
		return -1;
	fclose(type);
	attributes.config1 = (uint64_t)path;
	attributes.config2 = offset;
	return (int)syscall(SYS_perf_event_open, &attributes, pid ? pid : -1, pid ? -1 : 0, -1, 0);
}

static int attach_link(const char *path, uint64_t offset, int pid)
{
	/* r0 = 0; exit */
	struct bpf_insn code[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K}, {.code = BPF_JMP | BPF_EXIT}};
	union bpf_attr program = {
		.prog_type = BPF_PROG_TYPE_KPROBE,
		.insn_cnt = 2,
		.insns = (uint64_t)code,
		.license = (uint64_t) "Dual MIT/GPL",
		.expected_attach_type = (enum bpf_attach_type)UPROBE_MULTI,
	};
	struct link_create link = {
		.attach_type = UPROBE_MULTI,
		.path = (uint64_t)path,
		.offsets = (uint64_t)&offset,
		.count = 1,
		.multi_flags = MULTI_RETURN,
		.pid = (uint32_t)pid,
	};
	int fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &program, sizeof(program));

	if (fd < 0)
		return -1;
	link.program_fd = (uint32_t)fd;
	return (int)syscall(SYS_bpf, BPF_LINK_CREATE, &link, sizeof(link));
}

int main(int argc, char **argv)
{
	int pid = argc > 4 ? atoi(argv[4]) : 0;
	uint64_t offset;
	char byte;
	int fd;

	if (argc < 4)
		return 2;
	offset = strtoull(argv[3], NULL, 0);
	if (strcmp(argv[1], "link") == 0)
		fd = attach_link(argv[2], offset, pid);
	else
		fd = attach_perf(argv[2], offset, pid);
	printf("%s\n", fd >= 0 ? "attached" : errno == EINVAL ? "unsupported" : strerror(errno));
	fflush(stdout);
	while (fd >= 0 && read(STDIN_FILENO, &byte, 1) > 0)
		;
	return fd < 0;
}
