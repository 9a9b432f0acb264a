/* SPDX-License-Identifier: MIT */
#include "analyzer/facts/glibc_heap.h"

#include "common/array.h"

#define PAGE_BYTES 4096ULL
#define ARENA_BYTES (64ULL << 20) /* HEAP_MAX_SIZE: 2 * DEFAULT_MMAP_THRESHOLD_MAX on 64-bit machines */
#define CHUNK_BYTES_MIN 32ULL
/* How far behind the start of the program break the first chunk is looked for. */
#define FIRST_CHUNK_BYTES 65536ULL
#define FENCEPOST_BYTES 16ULL
#define ALIGNMENT 16ULL
#define WALK_MAX (1u << 21)

/* struct tcache_perthread_struct: 64 counters, then 64 pointers. Counters are two bytes since 2.30, one before. */
#define CACHE_BINS 64
#define CACHE_LIST_MAX 1024
static const struct cache_shape {
	uint64_t chunk_bytes;
	unsigned counter_bytes;
} cache_shapes[] = {{0x290, 2}, {0x250, 1}};

static bool read_size(const struct core *core, uint64_t chunk, uint64_t *ret_word)
{
	return core_read_word(core, chunk + 8, ret_word);
}

static bool is_size(uint64_t word, uint64_t chunk, uint64_t end)
{
	uint64_t size = word & ~GLIBC_FLAGS;

	return size >= CHUNK_BYTES_MIN && size % ALIGNMENT == 0 && size <= end - chunk;
}

static const struct cache_shape *cache_shape_of(uint64_t word)
{
	for (size_t i = 0; i < array_size(cache_shapes); i++) {
		if ((word & ~GLIBC_FLAGS) == cache_shapes[i].chunk_bytes)
			return &cache_shapes[i];
	}
	return NULL;
}

static void note_cache(const struct core *core, struct glibc_heap *heap)
{
	uint64_t word;

	if (read_size(core, heap->first, &word) && cache_shape_of(word))
		heap->cache = heap->first + GLIBC_CHUNK_HEADER_BYTES;
}

/* struct heap_info { mstate ar_ptr; heap_info *prev; size_t size; size_t mprotect_size; ... }. The arena's state stands
 * in its first heap; later ones begin with a chunk. Its size differs between versions, so the first chunk is looked
 * for: a thread's cache, with the flags of a chunk in another arena. */
static bool find_arena(const struct core *core, uint64_t address, struct glibc_heap *ret_heap)
{
	uint64_t start = address & ~(ARENA_BYTES - 1), arena, size, word;
	const struct core_segment *segment = core_find_segment(core, start);

	if (!segment || segment->start > start || !core_read_word(core, start, &arena) ||
	    !core_read_word(core, start + 16, &size) || size < PAGE_BYTES || size > ARENA_BYTES ||
	    size % PAGE_BYTES != 0 || address - start >= size || arena < start || arena - start > 256)
		return false;
	for (uint64_t at = arena + 0x200; at < start + PAGE_BYTES; at += ALIGNMENT) {
		if (!read_size(core, at, &word) ||
		    (word & GLIBC_FLAGS) != (GLIBC_OTHER_ARENA | GLIBC_PREVIOUS_IN_USE) || !cache_shape_of(word))
			continue;
		*ret_heap = (struct glibc_heap){.first = at, .end = start + size};
		note_cache(core, ret_heap);
		return true;
	}
	return false;
}

/* The first chunk is mostly a thread's cache, and mostly at the start; a static program has its thread-local variables
 * in front, and others may have moved the break before. */
static bool find_first(const struct core *core, uint64_t start, uint64_t end, uint64_t *ret_first)
{
	uint64_t limit = end - start < FIRST_CHUNK_BYTES ? end : start + FIRST_CHUNK_BYTES;

	for (uint64_t at = start & ~(ALIGNMENT - 1); at + 2 * ALIGNMENT < limit; at += ALIGNMENT) {
		uint64_t word, next;

		if (!read_size(core, at, &word))
			return false;
		if ((word & GLIBC_FLAGS) != GLIBC_PREVIOUS_IN_USE || !cache_shape_of(word) ||
		    !read_size(core, at + (word & ~GLIBC_FLAGS), &next) ||
		    !is_size(next, at + (word & ~GLIBC_FLAGS), end))
			continue;
		*ret_first = at;
		return true;
	}
	return false;
}

bool glibc_heap_find(const struct core *core, uint64_t break_start, uint64_t break_end, uint64_t address,
		     struct glibc_heap *ret_heap)
{
	uint64_t word;

	if (address < break_start || address >= break_end)
		return find_arena(core, address, ret_heap);
	*ret_heap = (struct glibc_heap){.end = break_end};
	if (find_first(core, break_start, break_end, &ret_heap->first)) {
		note_cache(core, ret_heap);
		return true;
	}
	if (!read_size(core, break_start, &word) || !is_size(word, break_start, break_end) ||
	    !(word & GLIBC_PREVIOUS_IN_USE))
		return false;
	*ret_heap = (struct glibc_heap){.first = break_start, .end = break_end};
	note_cache(core, ret_heap);
	return true;
}

