/* SPDX-License-Identifier: MIT */
/* A program that dies of its own calls, in the way that its argument names; the live tests' mappings.c has other ways.
 */
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096UL
#define APART __attribute__((noinline, noclone))

static volatile long sink;

static APART char *take(size_t pages, int protection, int flags)
{
	char *block = mmap(NULL, pages * PAGE, protection, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	if (block == MAP_FAILED)
		_exit(2);
	sink = 1;
	return block;
}

static APART void give_back(char *block, size_t pages)
{
	if (munmap(block, pages * PAGE))
		_exit(2);
	sink = 2;
}

static APART long use(const char *block)
{
	return block[16];
}

/* Reads memory that it has unmapped, which may have been made as a stack. */
static APART void die_after(int flags)
{
	char *block = take(16, PROT_READ | PROT_WRITE, flags);

	sink = use(block);
	give_back(block, 16);
	sink = use(block);
}

/* Unmaps a range a second time, with its newer block in it. */
static APART void die_of_two(void)
{
	char *block = take(16, PROT_READ | PROT_WRITE, 0), *newer;

	give_back(block, 16);
	newer = take(14, PROT_READ | PROT_WRITE, 0);
	give_back(block, 16);
	sink = use(newer);
}

/* Uses what a call returned that failed. */
static APART void die_unchecked(void)
{
	const char *block = mmap(NULL, 1UL << 60, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	sink = *block;
}

/* With rax zero, where the zeros of an empty page use it as an address. */
static APART void call(char *code)
{
	__asm__ volatile("xor %%eax, %%eax\n\tcall *%0" : : "r"(code) : "rax", "memory", "cc");
}

/* Runs code over which it has mapped an empty page. */
static APART void die_over_code(void)
{
	char *code = take(1, PROT_READ | PROT_WRITE | PROT_EXEC, 0);

	memset(code, 0xc3, 64);
	call(code);
	if (mmap(code, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
	    MAP_FAILED)
		_exit(2);
	sink = 1;
	call(code);
}

/* A child truncates the file. */
static APART int cut_by_other(int file)
{
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit(ftruncate(file, PAGE) != 0);
	return child < 0 || waitpid(child, &status, 0) != child || status != 0;
}

/* Reads behind the end of a file that has been truncated since it was mapped. */
static APART void die_cut(const char *path, bool by_other)
{
	int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	const char *data;

	if (file < 0 || ftruncate(file, 4 * PAGE))
		_exit(2);
	data = mmap(NULL, 4 * PAGE, PROT_READ, MAP_SHARED, file, 0);
	if (data == MAP_FAILED || (by_other ? cut_by_other(file) : ftruncate(file, PAGE)))
		_exit(2);
	sink = use(data + 2 * PAGE);
}

/* Uses, frees or damages blocks in wrong ways. */
static APART void die_of_heap(const char *how)
{
	struct block {
		struct block *volatile next;
		char bytes[40];
	} *first = malloc(sizeof(*first)), *second = malloc(sizeof(*second));
	char *large = malloc(1 << 20);

	if (!first || !second || !large)
		_exit(2);
	first->next = second;
	second->next = first;
	if (strcmp(how, "freed") == 0) {
		free(second);
		free(first);
		sink = (long)first->next->next;
	} else if (strcmp(how, "freed-twice") == 0) {
		free(first);
		free(first);
	} else if (strcmp(how, "freed-inside") == 0) {
		free((char *)first + 16);
	} else if (strcmp(how, "freed-large") == 0) {
		free(large);
		sink = use(large);
	} else if (strcmp(how, "overrun") == 0) {
		memset((void *)(uintptr_t)first->bytes, 'A', sizeof(first->bytes) + 24);
		free(second);
	}
}

/* A filter that kills at the next system call. */
static APART void die_refused(void)
{
	struct sock_filter kill = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	struct sock_fprog filter = {.len = 1, .filter = &kill};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter))
		_exit(2);
	getppid();
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";

	if (strcmp(how, "used") == 0)
		die_after(0);
	else if (strcmp(how, "stack") == 0)
		die_after(MAP_STACK);
	else if (strcmp(how, "twice") == 0)
		die_of_two();
	else if (strcmp(how, "unchecked") == 0)
		die_unchecked();
	else if (strcmp(how, "code") == 0)
		die_over_code();
	else if (strcmp(how, "aborted") == 0)
		abort();
	else if (strcmp(how, "queued") == 0)
		sigqueue(getpid(), SIGABRT, (union sigval){.sival_int = 1});
	else if (strncmp(how, "freed", 5) == 0 || strcmp(how, "overrun") == 0)
		die_of_heap(how);
	else if (strcmp(how, "refused") == 0)
		die_refused();
	else if (strcmp(how, "cut") == 0 && argc > 2)
		die_cut(argv[2], false);
	else if (strcmp(how, "cut-by-other") == 0 && argc > 2)
		die_cut(argv[2], true);
	return 0;
}
