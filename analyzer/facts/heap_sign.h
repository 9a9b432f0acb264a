/* SPDX-License-Identifier: MIT */
/* What an allocator's last words say was wrong. Pure. */
#ifndef ANALYZER_HEAP_SIGN_H
#define ANALYZER_HEAP_SIGN_H

/* What an allocator's abort text tells, by what it had looked at (glibc: malloc/malloc.c). */
enum heap_sign {
	HEAP_SIGN_NONE = 0,    /* not an allocator's text */
	HEAP_SIGN_FREED_TWICE, /* it found the block on a list of free ones */
	HEAP_SIGN_MAYBE_TWICE, /* a mark says that the block is free, and marks can be overwritten */
	HEAP_SIGN_BAD_POINTER, /* what it was given has no sensible header in front */
	HEAP_SIGN_BAD_NEXT,    /* the header behind the block that it was given makes no sense */
	HEAP_SIGN_BAD_LINK,    /* the lists of free blocks make no sense: they stand in the free blocks themselves */
	HEAP_SIGN_BAD_HEAP,    /* some header makes no sense */
};

/* `abort_message` may be NULL. */
enum heap_sign heap_sign_of(const char *abort_message);

#endif
