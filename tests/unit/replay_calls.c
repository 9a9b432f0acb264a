/* SPDX-License-Identifier: MIT */
#include "tests/unit/replay_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "replay/kernel.h"

/* Far below what the kernel gives out by itself: nothing else comes here while it is free. */
#define ARENA 0x300000000000ULL

/* Documentation/admin-guide/mm/pagemap.rst */
#define PAGEMAP_PRESENT (1ULL << 63)
#define PAGEMAP_SWAPPED (1ULL << 62)
#define PAGEMAP_GUARD (1ULL << 58)

uint64_t calls_draw(struct sequence *sequence, uint64_t bound)
{
	sequence->state ^= sequence->state << 13;
	sequence->state ^= sequence->state >> 7;
	sequence->state ^= sequence->state << 17;
	return (sequence->state >> 11) % bound;
}

static void *host(uint64_t address)
{
	return (void *)(uintptr_t)address; // NOLINT: the child's own memory
}

static int64_t result_of(const void *address)
{
	return address == MAP_FAILED ? -errno : (int64_t)(uintptr_t)address;
}

static int64_t result_of_status(long status)
{
	return status < 0 ? -errno : status;
}

static int draw_protection(struct sequence *sequence)
{
	static const int protections[] = {PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE, PROT_READ | PROT_EXEC};

	return protections[calls_draw(sequence, 4)];
}

/* ---- one call ---- */

struct mapping_kind {
	int flags, protection; /* -1: any */
	int fd;
};

static struct mapping_kind draw_kind(struct sequence *sequence)
{
	const struct mapping_kind kinds[] = {
		{MAP_FIXED_NOREPLACE | MAP_PRIVATE | MAP_ANONYMOUS, -1, -1},
		{MAP_FIXED | MAP_PRIVATE, -1, sequence->file},
		{MAP_FIXED | MAP_PRIVATE, -1, sequence->file},
		{MAP_FIXED | MAP_SHARED, PROT_READ, sequence->read_only},
		{MAP_FIXED | MAP_SHARED, -1, sequence->refusing},
		{MAP_FIXED | MAP_PRIVATE, -1, 987}, /* EBADF */
		{MAP_FIXED | MAP_SHARED, -1, sequence->file},
		{MAP_FIXED | MAP_SHARED | MAP_ANONYMOUS, -1, -1},
		{MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, -1},
		{MAP_FIXED | (int)TYPE_MAP_DROPPABLE | MAP_ANONYMOUS, -1, -1},
		{MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, -1},
		{MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, -1},
		{MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, -1},
		{MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, -1},
	};

	return kinds[calls_draw(sequence, sizeof(kinds) / sizeof(kinds[0]))];
}

static struct memory_event do_mmap(struct sequence *sequence, uint64_t start, uint64_t bytes)
{
	const struct mapping_kind kind = draw_kind(sequence);
	int protection = draw_protection(sequence);
	uint64_t offset = kind.fd >= 0 ? calls_draw(sequence, FILE_PAGES / 2) * PAGE : 0;
	struct memory_event event = {.kind = MEMORY_MMAP};

	if (kind.protection >= 0)
		protection = kind.protection;
	event.result = result_of(mmap(host(start), bytes, protection, kind.flags, kind.fd, (off_t)offset));
	event.file_id = kind.fd >= 0 && event.result > 0 ? 1 : 0;
	memcpy(event.args,
	       (uint64_t[6]){start, bytes, (uint64_t)protection, (uint64_t)kind.flags, (uint64_t)kind.fd, offset},
	       sizeof(event.args));
	for (uint64_t at = 0; event.result > 0 && kind.fd < 0 && (protection & PROT_WRITE) && at < bytes; at += PAGE)
		*(volatile char *)host((uint64_t)event.result + at) = 1;
	return event;
}

static struct memory_event do_mremap(struct sequence *sequence, uint64_t start, uint64_t bytes)
{
	uint64_t new_page = calls_draw(sequence, ARENA_PAGES), room = ARENA_PAGES - new_page;
	uint64_t target = sequence->arena + new_page * PAGE,
		 new_bytes = (calls_draw(sequence, room < 6 ? room : 6) + 1) * PAGE;
	int flags = MREMAP_MAYMOVE | MREMAP_FIXED;
	struct memory_event event = {.kind = MEMORY_MREMAP};

