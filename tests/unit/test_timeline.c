/* SPDX-License-Identifier: MIT */
/*
 * Lives against a reference that knows nothing of ranges: it keeps, for each page, who mapped it and who took it away.
 * The reference does its own arithmetic from the kernel's rules, so that an error in memory_event_effect() shows too.
 * TIMELINE_SEED=N runs the one sequence that a failure named.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>

#include "analyzer/timeline.h"
#include "replay/effect.h"

#define PAGE RECORD_PAGE_BYTES
#define BASE 0x7f0000000000ULL
#define SPACE_PAGES 40
#define WINDOW_FIRST 9 /* the window is smaller than the space, so that ranges stick out on both sides */
#define WINDOW_END 31
#define SEQUENCES 4000
#define MAX_EVENTS 48

struct page_life {
	size_t born, died;
	int protection;
	size_t protected_by;
	int64_t shm; /* SHM_MAYBE, SHM_NO, or 1 and the page at which its segment begins */
};

#define SHM_MAYBE INT64_MIN
#define SHM_NO (INT64_MIN + 1)

struct page_history {
	struct page_life lives[MAX_EVENTS];
	size_t count;  /* the last one may be alive */
	bool is_freed; /* known to be free, not only unknown */
};

struct sequence {
	uint64_t seed, state;
	struct memory_event events[MAX_EVENTS];
	size_t event_count;
	struct page_history pages[SPACE_PAGES];
	struct timeline timeline;
};

static uint64_t draw(struct sequence *sequence, uint64_t bound)
{
	sequence->state ^= sequence->state << 13;
	sequence->state ^= sequence->state >> 7;
	sequence->state ^= sequence->state << 17;
	return (sequence->state >> 11) % bound;
}

/* ---- the reference ---- */

static struct page_life *living(struct sequence *sequence, uint64_t page)
{
	struct page_history *history = &sequence->pages[page];

	if (!history->count || history->lives[history->count - 1].died != TIMELINE_ALIVE)
		return NULL;
	return &history->lives[history->count - 1];
}

static void end_pages(struct sequence *sequence, uint64_t first, uint64_t end)
{
	for (uint64_t page = first; page < end; page++) {
		struct page_life *life = living(sequence, page);

		if (life)
			life->died = sequence->event_count;
		sequence->pages[page].is_freed = true;
	}
}

static int protection_at(struct sequence *sequence, uint64_t page)
{
	const struct page_life *life = living(sequence, page);

	return life ? life->protection : -1;
}

/* Whatever is alive there is gone first: that is what MAP_FIXED does, and for other calls it means that an end was
 * missed. */
static void make_pages(struct sequence *sequence, uint64_t first, uint64_t end, int protection)
{
	end_pages(sequence, first, end);
	for (uint64_t page = first; page < end; page++) {
		sequence->pages[page].lives[sequence->pages[page].count++] = (struct page_life){
			sequence->event_count, TIMELINE_ALIVE, protection, sequence->event_count, SHM_MAYBE};
		sequence->pages[page].is_freed = false;
	}
}

/* What is left of an attachment goes, and what is known to be something else stays. Where nothing can be left of it,
 * the record lacks something, and all goes. */
static void detach_pages(struct sequence *sequence, uint64_t first, uint64_t end)
{
	bool is_left = false;

	for (uint64_t page = first; page < end; page++) {
		const struct page_life *life = living(sequence, page);

		is_left |= life ? life->shm == SHM_MAYBE || life->shm == (int64_t)first + 1
				: !sequence->pages[page].is_freed;
	}
	for (uint64_t page = first; page < end; page++) {
		const struct page_life *life = living(sequence, page);

		if (!is_left || !life || life->shm == SHM_MAYBE || life->shm == (int64_t)first + 1)
			end_pages(sequence, page, page + 1);
	}
}

static void set_shm(struct sequence *sequence, uint64_t first, uint64_t end, int64_t shm)
{
	for (uint64_t page = first; page < end; page++)
		living(sequence, page)->shm = shm;
}

