/* SPDX-License-Identifier: MIT */
/*
 * The work whose recording is measured: maps and unmaps one anonymous page, PAIRS times. The page is never touched, so
 * that the pair is as short as the kernel can make it. Or takes and gives back a block of the heap, or duplicates and
 * closes a descriptor, or makes a system call that succeeds and is of no interest (one, not a pair).
 *
 *     bench-loop PAIRS [heap|descriptors|quiet]
 *
 * Prints the nanoseconds of a pair twice: the median over short stretches, which a busy machine that takes the CPU away
 * now and then hardly moves, and the mean over all of them, which has everything in it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define STRETCH_PAIRS 50 /* shorter than what a scheduler gives at a time, even where a pair takes 20 us */

static double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int map_and_unmap(void)
{
	for (int i = 0; i < STRETCH_PAIRS; i++) {
		void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (page == MAP_FAILED || munmap(page, 4096))
			return -1;
	}
	return 0;
}

/* The compiler would leave out the pair if it knew that nobody looks at the block. Called by name, so that a tracer of
 * the PLT sees it, too. */
static int take_and_give(void)
{
	for (int i = 0; i < STRETCH_PAIRS; i++) {
		void *block = malloc(40);

		__asm__ volatile("" : "+r"(block) : : "memory");
		free(block);
	}
	return 0;
}

static int duplicate_and_close(void)
{
	for (int i = 0; i < STRETCH_PAIRS; i++)
		if (close(dup(0)))
			return -1;
	return 0;
}

static int call_quietly(void)
{
	for (int i = 0; i < STRETCH_PAIRS; i++)
		syscall(SYS_getppid);
	return 0;
}

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(void);
	} works[] = {
		{"maps", map_and_unmap},
		{"heap", take_and_give},
		{"descriptors", duplicate_and_close},
		{"quiet", call_quietly},
	};
	unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 10) / STRETCH_PAIRS : 0;
	int (*work)(void) = argc == 2 ? map_and_unmap : NULL;
	double *stretches = calloc(count + 1, sizeof(*stretches));
	double started, before, after;

	for (size_t i = 0; argc == 3 && i < sizeof(works) / sizeof(works[0]); i++)
		if (strcmp(argv[2], works[i].name) == 0)
			work = works[i].run;
	if (!count || !stretches || !work) {
		fprintf(stderr, "usage: bench-loop PAIRS [heap|descriptors|quiet] (%d or more)\n", STRETCH_PAIRS);
		return 2;
	}
	started = before = now_ns();
	for (unsigned long i = 0; i < count; i++) {
		if (work()) {
			perror("bench-loop");
			return 1;
		}
		after = now_ns();
		stretches[i] = (after - before) / STRETCH_PAIRS;
		before = after;
	}
	qsort(stretches, count, sizeof(*stretches), compare);
	printf("%.1f %.1f\n", stretches[count / 2], (before - started) / ((double)count * STRETCH_PAIRS));
	free(stretches);
	return 0;
}
