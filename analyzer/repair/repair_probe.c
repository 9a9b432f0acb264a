/* SPDX-License-Identifier: MIT */
/* What a uretprobe leaves in a core: the page, the breakpoints, the words on the stacks. */
#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analyzer/repair/repair.h"
#include "common/cleanup.h"

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

static struct error *add_probe(struct repair *repair, uint64_t address)
{
	struct probe *grown = reallocarray(repair->probes, repair->probe_count + 1, sizeof(*grown));

	if (!grown)
		return &error_no_memory;
	repair->probes = grown;
	grown[repair->probe_count++] = (struct probe){.address = address, .sources = PROBE_IN_TEXT};
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

/* Pages of text are dumped only when they were made private; the file of the same build-id says what they were. */
static struct error *compare_mapping(const struct core *core, const struct core_file_mapping *file,
				     const struct core_module *module, struct repair *repair)
{
	uint8_t now[PAGE_BYTES], before[PAGE_BYTES];
	struct error *err = NULL;

	for (uint64_t address = file->start; address < file->end && !err; address += PAGE_BYTES) {
		uint64_t offset = file->offset + (address - file->start);
		size_t dumped = core_read_dumped(core, address, now, sizeof(now));
		ssize_t read;

		if (!dumped)
			continue;
		read = pread(module->elf_fd, before, dumped, (off_t)offset);
		if (read > 0)
			err = compare_page(repair, address, now, before, (size_t)read);
	}
	return err;
}

/* Go's linker writes no build-id that could be compared. Then the text itself must agree, but for as many bytes as
 * probes change. */
#define PROBED_BYTES_MAX 256

static bool is_same_text(const struct core *core, const struct core_file_mapping *file,
			 const struct core_module *module)
{
	uint8_t now[PAGE_BYTES], before[PAGE_BYTES];
	size_t different = 0, compared = 0;

	for (uint64_t address = file->start; address < file->end && different <= PROBED_BYTES_MAX;
	     address += PAGE_BYTES) {
		size_t dumped = core_read_dumped(core, address, now, sizeof(now));
		ssize_t read =
			dumped ? pread(module->elf_fd, before, dumped, (off_t)(file->offset + (address - file->start)))
			       : 0;

		for (ssize_t i = 0; i < read; i++)
			different += now[i] != before[i];
		compared += read > 0 ? (size_t)read : 0;
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

/* The thread whose stack reaches over `address`: it lies above the stack pointer, in the same segment. */
static size_t thread_of_stack(const struct core *core, const struct core_segment *segment, uint64_t address)
{
	size_t best = SIZE_MAX;

	for (size_t i = 0; i < core->thread_count; i++) {
		uint64_t sp = core->threads[i].registers[CORE_RSP];

		if (sp < segment->start || sp >= segment->end || sp > address + 8)
			continue;
		/* Goroutines' stacks share a segment: the nearest stack pointer below is the likeliest owner. */
		if (best == SIZE_MAX || sp > core->threads[best].registers[CORE_RSP])
			best = i;
	}
	return best;
}

static struct error *add_word(const struct core *core, const struct core_segment *segment, uint64_t address,
			      struct repair *repair)
{
	struct trampoline_word *grown = reallocarray(repair->words, repair->word_count + 1, sizeof(*grown));

	if (!grown)
		return &error_no_memory;
	repair->words = grown;
	grown[repair->word_count++] = (struct trampoline_word){
		.address = address,
		.thread = thread_of_stack(core, segment, address),
	};
	return NULL;
}

#define WORDS_MAX 65536
#define CHUNK_BYTES (1 << 20)

struct error *repair_find_words(const struct core *core, struct repair *repair)
{
	cleanup_free uint64_t *chunk = malloc(CHUNK_BYTES);
	struct error *err = NULL;

	if (!chunk)
		return &error_no_memory;
	for (size_t i = 0; i < core->segment_count && !err; i++) {
		const struct core_segment *segment = &core->segments[i];

		/* Text and constants are not stacks: Go's text holds the usual address as a constant. */
		if (!(segment->flags & PF_W))
			continue;
		for (uint64_t at = 0; at < segment->dumped_bytes && !err; at += CHUNK_BYTES) {
			size_t got = core_read_dumped(core, segment->start + at, chunk, CHUNK_BYTES);

			for (size_t j = 0; j < got / sizeof(*chunk) && !err && repair->word_count < WORDS_MAX; j++) {
				if (chunk[j] == repair->trampoline)
					err = add_word(core, segment, segment->start + at + j * sizeof(*chunk), repair);
			}
		}
	}
	return err;
}
