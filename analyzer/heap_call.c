/* SPDX-License-Identifier: MIT */
#include "analyzer/heap_call.h"

#include <string.h>

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
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		size_t length = strlen(prefixes[i]);

		if (strncmp(function, prefixes[i], length) == 0) {
			function += length;
			break;
		}
	}
	for (size_t i = 0; i < sizeof(call_names) / sizeof(call_names[0]); i++) {
		if (strcmp(function, call_names[i].name) == 0)
			return call_names[i].kind;
	}
	return HEAP_CALL_NONE;
}

void heap_call_find(const struct crash *crash, struct heap_call *ret_call)
{
	const struct thread_stack *stack = crash->stacks.thread_count ? &crash->stacks.threads[0] : NULL;

	*ret_call = (struct heap_call){0};
	for (size_t i = 0; stack && i < stack->frame_count && i < DEPTH_MAX; i++) {
		const struct frame *frame = &stack->frames[i];
		enum heap_call_kind kind = heap_call_kind_of(frame->symbol.function);

		if (kind != HEAP_CALL_NONE)
			*ret_call = (struct heap_call){
				.kind = kind, .frame = i, .caller = i + 1, .function = frame->symbol.function};
		else if (!event_stack_is_library(frame))
			break; /* the program's own code: what lies further out is another call */
	}
}

/* A block of malloc is a multiple of 16 on this machine; what was never one need not be, so that is not asked for. Its
 * chunk must be memory. */
static bool is_pair(const struct crash *crash, const uint64_t *words, size_t count, size_t index)
{
	uint64_t word = words[index], header;

	if (word < PLACE_NULL_BYTES || !core_read_word(crash->core, word - 8, &header))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (i != index && words[i] == word - GLIBC_CHUNK_HEADER_BYTES)
			return true;
	}
	return false;
}

uint64_t heap_call_find_pointer(const struct crash *crash, const struct heap_call *call)
{
	const struct thread_stack *stack = &crash->stacks.threads[0];
	uint64_t words[FRAME_BYTES_MAX / 8], start, end, found = 0;
	size_t count;

	if (call->caller >= stack->frame_count)
		return 0;
	start = crash->registers[CORE_RSP];
	end = stack->frames[call->caller].sp;
	if (end <= start || end - start > FRAME_BYTES_MAX)
		return 0;
	count = core_read(crash->core, start, words, end - start) / 8;
	for (size_t i = 0; i < count; i++) {
		/* The frames' own addresses come in pairs, too. */
		if (words[i] == found || (words[i] >= start && words[i] < end) || !is_pair(crash, words, count, i))
			continue;
		if (found)
			return 0;
		found = words[i];
	}
	return found;
}
