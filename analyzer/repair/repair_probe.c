/* SPDX-License-Identifier: MIT */
/* What a uretprobe leaves in a core: the page, the breakpoints, the words on the stacks. */
#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analyzer/repair/repair.h"
#include "common/cleanup.h"
#include "common/vector.h"

#define PAGE_BYTES 4096
#define VSYSCALL 0xffffffffff600000ULL /* arch/x86/include/uapi/asm/vsyscall.h */

uint64_t repair_find_trampoline(const struct core *core)
{
	for (size_t i = 0; i < core->segment_count; i++) {
		const struct core_segment *segment = &core->segments[i];

		if (segment->end - segment->start == PAGE_BYTES && segment->flags == PF_X &&
		    segment->start != VSYSCALL && !core_find_file(core, segment->start))
			return segment->start;
	}
	return 0;
}

/* More than a tracer attaches to one process (bpftrace: 1,024 unless told otherwise). Where more bytes of text differ
 * from the file, something else has changed them, and the rest is left. */
#define PROBES_MAX 4096

static struct error *add_probe(struct repair *repair, uint64_t address)
{
	if (repair->probe_count == PROBES_MAX)
		return NULL;
	if (array_reserve(repair->probes, repair->probe_room, repair->probe_count + 1))
		return &error_no_memory;
	repair->probes[repair->probe_count++] = (struct probe){.address = address, .sources = PROBE_IN_TEXT};
	return NULL;
}

static bool is_rewritten_nop(const uint8_t *now, const uint8_t *before, size_t left)
{
	static const uint8_t nop5[5] = {0x0f, 0x1f, 0x44, 0x00, 0x00};

	return left >= sizeof(nop5) && now[0] == 0xe8 && memcmp(before, nop5, sizeof(nop5)) == 0;
}

static struct error *compare_page(struct repair *repair, uint64_t address, const uint8_t *now, const uint8_t *before,
				  size_t size)
{
	struct error *err = NULL;

	if (memcmp(now, before, size) == 0)
		return NULL;
	for (size_t i = 0; i < size && !err; i++) {
		if (now[i] == before[i])
			continue;
		if (now[i] == 0xcc) {
			err = add_probe(repair, address + i);
		} else if (is_rewritten_nop(now + i, before + i, size - i)) {
			err = add_probe(repair, address + i);
			i += 4;
		}
	}
	return err;
}

/* A page of the mapping as it was dumped, and as the file has it. */
struct page {
	uint64_t address;
	uint8_t now[PAGE_BYTES], before[PAGE_BYTES];
	size_t size; /* of both */
};

/* The first page at or above `address` of which anything was dumped. A mapping's range is the core's word, and can be
 * of any size: what was dumped cannot. */
static bool next_page(const struct core *core, const struct core_file_mapping *file, const struct core_module *module,
		      uint64_t address, struct page *ret)
{
	uint64_t start, end;
	ssize_t read;

	if (!core_next_dumped(core, address, file->end, &start, &end))
		return false;
	/* A hole of the core's file ends where the file system wants it to. */
	ret->address = start - (start - file->start) % PAGE_BYTES;
	ret->size = core_read_dumped(core, ret->address, ret->now, sizeof(ret->now));
	if (ret->size > file->end - ret->address)
		ret->size = file->end - ret->address;
	read = pread(module->elf_fd, ret->before, ret->size, (off_t)(file->offset + (ret->address - file->start)));
	ret->size = read > 0 ? (size_t)read : 0;
	return true;
}

/* Pages of text are dumped only when they were made private; the file of the same build-id says what they were. */
static struct error *compare_mapping(const struct core *core, const struct core_file_mapping *file,
				     const struct core_module *module, struct repair *repair)
{
	struct error *err = NULL;
	struct page page;

	for (uint64_t address = file->start; !err && next_page(core, file, module, address, &page);
	     address = page.address + PAGE_BYTES)
		err = compare_page(repair, page.address, page.now, page.before, page.size);
	return err;
}

/* Go's linker writes no build-id that could be compared. Then the text itself must agree, but for as many bytes as
 * probes change. */
#define PROBED_BYTES_MAX 256

static bool is_same_text(const struct core *core, const struct core_file_mapping *file,
			 const struct core_module *module)
{
	size_t different = 0, compared = 0;
	struct page page;

	for (uint64_t address = file->start;
	     different <= PROBED_BYTES_MAX && next_page(core, file, module, address, &page);
	     address = page.address + PAGE_BYTES) {
		for (size_t i = 0; i < page.size; i++)
			different += page.now[i] != page.before[i];
		compared += page.size;
	}
	return compared && different <= PROBED_BYTES_MAX;
}