static int64_t shm_at(struct sequence *sequence, uint64_t page)
{
	const struct page_life *life = living(sequence, page);

	return life ? life->shm : SHM_MAYBE;
}

static void confirm_pages(struct sequence *sequence, uint64_t first, uint64_t end, int protection)
{
	for (uint64_t page = first; page < end; page++) {
		struct page_life *life = living(sequence, page);

		if (!life)
			make_pages(sequence, page, page + 1, protection);
		else if (life->protection < 0)
			life->protection = protection;
	}
}

static void protect_pages(struct sequence *sequence, uint64_t first, uint64_t end, int protection)
{
	for (uint64_t page = first; page < end; page++) {
		struct page_life *life = living(sequence, page);

		if (life) {
			life->protection = protection;
			life->protected_by = sequence->event_count;
		}
	}
}

/* ---- random calls ---- */

static uint64_t address_of(uint64_t page)
{
	return BASE + page * PAGE;
}

/* A length in bytes that the kernel rounds up to `pages`. */
static uint64_t bytes_of(struct sequence *sequence, uint64_t pages)
{
	return pages * PAGE - (draw(sequence, 2) ? draw(sequence, PAGE) : 0);
}

static struct memory_event call(enum memory_kind kind, int64_t result, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
				uint64_t e)
{
	return (struct memory_event){.kind = kind, .result = result, .args = {a, b, c, d, e}};
}

static struct memory_event draw_mmap(struct sequence *sequence, uint64_t first, uint64_t pages)
{
	static const int flags[] = {0, MAP_FIXED, MAP_FIXED | MAP_FIXED_NOREPLACE, MAP_FIXED_NOREPLACE};
	int protection = (int)draw(sequence, 8);
	int flag = flags[draw(sequence, 4)];

	make_pages(sequence, first, first + pages, protection);
	set_shm(sequence, first, first + pages, SHM_NO);
	return call(MEMORY_MMAP, (int64_t)address_of(first), flag ? address_of(first) : 0, bytes_of(sequence, pages),
		    (uint64_t)protection, (uint64_t)(MAP_PRIVATE | MAP_ANONYMOUS | flag), UINT64_MAX);
}

static struct memory_event draw_mremap_in_place(struct sequence *sequence, uint64_t first, uint64_t pages)
{
	uint64_t room = SPACE_PAGES - first;
	uint64_t new_pages = draw(sequence, room) + 1;

	if (new_pages > pages) {
		int64_t shm = shm_at(sequence, first + pages - 1);

		make_pages(sequence, first + pages, first + new_pages, protection_at(sequence, first + pages - 1));
		set_shm(sequence, first + pages, first + new_pages, shm);
	} else
		end_pages(sequence, first + new_pages, first + pages);
	return call(MEMORY_MREMAP, (int64_t)address_of(first), address_of(first), bytes_of(sequence, pages),
		    bytes_of(sequence, new_pages), draw(sequence, 2), 0);
}

/* Each page goes with its permissions; one that is known to be free leaves what stands at its target alone, unless it
 * is the first, which then cannot have been free. What is more of the new size is like the last page of the old. */
static void move_pages(struct sequence *sequence, uint64_t first, uint64_t pages, uint64_t new_first,
		       uint64_t new_pages, bool leaves)
{
	bool first_is_mapped = living(sequence, first) != NULL;
	uint64_t moved = pages < new_pages ? pages : new_pages;
	int protections[SPACE_PAGES];
	int64_t shms[SPACE_PAGES];
	bool stays[SPACE_PAGES];

	if (!leaves)
		end_pages(sequence, first + moved, first + pages);
	for (uint64_t i = 0; i < moved; i++) {
		protections[i] = first + i < SPACE_PAGES ? protection_at(sequence, first + i) : -1;
		shms[i] = first + i < SPACE_PAGES ? shm_at(sequence, first + i) : SHM_MAYBE;
		/* Its base moves with it. */
		if (shms[i] > SHM_NO)
			shms[i] += (int64_t)new_first - (int64_t)first;
		stays[i] = first_is_mapped && first + i < SPACE_PAGES && sequence->pages[first + i].is_freed;
	}
	for (uint64_t i = 0; i < moved; i++) {
		if (stays[i])
			continue;
		make_pages(sequence, new_first + i, new_first + i + 1, protections[i]);
		set_shm(sequence, new_first + i, new_first + i + 1, shms[i]);
		if (!leaves)
			end_pages(sequence, first + i, first + i + 1);
	}
	if (new_pages > pages) {
		int64_t shm = shm_at(sequence, new_first + pages - 1);

		make_pages(sequence, new_first + pages, new_first + new_pages,
			   protection_at(sequence, new_first + pages - 1));
		set_shm(sequence, new_first + pages, new_first + new_pages, shm);
	}
}

