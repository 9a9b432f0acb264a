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
	uint64_t kept_taken;
	uint64_t owed_taken;
	struct bpf_link *links[KERNEL_MAX_LINKS];
	size_t link_count;
	bool calls; /* see struct kernel_options */
	kernel_record_function function;
	void *context;
	int uprobe_type; /* of perf_event_open(); -1: not known yet */
	bool has_multi;	 /* one link can hold many uprobes */
};

/* kernel_drain.c: what libbpf calls for each record of the ring, and of the kept ring. */
int kernel_take_record(void *context, void *data, size_t size);
int kernel_take_kept(void *context, void *data, size_t size);
void kernel_drop_kept(struct kernel *kernel);

#endif
