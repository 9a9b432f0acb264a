/* SPDX-License-Identifier: MIT */
/* The walk through a function's code. */
#include "analyzer/code/code_walk.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/vector.h"

#define FUNCTION_BYTES_MAX (16u << 20)
/* Code that is jumped into and that nothing gives an extent for. */
#define SHARED_BYTES_MAX 65536u
/* More stretches than that are a decoding gone wrong. */
#define REGIONS_MAX 256

static void give_up(struct code_walk *walk, const char *reason)
{
	if (!walk->result->incomplete_reason)
		walk->result->incomplete_reason = reason;
}

static struct code_region *find_region(const struct code_walk *walk, uint64_t address)
{
	for (size_t i = 0; i < walk->region_count; i++) {
		if (address >= walk->regions[i].start && address < walk->regions[i].end)
			return &walk->regions[i];
	}
	return NULL;
}

static struct error *add_region(struct code_walk *walk, uint64_t start, uint64_t end, const char *symbol, bool is_own,
				bool is_shared)
{
	struct code_region region = {
		.start = start, .end = end, .symbol = symbol, .is_own = is_own, .is_shared = is_shared};
	uint64_t offset;

	if (!elf_file_offset(walk->elf, start, true, &offset))
		return error_format(ERROR_INVALID, "0x%llx of %s is not in code", (unsigned long long)start,
				    walk->elf->path);
	if (end - start > FUNCTION_BYTES_MAX)
		return error_format(ERROR_UNSUPPORTED, "%s in %s is longer than 16 MiB", symbol ? symbol : "a function",
				    walk->elf->path);
	if (array_resize(walk->regions, walk->region_count + 1))
		return &error_no_memory;
	region.bytes = malloc(end - start + 1);
	region.marks = calloc(end - start + 1, 1);
	if (!region.bytes || !region.marks) {
		free(region.bytes);
		free(region.marks);
		return &error_no_memory;
	}
	region.end = start + elf_read(walk->elf, start, region.bytes, end - start);
	walk->regions[walk->region_count++] = region;
	return NULL;
}

static struct error *push(struct code_walk *walk, uint64_t address)
{
	if (array_reserve(walk->pending, walk->pending_capacity, walk->pending_count + 1))
		return &error_no_memory;
	walk->pending[walk->pending_count++] = address;
	return NULL;
}

static struct error *add_site(struct code_walk *walk, const struct code_region *region,
			      const struct code_return_site *site)
{
	struct code_return_sites *result = walk->result;

	if (array_reserve(result->sites, walk->site_capacity, result->count + 1))
		return &error_no_memory;
	result->sites[result->count] = *site;
	result->sites[result->count].symbol = region->symbol;
	result->sites[result->count].offset =
		site->address - (region->symbol ? region->start : walk->function->address);
	result->sites[result->count].is_shared = region->is_shared;
	result->sites[result->count].is_reached = walk->reaching;
	if (!elf_file_offset(walk->elf, site->address, true, &result->sites[result->count].file_offset))
		return error_format(ERROR_INVALID, "0x%llx of %s is not in code", (unsigned long long)site->address,
				    walk->elf->path);
	result->return_count += site->kind == CODE_SITE_RETURN;
	result->count++;
	return NULL;
}

/* Makes the code at `target`, to which control runs on without a call, part of the walk. */
static struct error *follow_out(struct code_walk *walk, uint64_t target)
{
	const struct elf_symbol *symbol = elf_symbol_around(walk->elf, target);
	uint64_t start = target, end;
	uint64_t offset;
	struct error *err;

	if (!elf_file_offset(walk->elf, target, true, &offset) || walk->region_count >= REGIONS_MAX) {
		give_up(walk, "it jumps to where there is no code");
		return NULL;
	}
	if (symbol) {
		start = symbol->address;
		end = start + symbol->size;
	} else if (!elf_find_frame(walk->elf, target, &start, &end)) {
		start = target;
		end = elf_next_start(walk->elf, target);
		if (end - start > SHARED_BYTES_MAX)
			end = start + SHARED_BYTES_MAX;
	}
	err = add_region(walk, start, end, symbol ? symbol->name : NULL, false, true);
	if (!err && target >= walk->regions[walk->region_count - 1].end)
		give_up(walk, "it jumps to where there is no code");
	else if (!err)
		err = push(walk, target);
	return err;
}

/* A jump from `site->address` to `target`: inside the function, into a part of it, or a tail call. */
static struct error *take_jump(struct code_walk *walk, const struct code_region *from, uint64_t target,
			       struct code_return_site *site)
{
	const struct elf_symbol *symbol;
	uint64_t start, end;
	struct error *err;
	bool is_plt, own;

	if (find_region(walk, target))
		return push(walk, target);
	symbol = elf_symbol_at(walk->elf, target);
	if (symbol && code_jump_is_part(symbol->name, walk->function->name, &own)) {
		err = add_region(walk, target, target + symbol->size, symbol->name, own, !own);
		return err ? err : push(walk, target);
	}
	site->kind = CODE_SITE_TAIL_CALL;
	site->target = target;
	site->target_name = code_jump_plt_name(walk, target, &is_plt);
	site->through_plt = is_plt;
	if (is_plt)
		return add_site(walk, from, site);
	if (symbol || (elf_find_frame(walk->elf, target, &start, &end) && start == target)) {
		site->target_name = symbol ? symbol->name : NULL;
		return add_site(walk, from, site);
	}
	return follow_out(walk, target);
}