/* Further on than its first page: whether that moves is open (see test_replay_doubt.c). */
static bool moves_unseen(struct sequence *sequence, uint64_t first, uint64_t pages)
{
	for (uint64_t page = first + 1; page < first + pages && page < SPACE_PAGES; page++)
		if (!living(sequence, page) && !sequence->pages[page].is_freed)
			return true;
	return false;
}

/* Old and new place do not overlap: the kernel refuses that. */
static struct memory_event draw_mremap_away(struct sequence *sequence, uint64_t first, uint64_t pages)
{
	uint64_t before = first, after = SPACE_PAGES - first - pages;
	bool duplicates = draw(sequence, 8) == 0, leaves = !duplicates && draw(sequence, 4) == 0;
	uint64_t flags = MREMAP_MAYMOVE, new_first, new_pages;

	if ((!before && !after) || moves_unseen(sequence, first, pages))
		return draw_mmap(sequence, first, pages);
	if (!after || (before && draw(sequence, 2))) {
		new_first = draw(sequence, before);
		new_pages = draw(sequence, before - new_first) + 1;
	} else {
		new_first = first + pages + draw(sequence, after);
		new_pages = draw(sequence, SPACE_PAGES - new_first) + 1;
	}
	if (leaves) {
		/* MREMAP_DONTUNMAP wants equal sizes. */
		if (new_pages > pages)
			new_pages = pages;
		pages = new_pages;
		flags |= MREMAP_DONTUNMAP;
	}
	if (draw(sequence, 2))
		flags |= MREMAP_FIXED;
	if (duplicates) {
		int64_t shm = shm_at(sequence, first);

		make_pages(sequence, new_first, new_first + new_pages, protection_at(sequence, first));
		set_shm(sequence, new_first, new_first + new_pages,
			shm > SHM_NO ? shm + (int64_t)new_first - (int64_t)first : shm);
	} else
		move_pages(sequence, first, pages, new_first, new_pages, leaves);
	return call(MEMORY_MREMAP, (int64_t)address_of(new_first), address_of(first),
		    duplicates ? 0 : bytes_of(sequence, pages), bytes_of(sequence, new_pages), flags,
		    address_of(new_first));
}

static struct memory_event draw_brk(struct sequence *sequence)
{
	uint64_t old_page = draw(sequence, SPACE_PAGES), new_page = draw(sequence, SPACE_PAGES);
	/* The break lies anywhere in the page before the first one that is not mapped. */
	uint64_t old_break = address_of(old_page) - draw(sequence, PAGE);
	uint64_t new_break = address_of(new_page) - draw(sequence, PAGE);

	if (draw(sequence, 5) == 0) /* refused: the old break comes back */
		return call(MEMORY_BRK, (int64_t)old_break, new_break, old_break, 0, 0, 0);
	if (new_page > old_page) {
		make_pages(sequence, old_page, new_page, PROT_READ | PROT_WRITE);
		set_shm(sequence, old_page, new_page, SHM_NO);
	} else
		end_pages(sequence, new_page, old_page);
	return call(MEMORY_BRK, (int64_t)new_break, new_break, old_break, 0, 0, 0);
}

static struct memory_event draw_event(struct sequence *sequence)
{
	uint64_t first = draw(sequence, SPACE_PAGES);
	uint64_t pages = draw(sequence, SPACE_PAGES - first < 12 ? SPACE_PAGES - first : 12) + 1;
	uint64_t start = address_of(first), bytes = bytes_of(sequence, pages);
	int protection = (int)draw(sequence, 8);

