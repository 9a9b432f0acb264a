/* SPDX-License-Identifier: MIT */
/*
 * The heap's replay against an allocator. calls.c runs under it and writes down its calls, and what it knows of its
 * blocks; the replay of the calls must give just these blocks, each with the operation that got it and the one that
 * gave it back, no two in the same memory at the same time, and no free that it finds fault with. Then the same log
 * with a fault put into it, each of which must be found.
 *
 * Usage: judge CALLS ALLOCATOR [SEQUENCES [SEED]]; 77: that allocator is not here.
 */
#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/allocators/sequence.h"

#define SEQUENCES 600
#define SECONDS_MAX 100

/* ---- runs ---- */

static const struct run {
	const char *allocator;
	const char *library; /* NULL: the C library's own */
	const char *variable, *value;
} runs[] = {
	{"glibc", NULL, NULL, NULL},
	/* What one thread gives back the next one gets. */
	{"glibc", NULL, "GLIBC_TUNABLES", "glibc.malloc.tcache_count=0:glibc.malloc.arena_max=1"},
	{"jemalloc", "libjemalloc.so.2", NULL, NULL},
	{"jemalloc", "libjemalloc.so.2", "MALLOC_CONF", "tcache:false,narenas:1"},
	{"tcmalloc", "libtcmalloc_minimal.so.4", NULL, NULL},
	{"tcmalloc", "libtcmalloc_minimal.so.4", "TCMALLOC_MAX_TOTAL_THREAD_CACHE_BYTES", "1"},
	{"mimalloc", "libmimalloc.so.2", NULL, NULL},
};

static void run_calls(const struct run *run, const char *program, int fd, const char *seed, const char *count)
{
	int status;
	pid_t child = fork();

	if (child < 0)
		err(1, "fork");
	if (child == 0) {
		if (dup2(fd, LOG_FD) < 0)
			_exit(2);
		if (run->library)
			setenv("LD_PRELOAD", run->library, 1);
		if (run->variable)
			setenv(run->variable, run->value, 1);
		setenv("TCMALLOC_LARGE_ALLOC_REPORT_THRESHOLD", "0", 1);
		alarm(SECONDS_MAX);
		execl(program, program, seed, count, NULL);
		_exit(2);
	}
	if (waitpid(child, &status, 0) != child || status != 0)
		errx(1, "%s under %s: wait status 0x%x", program, run->allocator, (unsigned)status);
}

/* The loader only warns of a library that it cannot find. */
static bool is_here(const struct run *run)
{
	char command[256];

	if (!run->library)
		return true;
	snprintf(command, sizeof(command), "test -z \"$(LD_PRELOAD=%s /bin/true 2>&1)\"", run->library);
	return system(command) == 0;
}

/* ---- what the sequences were like ---- */

static struct {
	size_t sequences, calls, lives, failures, inner, reused, late, faults;
} total;

static void count_life(const struct sequence *sequence, const struct heap_replay_life *life)
{
	bool reused = false, late = false;

	for (size_t i = 0; i < sequence->life_count; i++) {
		const struct heap_replay_life *next = &sequence->lives[i];
		const struct heap_event *gone = life->gone >= 0 ? &sequence->events[life->gone] : NULL;

		if (next->start != life->start || !gone || sequence_made_at(sequence, next) < gone->enter_ns ||
		    gone->tid == sequence->events[next->first].tid)
			continue;
		reused = true;
		late |= heap_call_moment(gone) > sequence_made_at(sequence, next);
	}
	total.reused += reused;
	total.late += late;
}

static void count(const struct sequence *sequence)
{
	total.sequences++;
	total.calls += sequence->event_count;
	total.lives += sequence->life_count;
	for (size_t i = 0; i < sequence->event_count; i++) {
		const struct heap_event *event = &sequence->events[i];

		total.inner += event->stack_id != 0;
		total.failures += !heap_call_is_free(event) && !event->block && event->size;
	}
	for (size_t i = 0; i < sequence->life_count; i++)
		count_life(sequence, &sequence->lives[i]);
}

/* ---- faults put in ---- */

static bool is_single(const struct sequence *sequence, size_t at)
{
	for (size_t i = 0; i < sequence->event_count; i++) {
		if (i != at && sequence->events[i].function_id == sequence->events[at].function_id)
			return false;
	}
	return true;
}

/* The first free from `at` on that one call did alone, and the birth at the same address that follows it. */
static bool find_reuse(const struct sequence *sequence, size_t at, size_t *ret_free, size_t *ret_birth)
{
	for (size_t i = at; i < sequence->event_count; i++) {
		if (!heap_call_is_free(&sequence->events[i]) || !is_single(sequence, i))
			continue;
		for (size_t j = i + 1; j < sequence->event_count; j++) {
			if (sequence->events[j].block != sequence->events[i].old_block ||
			    heap_call_is_realloc(&sequence->events[j]) || !is_single(sequence, j))
				continue;
			*ret_free = i;
			*ret_birth = j;
			return true;
		}
	}
	return false;
}

static void drop(struct sequence *sequence, size_t at)
{
	sequence->event_count--;
	memmove(&sequence->events[at], &sequence->events[at + 1],
		(sequence->event_count - at) * sizeof(sequence->events[0]));
}

