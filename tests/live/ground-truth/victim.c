/* SPDX-License-Identifier: MIT */
/*
 * Makes memory calls, and writes down what it does (log.h): by threads that fight over the same pages, in forks and
 * their forks, in children that share the space (vfork, CLONE_VM), in programs that they become.
 *
 *     ground-truth-victim LOG SEED CALLS [exec]
 *
 * CALLS is for each thread. Calls are made without the C library: nothing but they may touch the playground, and a
 * child that shares the space has no errno of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "log.h"

#define CHILD_CALLS 25
#define CHILD_DEPTH 2
#define SHM_PAGES 3
#define FILE_BYTES (1ULL << 40)
#define BRK_PAGES 24

static struct log_head *head;
static struct note *notes;
static char **words;
static uint32_t space;
static uint64_t brk_begin;
static int file_fd, read_fd, socket_fd, segment;
static uint64_t file_inode;
static uint64_t seed;
static int calls;

/* One who makes calls: a thread, or a child. */
struct actor {
	uint64_t random;
	uint32_t pid, tid;
	uint32_t space;
	int number;    /* of the thread: its own arena; a fork plays in all of them */
	bool is_alone; /* in its space */
	int depth;     /* of forks */
	char *stack;   /* for children that share the space */
};

static long call6(long number, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

static long call3(long number, long a, long b, long c)
{
	return call6(number, a, b, c, 0, 0, 0);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static uint64_t draw(struct actor *actor, uint64_t below)
{
	actor->random ^= actor->random << 13;
	actor->random ^= actor->random >> 7;
	actor->random ^= actor->random << 17;
	return (actor->random >> 11) % below;
}

static struct note *note(const struct actor *actor, enum note_what what)
{
	static struct note nowhere;
	uint64_t index = __atomic_fetch_add(&head->used, 1, __ATOMIC_RELAXED);
	struct note *note = index < head->room ? &notes[index] : &nowhere;

	note->pid = actor->pid;
	note->tid = actor->tid;
	note->space = actor->space;
	note->before_ns = now_ns();
	__atomic_store_n(&note->what, what, __ATOMIC_RELEASE);
	return note;
}

/* Calls of one actor follow one another, and the record of a call is its own before its begin. */
static long act(struct actor *actor, long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
		uint64_t f)
{
	struct note *call = note(actor, NOTE_CALL);
	const uint64_t args[6] = {a, b, c, d, e, f};
	long result;

	call->number = (uint64_t)number;
	memcpy(call->args, args, sizeof(args));
	__atomic_store_n(&call->before_ns, now_ns(), __ATOMIC_SEQ_CST);
	result = call6(number, (long)a, (long)b, (long)c, (long)d, (long)e, (long)f);
	call->result = result;
	__atomic_store_n(&call->after_ns, now_ns(), __ATOMIC_SEQ_CST);
	return result;
}

/* ---- looks ---- */

static uint64_t hex(const char **text)
{
	uint64_t value = 0;

	for (;; (*text)++) {
		char c = **text;

		if (c >= '0' && c <= '9')
			value = value * 16 + (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value * 16 + (uint64_t)(c - 'a') + 10;
		else
			return value;
	}
}

static uint64_t look_at_line(const struct actor *actor, const char *line, uint64_t low, uint64_t high)
{
	uint64_t start = hex(&line), end = (line++, hex(&line)), offset, inode = 0;
	const char *flags = ++line;
	struct note *mapping;

	if (start >= high || end <= low)
		return 0;
	line += 5;
	offset = hex(&line);
	line++;
	hex(&line), line++, hex(&line), line++;
	for (; *line >= '0' && *line <= '9'; line++)
		inode = inode * 10 + (uint64_t)(*line - '0');
	mapping = note(actor, NOTE_MAPPING);
	mapping->args[0] = start;
	mapping->args[1] = end;
	mapping->args[2] = (flags[0] == 'r' ? PROT_READ : 0) | (flags[1] == 'w' ? PROT_WRITE : 0) |
			   (flags[2] == 'x' ? PROT_EXEC : 0);
	mapping->args[3] = offset;
	mapping->args[4] = inode;
	return 1;
}

/* From `low` to `high`, where nobody else makes calls meanwhile. */
static void look(const struct actor *actor, uint64_t low, uint64_t high)
{
	static char texts[THREADS][1 << 17];
	char *text = texts[actor->number];
	struct note *look = note(actor, NOTE_LOOK);
	long fd = call3(SYS_open, (long)"/proc/self/maps", O_RDONLY, 0), used = 0, count;

	while ((count = call3(SYS_read, fd, (long)text + used, (long)sizeof(texts[0]) - 1 - used)) > 0)
		used += count;
	text[used] = 0;
	call3(SYS_close, fd, 0, 0);
	look->after_ns = now_ns();
	look->args[1] = low;
	look->args[2] = high;
	for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
		look->args[0] += look_at_line(actor, line, low, high);
		look->args[0] +=
			look_at_line(actor, line, brk_begin,
				     low == PLAYGROUND && high == PLAYGROUND_END ? brk_begin + BRK_PAGES * PAGE : 0);
	}
	look->result = 1; /* complete */
}

static void look_at_all(const struct actor *actor)
{
	look(actor, PLAYGROUND, PLAYGROUND_END);
}

/* What a call has left that failed. */
static void look_after(const struct actor *actor, long result, uint64_t base)
{
	if (result < 0 && result >= -4095)
		look(actor, base, base + ARENA_STRIDE);
}

/* ---- calls ---- */

static const int protections[] = {PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE, PROT_READ | PROT_EXEC};

static uint64_t some_protection(struct actor *actor)
{
	return (uint64_t)protections[draw(actor, 4)];
}

static uint64_t arena(int number)
{
	return PLAYGROUND + (uint64_t)number * ARENA_STRIDE;
}

struct range {
	uint64_t start, bytes;
};

static struct range some_range(struct actor *actor, uint64_t base, uint64_t pages)
{
	uint64_t first = draw(actor, pages), most = pages - first < 6 ? pages - first : 6;

	return (struct range){base + first * PAGE, (1 + draw(actor, most)) * PAGE};
}

/* Each mapping of the file has an offset of its own, by which a look knows it. */
static void map(struct actor *actor, struct range range, uint64_t flags, int fd, uint64_t protection)
{
	static uint64_t serial;
	uint64_t offset = 0;
	long result;

	if (fd < 0)
		flags |= MAP_ANONYMOUS;
	else
		offset = __atomic_add_fetch(&serial, 1, __ATOMIC_RELAXED) * ARENA_PAGES * PAGE;
	result = act(actor, SYS_mmap, range.start, range.bytes, protection, flags, (uint64_t)fd, offset);
	/* A hint that was not taken. */
	if (result > 0 && (uint64_t)result != range.start)
		act(actor, SYS_munmap, (uint64_t)result, range.bytes, 0, 0, 0, 0);
}

static void map_some(struct actor *actor, struct range range, bool in_own)
{
	uint64_t kind = draw(actor, 10), sharing = draw(actor, 2) ? MAP_SHARED : MAP_PRIVATE;
	uint64_t flags = kind < 6 ? MAP_FIXED : kind < 8 ? MAP_FIXED_NOREPLACE : 0;
	int fd = in_own && draw(actor, 2) ? -1 : file_fd;

	if (in_own && draw(actor, 8) == 0) {
		/* Its mapping may not be made writable: an mprotect over it fails there. */
		map(actor, range, MAP_FIXED | MAP_SHARED, read_fd, PROT_READ);
	} else {
		map(actor, range, flags | sharing, fd, some_protection(actor));
	}
}

static void remap_some(struct actor *actor, uint64_t base)
{
	struct range from = some_range(actor, base, ARENA_PAGES), to = some_range(actor, base, ARENA_PAGES);
	uint64_t kind = draw(actor, 8);
	long result;

	switch (kind) {
	case 0: /* shrink, or refused */
		result = act(actor, SYS_mremap, from.start, from.bytes, PAGE, 0, 0, 0);
		break;
	case 1: /* grow in place, or be refused */
		result = act(actor, SYS_mremap, from.start, from.bytes, from.bytes + 2 * PAGE, 0, 0, 0);
		break;
	case 2: /* grow, perhaps somewhere else */
		result = act(actor, SYS_mremap, from.start, from.bytes, from.bytes + PAGE, MREMAP_MAYMOVE, 0, 0);
		if (result > 0 && (uint64_t)result != from.start)
			act(actor, SYS_munmap, (uint64_t)result, from.bytes + PAGE, 0, 0, 0, 0);
		break;
	case 3: /* leave it mapped, and empty */
		result = act(actor, SYS_mremap, from.start, from.bytes, from.bytes,
			     MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, to.start, 0);
		break;
	case 4: /* the same pages a second time */
		result = act(actor, SYS_mremap, from.start, 0, to.bytes, MREMAP_MAYMOVE | MREMAP_FIXED, to.start, 0);
		break;
	case 5: /* the target has another size */
		result = act(actor, SYS_mremap, from.start, from.bytes, to.bytes, MREMAP_MAYMOVE | MREMAP_FIXED,
			     to.start, 0);
		break;
	default: /* move, of one mapping or of several */
		result = act(actor, SYS_mremap, from.start, from.bytes, from.bytes, MREMAP_MAYMOVE | MREMAP_FIXED,
			     to.start, 0);
		break;
	}
	look_after(actor, result, base);
}

static void attach_some(struct actor *actor, uint64_t base)
{
	uint64_t at = base + draw(actor, ARENA_PAGES - SHM_PAGES) * PAGE;
	bool replaces = draw(actor, 2);
	long result = act(actor, SYS_shmat, (uint64_t)segment, at,
			  (replaces ? SHM_REMAP : 0) | (draw(actor, 2) ? SHM_RDONLY : 0), 0, 0, 0);

	if (result < 0 && result >= -4095)
		return;
	if (draw(actor, 2))
		act(actor, SYS_munmap, at + draw(actor, SHM_PAGES) * PAGE, PAGE, 0, 0, 0, 0);
	if (draw(actor, 2))
		map(actor, (struct range){at + draw(actor, SHM_PAGES) * PAGE, PAGE}, MAP_FIXED | MAP_PRIVATE, -1,
		    PROT_READ);
	if (draw(actor, 4))
		act(actor, SYS_shmdt, at, 0, 0, 0, 0, 0);
}

static void break_some(struct actor *actor)
{
	uint64_t to = brk_begin + draw(actor, BRK_PAGES - 8) * PAGE - draw(actor, 2) * 100;
	uint64_t end;

	if (to < brk_begin)
		to = brk_begin;
	end = (uint64_t)act(actor, SYS_brk, to, 0, 0, 0, 0, 0);
	if (end > brk_begin + PAGE)
		act(actor, SYS_mprotect, brk_begin, PAGE * (1 + draw(actor, (end - brk_begin) / PAGE)),
		    draw(actor, 2) ? PROT_READ : PROT_READ | PROT_WRITE, 0, 0, 0);
}

static void advise_some(struct actor *actor, struct range range)
{
	static const int advices[] = {
		MADV_DONTNEED, MADV_FREE, MADV_REMOVE, 102 /* MADV_GUARD_INSTALL */, 103 /* MADV_GUARD_REMOVE */,
		MADV_WILLNEED};

	act(actor, SYS_madvise, range.start, range.bytes, (uint64_t)advices[draw(actor, 6)], 0, 0, 0);
}

static void play_in_own(struct actor *actor, uint64_t base)
{
	struct range range = some_range(actor, base, ARENA_PAGES);

	switch (draw(actor, 20)) {
	case 0 ... 5:
		map_some(actor, range, true);
		break;
	case 6 ... 8:
		act(actor, SYS_munmap, range.start, range.bytes - draw(actor, 2) * 7, 0, 0, 0, 0);
		break;
	case 9: /* refused: not aligned, no length, no such descriptor */
		act(actor, SYS_munmap, range.start + 8, range.bytes, 0, 0, 0, 0);
		act(actor, SYS_mprotect, range.start, range.bytes, 0x1000, 0, 0, 0);
		act(actor, SYS_mmap, range.start, range.bytes, PROT_READ, MAP_FIXED | MAP_PRIVATE, 999, 0);
		break;
	case 10: /* fails when what stood there is gone */
		look_after(actor,
			   act(actor, SYS_mmap, range.start, range.bytes, PROT_READ, MAP_FIXED | MAP_SHARED,
			       (uint64_t)socket_fd, 0),
			   base);
		break;
	case 11 ... 12:
		act(actor, SYS_mprotect, range.start, range.bytes, some_protection(actor), 0, 0, 0);
		break;
	case 13:
		act(actor, SYS_pkey_mprotect, range.start, range.bytes, some_protection(actor),
		    draw(actor, 2) ? 0 : (uint64_t)-1, 0, 0);
		break;
	case 14:
		advise_some(actor, range);
		break;
	case 15:
		attach_some(actor, base);
		break;
	case 16:
		if (actor->number == 0)
			break_some(actor);
		break;
	default:
		remap_some(actor, base);
		break;
	}
}

/* What depends on no more than one page at a time, or takes what is the thread's own. */
static void play_in_shared(struct actor *actor)
{
	uint64_t base = arena(THREADS + (int)draw(actor, SHARED_ARENAS)), own = arena(actor->number);
	struct range range = some_range(actor, base, SHARED_PAGES);

	switch (draw(actor, 8)) {
	case 0 ... 2:
		map_some(actor, range, false);
		break;
	case 3 ... 5:
		act(actor, SYS_munmap, range.start, range.bytes, 0, 0, 0, 0);
		break;
	case 6:
		act(actor, SYS_mprotect, range.start, range.bytes, some_protection(actor), 0, 0, 0);
		break;
	default:
		map(actor, (struct range){own, range.bytes}, MAP_FIXED | MAP_SHARED, file_fd, PROT_READ);
		act(actor, SYS_mremap, own, range.bytes, range.bytes, MREMAP_MAYMOVE | MREMAP_FIXED, range.start, 0);
		break;
	}
}

/* ---- who plays ---- */

static int play(struct actor *actor, int count);

static void identify(struct actor *actor)
{
	actor->pid = (uint32_t)call3(SYS_getpid, 0, 0, 0);
	actor->tid = (uint32_t)call3(SYS_gettid, 0, 0, 0);
}

static void become(uint64_t number)
{
	char text[24], *const again[] = {words[0], words[1], text, words[3], "exec", NULL};

	for (int i = 0; i < 20; i++, number /= 10)
		text[19 - i] = (char)('0' + number % 10), text[20] = 0;
	call3(SYS_execve, (long)words[0], (long)again, (long)environ);
	call3(SYS_exit_group, 111, 0, 0);
}

static void wait_for(long pid)
{
	int status;

	while (call6(SYS_wait4, pid, (long)&status, 0, 0, 0, 0) == -EINTR)
		;
	if (status != 0)
		call3(SYS_exit_group, 112, 0, 0);
}

static void describe(struct note *begin)
{
	begin->args[2] = brk_begin;
	begin->args[3] = file_inode;
	begin->args[4] = (uint64_t)segment;
	begin->args[5] = (uint64_t)read_fd;
}

static long fork_some(struct actor *actor)
{
	uint64_t random = actor->random, parent_space = actor->space, before = now_ns();
	uint32_t parent = actor->pid;
	struct note *begin;
	long pid = call6(SYS_clone, SIGCHLD, 0, 0, 0, 0, 0);

	if (pid)
		return pid;
	identify(actor);
	actor->random = random ^ actor->pid;
	actor->is_alone = true;
	actor->depth++;
	actor->space = __atomic_add_fetch(&head->spaces, 1, __ATOMIC_RELAXED);
	begin = note(actor, NOTE_SPACE);
	begin->number = SPACE_BY_FORK;
	begin->args[0] = parent_space;
	begin->args[1] = parent;
	describe(begin);
	begin->before_ns = before;
	begin->after_ns = now_ns();
	look_at_all(actor);
	play(actor, CHILD_CALLS);
	look_at_all(actor);
	if (draw(actor, 4) == 0)
		become(actor->random % 1000000007);
	call3(SYS_exit_group, 0, 0, 0);
	return 0;
}

/* In the child, which shares all memory with its parent. */
static int share(void *context)
{
	struct actor child = *(struct actor *)context;

	identify(&child);
	child.random ^= child.pid;
	child.depth = CHILD_DEPTH; /* no more of them */
	note(&child, NOTE_SHARER)->after_ns = now_ns();
	for (int i = 0; i < 6; i++)
		play_in_own(&child, arena(child.number));
	if (!child.is_alone)
		for (int i = 0; i < 3; i++)
			play_in_shared(&child);
	if (draw(&child, 3) == 0)
		become(child.random % 1000000007);
	call3(SYS_exit, 0, 0, 0);
	return 0;
}

static void share_some(struct actor *actor)
{
	int flags = CLONE_VM | SIGCHLD | (draw(actor, 2) ? CLONE_VFORK : 0);
	long pid = clone(share, actor->stack, flags, actor);

	if (pid < 0)
		call3(SYS_exit_group, 113, 0, 0);
	wait_for(pid);
}

/* Returns how many children there were. */
static int play(struct actor *actor, int count)
{
	long children[64];
	int born = 0;

	for (int i = 0; i < count; i++) {
		uint64_t what = draw(actor, 100);

		if (what < 2 && actor->depth < CHILD_DEPTH && born < 3)
			children[born++] = fork_some(actor);
		else if (what < 3 && actor->depth < CHILD_DEPTH)
			share_some(actor);
		else if (actor->is_alone && what < 50)
			play_in_own(actor, arena((int)draw(actor, ARENAS)));
		else if (actor->is_alone || what < 55)
			play_in_own(actor, arena(actor->number));
		else
			play_in_shared(actor);
	}
	for (int i = 0; i < born; i++)
		wait_for(children[i]);
	return born;
}

static pthread_barrier_t barrier;
static char stacks[THREADS][1 << 16] __attribute__((aligned(16)));

struct thread {
	pthread_t handle;
	struct actor actor;
};

/* Rounds, with a look after each: what it sees leaves few orders. */
static void *run_thread(void *context)
{
	struct thread *thread = context;
	struct actor *actor = &thread->actor;

	identify(actor);
	pthread_barrier_wait(&barrier);
	actor->space = space;
	for (int left = calls; left > 0; left -= 40) {
		play(actor, left < 40 ? left : 40);
		pthread_barrier_wait(&barrier);
		if (actor->number == 0)
			look_at_all(actor);
		pthread_barrier_wait(&barrier);
	}
	if (seed % 2 == 0)
		return NULL;
	/* They go down in the midst of it when one of them becomes another program. */
	for (int i = 0; i < 10 || actor->number != 3; i++)
		play_in_own(actor, arena(actor->number));
	become(seed + 7);
	return NULL;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void open_log(const char *path)
{
	struct stat status;
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &status))
		die(path);
	head = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (head == MAP_FAILED)
		die(path);
	close(fd);
	notes = (struct note *)(head + 1);
	head->room = ((uint64_t)status.st_size - sizeof(*head)) / sizeof(*notes);
}

static void open_files(void)
{
	struct stat status;
	char path[64];

	file_fd = memfd_create("ground-truth", MFD_CLOEXEC);
	socket_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (file_fd < 0 || socket_fd < 0 || ftruncate(file_fd, FILE_BYTES))
		die("files");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file_fd);
	read_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (read_fd < 0 || fstat(file_fd, &status))
		die(path);
	file_inode = status.st_ino;
}

