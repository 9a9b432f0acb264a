/* SPDX-License-Identifier: MIT */
/*
 * A program that dies of its own mappings, in the way that its first argument names. The second is a file or a library,
 * where one is needed. What other processes must do first, they are asked for by a line on standard output and answered
 * by one on standard input.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE 4096UL
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

/* Each party has functions of its own, so that a report can name it. */
#define PARTY __attribute__((noinline, noclone))

struct node {
	struct node *next;
	long value;
};

static char *block;
static volatile long sink;

static PARTY char *reserve(size_t pages, int protection)
{
	char *start = mmap(NULL, pages * PAGE, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (start == MAP_FAILED)
		exit(2);
	return start;
}

/* ---- permissions ---- */

static PARTY void seal(void)
{
	if (mprotect(block + PAGE, PAGE, PROT_READ))
		exit(2);
	sink = 1;
}

static PARTY void update(long i)
{
	block[PAGE + (size_t)i] = 'x';
	sink = 2;
}

static PARTY void close_door(void)
{
	if (mprotect(block, PAGE, PROT_NONE))
		exit(2);
	sink = 1;
}

static PARTY long look_in(long i)
{
	return block[i] + 1;
}

static PARTY void edit(char *text)
{
	text[1] = 'X';
	sink = 3;
}

static char *greeting(void)
{
	return (char *)"good morning";
}

static const int answers[64] = {42, 43};

static void die_sealed(void)
{
	block = reserve(4, PROT_READ | PROT_WRITE);
	update(3);
	seal();
	update(4);
}

static void die_closed(void)
{
	block = reserve(4, PROT_READ | PROT_WRITE);
	sink = look_in(3);
	close_door();
	sink = look_in(4);
}

/* ---- files ---- */

static const char *path;

static void ask(const char *what)
{
	char line[16];

	printf("%s\n", what);
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		exit(2);
}

static PARTY long read_page(const char *map, long page)
{
	return map[page * (long)PAGE + 5] + 1;
}

static void die_cut(void)
{
	int fd = open(path, O_RDWR);
	struct stat status;
	char *map;

	if (fd < 0 || fstat(fd, &status))
		exit(2);
	map = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		exit(2);
	sink = read_page(map, 2);
	ask("mapped");
	sink = read_page(map, 2);
}

static PARTY void shrink(int fd)
{
	if (ftruncate(fd, 100))
		exit(2);
	sink = 1;
}

static void die_memfd(void)
{
	int fd = memfd_create("pool", 0);
	char *map;

	if (fd < 0 || ftruncate(fd, 4 * PAGE))
		exit(2);
	map = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		exit(2);
	map[2 * PAGE] = 1;
	shrink(fd);
	sink = read_page(map, 2);
}

/* ---- libraries ---- */

static void *library;

static PARTY void unload(void)
{
	if (dlclose(library))
		exit(2);
	sink = 1;
}

static void die_unloaded_code(void)
{
	void (*callback)(int);

	library = dlopen(path, RTLD_NOW);
	callback = library ? (void (*)(int))dlsym(library, "plugin_callback") : NULL;
	if (!callback)
		exit(2);
	callback(1);
	unload();
	callback(2);
}

static PARTY long use_text(const char *text)
{
	return text[0] + 1;
}

static void die_unloaded_data(void)
{
	const char *(*name)(void);
	const char *text;

	library = dlopen(path, RTLD_NOW);
	name = library ? (const char *(*)(void))dlsym(library, "plugin_name") : NULL;
	if (!name)
		exit(2);
	text = name();
	sink = use_text(text);
	unload();
	sink = use_text(text);
}

static void die_unloaded_bss(void)
{
	long *counter;

	library = dlopen(path, RTLD_NOW);
	counter = library ? dlsym(library, "plugin_counters") : NULL;
	if (!counter)
		exit(2);
	counter += 4096;
	*counter = 1;
	unload();
	sink = use_text((const char *)counter);
}

/* ---- one over the other ---- */

static PARTY struct node *fill(void)
{
	struct node *nodes = (struct node *)reserve(4, PROT_READ | PROT_WRITE);

	for (size_t i = 0; i < 4 * PAGE / sizeof(*nodes); i++)
		nodes[i].next = &nodes[(i + 1) % (4 * PAGE / sizeof(*nodes))];
	return nodes;
}

static PARTY long walk(const struct node *from)
{
	return from->next->next->value;
}

static PARTY void place_over(void *where, int protection)
{
	if (mmap(where, PAGE, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		exit(2);
	sink = 1;
}

static PARTY void move_over(void *where)
{
	char *from = reserve(1, PROT_READ | PROT_WRITE);

	memset(from, 0, PAGE);
	if (mremap(from, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, where) == MAP_FAILED)
		exit(2);
	sink = 1;
}

static PARTY void discard(void *where)
{
	if (madvise(where, PAGE, MADV_DONTNEED))
		exit(2);
	sink = 1;
}

static PARTY void guard(void *where)
{
	if (madvise(where, PAGE, MADV_GUARD_INSTALL))
		exit(3);
	sink = 1;
}

static void *in_thread(void *argument)
{
	(void)argument;
	return NULL;
}

static void die_on_nodes(const char *how)
{
	struct node *nodes = fill();
	struct node *second = (struct node *)((char *)nodes + PAGE) + 8;

	sink = walk(second);
	if (strcmp(how, "clobbered") == 0)
		place_over((char *)nodes + PAGE, PROT_READ | PROT_WRITE);
	else if (strcmp(how, "clobbered-closed") == 0)
		place_over((char *)nodes + PAGE, PROT_NONE);
	else if (strcmp(how, "clobbered-by-move") == 0)
		move_over((char *)nodes + PAGE);
	else if (strcmp(how, "discarded") == 0)
		discard((char *)nodes + PAGE);
	else if (strcmp(how, "guarded") == 0)
		guard((char *)nodes + PAGE);
	else if (strcmp(how, "unlinked") == 0)
		second->next = NULL; /* near miss: a null pointer that the program itself stored */
	sink = walk(second);
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";
	pthread_t thread;

	path = argc > 2 ? argv[2] : NULL;
	pthread_create(&thread, NULL, in_thread, NULL);
	pthread_join(thread, NULL);
	if (strcmp(how, "sealed") == 0)
		die_sealed();
	else if (strcmp(how, "closed") == 0)
		die_closed();
	else if (strcmp(how, "literal") == 0)
		edit(greeting());
	else if (strcmp(how, "constant") == 0)
		edit((char *)(uintptr_t)&answers[1]);
	else if (strcmp(how, "cut") == 0)
		die_cut();
	else if (strcmp(how, "memfd") == 0)
		die_memfd();
	else if (strcmp(how, "unloaded-code") == 0)
		die_unloaded_code();
	else if (strcmp(how, "unloaded-data") == 0)
		die_unloaded_data();
	else if (strcmp(how, "unloaded-bss") == 0)
		die_unloaded_bss();
	else
		die_on_nodes(how);
	return 0;
}
