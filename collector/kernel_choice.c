/* SPDX-License-Identifier: MIT */
/* Whom the filter takes in mid-life (bpf/choice.bpf.h): descendants that run already, and who changes. */
#include <errno.h>
#include <unistd.h>

#include "collector/kernel_internal.h"
#include "common/cleanup.h"
#include "corelate.skel.h"

/* Each walk finds at least one generation: no chain of parents is longer. */
#define MAX_WALKS 4096

void kernel_configure_choice(struct kernel *kernel, const struct event_filter *filter)
{
	struct corelate_bpf *skeleton = kernel->skeleton;

	bpf_program__set_autoload(skeleton->progs.descendants, filter->has_pid);
	bpf_program__set_autoload(skeleton->progs.user_changed, filter->has_uid);
	bpf_program__set_autoload(skeleton->progs.name_changed, filter->has_comm);
	bpf_program__set_autoload(skeleton->progs.cgroup_changed, filter->cgroup_id != 0);
}

bool kernel_attaches_choice(struct kernel *kernel, const char *program)
{
	struct bpf_program *found = bpf_object__find_program_by_name(kernel->skeleton->obj, program);

	return found && bpf_program__autoload(found);
}

struct error *kernel_follow(struct kernel *kernel, pid_t pid)
{
	uint32_t key = (uint32_t)pid;
	uint64_t start_ns = 0; /* the first sight of the process fills it in */

	if (bpf_map__update_elem(kernel->skeleton->maps.followed, &key, sizeof(key), &start_ns, sizeof(start_ns),
				 BPF_ANY))
		return error_errno(errno, "cannot follow process %d", (int)pid);
	return NULL;
}

static struct error *walk_tasks(struct kernel *kernel)
{
	struct bpf_link *link = bpf_program__attach_iter(kernel->skeleton->progs.descendants, NULL);
	cleanup_fd int fd = -1;
	char buffer[64];
	ssize_t got;
	int saved;

	if (!link)
		return kernel_failure(errno, "cannot start the walk over running processes");
	fd = bpf_iter_create(bpf_link__fd(link));
	saved = errno;
	bpf_link__destroy(link);
	if (fd < 0)
		return kernel_failure(saved, "cannot start the walk over running processes");
	do
		got = read(fd, buffer, sizeof(buffer));
	while (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR)));
	return got < 0 ? error_errno(errno, "the walk over running processes broke off") : NULL;
}

struct error *kernel_find_descendants(struct kernel *kernel)
{
	const volatile uint64_t *found = (const volatile uint64_t *)&kernel->skeleton->bss->descendants_found;
	struct error *err = NULL;
	uint64_t before;

	if (bpf_program__autoload(kernel->skeleton->progs.descendants)) {
		for (unsigned i = 0; i < MAX_WALKS; i++) {
			before = *found;
			err = walk_tasks(kernel);
			if (err || *found == before)
				break;
		}
	}
	kernel->skeleton->data->finding_descendants = false;
	return err;
}
