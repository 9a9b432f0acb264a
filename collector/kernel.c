/* SPDX-License-Identifier: MIT */
#include "collector/kernel_internal.h"

#include <bpf/btf.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "common/array.h"
#include "common/cleanup.h"
#include "corelate.skel.h"

/* One row a system call: which program takes its entry, which its return; NULL for none. */
static const struct syscall_hook {
	const char *name;
	const char *enter_program;
	const char *exit_program;
} syscall_hooks[] = {
	{"mmap", "mmap_enter", "mmap_exit"},
	{"munmap", "syscall_enter", "syscall_exit"},
	{"mremap", "syscall_enter", "syscall_exit"},
	{"mprotect", "syscall_enter", "syscall_exit"},
	{"pkey_mprotect", "syscall_enter", "syscall_exit"},
	{"madvise", "syscall_enter", "syscall_exit"},
	{"brk", "brk_enter", "brk_exit"},
	{"shmat", "syscall_enter", "shmat_exit"},
	{"shmdt", "shmdt_enter", "shmdt_exit"},
	{"prctl", "syscall_enter", "prctl_exit"},
	{"clone", "clone_enter", NULL},
	{"clone3", "clone_enter", NULL},
	{"fork", "clone_enter", NULL},
	{"vfork", "clone_enter", NULL},
	{"exit_group", "exit_group_enter", NULL},
	{"rt_sigreturn", "rt_sigreturn_enter", NULL},
	{"perf_event_open", NULL, "perf_event_open_exit"},
	{"bpf", NULL, "bpf_exit"},
	{"open", NULL, "open_exit"},
	{"creat", NULL, "open_exit"},
	{"openat", NULL, "open_exit"},
	{"openat2", NULL, "open_exit"},
	{"truncate", NULL, "truncate_exit"},
	{"ftruncate", "truncation_enter", "truncation_exit"},
	{"fallocate", "truncation_enter", "truncation_exit"},
};

/* What changes a process so that the filter may take it: attached when the filter asks for that. */
static const struct choice_hook {
	const char *program;
	const char *syscall; /* at whose return; NULL: the program names its tracepoint */
} choice_hooks[] = {
	{"user_changed", "setuid"}, {"user_changed", "setreuid"}, {"user_changed", "setresuid"},
	{"name_changed", NULL},	    {"cgroup_changed", NULL},
};

#define CHOICE_HOOKS array_size(choice_hooks)
#define SYSCALL_HOOKS array_size(syscall_hooks)

/* libbpf explains itself through a callback; its last words go into our error. */
static char last_words[1024];

static int keep_last_words(enum libbpf_print_level level, const char *format, va_list args)
{
	char line[sizeof(last_words)];
	size_t length;

	if (level != LIBBPF_WARN)
		return 0;
	vsnprintf(line, sizeof(line), format, args);
	length = strcspn(line, "\n");
	line[length] = 0;
	/* The verifier's log comes in one piece of many lines; its first line rarely helps, but the name of the program
	 * does. */
	if (length)
		memcpy(last_words, line, length + 1);
	return 0;
}

struct error *kernel_failure(int system_errno, const char *what)
{
	if (geteuid() != 0 && (system_errno == EPERM || system_errno == EACCES))
		return error_format(ERROR_PERMISSION,
				    "%s: recording needs root (CAP_BPF, CAP_PERFMON, CAP_SYS_RESOURCE)", what);
	if (last_words[0])
		return error_errno(system_errno, "%s (%s)", what, last_words);
	return error_errno(system_errno, "%s", what);
}

/* A value of an enum without a name in the kernel's type information; 0 when it is not there. */
static uint32_t kernel_constant(const char *name)
{
	struct btf *btf = btf__load_vmlinux_btf();
	uint32_t found = 0;

	for (uint32_t id = 1; btf && !found && id < btf__type_cnt(btf); id++) {
		const struct btf_type *type = btf__type_by_id(btf, id);

		if (!btf_is_enum(type) || type->name_off)
			continue;
		for (int i = 0; i < btf_vlen(type); i++)
			if (strcmp(btf__str_by_offset(btf, btf_enum(type)[i].name_off), name) == 0)
				found = (uint32_t)btf_enum(type)[i].val;
	}
	btf__free(btf);
	return found;
}

/* A CPU wakes the reader each time that it has made so many records (less one) that all CPUs together fill a quarter of
 * the ring. */
static uint64_t wakeup_mask(size_t ring_bytes)
{
	uint64_t records = ring_bytes / 4 / sizeof(struct event_syscall) / (uint64_t)libbpf_num_possible_cpus();
	uint64_t power = 1;

	while (power * 2 <= records)
		power *= 2;
	return power - 1;
}