	switch (draw(sequence, 14)) {
	case 0:
	case 1:
	case 2:
		return draw_mmap(sequence, first, pages);
	case 3:
	case 4:
	case 5:
		end_pages(sequence, first, first + pages);
		return call(MEMORY_MUNMAP, 0, start, bytes, 0, 0, 0);
	case 6:
		return draw_mremap_in_place(sequence, first, pages);
	case 7:
		return draw_mremap_away(sequence, first, pages);
	case 8:
		protect_pages(sequence, first, first + pages, protection);
		return call(draw(sequence, 2) ? MEMORY_MPROTECT : MEMORY_PKEY_MPROTECT, 0, start, bytes,
			    (uint64_t)protection, 1, 0);
	case 9:
		return call(MEMORY_MADVISE, 0, start, bytes, MADV_DONTNEED, 0, 0);
	case 10:
		return draw_brk(sequence);
	case 11:
		make_pages(sequence, first, first + pages, PROT_READ | PROT_WRITE);
		set_shm(sequence, first, first + pages, (int64_t)first + 1);
		return call(MEMORY_SHMAT, (int64_t)start, 7, start, draw(sequence, 2) ? SHM_REMAP : 0, bytes, 0);
	case 12:
		detach_pages(sequence, first, first + pages);
		return call(MEMORY_SHMDT, 0, start, bytes, 0, 0, 0);
	default:
		confirm_pages(sequence, first, first + pages, protection);
		return call(MEMORY_SEEN, 0, start, pages * PAGE, (uint64_t)protection, MAP_PRIVATE, 0);
	}
}

static void begin_sequence(struct sequence *sequence, uint64_t seed)
{
	struct error *err;
	size_t count;

	*sequence = (struct sequence){.seed = seed, .state = seed * 0x9e3779b97f4a7c15ULL + 1};
	count = draw(sequence, MAX_EVENTS) + 1;
	while (sequence->event_count < count) {
		struct memory_event event = draw_event(sequence);

		event.id = (int64_t)sequence->event_count + 1;
		event.enter_ns = 10 * sequence->event_count;
		event.exit_ns = event.enter_ns + 5;
		sequence->events[sequence->event_count++] = event;
	}
	err = timeline_build(sequence->events, count, address_of(WINDOW_FIRST), address_of(WINDOW_END),
			     &sequence->timeline);
	assert_null(err);
}

static void run_sequences(void (*check)(struct sequence *sequence))
{
	static struct sequence sequence;
	const char *wanted = getenv("TIMELINE_SEED");
	uint64_t first = wanted ? strtoull(wanted, NULL, 0) : 1;

	for (uint64_t seed = first; seed < first + (wanted ? 1 : SEQUENCES); seed++) {
		begin_sequence(&sequence, seed);
		check(&sequence);
		timeline_deinit(&sequence.timeline);
	}
}

#define require(sequence, condition)                                                                                   \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			print_error("TIMELINE_SEED=%" PRIu64 "\n", (sequence)->seed);                                  \
			_assert_true(0, #condition, __FILE__, __LINE__);                                               \
		}                                                                                                      \
	} while (0)

/* ---- checks on random sequences ---- */

/* Each life that covers the page, and nothing else, is in the page's own history. */
static void check_page(struct sequence *sequence, uint64_t page)
{
	const struct page_history *history = &sequence->pages[page];
	const struct timeline *timeline = &sequence->timeline;
	size_t covering = 0;

	for (size_t i = 0; i < timeline->life_count; i++) {
		const struct life *life = &timeline->lives[i];
		const struct page_life *expected = NULL;

		if (life->start > address_of(page) || life->end <= address_of(page))
			continue;
		covering++;
		for (size_t j = 0; j < history->count; j++) {
			if (history->lives[j].born == life->born)
				expected = &history->lives[j];
		}
		require(sequence, expected);
		require(sequence, expected->died == life->died);
		require(sequence, expected->protection == life->protection);
		require(sequence, expected->protected_by == life->protected_by);
	}
	require(sequence, covering == history->count);
}

