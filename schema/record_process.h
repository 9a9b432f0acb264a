/* SPDX-License-Identifier: MIT */
/*
 * The recorded facts: processes, their address spaces and threads. Units and ownership: schema/record_recording.h.
 */
#ifndef SCHEMA_RECORD_PROCESS_H
#define SCHEMA_RECORD_PROCESS_H

#include <stdint.h>

/* A process: (boot, pid, start time). */
struct process {
	int64_t id;
	int64_t recording_id;
	uint32_t pid;		/* thread group id in the initial pid namespace */
	uint32_t namespace_pid; /* the same in the process's own pid namespace, as its core names it */
	uint32_t parent_pid;	/* 0 when not known */
	uint32_t uid;		/* real uid when first seen */
	uint32_t last_uid;	/* when last seen: at its latest exec, its fatal signal, its end */
	uint64_t start_ns;	/* start time of the thread group leader */
	uint64_t first_seen_ns; /* first record about it */
	uint64_t exit_ns;	/* 0 while alive or when the exit was not seen */
	int32_t exit_status;	/* as wait(2) gives it; valid when exit_ns is set */
	uint64_t cgroup_id;	/* inode number of its cgroup (v2) */
	char comm[16];
};

enum space_origin {
	SPACE_EXEC = 1, /* a program was executed: known from its first mapping */
	SPACE_FORK = 2, /* a copy of the parent's at that moment: the parent's history is its own before `from_ns` */
	SPACE_SNAPSHOT = 3, /* ran before the recording: its maps were read at `from_ns`, what came before is unknown */
	SPACE_SEEN = 4,	    /* first seen in mid-life: incomplete */
};

/* An address space: what exec and fork make and what a core is a picture of. Two processes can share one (vfork). A
 * fork copied its parent's memory at some moment from `from_ns`, when the call began, to the start of its process. */
struct space {
	int64_t id;
	int64_t process_id;	 /* the process that it was made for */
	int64_t parent_space_id; /* for SPACE_FORK, when the parent was recorded */
	enum space_origin origin;
	uint64_t from_ns;
	uint64_t to_ns;		    /* 0 while in use */
	uint64_t auxv_sysinfo_ehdr; /* AT_SYSINFO_EHDR, 33: the vdso; 0 when absent */
	uint64_t auxv_random;	    /* AT_RANDOM, 25: address of 16 random bytes on the initial stack */
	uint64_t auxv_entry;	    /* AT_ENTRY, 9 */
	uint64_t auxv_base;	    /* AT_BASE, 7: the interpreter; 0 for a static program */
	char comm[16];
	int64_t executable_file_id;
};

/* A thread's birth. */
struct thread_start {
	int64_t id;
	int64_t process_id;
	uint32_t tid;
	uint64_t time_ns;
};

#endif
