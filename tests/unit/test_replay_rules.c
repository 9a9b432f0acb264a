/* SPDX-License-Identifier: MIT */
/* What a few random calls on small pages do not reach (test_replay.c has those): huge pages, protection keys, many
 * pieces.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "replay/kernel.h"
#include "tests/unit/replay_lives.h"

#define PAGE ((uint64_t)RECORD_PAGE_BYTES)

/* ---- huge pages ---- */

#define HUGE_PAGE (2ULL << 20)
#define HUGE_WINDOW (8 * HUGE_PAGE)

/* msync() of memory that is not mapped fails with ENOMEM. */
static bool is_mapped(uint64_t address)
{
	return msync((void *)(uintptr_t)address, PAGE, MS_ASYNC) == 0; // NOLINT: the test's own memory
}

static struct memory_event take_huge(struct replay *replay, enum memory_kind kind, uint64_t a, uint64_t b, uint64_t c,
				     uint64_t d)
{
	static int64_t id = 1;
	static const long numbers[] = {[MEMORY_MMAP] = SYS_mmap,
				       [MEMORY_MUNMAP] = SYS_munmap,
				       [MEMORY_MREMAP] = SYS_mremap,
				       [MEMORY_MADVISE] = SYS_madvise};
	long result = syscall(numbers[kind], a, b, c, d, kind == MEMORY_MMAP ? -1L : 0L, 0L);
	struct memory_event event = {
		.id = ++id,
		.kind = kind,
		.args = {a, b, c, d, kind == MEMORY_MMAP ? UINT64_MAX : 0},
		.enter_ns = 1000 * (uint64_t)id,
		.exit_ns = 1000 * (uint64_t)id + 1,
		.result = result < 0 ? -errno : result,
	};

	assert_null(replay_take(replay, &event, id, NULL));
	return event;
}