	switch (calls_draw(sequence, 7)) {
	case 0:
	case 1:
		flags = 0;
		target = 0;
		break;
	case 2:
		flags |= MREMAP_DONTUNMAP;
		/* fallthrough */
	case 3:
	case 4: /* several mappings go at once only at the same size */
		new_bytes = bytes;
		if (target + new_bytes > sequence->arena + ARENA_PAGES * PAGE)
			target = sequence->arena;
		break;
	case 5: /* of shared memory: once more */
		bytes = calls_draw(sequence, 2) ? 0 : bytes;
		break;
	default:
		break;
	}
	event.result = result_of(mremap(host(start), bytes, new_bytes, flags, host(target)));
	memcpy(event.args, (uint64_t[6]){start, bytes, new_bytes, (uint64_t)flags, target}, sizeof(event.args));
	return event;
}

static struct memory_event do_madvise(struct sequence *sequence, uint64_t start, uint64_t bytes)
{
	static const int advices[] = {
		ADVICE_DONTNEED,   ADVICE_DONTNEED,	   ADVICE_FREE,		ADVICE_REMOVE,
		ADVICE_DONTFORK,   ADVICE_DONTFORK,	   ADVICE_DOFORK,	ADVICE_WIPEONFORK,
		ADVICE_KEEPONFORK, ADVICE_DONTNEED_LOCKED, ADVICE_GUARD_REMOVE, ADVICE_GUARD_INSTALL,
		ADVICE_WIPEONFORK, ADVICE_GUARD_INSTALL,   MADV_WILLNEED,
	};
	int advice = advices[calls_draw(sequence, sizeof(advices) / sizeof(advices[0]))];
	struct memory_event event = {.kind = MEMORY_MADVISE};

	event.result = result_of_status(madvise(host(start), bytes, advice));
	memcpy(event.args, (uint64_t[6]){start, bytes, (uint64_t)advice}, sizeof(event.args));
	return event;
}

static struct memory_event do_protect(struct sequence *sequence, uint64_t start, uint64_t bytes)
{
	uint64_t protection = (uint64_t)draw_protection(sequence);
	struct memory_event event = {.kind = MEMORY_MPROTECT};

	if (calls_draw(sequence, 10) == 0)
		protection |= FLAG_PROT_GROWSDOWN;
	if (calls_draw(sequence, 4) == 0) {
		int pkey = (int)calls_draw(sequence, 2) - 1;

		event.kind = MEMORY_PKEY_MPROTECT;
		event.result = result_of_status(syscall(SYS_pkey_mprotect, start, bytes, protection, pkey));
		event.args[3] = (uint64_t)pkey;
	} else {
		event.result = result_of_status(mprotect(host(start), bytes, (int)protection));
	}
	event.args[0] = start;
	event.args[1] = bytes;
	event.args[2] = protection;
	return event;
}

static uint64_t current_break(void)
{
	return (uint64_t)syscall(SYS_brk, 0);
}

static struct memory_event do_brk(struct sequence *sequence)
{
	uint64_t wanted = sequence->program_break + calls_draw(sequence, BREAK_PAGES * PAGE + 1);
	struct memory_event event = {.kind = MEMORY_BRK, .args = {wanted, current_break()}};

	event.result = syscall(SYS_brk, wanted);
	return event;
}

static struct memory_event do_shmat(struct sequence *sequence)
{
	static const int flags[] = {0, SHM_RDONLY, SHM_REMAP, SHM_REMAP | SHM_EXEC, SHM_REMAP | SHM_RDONLY};
	uint64_t start = sequence->arena + calls_draw(sequence, ARENA_PAGES - SEGMENT_PAGES + 1) * PAGE;
	int flag = flags[calls_draw(sequence, sizeof(flags) / sizeof(flags[0]))];
	struct memory_event event = {.kind = MEMORY_SHMAT};

	event.result = result_of(shmat(sequence->segment, host(start), flag));
	memcpy(event.args, (uint64_t[6]){(uint64_t)sequence->segment, start, (uint64_t)flag, SEGMENT_PAGES * PAGE},
	       sizeof(event.args));
	return event;
}

/* A page of an attachment that is there still, more often than any. */
static struct memory_event do_shmdt(struct sequence *sequence)
{
	uint64_t start = sequence->arena + calls_draw(sequence, ARENA_PAGES) * PAGE;
	struct memory_event event = {.kind = MEMORY_SHMDT};

	for (size_t i = sequence->count; i-- > 0;)
		if (sequence->events[i].kind == MEMORY_SHMAT && sequence->events[i].result > 0) {
			start = (uint64_t)sequence->events[i].result;
			break;
		}
	event.args[0] = start;
	event.args[1] = SEGMENT_PAGES * PAGE;
	event.result = result_of_status(shmdt(host(start)));
	return event;
}

