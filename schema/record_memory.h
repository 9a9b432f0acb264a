/* SPDX-License-Identifier: MIT */
/*
 * The recorded facts: what was done to an address space. Units and ownership: schema/record_recording.h.
 */
#ifndef SCHEMA_RECORD_MEMORY_H
#define SCHEMA_RECORD_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

/* The page size of every kernel that this version records (x86-64). */
#define RECORD_PAGE_BYTES 4096ULL

enum memory_kind {
	MEMORY_SEEN = 1,	  /* a mapping that was found in place: by the snapshot, or laid out by exec itself */
	MEMORY_MMAP = 2,	  /* args: addr, length, prot, flags, fd, offset; result: address */
	MEMORY_MUNMAP = 3,	  /* args: addr, length */
	MEMORY_MREMAP = 4,	  /* args: old address, old size, new size, flags, new address; result: address */
	MEMORY_MPROTECT = 5,	  /* args: addr, length, prot */
	MEMORY_PKEY_MPROTECT = 6, /* args: addr, length, prot, pkey */
	MEMORY_MADVISE = 7,	  /* args: addr, length, advice */
	MEMORY_BRK = 8,		  /* args: requested break, break before the call; result: break after it */
	MEMORY_SHMAT = 9,	  /* args: shmid, addr, flags, size of what was attached; result: address */
	MEMORY_SHMDT = 10,	  /* args: addr, size of what was attached there before the call */
};
/* MEMORY_SEEN: args: start, length, prot (PROT_*), MAP_* flags (PRIVATE or SHARED, GROWSDOWN), 0, file offset in bytes.
 */

/* One event of an address space. A system call keeps both of its times: its effect came at some moment between them. */
struct memory_event {
	int64_t id; /* rises in the order in which the kernel emitted (at the return of the call) */
	int64_t space_id;
	uint32_t tid; /* thread id in the initial pid namespace */
	enum memory_kind kind;
	uint64_t enter_ns;
	uint64_t exit_ns;  /* equal to enter_ns for MEMORY_SEEN */
	uint64_t ip;	   /* user instruction pointer: just after the syscall instruction; 0 for MEMORY_SEEN */
	uint64_t sp;	   /* user stack pointer there */
	uint64_t top_word; /* the word at [sp]: the caller, where ip lies in a leaf wrapper such as libc's munmap; 0
			      unread */
	int64_t result;	   /* negative errno on failure */
	uint64_t args[6];
	int64_t file_id;  /* the mapped file; 0 for anonymous memory */
	int64_t stack_id; /* recorded_stack.id; 0: none was taken */
	/* Not in the store: an ancestor's, in the history of a fork, that may have come after the memory was copied,
	 * which was done by copied_ns. */
	bool is_doubtful;
	uint64_t copied_ns;
};

/* A name such as "munmap" for a kind; "unknown" for others. */
const char *memory_kind_name(enum memory_kind kind);

#endif
