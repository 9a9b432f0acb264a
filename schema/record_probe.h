/* SPDX-License-Identifier: MIT */
/*
 * The recorded facts: the ledger of uprobes. Units and ownership: schema/record_recording.h.
 */
#ifndef SCHEMA_RECORD_PROBE_H
#define SCHEMA_RECORD_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum probe_how {
	PROBE_PERF = 1,	   /* through a perf event */
	PROBE_LINK = 2,	   /* through a BPF link of type uprobe_multi */
	PROBE_TRACEFS = 3, /* defined in tracefs; the kernel keeps no owner */
};

/* A uprobe or uretprobe and a process that held it. The kernel tells no detaching: it went at some moment between
 * last_seen_ns and gone_ns. */
struct attached_probe {
	int64_t id;
	int64_t recording_id;
	enum probe_how how;
	char *path; /* the probed file; "" when not known */
	/* The inode that carries the breakpoint, which return_instance names; and the one that mappings show, which is
	 * another on stacked file systems. */
	uint32_t device_major;
	uint32_t device_minor;
	uint64_t inode;
	uint32_t file_device_major;
	uint32_t file_device_minor;
	uint64_t file_inode;
	uint64_t offset;  /* bytes in the file */
	bool at_return;	  /* a uretprobe */
	bool enabled;	  /* false: tracefs defines it and nobody has switched it on */
	int32_t only_pid; /* the one process that it is for; 0: any; -1: not known */
	uint32_t program_id;
	uint32_t left_out;   /* further probes of the same link that have no row */
	uint32_t holder_pid; /* 0: nobody is known to hold it */
	uint64_t holder_start_ns;
	char holder_comm[16];
	uint64_t holder_cgroup_id; /* 0: not known */
	char *holder_cgroup;	   /* path of the cgroup; "" when not known */
	uint64_t attached_ns;	   /* 0: it was found in place */
	uint64_t first_seen_ns;
	uint64_t last_seen_ns;
	uint64_t gone_ns; /* 0: it was never seen to be gone */
};
void attached_probe_deinit(struct attached_probe *probe);
/* Of an array and its elements; NULL is fine when `count` is 0. */
void attached_probes_destroy(struct attached_probe *probes, size_t count);

enum probe_held {
	PROBE_NOT_HELD = 0,
	PROBE_MAYBE_HELD = 1, /* between two looks, or before the first of one that was found in place */
	PROBE_HELD = 2,
};

/* Was it held at that moment? Pure. */
enum probe_held attached_probe_held(const struct attached_probe *probe, uint64_t time_ns);

#endif
