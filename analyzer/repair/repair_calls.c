/* SPDX-License-Identifier: MIT */
/*
 * Who can have called a function: the calls and jumps in the text of all modules whose target it is.
 *
 * Text is searched for the look of the few shapes that compilers and linkers emit (code_machine.h, next_transfer). A
 * displacement that hits the function by accident is taken out later, when decoding from the start of the surrounding
 * function must meet it (repair_is_call_boundary).
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
	const struct code_machine *machine;
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

/* Stubs over a slot that holds the entry. All places at which one may be entered are targets. */
static struct error *find_stubs(struct search *search, uint64_t address, const uint8_t *bytes, size_t size)
{
	struct code_stub stub;

	for (size_t at = 0; search->machine->next_stub(bytes, size, address, at, &stub); at = stub.jump + 1) {
		if (!slot_leads_to(search, stub.slot, search->targets[0]))
			continue;
		for (size_t candidate = stub.start; candidate <= stub.jump; candidate++) {
			if (search->target_count < TARGETS_MAX && !is_target(search, address + candidate))
				search->targets[search->target_count++] = address + candidate;
		}
	}
	return NULL;
}

static struct error *find_transfers(struct search *search, uint64_t address, const uint8_t *bytes, size_t size)
{
	struct code_transfer transfer;
	struct error *err = NULL;

	for (size_t at = 0; !err && search->machine->next_transfer(bytes, size, address, at, &transfer);
	     at = transfer.at + 1) {
		uint64_t here = address + transfer.at;

		if (transfer.through_slot ? !slot_leads_to(search, transfer.to, search->targets[0])
					  : !is_target(search, transfer.to))
			continue;
		/* A jump through a slot is a stub or a tail call; which, its surroundings tell the caller. */
		err = transfer.is_call ? append(&search->sites, &search->site_count, here + transfer.length)
				       : append(&search->jumps, &search->jump_count, here);
	}
	return err;
}

struct error *repair_find_calls(const struct core *core, uint64_t entry, uint64_t **ret_sites, size_t *ret_site_count,
				uint64_t **ret_jumps, size_t *ret_jump_count)
{
	struct search search = {
		.core = core, .machine = code_machine_of(core->machine), .targets = {entry}, .target_count = 1};
	struct error *err = search.machine->next_stub ? each_text(&search, find_stubs) : NULL;

	if (!err && search.machine->next_transfer)
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