static void check_lives(struct sequence *sequence)
{
	const struct timeline *timeline = &sequence->timeline;

	for (size_t i = 0; i < timeline->life_count; i++) {
		const struct life *life = &timeline->lives[i];

		require(sequence, life->start >= timeline->start && life->end <= timeline->end);
		require(sequence, life->start < life->end);
		require(sequence, life->start % PAGE == 0 && life->end % PAGE == 0);
		require(sequence, life->born < life->died);
	}
	for (uint64_t page = WINDOW_FIRST; page < WINDOW_END; page++)
		check_page(sequence, page);
}

static void check_order(struct sequence *sequence)
{
	const struct timeline *timeline = &sequence->timeline;

	for (size_t i = 1; i < timeline->life_count; i++) {
		const struct life *left = &timeline->lives[i - 1], *right = &timeline->lives[i];

		require(sequence,
			left->born < right->born || (left->born == right->born && left->start < right->start));
	}
}

static void check_last_life(struct sequence *sequence)
{
	for (uint64_t page = 0; page < SPACE_PAGES; page++) {
		const struct page_history *history = &sequence->pages[page];
		const struct life *life = timeline_last_life(&sequence->timeline, address_of(page) + 77);

		if (page < WINDOW_FIRST || page >= WINDOW_END || !history->count) {
			require(sequence, !life);
			continue;
		}
		require(sequence, life);
		require(sequence, life->born == history->lives[history->count - 1].born);
		require(sequence, life->died == history->lives[history->count - 1].died);
	}
}

/* The life that covered the page just before the event: born earlier, and not gone yet. */
static void check_life_before(struct sequence *sequence)
{
	for (uint64_t page = WINDOW_FIRST; page < WINDOW_END; page++) {
		const struct page_history *history = &sequence->pages[page];

		for (size_t index = 0; index < sequence->event_count; index++) {
			const struct life *life = timeline_life_before(&sequence->timeline, address_of(page), index);
			const struct page_life *expected = NULL;

			for (size_t i = 0; i < history->count; i++) {
				if (history->lives[i].born < index && history->lives[i].died >= index)
					expected = &history->lives[i];
			}
			require(sequence, !life == !expected);
			require(sequence, !life || life->born == expected->born);
		}
	}
}

static void check_bytes_removed(struct sequence *sequence)
{
	for (size_t index = 0; index < sequence->event_count; index++) {
		uint64_t expected = 0;

		for (uint64_t page = WINDOW_FIRST; page < WINDOW_END; page++) {
			for (size_t i = 0; i < sequence->pages[page].count; i++)
				expected += sequence->pages[page].lives[i].died == index ? PAGE : 0;
		}
		require(sequence, timeline_bytes_removed(&sequence->timeline, index) == expected);
	}
}

static void random_lives(void **state)
{
	(void)state;
	run_sequences(check_lives);
}

static void random_order_of_lives(void **state)
{
	(void)state;
	run_sequences(check_order);
}

static void random_last_life(void **state)
{
	(void)state;
	run_sequences(check_last_life);
}

static void random_life_before(void **state)
{
	(void)state;
	run_sequences(check_life_before);
}

static void random_bytes_removed(void **state)
{
	(void)state;
	run_sequences(check_bytes_removed);
}

/* ---- single stories ---- */

#define MMAP(first, pages, flags)                                                                                      \
	call(MEMORY_MMAP, (int64_t)address_of(first), address_of(first), (pages)*PAGE, PROT_READ, flags, UINT64_MAX)
#define MUNMAP(first, pages) call(MEMORY_MUNMAP, 0, address_of(first), (pages)*PAGE, 0, 0, 0)

/* One after the other. */
static struct timeline build(const struct memory_event *events, size_t count)
{
	static struct memory_event timed[MAX_EVENTS];
	struct timeline timeline;
	struct error *err;

	for (size_t i = 0; i < count; i++) {
		timed[i] = events[i];
		timed[i].id = (int64_t)i + 1;
		timed[i].enter_ns = 10 * i;
		timed[i].exit_ns = 10 * i + 5;
	}
	err = timeline_build(timed, count, address_of(0), address_of(SPACE_PAGES), &timeline);

