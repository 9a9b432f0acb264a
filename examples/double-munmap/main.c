/* SPDX-License-Identifier: MIT */
/*
 * Two libraries in one process. The first unmaps a range twice; in between, the kernel gave a part of that range to the
 * second, which dies on it much later. The markers are those of the story that this example retells.
 *
 *     double-munmap            the bug
 *     double-munmap own        a twin: the owner unmaps its block itself and then uses it
 *     double-munmap ordinary   a twin: a range is mapped, unmapped, mapped again at the same place and unmapped again
 *     double-munmap burst      the bug, with a hundred thousand other calls in between
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "depot.h"
#include "walker.h"

#define FILE_TO_MAP "/usr/bin/bash"

static struct walker walker;
static struct depot depot;
static sem_t ready;

static void pause_ms(unsigned ms)
{
	usleep(ms * 1000);
}

static void *reader(void *argument)
{
	(void)argument;
	prctl(PR_SET_NAME, "reader");
	sem_wait(&ready);
	pause_ms(200);
	printf("read %d\n", depot_read(&depot));
	return NULL;
}

static void make_noise(void)
{
	for (int i = 0; i < 100000; i++)
		munmap(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 4096);
}

static void bug(int noise)
{
	uintptr_t hole;

	prctl(PR_GET_DUMPABLE, 8888, 0, 0, 0);
	walker_open(&walker, FILE_TO_MAP);
	hole = (uintptr_t)walker.image;
	walker_step(&walker);
	prctl(PR_GET_DUMPABLE, 9999, 0, 0, 0);
	if (noise)
		make_noise();
	prctl(PR_GET_DUMPABLE, 1000, 0, 0, 0);
	prctl(PR_GET_DUMPABLE, 1111, 0, 0, 0);
	/* The kernel takes the highest gap that fits: that of the walker, unless there is one above it, which then is full. */
	do
		depot_open(&depot);
	while ((uintptr_t)depot.block - hole >= WALKER_MAP_BYTES);
	prctl(PR_GET_DUMPABLE, 2222, 0, 0, 0);
	pause_ms(3);
	if (noise)
		make_noise();
	prctl(PR_GET_DUMPABLE, 8888, 0, 0, 0);
	walker_step_again(&walker);
	prctl(PR_GET_DUMPABLE, 9999, 0, 0, 0);
}

static void own(void)
{
	prctl(PR_GET_DUMPABLE, 1111, 0, 0, 0);
	depot_open(&depot);
	prctl(PR_GET_DUMPABLE, 2222, 0, 0, 0);
	pause_ms(3);
	depot_close(&depot);
	prctl(PR_GET_DUMPABLE, 3333, 0, 0, 0);
}

static void ordinary(void)
{
	struct depot first;

	depot_open(&first);
	depot_close(&first);
	depot_open(&depot);
	if (first.block != depot.block)
		puts("the kernel chose another place; the twin proves nothing");
	depot_close(&depot);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "bug";
	pthread_t thread;

	/* Before anything else, so that its stack does not take the place that is at issue. */
	sem_init(&ready, 0, 0);
	pthread_create(&thread, NULL, reader, NULL);
	pause_ms(10);
	if (strcmp(what, "own") == 0)
		own();
	else if (strcmp(what, "ordinary") == 0)
		ordinary();
	else
		bug(strcmp(what, "burst") == 0);
	sem_post(&ready);
	pthread_join(thread, NULL);
	return 0;
}
