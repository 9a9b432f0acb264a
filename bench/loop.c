/* SPDX-License-Identifier: MIT */
/*
 * The work whose recording is measured: maps and unmaps one anonymous page, PAIRS times, and prints the nanoseconds that
 * a pair took. The page is never touched, so that the pair is as short as the kernel can make it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

static double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

int main(int argc, char **argv)
{
	unsigned long pairs = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
	double started;

	if (!pairs) {
		fputs("usage: bench-loop PAIRS\n", stderr);
		return 2;
	}
	started = now_ns();
	for (unsigned long i = 0; i < pairs; i++) {
		void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (page == MAP_FAILED || munmap(page, 4096)) {
			perror("bench-loop");
			return 1;
		}
	}
	printf("%.1f\n", (now_ns() - started) / (double)pairs);
	return 0;
}
