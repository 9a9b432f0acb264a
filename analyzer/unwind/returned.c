/* SPDX-License-Identifier: MIT */
#include "analyzer/unwind/returned.h"

#include <elf.h>
#include <stdlib.h>
#include <unistd.h>

#include "analyzer/code/code_machine.h"
#include "analyzer/unwind/unwind_child.h"
#include "common/cleanup.h"

#define WINDOW_BYTES 65536 /* how far below the slot the frame's last call is looked for */
#define CALLS_MAX 512
#define CHUNK_BYTES (1 << 20)
#define PROLOGUE_BYTES 96

/* A call that had not come back: the stack pointer in the frame that made it, and the return address. */
struct call {
	uint64_t sp;
	uint64_t return_address;
	uint64_t found_at;
	bool from_context;
};

struct question {
	const struct core *core;
	uint64_t slot;
	const uint64_t *registers;
	const uint64_t *among; /* entries, which are tried first; NULL for any function */
	size_t among_count;
	struct call *calls; /* CALLS_MAX of them */
	size_t count;
};

static void add_call(struct question *question, uint64_t sp, uint64_t return_address, uint64_t found_at,
		     bool from_context)
{
	const struct core *core = question->core;

	if (question->count < CALLS_MAX && core_find_file(core, return_address) &&
	    unwind_is_executable(core, return_address) && unwind_check_call(core, return_address) == CALL_YES)
		question->calls[question->count++] = (struct call){sp, return_address, found_at, from_context};
}

/* The words below the stack pointer, the nearest first. */
static void find_below(struct question *question)
{
	uint64_t sp = question->registers ? question->registers[CORE_RSP] : question->slot;
	uint64_t end = sp < question->slot ? sp : question->slot, start;
	const struct core_segment *segment = end >= 8 ? core_find_segment(question->core, end - 8) : NULL;
	cleanup_free uint64_t *words = malloc(WINDOW_BYTES);

	if (!words || !segment || end % 8)
		return;
	start = end - segment->start > WINDOW_BYTES ? end - WINDOW_BYTES : segment->start;
	for (size_t i = core_read_dumped(question->core, start, words, end - start) / 8; i > 0; i--)
		add_call(question, start + 8 * i, words[i - 1], start + 8 * (i - 1), false);
}

static void find_contexts_in(struct question *question, const struct core_segment *segment, uint64_t *words)
{
	for (uint64_t at = 0; at < segment->dumped_bytes; at += CHUNK_BYTES - 8) { /* one word overlaps */
		size_t count = core_read_dumped(question->core, segment->start + at, words, CHUNK_BYTES) / 8;

		for (size_t i = 0; i + 1 < count; i++) {
			if (question->slot - words[i] <= WINDOW_BYTES && words[i] % 8 == 0)
				add_call(question, words[i], words[i + 1], segment->start + at + 8 * (i + 1), true);
		}
	}
}

static void find_contexts(struct question *question)
{
	cleanup_free uint64_t *words = malloc(CHUNK_BYTES);

	for (size_t i = 0; words && i < question->core->segment_count; i++) {
		if (question->core->segments[i].flags & PF_W)
			find_contexts_in(question, &question->core->segments[i], words);
	}
}

/* What the first instructions of a function do to the stack. */
struct prologue {
	uint64_t bytes; /* below the return address: pushes, and what the stack pointer was lowered by */
	enum core_register pushed[6];
	size_t pushed_count; /* pushed[i] lies at the slot - 8 * (i + 1) */
};

/* The file's text rather than the core's, where a probe's breakpoint may hide the first push. */
static size_t read_text(const struct core *core, uint64_t address, uint8_t *bytes, size_t size)
{
	const struct core_file_mapping *file = core_find_file(core, address);
	const struct core_module *module = core_find_module(core, address);
	ssize_t got = -1;

	if (file && module && module->elf_fd >= 0 && module->state == CORE_MODULE_FOUND)
		got = pread(module->elf_fd, bytes, size, (off_t)(file->offset + (address - file->start)));
	return got > 0 ? (size_t)got : core_read(core, address, bytes, size);
}

static void read_prologue(const struct core *core, uint64_t entry, struct prologue *ret)
{
	const struct code_machine *machine = code_machine_of(core->machine);
	struct code_instruction instruction;
	uint8_t bytes[PROLOGUE_BYTES];
	size_t size = read_text(core, entry, bytes, sizeof(bytes));
	bool lowered = false;

	*ret = (struct prologue){0};
	for (size_t at = 0; at < size; at += instruction.length) {
		const struct code_operand *operands = instruction.operands;

		if (!code_decode(machine, bytes + at, size - at, entry + at, CODE_WHOLE, &instruction) ||
		    instruction.op == CODE_OP_BREAKPOINT ||
		    (instruction.flow != CODE_FLOW_NEXT && instruction.flow != CODE_FLOW_SYSTEM_CALL))
			return;
		if (instruction.op == CODE_OP_PUSH) {
			if (!lowered && ret->bytes == 8 * ret->pushed_count && ret->pushed_count < 6 &&
			    operands[0].kind == CODE_OPERAND_REGISTER && operands[0].bits == 64 &&
			    operands[0].reg != CORE_RSP && code_is_kept(machine, operands[0].reg))
				ret->pushed[ret->pushed_count++] = (enum core_register)operands[0].reg;
			ret->bytes += 8;
		} else if (instruction.op == CODE_OP_SUBTRACT && operands[0].kind == CODE_OPERAND_REGISTER &&
			   operands[0].bits == 64 && operands[0].reg == CORE_RSP) {
			if (operands[1].kind != CODE_OPERAND_IMMEDIATE)
				return;
			ret->bytes += operands[1].immediate;
			lowered = true;
		}
	}
}

