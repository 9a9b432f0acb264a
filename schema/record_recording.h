/* SPDX-License-Identifier: MIT */
/*
 * The recorded facts as plain data: one struct a table of the store, in the record_ headers. This is all that the
 * collector (which writes them) and the analyzer (which reads them) share. No I/O, no SQL, no kernel structure.
 *
 * Units, in all of them: `_ns` is nanoseconds of CLOCK_BOOTTIME (it runs through suspend; the recording's
 * `realtime_offset_ns` added to it gives the date). Addresses are addresses of the recorded process. Ranges are
 * half-open [start, end) and whole pages. A row id is positive; 0 means "none". Strings inside a struct belong to that
 * struct unless a field says otherwise; its _deinit function frees them and leaves NULL there.
 *
 * Here: a run of the recorder, and what it lost.
 */
#ifndef SCHEMA_RECORD_RECORDING_H
#define SCHEMA_RECORD_RECORDING_H

#include <stdint.h>

/* One run of the recorder. `ended_ns` is 0 while it runs, and stays 0 when it was killed: then `last_commit_ns` is the
 * last moment for which the store is known to be complete. */
struct recording {
	int64_t id;
	char boot_id[37];    /* text of /proc/sys/kernel/random/boot_id */
	uint64_t started_ns; /* from here on every event that passes the filter is emitted */
	uint64_t ended_ns;
	uint64_t last_commit_ns;    /* everything emitted before this moment was stored or counted as lost */
	int64_t realtime_offset_ns; /* CLOCK_REALTIME minus CLOCK_BOOTTIME at the start */
	uint32_t abi_version;	    /* of bpf/event.h */
	uint64_t emitted;	    /* events that the kernel side tried to hand over */
	uint64_t stored;	    /* of those, stored */
	uint64_t lost;	      /* of those, lost and covered by gap rows; emitted = stored + lost after a clean end */
	char *kernel_release; /* uname -r */
	char *filter;	      /* the filter as it was given, for people; "" for every process */
	char *corelate_version;
};
void recording_deinit(struct recording *recording);

enum gap_cause {
	GAP_RING_FULL = 1,    /* the ring buffer was full */
	GAP_QUEUE_FULL = 2,   /* the recorder's own queue was full */
	GAP_QUOTA = 3,	      /* the store reached its size limit */
	GAP_DATABASE = 4,     /* an insert or a commit failed */
	GAP_MISSED = 5,	      /* the kernel did not run a program (recursion) */
	GAP_KERNEL_STATE = 6, /* the kernel side could not keep or read state for an event */
	GAP_UNCLEAN_END = 7,  /* the recorder was killed: nothing is known from here on */
	GAP_FILTER = 8,	      /* the filter did not take the process until then */
};

/* A span over which events were lost. */
struct gap {
	int64_t id;
	int64_t recording_id;
	uint32_t pid; /* 0: it may concern any process */
	enum gap_cause cause;
	uint64_t from_ns;
	uint64_t to_ns;
	uint64_t lost; /* number of events; 0 when it cannot be counted (GAP_UNCLEAN_END, GAP_FILTER) */
};

/* A phrase such as "ring buffer full" for a cause. */
const char *gap_cause_name(enum gap_cause cause);

#endif