static struct memory_event do_call(struct sequence *sequence)
{
	bool at_break = calls_draw(sequence, 12) == 0;
	uint64_t pages = at_break ? BREAK_PAGES : ARENA_PAGES, page = calls_draw(sequence, pages), room = pages - page;
	uint64_t start = (at_break ? sequence->program_break : sequence->arena) + page * PAGE,
		 bytes = (calls_draw(sequence, room < 8 ? room : 8) + 1) * PAGE;
	struct memory_event event = {0};

	switch (calls_draw(sequence, 30)) {
	case 0:
		start += 1; /* EINVAL */
		break;
	case 1:
		bytes -= calls_draw(sequence, PAGE); /* rounds up */
		break;
	case 2:
		bytes = calls_draw(sequence, 2) ? 0 : UINT64_MAX - calls_draw(sequence, 2 * PAGE);
		break;
	case 3:
		start |= 1ULL << (48 + calls_draw(sequence, 16)); /* of no process */
		break;
	default:
		break;
	}
	switch (calls_draw(sequence, 16)) {
	case 0:
	case 1:
	case 2:
	case 3:
		return do_mmap(sequence, start, bytes);
	case 4:
	case 5:
		event.kind = MEMORY_MUNMAP;
		event.args[0] = start;
		event.args[1] = bytes;
		event.result = result_of_status(munmap(host(start), bytes));
		return event;
	case 6:
	case 7:
		return do_protect(sequence, start, bytes);
	case 8:
	case 9:
	case 10:
		return do_madvise(sequence, start, bytes);
	case 11:
		return do_brk(sequence);
	case 12:
		return calls_draw(sequence, 2) ? do_shmat(sequence) : do_shmdt(sequence);
	default:
		return do_mremap(sequence, start, bytes);
	}
}

void calls_make(struct sequence *sequence, uint64_t seed, size_t count_max)
{
	size_t count;

	sequence->seed = seed;
	sequence->state = seed * 0x9e3779b97f4a7c15ULL + 1;
	sequence->count = 0;
	sequence->handed = NULL;
	count = calls_draw(sequence, count_max) + 1;
	munmap(host(sequence->arena), 4 * ARENA_PAGES * PAGE);
	munmap(host(sequence->program_break), BREAK_PAGES * PAGE);
	for (size_t i = 0; i < count; i++) {
		struct memory_event event = do_call(sequence);

		event.id = (int64_t)i + 1;
		event.enter_ns = 1000 * (i + 1);
		event.exit_ns = event.enter_ns + 10;
		sequence->events[sequence->count++] = event;
	}
}

/* ---- what the kernel says ---- */

uint64_t calls_address(const struct sequence *sequence, size_t page)
{
	return page < ARENA_PAGES ? sequence->arena + page * PAGE
				  : sequence->program_break + (page - ARENA_PAGES) * PAGE;
}

static int read_maps(const struct sequence *sequence, struct page *pages)
{
	static char text[1 << 20];
	int fd = open("/proc/self/maps", O_RDONLY);
	size_t used = 0;
	ssize_t got;

	if (fd < 0)
		return -1;
	while ((got = read(fd, text + used, sizeof(text) - 1 - used)) > 0)
		used += (size_t)got;
	close(fd);
	text[used] = '\0';
	for (char *line = text, *next; *line; line = next) {
		uint64_t start, end, offset, inode;
		char flags[8], path[256] = "";

		next = strchrnul(line, '\n');
		if (*next)
			*next++ = '\0';
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s %" SCNx64 " %*s %" SCNu64 " %255s", &start, &end, flags,
			   &offset, &inode, path) < 5)
			continue;
		for (size_t i = 0; i < PAGES; i++) {
			uint64_t address = calls_address(sequence, i);

			if (address < start || address >= end)
				continue;
			pages[i] = (struct page){
				.is_mapped = true,
				.protection = (flags[0] == 'r' ? PROT_READ : 0) | (flags[1] == 'w' ? PROT_WRITE : 0) |
					      (flags[2] == 'x' ? PROT_EXEC : 0),
				.is_file = strncmp(path, "/memfd:replay", 13) == 0,
				.is_segment = strncmp(path, "/SYSV", 5) == 0,
				.offset = offset + address - start,
			};
		}
	}
	return 0;
}

