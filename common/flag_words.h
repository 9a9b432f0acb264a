/* SPDX-License-Identifier: MIT */
/*
 * Flags of the calls for memory in words, as strace writes them: names joined by "|", what has no name last, in
 * hexadecimal. Pure; each returns `text`. Sources: include/uapi/asm-generic/mman-common.h, mman.h, linux/shm.h.
 */
#ifndef COMMON_FLAG_WORDS_H
#define COMMON_FLAG_WORDS_H

#include <stdint.h>

struct flag_words {
	char text[400];
};

/* "PROT_READ|PROT_WRITE", "PROT_NONE". */
const char *flag_words_protection(struct flag_words *words, uint64_t protection);

/* "MAP_PRIVATE|MAP_ANONYMOUS". */
const char *flag_words_map(struct flag_words *words, uint64_t flags);

/* "MREMAP_MAYMOVE|MREMAP_FIXED", "0". */
const char *flag_words_mremap(struct flag_words *words, uint64_t flags);

/* "MADV_DONTNEED"; one advice, no flags. */
const char *flag_words_advice(struct flag_words *words, uint64_t advice);

/* "SHM_RDONLY", "0". */
const char *flag_words_shmat(struct flag_words *words, uint64_t flags);

#endif
