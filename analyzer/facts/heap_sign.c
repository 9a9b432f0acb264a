/* SPDX-License-Identifier: MIT */
#include "analyzer/facts/heap_sign.h"

#include <stddef.h>
#include <string.h>

#include "common/array.h"

static const struct sign_row {
	const char *text; /* part of the message */
	enum heap_sign sign;
} sign_rows[] = {
	{"double free detected in tcache", HEAP_SIGN_FREED_TWICE},
	{"double free or corruption (fasttop)", HEAP_SIGN_FREED_TWICE},
	{"double free or corruption (top)", HEAP_SIGN_FREED_TWICE},
	{"double free or corruption (!prev)", HEAP_SIGN_MAYBE_TWICE},
	{"double free or corruption (out)", HEAP_SIGN_BAD_HEAP},
	{"free(): invalid pointer", HEAP_SIGN_BAD_POINTER},
	{"free(): invalid size", HEAP_SIGN_BAD_POINTER},
	{"munmap_chunk(): invalid pointer", HEAP_SIGN_BAD_POINTER},
	{"mremap_chunk(): invalid pointer", HEAP_SIGN_BAD_POINTER},
	{"realloc(): invalid pointer", HEAP_SIGN_BAD_POINTER},
	{"realloc(): invalid old size", HEAP_SIGN_BAD_POINTER},
	{"free(): invalid next size", HEAP_SIGN_BAD_NEXT},
	{"realloc(): invalid next size", HEAP_SIGN_BAD_NEXT},
	{"unaligned tcache chunk", HEAP_SIGN_BAD_LINK},
	{"unaligned chunk detected in tcache", HEAP_SIGN_BAD_LINK},
	{"unaligned fastbin chunk", HEAP_SIGN_BAD_LINK},
	{"too many chunks detected in tcache", HEAP_SIGN_BAD_LINK},
	{"double linked list corrupted", HEAP_SIGN_BAD_LINK},
	{"corrupted double-linked list", HEAP_SIGN_BAD_LINK},
	{"corrupted unsorted chunks", HEAP_SIGN_BAD_LINK},
	{"corrupted size vs. prev_size", HEAP_SIGN_BAD_HEAP},
	{"corrupted top size", HEAP_SIGN_BAD_HEAP},
	{"malloc(): memory corruption", HEAP_SIGN_BAD_HEAP},
	{"malloc(): invalid", HEAP_SIGN_BAD_HEAP},
	{"malloc(): mismatching", HEAP_SIGN_BAD_HEAP},
	{"malloc_consolidate(): invalid chunk size", HEAP_SIGN_BAD_HEAP},
	{"break adjusted to free malloc space", HEAP_SIGN_BAD_HEAP},
	{"sysmalloc: Assertion", HEAP_SIGN_BAD_HEAP},
	{"malloc.c:", HEAP_SIGN_BAD_HEAP},
	{"arena.c:", HEAP_SIGN_BAD_HEAP},
	/* tcmalloc, scudo, hardened_malloc */
	{"Attempt to free invalid pointer", HEAP_SIGN_BAD_POINTER},
	{"fatal allocator error: double free", HEAP_SIGN_FREED_TWICE},
	{"fatal allocator error: invalid", HEAP_SIGN_BAD_POINTER},
};

enum heap_sign heap_sign_of(const char *abort_message)
{
	for (size_t i = 0; abort_message && i < array_size(sign_rows); i++) {
		if (strstr(abort_message, sign_rows[i].text))
			return sign_rows[i].sign;
	}
	return HEAP_SIGN_NONE;
}
