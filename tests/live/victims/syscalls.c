/* SPDX-License-Identifier: MIT */
/*
 * Makes every call that is recorded, with arguments that it knows, and prints the row that each must leave:
 *
 *     call KIND TID BEFORE_NS AFTER_NS IP SP TOP_WORD RESULT NUMBER-OF-ARGUMENTS ARGUMENT... [DEVICE INODE PATH]
 *     marker TID BEFORE_NS AFTER_NS IP RESULT OPTION A0 A1 A2 A3 [TEXT]
 *
 * in hexadecimal but for KIND, TID and times. Between a thread's prctl(PR_GET_DUMPABLE, 7001) and 7002 there is no
 * other call of these kinds: the record must hold these rows, in this order, and no more.
 *
 *     syscalls DIRECTORY DIRECTORY-ON-ANOTHER-MOUNT
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/prctl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "corelate/marker.h"

#define PAGE 4096L
#define FAR_PLACE 0x200000000000L

/* Lines wait here until the end: stdio would take memory. */
static char lines[1 << 16];
static size_t used;

static void line(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void line(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	used += (size_t)vsnprintf(lines + used, sizeof(lines) - used, format, args);
	va_end(args);
}

static uint64_t boottime_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* What the recorder must see of the calling thread. */
struct place {
	uint64_t before_ns, after_ns;
	long ip, sp, top_word;
};

static __attribute__((noinline)) long call(struct place *place, long number, long a, long b, long c, long d, long e,
					   long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long result = number, ip, sp, top;

	place->before_ns = boottime_ns();
	/* The vDSO call above may use these registers. */
	r10 = d, r8 = e, r9 = f;
	__asm__ volatile("lea 1f(%%rip), %1\n\tmov %%rsp, %2\n\tmov (%%rsp), %3\n\tsyscall\n1:"
			 : "+a"(result), "=&r"(ip), "=&r"(sp), "=&r"(top)
			 : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	place->after_ns = boottime_ns();
	place->ip = ip;
	place->sp = sp;
	place->top_word = top;
	return result;
}

/* The file of the mapping at `address`, as the kernel names it: device and inode as stat(2) gives them are another
 * thing on some file systems. */
static void line_file(long address, const char *path)
{
	static char maps[1 << 16];
	int fd = open("/proc/self/maps", O_RDONLY);
	char wanted[32];
	size_t size = 0;
	ssize_t got;
	unsigned major, minor;
	unsigned long inode;
	char *found;

	while ((got = read(fd, maps + size, sizeof(maps) - size - 1)) > 0)
		size += (size_t)got;
	maps[size] = 0;
	close(fd);
	snprintf(wanted, sizeof(wanted), "%lx-", (unsigned long)address);
	found = strstr(maps, wanted);
	if (found && sscanf(found, "%*s %*s %*s %x:%x %lu", &major, &minor, &inode) == 3)
		line(" %x:%x %lx %s", major, minor, inode, path);
	else
		line(" no-such-mapping");
}

static long memory_call(const char *kind, long number, int count, const char *path, long a, long b, long c, long d,
			long e, long f)
{
	long arguments[] = {a, b, c, d, e, f};
	struct place place;
	long result = call(&place, number, a, b, c, d, e, f);

	line("call %s %ld %lu %lu %lx %lx %lx %lx %d", kind, syscall(SYS_gettid), place.before_ns, place.after_ns,
	     place.ip, place.sp, place.top_word, result, count);
	for (int i = 0; i < count; i++)
		line(" %lx", arguments[i]);
	if (path)
		line_file(result, path);
	line("\n");
	return result;
}

static long map(const char *path, long address, long bytes, long protection, long flags, long fd, long offset)
{
	return memory_call("mmap", SYS_mmap, 6, path, address, bytes, protection, flags, fd, offset);
}

static long map_anonymous(long bytes)
{
	return map(NULL, 0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static long unmap(long address, long bytes)
{
	return memory_call("munmap", SYS_munmap, 2, NULL, address, bytes, 0, 0, 0, 0);
}

static long remap(long from, long old_bytes, long new_bytes, long flags, long to)
{
	return memory_call("mremap", SYS_mremap, 5, NULL, from, old_bytes, new_bytes, flags, to, 0);
}

static long mark(const char *text, long option, long a, long b, long c, long d)
{
	struct place place;
	long result = call(&place, SYS_prctl, option, a, b, c, d, 0);

	line("marker %ld %lu %lu %lx %lx %lx %lx %lx %lx %lx %s\n", syscall(SYS_gettid), place.before_ns,
	     place.after_ns, place.ip, result, option, a, b, c, d, text ? text : "");
	return result;
}

/* ---- the calls ---- */

static void anonymous(void)
{
	long block = map_anonymous(4 * PAGE);
	long shared = map(NULL, 0, 3 * PAGE, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	map(NULL, block + PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	/* Failures: the place is taken; no length; no such file; an address that is no page. */
	map(NULL, block, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	map(NULL, 0, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	map(NULL, 0, PAGE, PROT_READ, MAP_PRIVATE, 999, 0);
	map(NULL, block + 1, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	unmap(block, PAGE + 1); /* takes two pages */
	unmap(block + 2 * PAGE, 1);
	unmap(block + 3 * PAGE, PAGE);
	unmap(block, 4 * PAGE); /* nothing is there: not an error */
	unmap(block + 1, PAGE); /* that is one */
	unmap(block, 0);
	unmap(shared, 3 * PAGE);
}

static void remapped(void)
{
	long block = map(NULL, FAR_PLACE, 2 * PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	long target = FAR_PLACE + 64 * PAGE;
	long shared, left;

	remap(block, 2 * PAGE, 4 * PAGE, 0, 0);			       /* grows in place */
	remap(block, 4 * PAGE, 3 * PAGE, 0, 0);			       /* shrinks */
	block = remap(block, 3 * PAGE, 512 * PAGE, MREMAP_MAYMOVE, 0); /* wherever there is room */
	map(NULL, target, 16 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	left = block;
	block = remap(block, 512 * PAGE, 16 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, target);
	if (block != left)
		block = remap(block, 16 * PAGE, 16 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0);
	unmap(target, 16 * PAGE);
	unmap(block, 16 * PAGE);
	shared = map(NULL, 0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	left = remap(shared, 0, 2 * PAGE, MREMAP_MAYMOVE, 0); /* a second view of the same pages */
	unmap(shared, 2 * PAGE);
	unmap(left, 2 * PAGE);
	remap(shared, PAGE, PAGE, 1 << 20, 0); /* no such flag */
	remap(FAR_PLACE << 1, PAGE, 2 * PAGE, MREMAP_MAYMOVE, 0);
}

static void protected_and_advised(void)
{
	long block = map_anonymous(4 * PAGE);

	memory_call("mprotect", SYS_mprotect, 3, NULL, block, PAGE + 1, PROT_READ, 0, 0, 0);
	memory_call("mprotect", SYS_mprotect, 3, NULL, block + 1, PAGE, PROT_READ, 0, 0, 0);
	memory_call("mprotect", SYS_mprotect, 3, NULL, FAR_PLACE, PAGE, PROT_READ, 0, 0, 0);
	memory_call("pkey_mprotect", SYS_pkey_mprotect, 4, NULL, block, PAGE, PROT_READ | PROT_WRITE, -1, 0, 0);
	memory_call("pkey_mprotect", SYS_pkey_mprotect, 4, NULL, block, PAGE, PROT_READ, 15, 0, 0);
	memory_call("madvise", SYS_madvise, 3, NULL, block, 2 * PAGE, MADV_DONTNEED, 0, 0, 0);
	memory_call("madvise", SYS_madvise, 3, NULL, block, PAGE, MADV_WILLNEED, 0, 0, 0);
	memory_call("madvise", SYS_madvise, 3, NULL, block, PAGE, 12345, 0, 0, 0);
	unmap(block, 4 * PAGE);
}

/* The record gives the break before the call as second argument. */
static long set_break(long wanted, long before)
{
	struct place place;
	long result = call(&place, SYS_brk, wanted, 0, 0, 0, 0, 0);

	line("call brk %ld %lu %lu %lx %lx %lx %lx 2 %lx %lx\n", syscall(SYS_gettid), place.before_ns, place.after_ns,
	     place.ip, place.sp, place.top_word, result, wanted, before);
	return result;
}

static void breaks(long now)
{
	set_break(0, now);
	set_break(now + 3 * PAGE + 5, now);
	set_break(now + PAGE, now + 3 * PAGE + 5);
	set_break(1, now + PAGE); /* refused: the break stays */
	set_break(now, now + PAGE);
}

static void segments(void)
{
	int id = shmget(IPC_PRIVATE, 3 * PAGE - 100, IPC_CREAT | 0600);
	struct place place;
	long address = call(&place, SYS_shmat, id, 0, SHM_RDONLY, 0, 0, 0);
	long bytes = 3 * PAGE;

	line("call shmat %ld %lu %lu %lx %lx %lx %lx 4 %x 0 %x %lx\n", syscall(SYS_gettid), place.before_ns,
	     place.after_ns, place.ip, place.sp, place.top_word, address, (unsigned)id, SHM_RDONLY, bytes);
	shmctl(id, IPC_RMID, NULL);
	/* Arguments: address, and how much was attached there. */
	for (int i = 0; i < 2; i++) {
		long result = call(&place, SYS_shmdt, address, 0, 0, 0, 0, 0);

		line("call shmdt %ld %lu %lu %lx %lx %lx %lx 2 %lx %lx\n", syscall(SYS_gettid), place.before_ns,
		     place.after_ns, place.ip, place.sp, place.top_word, result, address, bytes);
		bytes = 0; /* the second time there is nothing */
	}
	address = call(&place, SYS_shmat, 0x7ffffff0, 0, 0, 0, 0, 0);
	line("call shmat %ld %lu %lu %lx %lx %lx %lx 4 7ffffff0 0 0 0\n", syscall(SYS_gettid), place.before_ns,
	     place.after_ns, place.ip, place.sp, place.top_word, address);
}

static int make_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || ftruncate(fd, 3 * PAGE)) {
		perror(path);
		exit(1);
	}
	return fd;
}

static long map_file(const char *path, int fd)
{
	return map(path, 0, 2 * PAGE, PROT_READ, MAP_PRIVATE, fd, PAGE);
}

static void files(const char *directory, const char *elsewhere)
{
	char first[PATH_MAX], second[PATH_MAX], gone[PATH_MAX];
	long block;
	int fd;

	snprintf(first, sizeof(first), "%s/plain", directory);
	fd = make_file(first);
	block = map_file(first, fd);
	unmap(block, 2 * PAGE);
	/* The name at the moment of the call, before and after. */
	snprintf(second, sizeof(second), "%s/renamed", directory);
	rename(first, second);
	block = map_file(second, fd);
	unmap(block, 2 * PAGE);
	close(fd);

	/* Gone right after the call: the record must have its name by then. */
	snprintf(first, sizeof(first), "%s/short-lived", directory);
	fd = make_file(first);
	block = map_file(first, fd);
	unlink(first);
	close(fd);
	unmap(block, 2 * PAGE);

	snprintf(first, sizeof(first), "%s/deleted-before", directory);
	snprintf(gone, sizeof(gone), "%s/deleted-before (deleted)", directory);
	fd = make_file(first);
	unlink(first);
	block = map_file(gone, fd);
	close(fd);
	unmap(block, 2 * PAGE);

	snprintf(first, sizeof(first), "%s/on another mount \xc3\xa4", elsewhere);
	fd = make_file(first);
	block = map(first, 0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	unmap(block, 2 * PAGE);
	close(fd);

	fd = memfd_create("in memory", 0);
	ftruncate(fd, 3 * PAGE);
	block = map_file("/memfd:in memory (deleted)", fd);
	unmap(block, 2 * PAGE);
	close(fd);
}

/* The names that prctl is given must not be taken from memory that the call itself changes. */
static const char thread_name[] = "a-new-name";
static const char range_name[] = "a named range";

static void markers(void)
{
	long block = map_anonymous(PAGE);

	mark(NULL, PR_GET_DUMPABLE, 8888, 0, 0, 0);
	mark(NULL, PR_GET_DUMPABLE, -1, 1, 2, 3);
	mark(NULL, PR_SET_DUMPABLE, 9999, 0, 0, 0); /* not a mode: refused, and so a marker */
	mark(NULL, PR_SET_DUMPABLE, 0x123456789abcdefL, 5, 6, 7);
	mark(thread_name, PR_SET_NAME, (long)thread_name, 0, 0, 0);
	/* Refused by kernels that do not have it: the row tells the result. */
	mark(range_name, PR_SET_VMA, PR_SET_VMA_ANON_NAME, block, PAGE, (long)range_name);
	mark(NULL, PR_SET_NAME, 16, 0, 0, 0); /* a bad pointer */
	unmap(block, PAGE);
}

static void *other_thread(void *argument)
{
	long block;

	(void)argument;
	mark(NULL, PR_GET_DUMPABLE, 7001, 0, 0, 0);
	block = map_anonymous(7 * PAGE);
	mark(NULL, PR_GET_DUMPABLE, 5555, 0, 0, 0);
	unmap(block, 7 * PAGE);
	mark(NULL, PR_GET_DUMPABLE, 7002, 0, 0, 0);
	return NULL;
}

/* The macros: what they record is told in words, since their place is not known here. */
static void macros(void)
{
	static const char text[] = "a marker with a text";
	int before = 4242;

	errno = before;
	CORELATE_MARK(31415);
	CORELATE_MARK_TEXT(27182, text);
	CORELATE_MARK_TEXT(0, "");
	line("errno %s\n", errno == before ? "kept" : "changed");
}

int main(int argc, char **argv)
{
	long now = (long)sbrk(0); /* its first use asks the kernel */
	pthread_t thread;

	if (argc != 3)
		return 2;
	mark(NULL, PR_GET_DUMPABLE, 7001, 0, 0, 0);
	anonymous();
	remapped();
	protected_and_advised();
	breaks(now);
	segments();
	files(argv[1], argv[2]);
	markers();
	mark(NULL, PR_GET_DUMPABLE, 7002, 0, 0, 0);
	macros();
	pthread_create(&thread, NULL, other_thread, NULL);
	pthread_join(thread, NULL);
	return write(STDOUT_FILENO, lines, used) == (ssize_t)used ? 0 : 1;
}