/* Control leaves a region at its end. After a call, padded or not, that is a call which does not return. */
static struct error *run_off(struct code_walk *walk, const struct code_region *region)
{
	const struct code_line *line = &walk->line;
	size_t oldest = line->count > LINE_LENGTH ? line->count - LINE_LENGTH : 0;

	if (!walk->reaching)
		return NULL;
	for (size_t i = line->count; i-- > oldest;) {
		const struct code_instruction *at = &line->entries[i % LINE_LENGTH];

		if (at->flow == CODE_FLOW_CALL || at->flow == CODE_FLOW_SYSTEM_CALL)
			return NULL;
		/* xchg %ax,%ax, which Go pads with, decodes as such. */
		if (at->op != CODE_OP_NOTHING && at->op != CODE_OP_EXCHANGE)
			break;
	}
	return find_region(walk, region->end) ? push(walk, region->end) : follow_out(walk, region->end);
}

/* Marks the bytes of an instruction; false when they are part of another one. */
static bool mark(struct code_walk *walk, struct code_region *region, size_t at, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (region->marks[at + i] & (BYTE_START | BYTE_INSIDE)) {
			give_up(walk, "its instructions overlap: there is data among them, or code that jumps into "
				      "the middle of itself");
			return false;
		}
	}
	region->marks[at] |= BYTE_START;
	for (size_t i = 1; i < length; i++)
		region->marks[at + i] |= BYTE_INSIDE;
	return true;
}

static bool ends_flow(const struct code_instruction *instruction)
{
	return instruction->op == CODE_OP_UNDEFINED || instruction->op == CODE_OP_HALT ||
	       instruction->op == CODE_OP_BREAKPOINT;
}

/* Handles one instruction that may divert control. `*ret_stop`: control does not go on behind it. */
static struct error *take_branch(struct code_walk *walk, const struct code_region *region,
				 const struct code_instruction *instruction, bool *ret_stop)
{
	struct code_return_site site = {.address = instruction->address};
	bool direct = instruction->has_target;
	uint64_t target = instruction->target;

	*ret_stop = false;
	if (instruction->flow == CODE_FLOW_RETURN) {
		*ret_stop = true;
		return instruction->is_far ? NULL : add_site(walk, region, &site);
	}
	if (instruction->flow == CODE_FLOW_CALL) {
		walk->result->makes_calls = true;
		walk->result->calls_itself |= direct && target == walk->function->address;
		return NULL;
	}
	if (instruction->flow == CODE_FLOW_BRANCH) {
		site.is_conditional = true;
		return direct ? take_jump(walk, region, target, &site) : NULL;
	}
	*ret_stop = true;
	if (direct)
		return take_jump(walk, region, target, &site);
	if (code_jump_classify(walk, &site) == CODE_JUMP_TAIL) {
		site.kind = CODE_SITE_TAIL_CALL;
		return add_site(walk, region, &site);
	}
	walk->result->has_indirect_jumps = true;
	/* Only decoding the whole extent finds what such a jump leads to. */
	if (!region->is_own)
		give_up(walk, "a jump table leads where its extent is not known");
	return NULL;
}

static struct error *follow_line(struct code_walk *walk, uint64_t address)
{
	size_t index = (size_t)(find_region(walk, address) - walk->regions);

	walk->line.count = 0;
	for (;;) {
		struct code_region *region = &walk->regions[index];
		struct code_instruction *instruction = &walk->line.entries[walk->line.count % LINE_LENGTH];
		size_t at = address - region->start;
		bool stop = false;
		struct error *err;

		if (address == region->end)
			return run_off(walk, region);
		if (region->marks[at] & BYTE_START)
			return NULL;
		/* Jumping over a lock prefix is how old C libraries skip it on one processor. */
		if (region->marks[at] & BYTE_INSIDE && walk->machine->skipped_prefix && at > 0 &&
		    region->marks[at - 1] & BYTE_START && region->bytes[at - 1] == walk->machine->skipped_prefix)
			return NULL;
		if (!code_decode(walk->machine, region->bytes + at, region->end - address, address, CODE_WHOLE,
				 instruction)) {
			give_up(walk, "it has bytes that are no known instruction");
			return NULL;
		}
		walk->line.count++;
		if (!mark(walk, region, at, instruction->length))
			return NULL;
		if (ends_flow(instruction))
			return NULL;
		address += instruction->length;
		if (instruction->flow == CODE_FLOW_NEXT || instruction->flow == CODE_FLOW_SYSTEM_CALL)
			continue;
		/* May move walk->regions. */
		{
			struct code_region copy = *region;

			err = take_branch(walk, &copy, instruction, &stop);
		}
		if (err || stop)
			return err;
	}
}

