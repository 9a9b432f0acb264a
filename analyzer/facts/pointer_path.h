/* SPDX-License-Identifier: MIT */
/* The way of the pointer that failed, from memory into the register that the fault used. Plain data. */
#ifndef ANALYZER_POINTER_PATH_H
#define ANALYZER_POINTER_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The memory words that the pointer which failed came from, as far as they could be followed: words[0] held it,
 * words[1] held the pointer to words[0], and so on. */
#define POINTER_PATH_WORDS 3
struct pointer_path {
	enum { PATH_LOST, PATH_WORD, PATH_CONSTANT, PATH_RETURNED } end; /* of the first step */
	uint64_t value;	 /* in words[0]; less than the register's where a constant was added since */
	char pointer[8]; /* the register, "rax"; "" for a call through memory */
	bool is_exact;	 /* words[0] is where it was read from; otherwise the text may be misread */
	struct {
		uint64_t address;
		uint64_t value;
	} words[POINTER_PATH_WORDS];
	size_t count;
	/* All that is not zero in the page of words[0], or within a few words of it, was stored by the functions on the
	 * stack themselves, on their way to the fault. */
	bool page_is_blank, surroundings_are_blank;
};

#endif