	assert_null(err);
	return timeline;
}

static void assert_life(const struct timeline *timeline, uint64_t page, size_t born, size_t died)
{
	const struct life *life = timeline_last_life(timeline, address_of(page));

	assert_non_null(life);
	assert_int_equal(life->born, born);
	assert_int_equal(life->died, died);
}

static void nothing(void **state)
{
	struct timeline timeline;
	struct error *err = timeline_build(NULL, 0, BASE, BASE + PAGE, &timeline);

	(void)state;
	assert_null(err);
	assert_int_equal(timeline.life_count, 0);
	assert_null(timeline_last_life(&timeline, BASE));
	assert_null(timeline_life_before(&timeline, BASE, 0));
	assert_int_equal(timeline_bytes_removed(&timeline, 0), 0);
	timeline_deinit(&timeline);
	timeline_deinit(&timeline);
}

static void unmapping_the_middle_splits(void **state)
{
	const struct memory_event events[] = {MMAP(2, 6, 0), MUNMAP(4, 2)};
	struct timeline timeline = build(events, 2);

	(void)state;
	assert_int_equal(timeline.life_count, 3);
	assert_life(&timeline, 2, 0, TIMELINE_ALIVE);
	assert_life(&timeline, 4, 0, 1);
	assert_life(&timeline, 5, 0, 1);
	assert_life(&timeline, 6, 0, TIMELINE_ALIVE);
	assert_null(timeline_last_life(&timeline, address_of(2) - 1));
	assert_null(timeline_last_life(&timeline, address_of(8)));
	assert_int_equal(timeline_bytes_removed(&timeline, 1), 2 * PAGE);
	timeline_deinit(&timeline);
}

static void snapshot_folds_into_what_is_known(void **state)
{
	const struct memory_event events[] = {
		MMAP(4, 2, 0),
		call(MEMORY_SEEN, 0, address_of(2), 6 * PAGE, PROT_READ, MAP_PRIVATE, 0),
		MUNMAP(2, 6),
		call(MEMORY_SEEN, 0, address_of(4), PAGE, PROT_READ, MAP_PRIVATE, 0),
	};
	struct timeline timeline = build(events, 3);

	(void)state;
	assert_life(&timeline, 3, 1, 2);
	assert_life(&timeline, 4, 0, 2);
	assert_life(&timeline, 6, 1, 2);
	assert_int_equal(timeline_bytes_removed(&timeline, 1), 0);
	timeline_deinit(&timeline);
	/* Seen again after it was unmapped: mapped anew, by whom nobody saw. */
	timeline = build(events, 4);
	assert_life(&timeline, 4, 3, TIMELINE_ALIVE);
	assert_life(&timeline, 5, 0, 2);
	timeline_deinit(&timeline);
}

static void life_at_a_moment(void **state)
{
	const struct memory_event events[] = {MMAP(2, 1, 0), MUNMAP(2, 1), MUNMAP(9, 1), MMAP(2, 1, 0), MUNMAP(2, 1)};
	struct timeline timeline = build(events, 5);

	(void)state;
	assert_null(timeline_life_before(&timeline, address_of(2), 0));
	assert_int_equal(timeline_life_before(&timeline, address_of(2), 1)->born, 0);
	assert_int_equal(timeline_life_before(&timeline, address_of(2), 4)->born, 3);
	assert_int_equal(timeline_last_life(&timeline, address_of(2))->born, 3);
	timeline_deinit(&timeline);
}

/* Between two lives nothing covered the address. */
static void no_life_between_two(void **state)
{
	const struct memory_event events[] = {MMAP(2, 1, 0), MUNMAP(2, 1), MUNMAP(9, 1), MMAP(2, 1, 0)};
	struct timeline timeline = build(events, 4);

	(void)state;
	assert_null(timeline_life_before(&timeline, address_of(2), 2));
	assert_null(timeline_life_before(&timeline, address_of(2), 3));
	timeline_deinit(&timeline);
}