uint64_t returned_saved_at(const struct core *core, uint64_t entry, enum core_register reg, uint64_t return_slot)
{
	struct prologue prologue;

	read_prologue(core, entry, &prologue);
	for (size_t i = 0; i < prologue.pushed_count; i++) {
		if (prologue.pushed[i] == reg)
			return return_slot - 8 * (i + 1);
	}
	return 0;
}

/* After the return the registers hold what the function had pushed at its entry. */
static bool registers_agree(const struct question *question, const struct prologue *prologue)
{
	const uint64_t *registers = question->registers;

	for (size_t i = 0; registers && i < prologue->pushed_count; i++) {
		uint64_t at = question->slot - 8 * (i + 1), word;

		if (at < registers[CORE_RSP] && core_read_word(question->core, at, &word) &&
		    registers[prologue->pushed[i]] != word)
			return false;
	}
	return true;
}

static uint64_t entry_of(const struct call *call, const struct symbol *symbol)
{
	return symbol->function ? call->return_address - 1 - symbol->function_offset : 0;
}

/* Without symbols, two calls may be of two functions. */
static bool same_function(const struct call *a, const struct symbol *symbol_of_a, const struct call *b,
			  const struct symbol *symbol_of_b)
{
	uint64_t entry = entry_of(a, symbol_of_a);

	return entry ? entry == entry_of(b, symbol_of_b) : a->return_address == b->return_address;
}

static bool is_asked_for(const struct question *question, uint64_t entry)
{
	for (size_t i = 0; question->among && i < question->among_count; i++) {
		if (question->among[i] == entry)
			return true;
	}
	return !question->among;
}

/* Did the frame around that call end at the slot? */
static bool fits(const struct question *question, const struct call *call, const struct symbol *symbol,
		 int64_t slot_offset)
{
	uint64_t entry = entry_of(call, symbol);
	struct prologue prologue = {0};

	if (!is_asked_for(question, entry))
		return false;
	if (entry)
		read_prologue(question->core, entry, &prologue);
	if (slot_offset < 0 && prologue.bytes) /* counted from a frame pointer, which has been taken back */
		slot_offset = (int64_t)prologue.bytes;
	return slot_offset >= 0 && call->sp + (uint64_t)slot_offset == question->slot &&
	       registers_agree(question, &prologue);
}

static void choose(const struct question *question, struct unwind_result *answers, struct returned *ret)
{
	const struct call *chosen = NULL;
	struct symbol *symbol = NULL;

	for (size_t i = 0; i < question->count && i < answers->symbol_count; i++) {
		const struct call *call = &question->calls[i];

		if (!fits(question, call, &answers->symbols[i], answers->return_slot_offsets[i]))
			continue;
		if (chosen && !same_function(call, &answers->symbols[i], chosen, symbol))
			return;
		if (!chosen || (call->from_context && !chosen->from_context)) {
			chosen = call;
			symbol = &answers->symbols[i];
		}
	}
	if (!chosen)
		return;
	ret->return_address = chosen->return_address;
	ret->found_at = chosen->found_at;
	ret->from_context = chosen->from_context;
	ret->function = entry_of(chosen, symbol);
	ret->symbol = *symbol;
	*symbol = (struct symbol){0};
}

static struct error *ask(struct question *question, enum returned_search search, struct returned *ret)
{
	cleanup_free struct call *calls = calloc(CALLS_MAX, sizeof(*calls));
	cleanup_free uint64_t *addresses = calloc(CALLS_MAX, sizeof(*addresses));
	struct unwind_request request = {.addresses = addresses, .frame_limit = 1};
	struct unwind_result answers;
	struct error *err;

	*ret = (struct returned){.slot = question->slot};
	if (!calls || !addresses)
		return &error_no_memory;
	question->calls = calls;
	find_below(question);
	if (search == RETURNED_CONTEXTS)
		find_contexts(question);
	if (!question->count)
		return NULL;
	request.address_count = question->count;
	for (size_t i = 0; i < question->count; i++)
		addresses[i] = calls[i].return_address - 1; /* the call itself: nothing need stand behind it */
	err = unwind_core(question->core, &request, &answers);
	if (err)
		return err;
	choose(question, &answers, ret);
	if (!ret->return_address && question->among) {
		question->among = NULL;
		choose(question, &answers, ret);
	}
	unwind_result_deinit(&answers);
	return NULL;
}

struct error *returned_find(const struct core *core, uint64_t slot, const uint64_t *registers,
			    enum returned_search search, struct returned *ret)
{
	struct question question = {.core = core, .slot = slot, .registers = registers};

	return ask(&question, search, ret);
}

struct error *returned_find_preferred(const struct core *core, uint64_t slot, const uint64_t *functions, size_t count,
				      struct returned *ret)
{
	struct question question = {.core = core, .slot = slot, .among = functions, .among_count = count};

	return ask(&question, RETURNED_BELOW, ret);
}

void returned_deinit(struct returned *returned)
{
	symbol_deinit(&returned->symbol);
	*returned = (struct returned){0};
}