/* Without a page of the pool: the address space alone. */
static void sizes_round_to_huge_pages(void **state)
{
	static struct lives lives;
	const struct replay_sink sink = {.take_life = keep_life, .context = &lives};
	const int flags = MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_NORESERVE;
	void *room = mmap(NULL, HUGE_WINDOW + HUGE_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	const uint64_t window = kernel_align_up((uint64_t)(uintptr_t)room, HUGE_PAGE);
	struct memory_event event;
	struct replay replay;

	(void)state;
	assert_ptr_not_equal(room, MAP_FAILED);
	lives.count = 0;
	replay_init(&replay, &sink);
	replay.follows = REPLAY_ALL_ADVICE;
	take_huge(&replay, MEMORY_MUNMAP, window, HUGE_WINDOW, 0, 0);
	event = take_huge(&replay, MEMORY_MMAP, window, 2 * HUGE_PAGE + 1, PROT_READ, (uint64_t)flags);
	if (event.result < 0) {
		replay_deinit(&replay);
		munmap(room, HUGE_WINDOW + HUGE_PAGE);
		skip(); /* a kernel without them */
	}
	/* Explicitly 2 MiB. */
	take_huge(&replay, MEMORY_MMAP, window + 4 * HUGE_PAGE, PAGE, PROT_READ,
		  (uint64_t)flags | 21ULL << FLAG_MAP_HUGE_SHIFT);
	take_huge(&replay, MEMORY_MUNMAP, window, PAGE, 0, 0);			  /* EINVAL */
	take_huge(&replay, MEMORY_MADVISE, window, 3 * PAGE, ADVICE_DONTNEED, 0); /* nothing whole */
	take_huge(&replay, MEMORY_MREMAP, window, 3 * HUGE_PAGE, HUGE_PAGE + 1, 0);
	take_huge(&replay, MEMORY_MADVISE, window, HUGE_PAGE + PAGE, ADVICE_DONTNEED, 0);
	assert_null(replay_finish(&replay));
	replay_deinit(&replay);
	for (uint64_t address = window; address < window + HUGE_WINDOW; address += HUGE_PAGE / 4) {
		const struct replay_life *life = last_at(&lives, 0, address);
		bool stands = life && life->gone == REPLAY_STANDING;

		assert_true(!life || !life->is_open);
		assert_int_equal(stands, is_mapped(address));
		/* The second huge page was not whole. */
		if (stands)
			assert_int_equal(life->content.marks.discarded_by != REPLAY_NO_CALL,
					 address < window + HUGE_PAGE);
	}
	assert_true(is_mapped(window + 2 * HUGE_PAGE - PAGE));
	assert_false(is_mapped(window + 2 * HUGE_PAGE));
	munmap(room, HUGE_WINDOW + HUGE_PAGE);
}

/* ---- protection keys, which /proc/self/maps does not show and few machines have ---- */

static void take_keyed(struct replay *replay, enum memory_kind kind, uint64_t page, int protection, uint64_t key)
{
	static int64_t id = 0;
	struct memory_event event = {
		.id = ++id,
		.kind = kind,
		.args = {page * PAGE, PAGE, (uint64_t)protection, key},
		.enter_ns = 10 * (uint64_t)id,
		.exit_ns = 10 * (uint64_t)id + 1,
		.result = kind == MEMORY_MMAP ? (int64_t)(page * PAGE) : 0,
	};

	assert_null(replay_take(replay, &event, id, NULL));
}

/* mm/mprotect.c, arch/x86/mm/pkeys.c */
static void keys_are_those_of_the_last_call(void **state)
{
	static struct lives lives;
	const struct replay_sink sink = {.take_life = keep_life, .context = &lives};
	const uint64_t anonymous = MAP_PRIVATE | MAP_ANONYMOUS;
	const int32_t expected[] = {0, 3, 3, 0, HISTORY_PKEY_UNKNOWN, HISTORY_PKEY_UNKNOWN, HISTORY_PKEY_UNKNOWN, 5};
	struct replay replay;

	(void)state;
	lives.count = 0;
	replay_init(&replay, &sink);
	for (uint64_t page = 0; page < 8; page++)
		take_keyed(&replay, page == 6 || page == 7 ? MEMORY_SEEN : MEMORY_MMAP, 16 + page,
			   page == 5 ? PROT_EXEC : PROT_READ, anonymous);
	take_keyed(&replay, MEMORY_PKEY_MPROTECT, 17, PROT_READ, 3);
	take_keyed(&replay, MEMORY_PKEY_MPROTECT, 18, PROT_READ, 3);
	take_keyed(&replay, MEMORY_MPROTECT, 18, PROT_NONE, 0);
	take_keyed(&replay, MEMORY_PKEY_MPROTECT, 19, PROT_NONE, UINT64_MAX); /* -1: as mprotect */
	take_keyed(&replay, MEMORY_MPROTECT, 20, PROT_EXEC, 0);		      /* the kernel chooses */
	take_keyed(&replay, MEMORY_MPROTECT, 22, PROT_NONE, 0);		      /* found, and stays what it was */
	take_keyed(&replay, MEMORY_PKEY_MPROTECT, 23, PROT_EXEC, 5);
	assert_null(replay_finish(&replay));
	replay_deinit(&replay);
	for (uint64_t page = 0; page < 8; page++)
		assert_int_equal(last_at(&lives, 0, (16 + page) * PAGE)->content.pkey, expected[page]);
}

/* ---- many pieces: more than a block of them, and than are swept ---- */

#define MANY_PAGES 400000
#define MANY_CALLS 300000
#define MANY_SPACES 2

struct many_page {
	int64_t made; /* 0: nothing is there */
	int32_t protection;
};

struct many {
	struct many_page pages[MANY_SPACES][MANY_PAGES];
	uint64_t bytes_gone, bytes_reported; /* of lives that have ended */
	size_t standing;
	bool is_other; /* a standing life differs from the pages */
};

static struct error *compare_life(void *context, const struct replay_life *life)
{
	struct many *many = context;

	if (life->gone != REPLAY_STANDING) {
		many->bytes_reported += life->end - life->start;
		return NULL;
	}
	for (uint64_t page = life->start / PAGE; page < life->end / PAGE; page++, many->standing++)
		many->is_other |= many->pages[life->space_id][page].made != life->made ||
				  many->pages[life->space_id][page].protection != life->content.protection;
	return NULL;
}

static void do_many(struct many *many, struct replay *replay, int64_t id, uint64_t random)
{
	static const int protections[] = {PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE};
	uint64_t first = random % (MANY_PAGES - 4), pages = (random >> 32) % 4 + 1;
	int32_t protection = protections[(random >> 36) % 3];
	struct many_page *page = &many->pages[random >> 63][first];
	struct memory_event event = {
		.id = id,
		.space_id = (int64_t)(random >> 63),
		.enter_ns = 10 * (uint64_t)id,
		.exit_ns = 10 * (uint64_t)id + 1,
		.args = {first * PAGE, pages * PAGE, (uint64_t)protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED},
	};

	switch ((random >> 40) % 4) {
	case 0:
	case 1:
		event.kind = MEMORY_MMAP;
		event.result = (int64_t)(first * PAGE);
		break;
	case 2:
		event.kind = MEMORY_MUNMAP;
		break;
	default:
		event.kind = MEMORY_MPROTECT;
		break;
	}
	for (uint64_t i = 0; i < pages; i++, page++) {
		if (event.kind == MEMORY_MPROTECT) {
			page->protection = protection;
			continue;
		}
		many->bytes_gone += page->made ? PAGE : 0;
		*page = (struct many_page){event.kind == MEMORY_MMAP ? id : 0, protection};
	}
	assert_null(replay_take(replay, &event, id, NULL));
}

static void many_pieces_are_kept(void **state)
{
	static struct many many;
	const struct replay_sink sink = {.take_life = compare_life, .context = &many};
	uint64_t random = 88172645463325252ULL;
	struct replay replay;
	size_t mapped = 0;

	(void)state;
	replay_init(&replay, &sink);
	replay.joins = true;
	for (int64_t id = 1; id <= MANY_CALLS; id++) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		do_many(&many, &replay, id, random);
	}
	assert_true(replay.swept_pieces > 0);
	assert_null(replay_finish(&replay));
	replay_deinit(&replay);
	for (size_t i = 0; i < MANY_SPACES * (size_t)MANY_PAGES; i++)
		mapped += many.pages[i / MANY_PAGES][i % MANY_PAGES].made != 0;
	assert_false(many.is_other);
	assert_int_equal(many.standing, mapped);
	assert_int_equal(many.bytes_reported, many.bytes_gone);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_round_to_huge_pages),
		cmocka_unit_test(keys_are_those_of_the_last_call),
		cmocka_unit_test(many_pieces_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
