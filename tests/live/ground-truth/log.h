/* SPDX-License-Identifier: MIT */
/*
 * What the victim writes down, in a file that its processes share: fixed records, in the order in which they were
 * begun. truth.py reads them. Times are CLOCK_BOOTTIME nanoseconds, taken in the victim: a call's is around the
 * recorder's.
 */
#ifndef GROUND_TRUTH_LOG_H
#define GROUND_TRUTH_LOG_H

#include <stdint.h>

enum note_what {
	/* A system call. args: as given; result: as returned. */
	NOTE_CALL = 1,
	/* An address space begins. number: enum note_space; result: 1 when it has several threads; args: space that it
	 * was copied from, the pid of that, begin of the brk area, inode of the file that is mapped, id of the segment,
	 * the descriptor through which that file may not be written. */
	NOTE_SPACE = 2,
	/* All that is mapped in a part of the playground, by /proc/self/maps, while nobody else makes calls there.
	 * args: number of the NOTE_MAPPING records of this thread that follow; begin and end of that part, which is
	 * followed by the brk area when it is the whole. result: 1 when all of them are there. */
	NOTE_LOOK = 3,
	/* args: start, end, PROT_*, offset in the file, inode. */
	NOTE_MAPPING = 4,
	/* Calls may have been made that have no record: of the C library, of threads that begin or end. */
	NOTE_UNLOGGED = 5,
	/* A process shares the space of another. args: 0. */
	NOTE_SHARER = 6,
};

enum note_space { SPACE_BY_EXEC = 1, SPACE_BY_FORK = 2 };

struct note {
	uint32_t what;
	uint32_t pid, tid;
	uint32_t space;
	uint64_t before_ns;
	uint64_t after_ns; /* 0: it never came to that */
	uint64_t number;
	int64_t result;
	uint64_t args[6];
};

struct log_head {
	uint64_t used, room; /* records; used may exceed room: then some are missing */
	uint32_t spaces;
	uint32_t padding;
};

/* The playground, which nobody else maps anything in: arenas of ARENA_PAGES, the first ones each a thread's own, the
 * last ones everybody's. */
#define PLAYGROUND 0x100000000000ULL
#define PAGE 4096ULL
#define ARENA_PAGES 16
#define ARENA_STRIDE 0x40000ULL
#define THREADS 8
#define SHARED_ARENAS 2
#define SHARED_PAGES 6
#define ARENAS (THREADS + SHARED_ARENAS)
#define PLAYGROUND_END (PLAYGROUND + ARENAS * ARENA_STRIDE)

#endif
