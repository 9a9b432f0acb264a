/* SPDX-License-Identifier: MIT */
/*
 * The recorded facts: calls. Of heap functions, of functions that --probe names, and of the kernel (those that failed,
 * or closed or duplicated a descriptor). Units and ownership: schema/record_recording.h.
 */
#ifndef SCHEMA_RECORD_CALL_H
#define SCHEMA_RECORD_CALL_H

#include <stdbool.h>
#include <stdint.h>

/* What a probed function is to us. */
enum function_role {
	FUNCTION_PLAIN = 0,	     /* logged for itself (--probe) */
	FUNCTION_MALLOC = 1,	     /* (size) -> block; malloc, valloc, operator new and so on */
	FUNCTION_CALLOC = 2,	     /* (count, size) -> block */
	FUNCTION_REALLOC = 3,	     /* (block, size) -> block; reallocarray is FUNCTION_REALLOCARRAY */
	FUNCTION_REALLOCARRAY = 4,   /* (block, count, size) -> block */
	FUNCTION_ALIGNED_ALLOC = 5,  /* (alignment, size) -> block; memalign, aligned_alloc */
	FUNCTION_POSIX_MEMALIGN = 6, /* (&block, alignment, size) -> error */
	FUNCTION_FREE = 7,	     /* (block, ...); free, operator delete, sized or aligned */
	FUNCTION_NEW = 8,	     /* (size, ...) -> block: operator new, new[] */
	FUNCTION_DELETE = 9,	     /* (block, ...): operator delete, delete[] */
	FUNCTION_USDT = 10,	     /* a static probe: arguments where its note says */
};

/* A function whose calls were recorded: one row a function of a file in a recording. */
struct probed_function {
	int64_t id;
	int64_t recording_id;
	int64_t file_id;
	uint64_t offset; /* of its entry, in the file */
	enum function_role role;
	char *name;	 /* as the file names it; for people */
	char *signature; /* as --probe gave it: "(char *, int) -> int"; "" for none */
	/* Not every call can be seen: copies that were inlined, a tail call to code that is not known. "" or a
	 * sentence. */
	char *hole;
};

/* From this moment on the calls of the recording's functions are seen in a process. A block that is older is not
 * unknown to its program, only to us. The process may have ended before that moment: then no call of it was seen. */
struct probe_coverage {
	int64_t id;
	int64_t recording_id;
	int64_t process_id; /* 0: in every process */
	uint64_t from_ns;   /* INT64_MAX: it never could be probed */
	bool heap;	    /* heap functions are among them */
};

/* One call of a heap function, complete or (exit_ns 0) one that never came back. */
struct heap_event {
	int64_t id; /* rises in the order in which the kernel emitted: at the return; for free at the entry */
	int64_t space_id;
	int64_t function_id;
	enum function_role role;
	uint32_t tid;
	uint64_t enter_ns;
	uint64_t exit_ns;   /* 0: its return was not seen. Of a free, whose return tells nothing, equal to enter_ns */
	uint64_t ip;	    /* entry of the function */
	uint64_t sp;	    /* at the entry: [sp] is the return address */
	uint64_t top_word;  /* that return address */
	uint64_t old_block; /* what was given back or resized; 0 for none */
	uint64_t block;	    /* what was handed out; 0 for none */
	uint64_t size;	    /* bytes asked for; of calloc and reallocarray the product, saturated */
	uint64_t alignment; /* 0: not given */
	int64_t stack_id;   /* 0: none was taken */
};

/* One call of a function of --probe, complete or not. */
struct call_event {
	int64_t id;
	int64_t space_id;
	int64_t function_id;
	uint32_t tid;
	uint64_t enter_ns;
	uint64_t exit_ns; /* 0: its return was not seen */
	uint64_t ip, sp, top_word;
	uint64_t args[6];
	uint64_t result; /* meaningful when exit_ns is set */
	char *texts[6];	 /* what string and buffer arguments pointed to at the entry, as bytes; NULL for none */
	uint32_t text_bytes[6];
	int64_t stack_id;
};
void call_event_deinit(struct call_event *event);
void probed_function_deinit(struct probed_function *function);

/* A system call that failed, or one that duplicates or closes a descriptor; other than memory calls and prctl, which
 * have rows of their own. Only where it was asked for. */
struct call_result {
	int64_t id;
	int64_t space_id;
	uint32_t tid;
	uint32_t number; /* as the kernel of x86-64 has them */
	uint64_t enter_ns;
	uint64_t exit_ns;
	int64_t result; /* negative errno on failure */
	uint64_t args[3];
	uint64_t ip, sp, top_word; /* as in memory_event */
};

#endif