/* Room for what is told once: an eighth of the ring, within 64 KiB and 1 MiB. */
static uint32_t kept_ring_bytes(size_t ring_bytes)
{
	size_t bytes = ring_bytes / 8;

	return bytes < 64 << 10 ? 64 << 10 : bytes > 1 << 20 ? 1 << 20 : (uint32_t)bytes;
}

/* Two pieces of scratch a CPU, each as long as stack.bpf.h needs it for slices of that size. */
static int size_stacks(struct corelate_bpf *skeleton, uint32_t stack_bytes)
{
	struct bpf_map *map = skeleton->maps.stack_scratches;
	uint32_t bytes = stack_bytes ? 2 * stack_bytes : 2 * 4096;
	int result = bpf_map__set_max_entries(map, 2 * (uint32_t)libbpf_num_possible_cpus());

	return result ? result : bpf_map__set_value_size(map, 8 + bytes + 64);
}

static bool kernel_has_type(const char *name)
{
	struct btf *btf = btf__load_vmlinux_btf();
	bool found = btf && btf__find_by_name_kind(btf, name, BTF_KIND_STRUCT) > 0;

	btf__free(btf);
	return found;
}

/* Programs at uprobes: not loaded without a plan, and told before loading how they will be attached. */
static void configure_calls(struct kernel *kernel, bool wanted)
{
	struct bpf_program *programs[] = {kernel->skeleton->progs.call_entry, kernel->skeleton->progs.call_return};

	kernel->has_multi = wanted && kernel_has_type("bpf_uprobe_multi_link");
	for (size_t i = 0; i < 2; i++) {
		bpf_program__set_autoload(programs[i], wanted);
		if (kernel->has_multi)
			bpf_program__set_expected_attach_type(programs[i],
							      (enum bpf_attach_type)KERNEL_ATTACH_UPROBE_MULTI);
	}
}

static int configure(struct corelate_bpf *skeleton, const struct kernel_options *options)
{
	uint64_t seed[4];
	int result;

	skeleton->rodata->filter = options->filter;
	skeleton->rodata->uprobe_event_flag = kernel_constant("TRACE_EVENT_FL_UPROBE");
	skeleton->rodata->wakeup_mask = wakeup_mask(options->ring_bytes);
	skeleton->rodata->stack_bytes = options->stack_bytes;
	skeleton->rodata->stack_at_mmap = options->stack_at_mmap;
	skeleton->rodata->stack_at_malloc = options->stack_at_malloc;
	skeleton->rodata->own_probes = options->function_count > 0;
	skeleton->rodata->stack_ring_limit = options->ring_bytes / 4;
	if (getrandom(seed, sizeof(seed), GRND_NONBLOCK) == sizeof(seed))
		memcpy((void *)skeleton->rodata->stack_seed, seed, sizeof(seed));
	result = bpf_map__set_max_entries(skeleton->maps.ring, (uint32_t)options->ring_bytes);
	if (!result)
		result = bpf_map__set_max_entries(skeleton->maps.kept_ring, kept_ring_bytes(options->ring_bytes));
	if (!result)
		result = size_stacks(skeleton, options->stack_bytes);
	if (options->function_count && !result)
		result = bpf_map__set_max_entries(skeleton->maps.functions, (uint32_t)options->function_count);
	if (options->result_count && !result)
		result = bpf_map__set_max_entries(skeleton->maps.results, (uint32_t)options->result_count);
	return result;
}

static int fill(struct corelate_bpf *skeleton, const struct kernel_options *options)
{
	int result = 0;

	for (uint32_t i = 0; i < options->function_count && !result; i++)
		result = bpf_map__update_elem(skeleton->maps.functions, &i, sizeof(i), &options->functions[i],
					      sizeof(*options->functions), BPF_ANY);
	for (uint32_t i = 0; i < options->result_count && !result; i++)
		result = bpf_map__update_elem(skeleton->maps.results, &i, sizeof(i), &options->results[i],
					      sizeof(*options->results), BPF_ANY);
	return result;
}

struct error *kernel_create(const struct kernel_options *options, struct kernel **ret_kernel)
{
	struct kernel *kernel;
	int result;

