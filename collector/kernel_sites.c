/* SPDX-License-Identifier: MIT */
/* Plain uprobes at the sites of a plan: one link for all of a file where the kernel can, else one a site. */
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "collector/kernel_internal.h"
#include "common/cleanup.h"
#include "corelate.skel.h"

static int read_uprobe_type(void)
{
	cleanup_file FILE *file = fopen("/sys/bus/event_source/devices/uprobe/type", "re");
	int type;

	return file && fscanf(file, "%d", &type) == 1 ? type : -1;
}

/* include/uapi/linux/bpf.h of 6.6: link_create for uprobe_multi, which the library at hand may not know. */
struct multi_attributes {
	uint32_t prog_fd;
	uint32_t target_fd;
	uint32_t attach_type;
	uint32_t link_flags;
	uint64_t path;
	uint64_t offsets;
	uint64_t ref_ctr_offsets;
	uint64_t cookies;
	uint32_t count;
	uint32_t flags;
	uint32_t pid; /* 0: every process */
	uint32_t padding[13];
};

/* What a probe tells the program: whose calls it is for (0: everybody's), and which site it is. The kernel's own filter
 * is the memory on some releases, and the process on others. */
static uint64_t cookie_of(const struct kernel_site *site, pid_t pid)
{
	return (uint64_t)(pid < 0 ? 0 : pid) << 32 | site->index;
}

static int attach_multi(int program, const struct kernel_sites *sites, pid_t pid)
{
	cleanup_free uint64_t *words = calloc(3 * sites->count, sizeof(*words));
	struct multi_attributes attributes = {
		.prog_fd = (uint32_t)program,
		.attach_type = KERNEL_ATTACH_UPROBE_MULTI,
		.path = (uint64_t)(uintptr_t)sites->path,
		.offsets = (uint64_t)(uintptr_t)words,
		.cookies = (uint64_t)(uintptr_t)(words + sites->count),
		.count = (uint32_t)sites->count,
		.pid = pid < 0 ? 0 : (uint32_t)pid,
	};

	if (!words)
		return -1;
	for (size_t i = 0; i < sites->count; i++) {
		words[i] = sites->sites[i].offset;
		words[sites->count + i] = cookie_of(&sites->sites[i], pid);
		words[2 * sites->count + i] = sites->sites[i].semaphore;
		if (sites->sites[i].semaphore)
			attributes.ref_ctr_offsets = (uint64_t)(uintptr_t)(words + 2 * sites->count);
	}
	return (int)syscall(SYS_bpf, BPF_LINK_CREATE, &attributes, sizeof(attributes));
}

/* Not by libbpf's own function, which keeps two descriptors a probe: the link holds the event. */
static int attach_perf(const struct kernel *kernel, int program, const char *path, const struct kernel_site *site,
		       pid_t pid)
{
	LIBBPF_OPTS(bpf_link_create_opts, options, .perf_event.bpf_cookie = cookie_of(site, pid));
	/* include/uapi/linux/perf_event.h; the offset of the semaphore is in the upper half of config. */
	struct perf_event_attr attributes = {
		.size = sizeof(attributes),
		.type = (uint32_t)kernel->uprobe_type,
		.config = site->semaphore << 32,
		.config1 = (uint64_t)(uintptr_t)path,
		.config2 = site->offset,
	};
	cleanup_fd int event =
		(int)syscall(SYS_perf_event_open, &attributes, pid, pid < 0 ? 0 : -1, -1, PERF_FLAG_FD_CLOEXEC);
	cleanup_fd int link = -1;

	if (event < 0)
		return -1;
	link = bpf_link_create(program, event, BPF_PERF_EVENT, &options);
	if (link < 0 || ioctl(event, PERF_EVENT_IOC_ENABLE, 0))
		return -1;
	return take_fd(&link);
}

static int attach_each(const struct kernel *kernel, int program, const struct kernel_sites *sites, pid_t pid,
		       int *ret_fds, size_t *ret_fd_count)
{
	size_t count = 0;
	int saved;

	while (count < sites->count) {
		ret_fds[count] = attach_perf(kernel, program, sites->path, &sites->sites[count], pid);
		if (ret_fds[count] < 0)
			break;
		count++;
	}
	if (count == sites->count) {
		*ret_fd_count = count;
		return 0;
	}
	saved = errno;
	while (count)
		close(ret_fds[--count]);
	errno = saved;
	return -1;
}

struct error *kernel_attach_sites(struct kernel *kernel, const struct kernel_sites *sites, pid_t pid, int *ret_fds,
				  size_t *ret_fd_count)
{
	int program = bpf_program__fd(sites->at_return ? kernel->skeleton->progs.call_return
						       : kernel->skeleton->progs.call_entry);
	int result;

	if (kernel->uprobe_type < 0)
		kernel->uprobe_type = read_uprobe_type();
	if (kernel->uprobe_type < 0)
		return error_format(ERROR_UNSUPPORTED, "this kernel has no uprobes (CONFIG_UPROBE_EVENTS)");
	if (kernel->has_multi) {
		result = ret_fds[0] = attach_multi(program, sites, pid);
		*ret_fd_count = 1;
	} else {
		result = attach_each(kernel, program, sites, pid, ret_fds, ret_fd_count);
	}
	if (result >= 0)
		return NULL;
	if (errno == ESRCH)
		return error_format(ERROR_NOT_FOUND, "there is no process %d", (int)pid);
	return error_errno(errno, "cannot probe");
}
