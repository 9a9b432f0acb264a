/* SPDX-License-Identifier: MIT */
/*
 * The core of a made-up crash: mappings, bytes, threads and registers are collected, laid out as the kernel does it,
 * and opened by the analyzer's own reader. Test code: what goes wrong ends the program.
 */
#ifndef TESTS_DETECT_FACTS_CORE_H
#define TESTS_DETECT_FACTS_CORE_H

#include "analyzer/core/core.h"

#define FACTS_MAX_MAPS 64
#define FACTS_MAX_THREADS 16

struct facts_map {
	uint64_t start, end;
	uint32_t flags; /* PF_* */
	char path[96];	/* "" for none */
	uint64_t offset;
	uint8_t *bytes; /* end - start of them when the core has its memory, else NULL */
};

struct facts_core {
	struct facts_map maps[FACTS_MAX_MAPS];
	size_t map_count;
	struct core_thread threads[FACTS_MAX_THREADS]; /* [0] died */
	size_t thread_count;
	uint32_t pid;
	uint64_t auxv[5][2]; /* type, value */
	size_t auxv_count;
	int signal_number, signal_code;
	uint64_t signal_address;
	uint32_t sender_pid;
};

/* Puts bytes into the memory of the mapping that holds them; false when none does. The mapping's other bytes are 0. */
bool facts_core_fill(struct facts_core *facts, uint64_t address, const void *bytes, size_t size);

/* The caller destroys it. */
struct core *facts_core_build(const struct facts_core *facts);

#endif