	if (access("/sys/kernel/btf/vmlinux", R_OK) != 0)
		return error_format(ERROR_UNSUPPORTED,
				    "this kernel carries no type information (/sys/kernel/btf/vmlinux, "
				    "CONFIG_DEBUG_INFO_BTF), which recording needs");
	libbpf_set_print(keep_last_words);
	libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
	kernel = calloc(1, sizeof(*kernel));
	if (!kernel)
		return &error_no_memory;
	kernel->uprobe_type = -1;
	kernel->last_kept = &kernel->kept;
	kernel->skeleton = corelate_bpf__open();
	if (!kernel->skeleton) {
		result = errno;
		kernel_destroy(kernel);
		return kernel_failure(result, "cannot open the BPF programs");
	}
	configure_calls(kernel, options->function_count > 0);
	kernel->calls = options->calls;
	bpf_program__set_autoload(kernel->skeleton->progs.any_enter, options->calls);
	bpf_program__set_autoload(kernel->skeleton->progs.any_exit, options->calls);
	kernel_configure_choice(kernel, &options->filter);
	result = configure(kernel->skeleton, options);
	if (!result)
		result = corelate_bpf__load(kernel->skeleton);
	if (!result)
		result = fill(kernel->skeleton, options);
	if (result) {
		kernel_destroy(kernel);
		return kernel_failure(-result, "cannot load the BPF programs");
	}
	kernel->ring = ring_buffer__new(bpf_map__fd(kernel->skeleton->maps.ring), kernel_take_record, kernel, NULL);
	if (kernel->ring)
		kernel->kept_ring =
			ring_buffer__new(bpf_map__fd(kernel->skeleton->maps.kept_ring), kernel_take_kept, kernel, NULL);
	if (!kernel->kept_ring) {
		result = errno;
		kernel_destroy(kernel);
		return kernel_failure(result, "cannot map the ring buffer");
	}
	*ret_kernel = kernel;
	return NULL;
}

void kernel_destroy(struct kernel *kernel)
{
	if (!kernel)
		return;
	kernel_detach(kernel);
	ring_buffer__free(kernel->ring);
	ring_buffer__free(kernel->kept_ring);
	kernel_drop_kept(kernel);
	corelate_bpf__destroy(kernel->skeleton);
	free(kernel);
}

static struct error *attach_one(struct kernel *kernel, const char *program, const char *syscall, const char *side)
{
	struct bpf_program *found = bpf_object__find_program_by_name(kernel->skeleton->obj, program);
	char tracepoint[64];
	struct bpf_link *link;

	if (!found)
		return error_format(ERROR_SYSTEM, "BPF program %s is missing", program);
	if (syscall) {
		snprintf(tracepoint, sizeof(tracepoint), "sys_%s_%s", side, syscall);
		link = bpf_program__attach_tracepoint(found, "syscalls", tracepoint);
	} else {
		link = bpf_program__attach(found);
	}
	if (!link) {
		int saved = errno;
		char what[128];

		snprintf(what, sizeof(what), "cannot attach to %s", syscall ? tracepoint : program);
		return kernel_failure(saved, what);
	}
	kernel->links[kernel->link_count++] = link;
	return NULL;
}

/* The ids of tracepoints are read from tracefs. Where it is not mounted, mount it for this process alone: the host's
 * mount table is not ours to change. */
static struct error *ensure_tracefs(void)
{
	if (access("/sys/kernel/tracing/events/syscalls", F_OK) == 0 ||
	    access("/sys/kernel/debug/tracing/events/syscalls", F_OK) == 0)
		return NULL;
	/* Every thread has a mount namespace of its own after this; attaching happens in the calling one. */
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) ||
	    mount("tracefs", "/sys/kernel/tracing", "tracefs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL))
		return error_errno(errno, "tracefs is not mounted on /sys/kernel/tracing and cannot be mounted");
	if (access("/sys/kernel/tracing/events/syscalls", F_OK))
		return error_format(ERROR_UNSUPPORTED,
				    "this kernel has no system call tracepoints (CONFIG_FTRACE_SYSCALLS)");
	return NULL;
}

struct error *kernel_attach(struct kernel *kernel)
{
	static const char *const others[] = {"process_exec", "signal_deliver", "signal_generate"};
	struct error *err = ensure_tracefs();

	/* Changes that the filter asks about before whatever judges a process; ends before births, so that whoever is
	 * met is seen to end; births before everything else: a process must not be met before its fork. Returns before
	 * entries, so that a call that is under way while we attach is seen as one whose entry was missed, not missed
	 * itself. */
	for (size_t i = 0; !err && i < CHOICE_HOOKS; i++)
		if (kernel_attaches_choice(kernel, choice_hooks[i].program))
			err = attach_one(kernel, choice_hooks[i].program, choice_hooks[i].syscall, "exit");
	err = err
		?: attach_one(kernel, "process_exit", NULL, NULL)
		?: attach_one(kernel, "process_fork", NULL, NULL)
		?: kernel_find_descendants(kernel);
	for (size_t i = 0; !err && i < array_size(others); i++)
		err = attach_one(kernel, others[i], NULL, NULL);
	for (size_t i = 0; !err && i < SYSCALL_HOOKS; i++)
		if (syscall_hooks[i].exit_program)
			err = attach_one(kernel, syscall_hooks[i].exit_program, syscall_hooks[i].name, "exit");
	for (size_t i = 0; !err && i < SYSCALL_HOOKS; i++)
		if (syscall_hooks[i].enter_program)
			err = attach_one(kernel, syscall_hooks[i].enter_program, syscall_hooks[i].name, "enter");
	if (err || !kernel->calls)
		return err;
	return attach_one(kernel, "any_exit", NULL, NULL) ?: attach_one(kernel, "any_enter", NULL, NULL);
}