static struct error *drain(struct code_walk *walk)
{
	struct error *err = NULL;

	while (walk->pending_count > 0 && !err)
		err = follow_line(walk, walk->pending[--walk->pending_count]);
	return err;
}

/* Decodes a region from its start, byte after byte, and queues what control flow has not reached. */
static struct error *sweep(struct code_walk *walk, struct code_region *region)
{
	size_t size = region->end - region->start, at = 0;
	struct error *err = NULL;

	region->is_swept = true;
	while (at < size) {
		struct code_instruction instruction;
		bool reached = region->marks[at] & BYTE_START;

		/* add %al,(%rax), twice: zeroes. */
		if (!reached && size - at >= 4 && memcmp(region->bytes + at, "\0\0\0\0", 4) == 0) {
			give_up(walk, "it has data among its instructions");
			return NULL;
		}
		if (!code_decode(walk->machine, region->bytes + at, size - at, region->start + at, CODE_SHAPE,
				 &instruction) ||
		    (!reached && instruction.is_privileged && instruction.op != CODE_OP_HALT)) {
			give_up(walk, "it has bytes that are no known instruction");
			return NULL;
		}
		region->marks[at] |= BYTE_SWEPT;
		at += instruction.length;
	}
	for (at = 0; at < size; at++) {
		if (region->marks[at] & BYTE_START && !(region->marks[at] & BYTE_SWEPT)) {
			give_up(walk, "decoding it in sequence and following its jumps disagree");
			return NULL;
		}
	}
	/* From the end, because what is queued last is followed first. */
	for (at = size; at-- > 0 && !err;) {
		if (region->marks[at] & BYTE_SWEPT && !(region->marks[at] & BYTE_START))
			err = push(walk, region->start + at);
	}
	return err;
}

/* A .cold part to which no jump leads holds landing pads, which only the unwinder enters. Its name tells whose it is,
 * unless several functions have that name. */
static struct error *add_cold_parts(struct code_walk *walk)
{
	const struct elf_file *elf = walk->elf;
	size_t same = 0, count = 0;
	struct error *err = NULL;
	bool own;

	for (size_t i = 0; i < elf->code_count && walk->function->name; i++) {
		same += strcmp(elf->code[i].name, walk->function->name) == 0;
		count += code_jump_is_part(elf->code[i].name, walk->function->name, &own) && own &&
			 !find_region(walk, elf->code[i].address);
	}
	if (count == 0)
		return NULL;
	if (same > 1) {
		give_up(walk, "other functions have its name, and one of them has a split part");
		return NULL;
	}
	for (size_t i = 0; i < elf->code_count && !err; i++) {
		const struct elf_symbol *symbol = &elf->code[i];

		if (code_jump_is_part(symbol->name, walk->function->name, &own) && own && symbol->size > 0 &&
		    !find_region(walk, symbol->address))
			err = add_region(walk, symbol->address, symbol->address + symbol->size, symbol->name, true,
					 false);
	}
	return err;
}

static struct error *walk_function(struct code_walk *walk)
{
	const struct code_function *function = walk->function;
	bool known = function->extent != CODE_EXTENT_GUESS;
	struct error *err =
		add_region(walk, function->address, function->address + function->size, function->name, known, false);

	walk->reaching = true;
	if (!err && walk->regions[0].end == walk->regions[0].start)
		return error_format(ERROR_INVALID, "the code of %s is not in %s",
				    function->name ? function->name : "it", walk->elf->path);
	if (!err)
		err = push(walk, function->address) ?: drain(walk) ?: add_cold_parts(walk);
	walk->reaching = false;
	for (size_t i = 0; i < walk->region_count && !err; i++) {
		if (walk->regions[i].is_own)
			err = sweep(walk, &walk->regions[i]);
		if (!err)
			err = drain(walk);
	}
	return err;
}

static int site_compare(const void *left, const void *right)
{
	const struct code_return_site *a = left, *b = right;

	return a->address < b->address ? -1 : a->address > b->address;
}

struct error *code_find_return_sites(const struct elf_file *elf, const struct code_function *function,
				     struct code_return_sites *ret)
{
	struct code_walk *walk = calloc(1, sizeof(*walk));
	struct error *err;

	*ret = (struct code_return_sites){.function = *function};
	if (!walk)
		return &error_no_memory;
	walk->elf = elf;
	walk->function = function;
	walk->result = ret;
	walk->machine = code_machine_of(elf->machine);
	err = walk_function(walk);
	for (size_t i = 0; i < walk->region_count; i++) {
		free(walk->regions[i].bytes);
		free(walk->regions[i].marks);
	}
	free(walk->regions);
	free(walk->pending);
	free(walk);
	if (err) {
		code_return_sites_deinit(ret);
		return err;
	}
	ret->complete = !ret->incomplete_reason;
	if (ret->count > 0)
		qsort(ret->sites, ret->count, sizeof(*ret->sites), site_compare);
	return NULL;
}

void code_return_sites_deinit(struct code_return_sites *sites)
{
	free(sites->sites);
	*sites = (struct code_return_sites){0};
}
