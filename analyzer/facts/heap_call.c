/* SPDX-License-Identifier: MIT */
#include "analyzer/facts/heap_call.h"

#include <string.h>
#include <sys/mman.h>

#include "common/array.h"

/* How deep the allocator's functions lie under the one that was called: raise, abort, a message, the check. */
#define DEPTH_MAX 32
/* The allocator's frames take some hundred bytes; a message is formatted in them. */
#define FRAME_BYTES_MAX 16384

static const struct call_name {
	const char *name;
	enum heap_call_kind kind;
} call_names[] = {
	{"free", HEAP_CALL_FREE},
	{"cfree", HEAP_CALL_FREE},
	{"free_sized", HEAP_CALL_FREE},
	{"free_aligned_sized", HEAP_CALL_FREE},
	{"realloc", HEAP_CALL_REALLOC},
	{"reallocarray", HEAP_CALL_REALLOC},
	{"malloc", HEAP_CALL_ALLOCATE},
	{"calloc", HEAP_CALL_ALLOCATE},
	{"memalign", HEAP_CALL_ALLOCATE},
	{"aligned_alloc", HEAP_CALL_ALLOCATE},
	{"posix_memalign", HEAP_CALL_ALLOCATE},
	{"valloc", HEAP_CALL_ALLOCATE},
	{"pvalloc", HEAP_CALL_ALLOCATE},
	{"sdallocx", HEAP_CALL_FREE},
	{"dallocx", HEAP_CALL_FREE},
	{"rallocx", HEAP_CALL_REALLOC},
	{"mallocx", HEAP_CALL_ALLOCATE},
	{"delete", HEAP_CALL_FREE},
	{"deletearray", HEAP_CALL_FREE},
	{"new", HEAP_CALL_ALLOCATE},
	{"newarray", HEAP_CALL_ALLOCATE},
};

/* What allocators put before the names of <stdlib.h>. */
static const char *const prefixes[] = {"__GI___libc_", "__libc_", "__GI_", "__", "je_", "mi_", "tc_", "_rjem_"};

enum heap_call_kind heap_call_kind_of(const char *function)
{
	if (!function)
		return HEAP_CALL_NONE;
	/* Itanium C++ ABI: operator new, new[], delete, delete[]; arguments follow. */
	if (strncmp(function, "_Znwm", 5) == 0 || strncmp(function, "_Znam", 5) == 0)
		return HEAP_CALL_ALLOCATE;
	if (strncmp(function, "_ZdlPv", 6) == 0 || strncmp(function, "_ZdaPv", 6) == 0)
		return HEAP_CALL_FREE;
	for (size_t i = 0; i < array_size(prefixes); i++) {
		size_t length = strlen(prefixes[i]);

		if (strncmp(function, prefixes[i], length) == 0) {
			function += length;
			break;
		}
	}
	for (size_t i = 0; i < array_size(call_names); i++) {
		if (strcmp(function, call_names[i].name) == 0)
			return call_names[i].kind;
	}
	return HEAP_CALL_NONE;
}

void heap_call_find(const struct crash *crash, bool aborted, struct heap_call *ret_call)
{
	const struct thread_stack *stack = crash->facts.stacks.thread_count ? &crash->facts.stacks.threads[0] : NULL;

	*ret_call = (struct heap_call){0};
	for (size_t i = 0; stack && i < stack->frame_count && i < DEPTH_MAX; i++) {
		const struct frame *frame = &stack->frames[i];
		enum heap_call_kind kind = heap_call_kind_of(frame->symbol.function);

		if (kind != HEAP_CALL_NONE)
			*ret_call = (struct heap_call){
				.kind = kind, .frame = i, .caller = i + 1, .function = frame->symbol.function};
		else if (!event_stack_is_library(frame) && (!aborted || ret_call->kind != HEAP_CALL_NONE))
			break; /* the program's own code: what lies further out is another call */
	}
}