static enum chunk_state state_of(const struct core *core, const struct glibc_heap *heap,
				 const struct glibc_chunk *chunk)
{
	uint64_t next = chunk->address + chunk->size, word, foot;

	if (next >= heap->end)
		return CHUNK_TOP;
	if (heap->cache && glibc_cache_holds(core, heap->cache, chunk->address + GLIBC_CHUNK_HEADER_BYTES))
		return CHUNK_FREE_CACHED;
	if (!read_size(core, next, &word))
		return CHUNK_UNKNOWN;
	if (word & GLIBC_PREVIOUS_IN_USE)
		return CHUNK_NOT_FREE;
	/* free() writes the size a second time, behind the block (malloc.c, set_foot). A header that was overwritten,
	 * by the end of a text above all, has that flag clear, too. */
	return is_size(word, next, heap->end) && core_read_word(core, next, &foot) && foot == chunk->size
		       ? CHUNK_FREE_BINNED
		       : CHUNK_UNKNOWN;
}

void glibc_heap_walk(const struct core *core, const struct glibc_heap *heap, uint64_t address,
		     struct glibc_walk *ret_walk)
{
	struct glibc_chunk last = {0};
	uint64_t at = heap->first;
	struct glibc_walk walk = {0};

	while (walk.chunk_count < WALK_MAX) {
		struct glibc_chunk chunk = {.address = at};
		uint64_t word;

		if (!read_size(core, at, &word))
			break;
		/* Two of these close a heap that could not grow in one piece (malloc.c, sysmalloc: "fencepost"). */
		if ((word & ~GLIBC_FLAGS) == FENCEPOST_BYTES && walk.chunk_count)
			break;
		if (!is_size(word, at, heap->end)) {
			walk.broken = true;
			walk.broken_at = at;
			walk.broken_word = word;
			walk.before_broken = last;
			break;
		}
		chunk.size = word & ~GLIBC_FLAGS;
		walk.chunk_count++;
		if (!walk.found && address >= at && address - at < chunk.size) {
			walk.found = true;
			walk.chunk = chunk;
			walk.before = last;
		}
		last = chunk;
		at += chunk.size;
		/* The arena's end is not the program's: a top that stops short of it is the top all the same, but then
		 * what stands behind it was never written. */
		if (at >= heap->end) {
			walk.complete = true;
			break;
		}
	}
	if (walk.found)
		walk.chunk.state = state_of(core, heap, &walk.chunk);
	if (walk.found && walk.before.size)
		walk.before.state = state_of(core, heap, &walk.before);
	if (walk.before_broken.size)
		walk.before_broken.state =
			heap->cache && glibc_cache_holds(core, heap->cache,
							 walk.before_broken.address + GLIBC_CHUNK_HEADER_BYTES)
				? CHUNK_FREE_CACHED
				: CHUNK_UNKNOWN;
	*ret_walk = walk;
}

/* Follows one list; `mangled` tells whether its links are. */
static bool list_holds(const struct core *core, uint64_t head, uint64_t block, bool mangled)
{
	uint64_t at = head;

	for (unsigned i = 0; i < CACHE_LIST_MAX && at && at % ALIGNMENT == 0; i++) {
		uint64_t link;

		if (at == block)
			return true;
		if (!core_read_word(core, at, &link))
			return false;
		at = mangled ? link ^ (at >> 12) : link;
	}
	return false;
}

bool glibc_cache_holds(const struct core *core, uint64_t cache, uint64_t block)
{
	const struct cache_shape *shape = NULL;
	uint64_t word;

	if (core_read_word(core, cache - 8, &word))
		shape = cache_shape_of(word);
	if (!shape || block % ALIGNMENT != 0)
		return false;
	for (unsigned i = 0; i < CACHE_BINS; i++) {
		uint64_t head;

		if (!core_read_word(core, cache + CACHE_BINS * shape->counter_bytes + 8 * i, &head))
			return false;
		if (head && (list_holds(core, head, block, true) || list_holds(core, head, block, false)))
			return true;
	}
	return false;
}

bool glibc_mapped_chunk(const struct core *core, uint64_t block, struct glibc_chunk *ret_chunk)
{
	uint64_t chunk = block - GLIBC_CHUNK_HEADER_BYTES, word;

	if (block % PAGE_BYTES != GLIBC_CHUNK_HEADER_BYTES || !read_size(core, chunk, &word) ||
	    (word & GLIBC_FLAGS) != GLIBC_IS_MAPPED || (word & ~GLIBC_FLAGS) % PAGE_BYTES != 0 ||
	    (word & ~GLIBC_FLAGS) < PAGE_BYTES)
		return false;
	*ret_chunk = (struct glibc_chunk){.address = chunk, .size = word & ~GLIBC_FLAGS, .state = CHUNK_MAPPED};
	return true;
}