static int read_pagemap(const struct sequence *sequence, struct page *pages)
{
	int fd = open("/proc/self/pagemap", O_RDONLY), status = 0;

	if (fd < 0)
		return -1;
	for (size_t i = 0; i < PAGES && !status; i += ARENA_PAGES) {
		size_t count = i < ARENA_PAGES ? ARENA_PAGES : BREAK_PAGES;
		uint64_t entries[ARENA_PAGES];
		off_t offset = (off_t)(calls_address(sequence, i) / PAGE * sizeof(entries[0]));

		if (pread(fd, entries, count * sizeof(entries[0]), offset) != (ssize_t)(count * sizeof(entries[0])))
			status = -1;
		for (size_t j = 0; j < count && !status; j++) {
			pages[i + j].is_guarded = entries[j] & PAGEMAP_GUARD;
			pages[i + j].has_contents =
				(entries[j] & (PAGEMAP_PRESENT | PAGEMAP_SWAPPED)) && !(entries[j] & PAGEMAP_GUARD);
		}
	}
	close(fd);
	return status;
}

int calls_read_pages(const struct sequence *sequence, struct page ret_pages[PAGES])
{
	memset(ret_pages, 0, PAGES * sizeof(*ret_pages));
	return read_maps(sequence, ret_pages) || read_pagemap(sequence, ret_pages) ? -1 : 0;
}

static bool shows_guards(const struct sequence *sequence)
{
	struct page pages[PAGES];

	return mmap(host(sequence->arena), PAGE, PROT_READ, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
		       MAP_FAILED &&
	       !madvise(host(sequence->arena), PAGE, ADVICE_GUARD_INSTALL) && !calls_read_pages(sequence, pages) &&
	       pages[0].is_guarded;
}

int calls_init(struct sequence *sequence)
{
	char path[64];
	void *arena;

	*sequence = (struct sequence){.file = memfd_create("replay", 0), .refusing = socket(AF_INET, SOCK_DGRAM, 0)};
	if (sequence->file < 0 || sequence->refusing < 0 || ftruncate(sequence->file, FILE_PAGES * PAGE))
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", sequence->file);
	sequence->read_only = open(path, O_RDONLY);
	sequence->segment = shmget(IPC_PRIVATE, SEGMENT_PAGES * PAGE, IPC_CREAT | 0600);
	if (sequence->read_only < 0 || sequence->segment < 0)
		return -1;
	/* Attached once, it lives as long as this process. */
	if (shmat(sequence->segment, NULL, 0) == MAP_FAILED) {
		shmctl(sequence->segment, IPC_RMID, NULL);
		return -1;
	}
	if (shmctl(sequence->segment, IPC_RMID, NULL))
		return -1;
	arena = mmap(host(ARENA), 4 * ARENA_PAGES * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
		     -1, 0);
	if (arena == MAP_FAILED)
		return -1;
	sequence->arena = (uint64_t)(uintptr_t)arena;
	sequence->program_break = kernel_page_up(current_break());
	sequence->shows_guards = shows_guards(sequence);
	return 0;
}

/* ---- for people ---- */

/* An address of a window as its page. */
static void print_number(const struct sequence *sequence, uint64_t number)
{
	if (number - sequence->arena < ARENA_PAGES * PAGE)
		fprintf(stderr, " arena+%" PRIu64 "p+%" PRIu64, (number - sequence->arena) / PAGE, number % PAGE);
	else if (number - sequence->program_break <= BREAK_PAGES * PAGE)
		fprintf(stderr, " break+%" PRIu64 "p+%" PRIu64, (number - sequence->program_break) / PAGE,
			number % PAGE);
	else
		fprintf(stderr, " %" PRIx64, number);
}

void calls_print(const struct sequence *sequence)
{
	const struct memory_event *events = sequence->handed ? sequence->handed : sequence->events;

	for (size_t i = 0; i < sequence->count; i++) {
		fprintf(stderr, "%" PRId64 ": thread %" PRIu32 " %" PRIu64 "-%" PRIu64 " %s", events[i].id,
			events[i].tid, events[i].enter_ns, events[i].exit_ns, memory_kind_name(events[i].kind));
		for (int j = 0; j < 6; j++)
			print_number(sequence, events[i].args[j]);
		fprintf(stderr, " =");
		if (events[i].result < 0)
			fprintf(stderr, " %s\n", strerrorname_np((int)-events[i].result) ?: "?");
		else
			print_number(sequence, (uint64_t)events[i].result), fprintf(stderr, "\n");
	}
}