struct error *repair_find_probes(const struct core *core, struct repair *repair)
{
	struct error *err = NULL;

	for (size_t i = 0; i < core->file_count && !err; i++) {
		const struct core_file_mapping *file = &core->files[i];
		const struct core_segment *segment = core_find_segment(core, file->start);
		const struct core_module *module = core_find_module(core, file->start);

		if (segment && segment->flags & PF_X && segment->dumped_bytes && module && module->elf_fd >= 0 &&
		    (module->state == CORE_MODULE_FOUND || is_same_text(core, file, module)))
			err = compare_mapping(core, file, module, repair);
	}
	return err;
}

/* ---- words ---- */

struct thread_place {
	uint64_t sp;
	size_t thread;
};

/* Of equal stack pointers the first thread's comes last. */
static int compare_places(const void *left, const void *right)
{
	const struct thread_place *a = left, *b = right;

	if (a->sp != b->sp)
		return a->sp < b->sp ? -1 : 1;
	return a->thread > b->thread ? -1 : a->thread < b->thread;
}

static struct thread_place *sort_threads(const struct core *core)
{
	struct thread_place *places = calloc(core->thread_count + 1, sizeof(*places));

	for (size_t i = 0; places && i < core->thread_count; i++)
		places[i] = (struct thread_place){core->threads[i].registers[CORE_RSP], i};
	if (places)
		qsort(places, core->thread_count, sizeof(*places), compare_places);
	return places;
}

/* The thread whose stack reaches over `address`: it lies above the stack pointer, in the same segment. Goroutines'
 * stacks share a segment: the nearest stack pointer below is the likeliest owner. */
static size_t thread_of_stack(const struct core *core, const struct thread_place *places,
			      const struct core_segment *segment, uint64_t address)
{
	uint64_t highest = address + 8 < segment->end ? address + 8 : segment->end - 1;
	size_t low = 0, high = core->thread_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (places[middle].sp <= highest)
			low = middle + 1;
		else
			high = middle;
	}
	return low && places[low - 1].sp >= segment->start ? places[low - 1].thread : SIZE_MAX;
}

#define WORDS_MAX 65536
#define CHUNK_BYTES (1 << 20)

static struct error *add_word(struct repair *repair, uint64_t address, size_t thread)
{
	if (array_reserve(repair->words, repair->word_room, repair->word_count + 1))
		return &error_no_memory;
	repair->words[repair->word_count++] = (struct trampoline_word){.address = address, .thread = thread};
	return NULL;
}

static struct error *search_chunk(const struct core *core, const struct thread_place *places,
				  const struct core_segment *segment, uint64_t address, const uint64_t *words,
				  size_t count, struct repair *repair)
{
	struct error *err = NULL;

	for (size_t i = 0; i < count && !err && repair->word_count < WORDS_MAX; i++) {
		uint64_t at = address + i * sizeof(*words);

		if (words[i] == repair->trampoline)
			err = add_word(repair, at, thread_of_stack(core, places, segment, at));
	}
	return err;
}

struct error *repair_find_words(const struct core *core, struct repair *repair)
{
	cleanup_free struct thread_place *places = sort_threads(core);
	cleanup_free uint64_t *chunk = malloc(CHUNK_BYTES);
	struct error *err = NULL;
	uint64_t start, end;

	if (!chunk || !places)
		return &error_no_memory;
	for (uint64_t at = 0; !err && core_next_dumped(core, at, UINT64_MAX, &start, &end); at = end) {
		const struct core_segment *segment = core_find_segment(core, start);

		/* Text and constants are not stacks: Go's text holds the usual address as a constant. */
		if (!segment || !(segment->flags & PF_W) || repair->word_count == WORDS_MAX)
			continue;
		start -= (start - segment->start) % sizeof(*chunk);
		for (uint64_t from = start; from < end && !err; from += CHUNK_BYTES) {
			size_t wanted = end - from < CHUNK_BYTES ? end - from : CHUNK_BYTES;
			size_t got = core_read_dumped(core, from, chunk, wanted);

			err = search_chunk(core, places, segment, from, chunk, got / sizeof(*chunk), repair);
		}
	}
	return err;
}
