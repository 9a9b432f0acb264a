/* SPDX-License-Identifier: MIT */
/*
 * How long, and in how much memory, this process may work on what strangers made. From limits_begin() to limits_end() a
 * timer of CLOCK_MONOTONIC runs and RLIMIT_DATA is set; when one of them is reached, the process says one sentence and
 * ends, since there is no telling what it was in the middle of. So nothing that must be undone may be begun in between,
 * but what goes with the process (bundle_room). What works on several crashes gives each a process of its own.
 *
 * Memory: private writable memory counts (RLIMIT_DATA, Linux 4.7), so a core that is mapped for reading may be larger
 * than the limit. It is reached when the allocator can give no more: then cli/limits_memory.c calls
 * limits_out_of_memory(), and where the caller's own limits were reached first the sentence says so. An
 * AddressSanitizer build has no memory limit, because its shadow takes terabytes of address space.
 *
 * State of the process, as its resource limits are. A child that is forked in between has neither the timer nor (until
 * limits_confine_child()) another limit.
 */
#ifndef COMMON_LIMITS_H
#define COMMON_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

struct child;

#if defined(__SANITIZE_ADDRESS__)
#define LIMITS_UNDER_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LIMITS_UNDER_SANITIZER 1
#endif
#endif
#ifndef LIMITS_UNDER_SANITIZER
#define LIMITS_UNDER_SANITIZER 0
#endif

#define LIMITS_TIME_NS 60000000000LL
#define LIMITS_MEMORY_BYTES (2ULL << 30)

struct limits {
	int64_t time_ns;       /* 0: none */
	uint64_t memory_bytes; /* 0: none */
	/* How each is raised, for the sentences: "--time-limit". */
	const char *time_option, *memory_option;
	/* Called with the whole sentence, one line without its end, from a signal handler or from the allocator: it
	 * must be async-signal-safe, and not return. */
	void (*stop)(const char *sentence) __attribute__((noreturn));
};

/* `subject` is what is worked on, "./core"; it may hold anything. Without a timer the kernel has refused one; then only
 * the memory is limited. */
void limits_begin(const struct limits *limits, const char *subject);
/* The same again, or when nothing was begun: nothing happens. The former RLIMIT_DATA holds again. */
void limits_end(void);

/* The clock stands still meanwhile: files are copied or unpacked, which has bounds of its own. They nest. */
void limits_pause(void);
void limits_resume(void);

/* How long a child may take that was given `most_ms`: what is left and a second, where that is less. (The timer comes
 * first, where there is one.) */
unsigned limits_left_ms(unsigned most_ms);
/* What a child of the work is given where nobody says otherwise: half of the time. */
unsigned limits_child_ms(void);

/* The child that works for us, NULL for none: killed, and waited for, before the sentence is said. */
void limits_watch_child(struct child *child);

/* In that child: it may have as much memory as its parent may, on top of what it got from it and of `files_bytes`, the
 * size of files that its libraries map privately. Then it ends with `status`. */
void limits_confine_child(uint64_t files_bytes, int status);
/* "it needed more than 2 GiB of memory (--memory-limit raises the limit)" */
const char *limits_child_failure(void);

/* No memory for `bytes` more. Returns when nothing was begun, and in a child to which no more than one absurd request
 * was refused. */
void limits_out_of_memory(uint64_t bytes);

/* "60 s", "0.01 s"; "2 GiB", "1500 KiB". */
void limits_write_time(int64_t ns, char *out, unsigned size);
void limits_write_memory(uint64_t bytes, char *out, unsigned size);

#endif