#define SNAPSHOT_PAUSE_NS 2000000
/* The thread that stores must go on, because the one that empties the ring may wait for it. */
#define PROCESS_SNAPSHOT_PAUSES 100

/* `pid` 0 for all processes; `pauses` 0 for as many as it takes. */
static struct error *take_snapshot(struct kernel *kernel, uint32_t pid, unsigned pauses)
{
	union bpf_iter_link_info info = {.task.tid = pid};
	LIBBPF_OPTS(bpf_iter_attach_opts, options, .link_info = &info, .link_info_len = sizeof(info));
	struct bpf_link *link = bpf_program__attach_iter(kernel->skeleton->progs.snapshot, pid ? &options : NULL);
	struct timespec pause = {.tv_nsec = SNAPSHOT_PAUSE_NS};
	cleanup_fd int fd = -1;
	unsigned paused = 0;
	char buffer[64];
	ssize_t got;
	int saved;

	if (!link)
		return kernel_failure(errno, "cannot start the snapshot of running processes");
	fd = bpf_iter_create(bpf_link__fd(link));
	saved = errno;
	bpf_link__destroy(link);
	if (fd < 0)
		return kernel_failure(saved, "cannot start the snapshot of running processes");
	do {
		got = read(fd, buffer, sizeof(buffer));
		/* The ring is full: let it be emptied, then the same mapping again. */
		if (got < 0 && errno == EAGAIN && (!pauses || paused++ < pauses))
			nanosleep(&pause, NULL);
		else if (got < 0 && errno != EINTR)
			return error_errno(errno, "the snapshot of running processes broke off");
	} while (got);
	return NULL;
}

struct error *kernel_snapshot(struct kernel *kernel)
{
	struct error *err = take_snapshot(kernel, 0, 0);

	if (!err)
		kernel->skeleton->data->starting = false;
	return err;
}

struct error *kernel_snapshot_process(struct kernel *kernel, uint32_t pid)
{
	return take_snapshot(kernel, pid, PROCESS_SNAPSHOT_PAUSES);
}

void kernel_end_calls(struct kernel *kernel)
{
	kernel->skeleton->bss->calls_ended = true;
}

void kernel_pause_stacks(struct kernel *kernel, bool paused)
{
	kernel->skeleton->bss->stacks_paused = paused;
}

void kernel_forget_stacks(struct kernel *kernel)
{
	kernel->skeleton->data->stack_epoch++;
}

void kernel_detach(struct kernel *kernel)
{
	while (kernel->link_count)
		bpf_link__destroy(kernel->links[--kernel->link_count]);
}

void kernel_read_books(struct kernel *kernel, struct event_counters *ret_books)
{
	*ret_books = (struct event_counters){0};
	for (size_t i = 0; i < array_size(kernel->skeleton->bss->counters); i++) {
		const volatile struct event_counters *slot = (void *)&kernel->skeleton->bss->counters[i].counters;

		ret_books->emitted += slot->emitted;
		ret_books->lost += slot->lost;
		ret_books->state_lost += slot->state_lost;
	}
}

uint64_t kernel_read_missed(struct kernel *kernel)
{
	struct bpf_program *program;
	uint64_t missed = 0;

	bpf_object__for_each_program(program, kernel->skeleton->obj)
	{
		struct bpf_prog_info info = {0};
		__u32 size = sizeof(info);

		if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size) == 0)
			missed += info.recursion_misses;
	}
	return missed;
}

void kernel_take_losses(struct kernel *kernel, kernel_loss_function function, void *context)
{
	struct bpf_map *losses = kernel->skeleton->maps.losses;
	struct event_loss loss;
	uint32_t pid;

	/* Taking an entry out restarts the walk from the beginning, so this ends when the table is empty. */
	while (bpf_map__get_next_key(losses, NULL, &pid, sizeof(pid)) == 0 &&
	       bpf_map__lookup_and_delete_elem(losses, &pid, sizeof(pid), &loss, sizeof(loss), 0) == 0)
		function(context, pid, &loss);
}
