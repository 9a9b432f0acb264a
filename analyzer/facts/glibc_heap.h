/* SPDX-License-Identifier: MIT */
/*
 * glibc's heap as a core shows it: chunks one behind the other, free lists of the threads' caches.
 *
 * A chunk is 16 bytes of header (the size of the chunk before it, valid only when that one is free; its own size with
 * three flags in the low bits) and the block that malloc returned. The next chunk follows at once; the last one of a
 * heap, the top, reaches to its end. That is so in every glibc since 2.3 (malloc/malloc.c, "malloc_chunk details").
 * The program break's heap begins at a page; other arenas begin with a heap_info at a multiple of 64 MiB (malloc/
 * arena.c), whose first chunk comes behind the arena's own state. The cache of a thread (since 2.26) is itself a chunk,
 * mostly the first of its heap: 64 counters and 64 list heads; since 2.32 the links are mangled with their own address
 * (safe-linking). A large block is a mapping of its own, with a flag in its header.
 *
 * Every field may be garbage: that is why one looks. Nothing here trusts a size further than its segment, and each walk
 * has a limit. Knows nothing of other allocators: what is no heap of glibc gives "not known".
 */
#ifndef ANALYZER_GLIBC_HEAP_H
#define ANALYZER_GLIBC_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/core/core.h"

#define GLIBC_CHUNK_HEADER_BYTES 16
/* Low bits of a chunk's size. */
#define GLIBC_PREVIOUS_IN_USE 1ULL
#define GLIBC_IS_MAPPED 2ULL
#define GLIBC_OTHER_ARENA 4ULL
#define GLIBC_FLAGS 7ULL

enum chunk_state {
	CHUNK_UNKNOWN = 0,
	CHUNK_NOT_FREE,	   /* in use, or in a fast bin: its header does not tell */
	CHUNK_FREE_CACHED, /* on the list of a thread's cache */
	CHUNK_FREE_BINNED, /* the chunk behind it says that it is free */
	CHUNK_TOP,	   /* the unused rest at the heap's end */
	CHUNK_MAPPED,	   /* a mapping of its own, in use */
};

/* A run of chunks. */
struct glibc_heap {
	uint64_t first; /* header of the first chunk */
	uint64_t end;	/* of the memory that the heap may use */
	uint64_t cache; /* the thread's cache that is its first chunk (address of the counters), or 0 */
};

/* The heap that holds `address`. `break_start` and `break_end` are the mapping of the program break, 0 when not known.
 * False when the address is in none whose first chunk makes sense. */
bool glibc_heap_find(const struct core *core, uint64_t break_start, uint64_t break_end, uint64_t address,
		     struct glibc_heap *ret_heap);

struct glibc_chunk {
	uint64_t address; /* of the header; the block is 16 bytes further */
	uint64_t size;	  /* of the chunk, header included */
	enum chunk_state state;
};

/* What a walk from the first chunk on found. */
struct glibc_walk {
	bool found;		   /* a chunk holds the address that was asked for */
	struct glibc_chunk chunk;  /* that one: [address, address + size) covers it */
	struct glibc_chunk before; /* the one before it; size 0 for none */
	/* The first header that cannot be one: a size too small, unaligned, or beyond the heap's end. */
	bool broken;
	uint64_t broken_at;
	uint64_t broken_word; /* what stands where its size should be */
	struct glibc_chunk before_broken;
	bool complete;	    /* it came to the top: no header is broken */
	size_t chunk_count; /* passed */
};

/* Walks the heap and looks for the chunk that holds `address` (0: for none). `address` counts as being in a chunk from
 * its header to its end; the last eight bytes of a block, which are the next chunk's first word, count to the next. */
void glibc_heap_walk(const struct core *core, const struct glibc_heap *heap, uint64_t address,
		     struct glibc_walk *ret_walk);

/* True when the cache at `cache` holds the block (not chunk) at `block` on one of its lists. */
bool glibc_cache_holds(const struct core *core, uint64_t cache, uint64_t block);

/* The header of a large block, which is a mapping of its own: false unless `block` lies 16 bytes behind the start of a
 * page and the size there has the flag and is a multiple of the page. */
bool glibc_mapped_chunk(const struct core *core, uint64_t block, struct glibc_chunk *ret_chunk);

#endif