static void protection_is_the_last_one_told(void **state)
{
	const struct memory_event events[] = {
		MMAP(2, 4, 0),
		call(MEMORY_MPROTECT, 0, address_of(3), PAGE, PROT_NONE, 0, 0),
		MUNMAP(3, 1),
		call(MEMORY_MPROTECT, 0, address_of(3), 2 * PAGE, PROT_EXEC, 0, 0),
	};
	struct timeline timeline = build(events, 4);

	(void)state;
	assert_int_equal(timeline_last_life(&timeline, address_of(2))->protection, PROT_READ);
	assert_int_equal(timeline_last_life(&timeline, address_of(2))->protected_by, 0);
	/* A dead mapping keeps the protection that it died with. */
	assert_int_equal(timeline_last_life(&timeline, address_of(3))->protection, PROT_NONE);
	assert_int_equal(timeline_last_life(&timeline, address_of(3))->protected_by, 1);
	assert_int_equal(timeline_last_life(&timeline, address_of(4))->protection, PROT_EXEC);
	assert_int_equal(timeline_last_life(&timeline, address_of(5))->protection, PROT_READ);
	timeline_deinit(&timeline);
}

static void whole_address_space_is_a_window(void **state)
{
	const struct memory_event events[] = {MMAP(2, 1, 0), call(MEMORY_MUNMAP, 0, 0, UINT64_MAX, 0, 0, 0)};
	struct timeline timeline;
	struct error *err = timeline_build(events, 2, 0, UINT64_MAX, &timeline);

	(void)state;
	assert_null(err);
	/* No kernel accepts that munmap, so it did nothing. */
	assert_int_equal(timeline.life_count, 1);
	assert_int_equal(timeline.lives[0].start, address_of(2));
	assert_int_equal(timeline.lives[0].died, TIMELINE_ALIVE);
	timeline_deinit(&timeline);
}

static void ordered_only_when_apart(void **state)
{
	const struct memory_event early = {.enter_ns = 10, .exit_ns = 20};
	const struct memory_event touching = {.enter_ns = 20, .exit_ns = 30};
	const struct memory_event inside = {.enter_ns = 12, .exit_ns = 14};
	const struct memory_event late = {.enter_ns = 21, .exit_ns = 21};

	(void)state;
	assert_true(timeline_ordered(&early, &late));
	assert_false(timeline_ordered(&late, &early));
	assert_false(timeline_ordered(&early, &touching));
	assert_false(timeline_ordered(&early, &inside));
	assert_false(timeline_ordered(&inside, &early));
	assert_false(timeline_ordered(&late, &late));
}

static void ranges_are_unclipped(void **state)
{
	const struct memory_event map = MMAP(2, 6, MAP_FIXED), failed = call(MEMORY_MUNMAP, -22, BASE, PAGE, 0, 0, 0);
	const struct memory_event unmap = call(MEMORY_MUNMAP, 0, BASE, PAGE + 1, 0, 0, 0);
	uint64_t start, end;

	(void)state;
	timeline_added_range(&map, &start, &end);
	assert_int_equal(start, address_of(2));
	assert_int_equal(end, address_of(8));
	timeline_removed_range(&unmap, &start, &end);
	assert_int_equal(start, BASE);
	assert_int_equal(end, BASE + 2 * PAGE);
	timeline_added_range(&unmap, &start, &end);
	assert_int_equal(start, end);
	timeline_removed_range(&failed, &start, &end);
	assert_int_equal(start, end);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_lives),
		cmocka_unit_test(random_order_of_lives),
		cmocka_unit_test(random_last_life),
		cmocka_unit_test(random_life_before),
		cmocka_unit_test(random_bytes_removed),
		cmocka_unit_test(nothing),
		cmocka_unit_test(unmapping_the_middle_splits),
		cmocka_unit_test(snapshot_folds_into_what_is_known),
		cmocka_unit_test(life_at_a_moment),
		cmocka_unit_test(no_life_between_two),
		cmocka_unit_test(protection_is_the_last_one_told),
		cmocka_unit_test(whole_address_space_is_a_window),
		cmocka_unit_test(ordered_only_when_apart),
		cmocka_unit_test(ranges_are_unclipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