/* Would glibc have complained so of that block? (malloc/malloc.c: _int_free, munmap_chunk, __libc_realloc) */
static bool fits_complaint(const struct crash *crash, uint64_t block)
{
	const char *said = crash->core.abort_message ?: "";
	uint64_t word, chunk = block - GLIBC_CHUNK_HEADER_BYTES, size, next;

	if (!core_read_word(crash->core.image, chunk + 8, &word))
		return false;
	size = word & ~GLIBC_FLAGS;
	if (strstr(said, "invalid pointer") || strstr(said, "invalid old size"))
		return block % 16 != 0 || chunk > -size || word & GLIBC_IS_MAPPED || size % 16 != 0 || size < 32;
	if (strstr(said, "invalid size"))
		return block % 16 == 0 && (size < 32 || size % 16 != 0);
	if (block % 16 != 0 || size < 32 || size % 16 != 0)
		return false;
	if (strstr(said, "(out)")) { /* it reaches beyond the arena's end */
		struct place place;

		place_of(crash, chunk, &place);
		return place.kind != PLACE_HEAP || size >= place.end - chunk;
	}
	if (!core_read_word(crash->core.image, chunk + size + 8, &next))
		return false;
	if (strstr(said, "(!prev)"))
		return !(next & GLIBC_PREVIOUS_IN_USE);
	if (strstr(said, "invalid next size"))
		return (next & ~GLIBC_FLAGS) <= 16 || (next & ~GLIBC_FLAGS) >= PLACE_NULL_BYTES;
	return strstr(said, "double free") != NULL;
}

struct words_found {
	uint64_t words[FRAME_BYTES_MAX / 8];
	size_t count;
	uint64_t start, end; /* of the stack that was read */
};

static bool has_word(const struct words_found *found, uint64_t word)
{
	for (size_t i = 0; i < found->count; i++) {
		if (found->words[i] == word)
			return true;
	}
	return false;
}

static bool is_frame_address(const struct words_found *found, uint64_t word)
{
	return word >= found->start && word < found->end;
}

/* A program without arguments has its environment's vector 16 bytes behind that of its arguments (System V ABI, AMD64,
 * "Initial Stack and Register State": argc = 1, argv[0], 0, envp), and main's registers hold both: they look like the
 * chunk and the block of a free. */
static bool is_argument_vector(const struct crash *crash, uint64_t chunk)
{
	uint64_t words[3];

	return core_read(crash->core.image, chunk - 8, words, sizeof(words)) == sizeof(words) && words[0] == 1 &&
	       words[1] > chunk && words[1] - chunk < PLACE_STACK_GAP_BYTES && words[2] == 0;
}

/* `paired`: both the block and its chunk must be there; else the chunk, in the heap. 0 when there is not just one. */
static uint64_t choose(const struct crash *crash, const struct words_found *found, bool paired)
{
	uint64_t chosen = 0;

	for (size_t i = 0; i < found->count; i++) {
		uint64_t block = found->words[i] + GLIBC_CHUNK_HEADER_BYTES;
		struct place place;

		if (block < PLACE_NULL_BYTES || block == chosen || is_frame_address(found, found->words[i]) ||
		    is_frame_address(found, block))
			continue;
		place_of(crash, block, &place);
		/* Nearly anything has a header that glibc would complain of: a chunk alone tells nothing there. */
		if (!paired && strstr(crash->core.abort_message ?: "", "invalid") &&
		    !strstr(crash->core.abort_message, "invalid next size"))
			continue;
		if (paired ? !has_word(found, block) : place.kind != PLACE_HEAP || found->words[i] % 16 != 0)
			continue;
		if (place.mapped && place.protection > 0 && place.protection & PROT_EXEC)
			continue;
		if (!fits_complaint(crash, block) || is_argument_vector(crash, found->words[i]))
			continue;
		if (chosen)
			return 0;
		chosen = block;
	}
	return chosen;
}

uint64_t heap_call_find_pointer(const struct crash *crash, const struct heap_call *call, uint64_t broken_at)
{
	const struct thread_stack *stack = &crash->facts.stacks.threads[0];
	struct words_found found = {.start = crash->facts.registers[CORE_RSP]};
	uint64_t pointer;

	if (call->caller >= stack->frame_count)
		return 0;
	found.end = stack->frames[call->caller].sp;
	if (found.end <= found.start || found.end - found.start > FRAME_BYTES_MAX)
		return 0;
	found.count = core_read(crash->core.image, found.start, found.words, found.end - found.start) / 8;
	if (broken_at && has_word(&found, broken_at) && fits_complaint(crash, broken_at + GLIBC_CHUNK_HEADER_BYTES))
		return broken_at + GLIBC_CHUNK_HEADER_BYTES;
	pointer = choose(crash, &found, true);
	return pointer ?: choose(crash, &found, false);
}