static void make_segment(void)
{
	segment = shmget(IPC_PRIVATE, SHM_PAGES * PAGE, 0600);
	/* Attached for good, so that it stays until the end. */
	if (segment < 0 || shmat(segment, NULL, 0) == (void *)-1 || shmctl(segment, IPC_RMID, NULL))
		die("shared memory");
}

static void begin_space(struct actor *actor)
{
	struct note *begin;

	actor->space = space = __atomic_add_fetch(&head->spaces, 1, __ATOMIC_RELAXED);
	brk_begin = (uint64_t)call3(SYS_brk, 0, 0, 0);
	brk_begin = (brk_begin + PAGE - 1) & ~(PAGE - 1);
	begin = note(actor, NOTE_SPACE);
	begin->number = SPACE_BY_EXEC;
	describe(begin);
	begin->result = !actor->is_alone;
	begin->after_ns = now_ns();
}

/* A new program, alone in its space. */
static int run_alone(void)
{
	struct actor actor = {.random = seed * 0x9e3779b97f4a7c15ULL + 1, .is_alone = true, .depth = CHILD_DEPTH};

	identify(&actor);
	begin_space(&actor);
	play(&actor, CHILD_CALLS);
	look_at_all(&actor);
	call3(SYS_exit_group, 0, 0, 0);
	return 0;
}