/* As if the block had been handed out before it was given back. */
static void swap(struct sequence *sequence, size_t free_at, size_t birth_at)
{
	struct heap_event gone = sequence->events[free_at], made = sequence->events[birth_at];
	uint64_t moment = gone.enter_ns;

	gone.enter_ns = gone.exit_ns = made.exit_ns;
	made.enter_ns = made.exit_ns = moment;
	sequence->events[free_at] = made;
	sequence->events[birth_at] = gone;
}

static void repeat(struct sequence *sequence, size_t at)
{
	struct heap_event again = sequence->events[at];
	uint64_t moment = heap_call_moment(&sequence->events[sequence->event_count - 1]) + 1;

	again.enter_ns = again.exit_ns = moment;
	if (sequence->event_count < EVENTS_MAX)
		sequence->events[sequence->event_count++] = again;
}

/* Each fault in a copy of its own; all must be found. */
static void put_faults(const struct sequence *sequence, struct sequence *copy)
{
	size_t free_at, birth_at;

	if (!find_reuse(sequence, sequence->event_count / 3, &free_at, &birth_at))
		return;
	for (int fault = 0; fault < 4; fault++) {
		*copy = *sequence;
		switch (fault) {
		case 0:
			swap(copy, free_at, birth_at);
			break;
		case 1:
			drop(copy, free_at);
			break;
		case 2:
			drop(copy, birth_at);
			break;
		default:
			repeat(copy, free_at);
			break;
		}
		sequence_judge(copy);
		total.faults++;
		if (!copy->complaint[0]) {
			sequence_print(copy);
			errx(1, "fault %d in calls %zu and %zu was not found", fault, free_at, birth_at);
		}
	}
}

/* ---- all of them ---- */

static int compare_moments(const void *left, const void *right)
{
	uint64_t a = heap_call_moment(left), b = heap_call_moment(right);

	return (a > b) - (a < b);
}

static void judge_log(const struct run *run, const struct allocator_log *log)
{
	static struct sequence sequence, copy;
	uint32_t event_at = 0, life_at = 0;

	for (uint32_t i = 0; i < log->sequence_count; i++) {
		const struct allocator_sequence *part = &log->sequences[i];

		sequence.event_count = part->event_end - event_at;
		if (sequence.event_count > EVENTS_MAX)
			errx(1, "a sequence of %zu calls", sequence.event_count);
		memcpy(sequence.events, &log->events[event_at], sequence.event_count * sizeof(sequence.events[0]));
		qsort(sequence.events, sequence.event_count, sizeof(sequence.events[0]), compare_moments);
		sequence.truth = &log->lives[life_at];
		sequence.truth_count = part->life_end - life_at;
		sequence_judge(&sequence);
		if (sequence.complaint[0]) {
			sequence_print(&sequence);
			errx(1, "%s, seed %" PRIu64 ": %s", run->allocator, part->seed, sequence.complaint);
		}
		count(&sequence);
		put_faults(&sequence, &copy);
		event_at = part->event_end;
		life_at = part->life_end;
	}
}

static void try_run(const struct run *run, const char *program, const char *seed, const char *count)
{
	int fd = memfd_create("allocator-log", 0);
	struct allocator_log *log;

	if (fd < 0 || ftruncate(fd, sizeof(*log)) != 0)
		err(1, "memfd");
	log = mmap(NULL, sizeof(*log), PROT_READ, MAP_SHARED, fd, 0);
	if (log == MAP_FAILED)
		err(1, "mmap");
	run_calls(run, program, fd, seed, count);
	if (log->sequence_count != strtoul(count, NULL, 10))
		errx(1, "%s: %" PRIu32 " sequences", run->allocator, log->sequence_count);
	judge_log(run, log);
	munmap(log, sizeof(*log));
	close(fd);
}

int main(int argc, char **argv)
{
	char sequences[32];
	bool found = false;

	if (argc < 3 || argc > 5)
		errx(2, "usage: judge CALLS ALLOCATOR [SEQUENCES [SEED]]");
	snprintf(sequences, sizeof(sequences), "%d", SEQUENCES);
	for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
		if (strcmp(runs[i].allocator, argv[2]) != 0)
			continue;
		if (!is_here(&runs[i])) {
			printf("SKIP: %s (%s) is not installed\n", runs[i].allocator, runs[i].library);
			return 77;
		}
		try_run(&runs[i], argv[1], argc > 4 ? argv[4] : "1", argc > 3 ? argv[3] : sequences);
		found = true;
	}
	if (!found)
		errx(2, "%s: no such allocator", argv[2]);
	printf("%s: %zu sequences, %zu calls (%zu inner, %zu failed), %zu blocks, %zu addresses that another thread "
	       "got "
	       "next, %zu of them before the realloc that left them returned; %zu faults put in and found\n",
	       argv[2], total.sequences, total.calls, total.inner, total.failures, total.lives, total.reused,
	       total.late, total.faults);
	if (!total.faults || !total.failures)
		errx(1, "the sequences tried too little");
	return 0;
}
