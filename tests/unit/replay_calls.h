/* SPDX-License-Identifier: MIT */
/*
 * Random memory calls made on this process, failing ones among them, as records; and what the kernel then says of the
 * pages. All of it on two windows of addresses: an arena, where everything goes to fixed addresses, and the pages at
 * the program break.
 */
#ifndef TESTS_UNIT_REPLAY_CALLS_H
#define TESTS_UNIT_REPLAY_CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/record_memory.h"

#define PAGE ((uint64_t)RECORD_PAGE_BYTES)
#define ARENA_PAGES 16
#define BREAK_PAGES 4
#define PAGES (ARENA_PAGES + BREAK_PAGES)
#define CALLS_ROOM 256
#define FILE_PAGES 64
#define SEGMENT_PAGES 4

struct sequence {
	uint64_t seed, state;
	uint64_t arena, program_break;
	int file, read_only, refusing; /* a memfd, the same for reading only, one whose mmap fails late */
	int segment;		       /* of shmget */
	bool shows_guards;	       /* the kernel's pagemap does (6.15 on) */
	struct memory_event events[CALLS_ROOM];
	size_t count;
	const struct memory_event *handed; /* to the replay last; NULL: events */
};

struct page {
	bool is_mapped;
	int protection;
	bool is_file, is_segment;
	uint64_t offset;
	bool is_guarded;
	bool has_contents; /* of its own: present or swapped */
};

/* In a child, whose memory may be taken away; keeps what it opens. 0, or -1 with errno. */
int calls_init(struct sequence *sequence);
/* The windows are empty before. `count_max`: at most CALLS_ROOM. Private memory that can be written is, when it is
 * made. */
void calls_make(struct sequence *sequence, uint64_t seed, size_t count_max);
/* Of this process, which may be a fork of the one that made the calls. 0, or -1 with errno. */
int calls_read_pages(const struct sequence *sequence, struct page ret_pages[PAGES]);
uint64_t calls_address(const struct sequence *sequence, size_t page);
void calls_print(const struct sequence *sequence);
/* Below `bound`. */
uint64_t calls_draw(struct sequence *sequence, uint64_t bound);

#endif