static int run_threads(void)
{
	static struct thread threads[THREADS];
	struct actor *main_actor = &threads[0].actor;
	struct note *unlogged;

	pthread_barrier_init(&barrier, NULL, THREADS);
	for (int i = 0; i < THREADS; i++)
		threads[i].actor = (struct actor){
			.random = (seed + 1) * 0x9e3779b97f4a7c15ULL + (uint64_t)i * 0xbf58476d1ce4e5b9ULL,
			.number = i,
			.stack = stacks[i] + sizeof(stacks[i]) - 64,
		};
	identify(main_actor);
	unlogged = note(main_actor, NOTE_UNLOGGED);
	for (int i = 1; i < THREADS; i++)
		if (pthread_create(&threads[i].handle, NULL, run_thread, &threads[i]))
			die("thread");
	/* Nobody allocates any more: the break is ours. */
	begin_space(main_actor);
	unlogged->after_ns = now_ns();
	run_thread(&threads[0]);
	unlogged = note(main_actor, NOTE_UNLOGGED);
	for (int i = 1; i < THREADS; i++)
		pthread_join(threads[i].handle, NULL);
	unlogged->after_ns = now_ns();
	look_at_all(main_actor);
	call3(SYS_exit_group, 0, 0, 0);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc < 4)
		return 2;
	words = argv;
	open_log(argv[1]);
	open_files();
	make_segment();
	seed = strtoull(argv[2], NULL, 10);
	calls = atoi(argv[3]);
	return argc > 4 ? run_alone() : run_threads();
}
