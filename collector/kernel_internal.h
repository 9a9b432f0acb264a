/* SPDX-License-Identifier: MIT */
/* What the files of the kernel side (kernel*.c) share. */
#ifndef COLLECTOR_KERNEL_INTERNAL_H
#define COLLECTOR_KERNEL_INTERNAL_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "collector/kernel.h"

#define KERNEL_MAX_LINKS 64
/* include/uapi/linux/bpf.h, BPF_TRACE_UPROBE_MULTI */
#define KERNEL_ATTACH_UPROBE_MULTI 48

struct corelate_bpf; /* bpftool makes corelate.skel.h of bpf/ */

struct kernel {
	struct corelate_bpf *skeleton;
	struct ring_buffer *ring, *kept_ring;
	struct kept_record *kept, **last_kept; /* taken from the kept ring, oldest first, not handed out yet */
	uint64_t newest_kept_ns;	       /* the last one's time */
	uint64_t kept_taken;
	/* What found no room in either ring, taken from where it was left; handed out after what the rings hold. */
	struct event_process *processes;
	struct event_exit *exits;
	size_t process_count, process_room, exit_count, exit_room;
	uint64_t processes_taken, exits_taken;
	struct bpf_link *links[KERNEL_MAX_LINKS];
	size_t link_count;
	bool calls; /* see struct kernel_options */
	kernel_record_function function;
	void *context;
	int uprobe_type; /* of perf_event_open(); -1: not known yet */
	bool has_multi;	 /* one link can hold many uprobes */
};

/* kernel.c: an error of libbpf, with its last words. */
struct error *kernel_failure(int system_errno, const char *what) must_check;

/* kernel_choice.c: whom the filter takes in mid-life. */

/* Before loading: the programs that only some filters need. */
void kernel_configure_choice(struct kernel *kernel, const struct event_filter *filter);
/* Is this program one that the filter needs? */
bool kernel_attaches_choice(struct kernel *kernel, const char *program);
/* Once the program at fork is attached, and nothing yet that judges a process: follows the descendants, that run
 * already, of the pids that are followed. */
struct error *kernel_find_descendants(struct kernel *kernel) must_check;

/* kernel_drain.c: what libbpf calls for each record of the ring, and of the kept ring. */
int kernel_take_record(void *context, void *data, size_t size);
int kernel_take_kept(void *context, void *data, size_t size);
void kernel_drop_kept(struct kernel *kernel);

#endif
