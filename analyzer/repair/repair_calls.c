/* SPDX-License-Identifier: MIT */
/*
 * Who can have called a function: the calls and jumps in the text of all modules whose target it is.
 *
 * Text is searched for the few shapes that compilers and linkers emit: call rel32 (e8), jmp rel32 (e9) and rel8 (eb),
 * and call and jmp through a slot of the global offset table (ff 15, ff 25). A displacement that hits the function by
 * accident is taken out later, when decoding from the start of the surrounding function must meet it
 * (repair_is_call_boundary).
 */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/code/code_machine.h"
#include "analyzer/repair/repair.h"
#include "common/cleanup.h"
#include "common/vector.h"

#define TARGETS_MAX 64
#define SITES_MAX 4096
/* Of one mapping, and of all of them: Chromium has 200 MB of text. */
#define MAPPING_BYTES_MAX (1ULL << 30)
#define TEXT_BYTES_MAX (4ULL << 30)

struct search {
	const struct core *core;
	uint64_t targets[TARGETS_MAX]; /* the entry, and the stubs of linkage tables that lead to it */
	size_t target_count;
	uint64_t *sites, *jumps;
	size_t site_count, jump_count;
};

static struct error *append(uint64_t **array, size_t *count, uint64_t value)
{
	if (*count == SITES_MAX)
		return NULL; /* more callers than can be told apart anyway */
	if (array_resize(*array, *count + 1))
		return &error_no_memory;
	(*array)[(*count)++] = value;
	return NULL;
}

static bool is_target(const struct search *search, uint64_t address)
{
	for (size_t i = 0; i < search->target_count; i++) {
		if (search->targets[i] == address)
			return true;
	}
	return false;
}

static uint64_t displaced(uint64_t next, const uint8_t *displacement)
{
	int32_t value;

	memcpy(&value, displacement, sizeof(value));
	return next + (uint64_t)(int64_t)value;
}

static bool slot_leads_to(const struct search *search, uint64_t slot, uint64_t target)
{
	uint64_t word;

	return core_read_word(search->core, slot, &word) && word == target;
}

typedef struct error *(*text_function)(struct search *search, uint64_t address, const uint8_t *bytes, size_t size);

/* Calls `function` for the executable mappings of files, whole; one of more than MAPPING_BYTES_MAX is left out. */
static struct error *each_text(struct search *search, text_function function)
{
	const struct core *core = search->core;
	struct error *err = NULL;
	uint64_t searched = 0;

	for (size_t i = 0; i < core->file_count && !err && searched < TEXT_BYTES_MAX; i++) {
		const struct core_file_mapping *file = &core->files[i];
		const struct core_segment *segment = core_find_segment(core, file->start);
		cleanup_free uint8_t *bytes = NULL;
		size_t size;

		if (!segment || !(segment->flags & PF_X) || file->end - file->start > MAPPING_BYTES_MAX)
			continue;
		bytes = malloc(file->end - file->start);
		if (!bytes)
			return &error_no_memory;
		size = core_read(core, file->start, bytes, file->end - file->start);
		searched += size;
		if (size > 6)
			err = function(search, file->start, bytes, size);
	}
	return err;
}

/* Stubs: [endbr64] [bnd] jmp [rip+disp32] over a slot that holds the entry. Both beginnings of a stub are targets. */
static struct error *find_stubs(struct search *search, uint64_t address, const uint8_t *bytes, size_t size)
{
	static const uint8_t endbr64[4] = {0xf3, 0x0f, 0x1e, 0xfa};

	for (const uint8_t *at = bytes; (at = memchr(at, 0xff, (size_t)(bytes + size - at))); at++) {
		size_t offset = (size_t)(at - bytes);
		size_t start = offset;

		if (offset + 6 > size)
			break;
		if (at[1] != 0x25 ||
		    !slot_leads_to(search, displaced(address + offset + 6, at + 2), search->targets[0]))
			continue;
		if (start >= 1 && bytes[start - 1] == 0xf2)
			start--;
		if (start >= 4 && memcmp(bytes + start - 4, endbr64, sizeof(endbr64)) == 0)
			start -= 4;
		for (size_t candidate = start; candidate <= offset; candidate++) {
			if (search->target_count < TARGETS_MAX && !is_target(search, address + candidate))
				search->targets[search->target_count++] = address + candidate;
		}
	}
	return NULL;
}

static struct error *find_transfers(struct search *search, uint64_t address, const uint8_t *bytes, size_t size)
{
	struct error *err = NULL;

	for (size_t i = 0; i + 6 <= size && !err; i++) {
		uint64_t next = address + i;

		if (bytes[i] == 0xe8 || bytes[i] == 0xe9) {
			next += 5;
			if (!is_target(search, displaced(next, bytes + i + 1)))
				continue;
			err = bytes[i] == 0xe8 ? append(&search->sites, &search->site_count, next)
					       : append(&search->jumps, &search->jump_count, address + i);
		} else if (bytes[i] == 0xeb) {
			if (is_target(search, next + 2 + (uint64_t)(int64_t)(int8_t)bytes[i + 1]))
				err = append(&search->jumps, &search->jump_count, address + i);
		} else if (bytes[i] == 0xff && (bytes[i + 1] == 0x15 || bytes[i + 1] == 0x25)) {
			next += 6;
			if (!slot_leads_to(search, displaced(next, bytes + i + 2), search->targets[0]))
				continue;
			/* A jump through a slot is a stub or a tail call; which, its surroundings tell the caller. */
			err = bytes[i + 1] == 0x15 ? append(&search->sites, &search->site_count, next)
						   : append(&search->jumps, &search->jump_count, address + i);
		}
	}
	return err;
}

struct error *repair_find_calls(const struct core *core, uint64_t entry, uint64_t **ret_sites, size_t *ret_site_count,
				uint64_t **ret_jumps, size_t *ret_jump_count)
{
	struct search search = {.core = core, .targets = {entry}, .target_count = 1};
	struct error *err = each_text(&search, find_stubs);

	if (!err)
		err = each_text(&search, find_transfers);
	if (err) {
		free(search.sites);
		free(search.jumps);
		return err;
	}
	*ret_sites = search.sites;
	*ret_site_count = search.site_count;
	*ret_jumps = search.jumps;
	*ret_jump_count = search.jump_count;
	return NULL;
}

#define FUNCTION_BYTES_MAX (1 << 20)

bool repair_is_call_boundary(const struct core *core, uint64_t function, uint64_t return_address)
{
	uint64_t size = return_address - function;
	cleanup_free uint8_t *bytes = NULL;
	const struct code_machine *machine = code_machine_of(core->machine);
	struct code_instruction instruction;
	size_t at = 0;

	if (return_address <= function || size > FUNCTION_BYTES_MAX)
		return false;
	bytes = malloc(size);
	if (!bytes || core_read(core, function, bytes, size) < size)
		return false;
	while (at < size) {
		if (!code_decode(machine, bytes + at, size - at, function + at, CODE_SHAPE, &instruction))
			return false;
		/* A probe's breakpoint hides an instruction: what follows cannot be decoded in step. Trust the shape
		 * then. */
		if (instruction.op == CODE_OP_BREAKPOINT)
			return true;
		at += instruction.length;
	}
	return at == size && instruction.flow == CODE_FLOW_CALL;
}
