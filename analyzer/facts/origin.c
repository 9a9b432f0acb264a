/* SPDX-License-Identifier: MIT */
#include "analyzer/facts/origin.h"

#include <Zydis/Zydis.h>
#include <string.h>

#include "analyzer/core/core_elf.h"
#include "common/error.h"

#define PAGE_BYTES 4096ULL
#define FUNCTION_BYTES_MAX 65536
#define KEPT 64 /* instructions before the one at hand */
#define DEPTH_MAX 8

struct step {
	ZydisDecodedInstruction instruction;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	uint64_t address;
};

struct trail {
	const struct core *core;
	const uint64_t *registers;
	struct step steps[KEPT]; /* a ring: the newest `count` of them end at `next` */
	size_t next, count;
};

static bool is_blank(const struct core_segment *segment, const struct core *core, uint64_t address)
{
	return segment && segment->dumped_bytes == 0 && segment->flags && !core_find_file(core, address) &&
	       !core_find_module(core, address);
}

bool origin_read_word(const struct core *core, uint64_t address, uint64_t *ret_word)
{
	if (core_read_word(core, address, ret_word))
		return true;
	if (!is_blank(core_find_segment(core, address), core, address) ||
	    core_find_segment(core, address) != core_find_segment(core, address + 7))
		return false;
	*ret_word = 0;
	return true;
}

bool origin_page_is_zero(const struct core *core, uint64_t address)
{
	static const uint8_t zeroes[PAGE_BYTES];
	uint8_t page[PAGE_BYTES];

	address &= ~(PAGE_BYTES - 1);
	if (core_read(core, address, page, sizeof(page)) == sizeof(page))
		return memcmp(page, zeroes, sizeof(page)) == 0;
	return is_blank(core_find_segment(core, address), core, address);
}

/* ---- the instructions before ---- */

static bool find_function(const struct core *core, uint64_t pc, uint64_t *ret_start, uint64_t *ret_end)
{
	const struct core_module *module = core_find_module(core, pc);
	const struct core_elf_symbol *symbol;
	struct core_elf *elf;
	struct error *err;
	bool found;

	if (!module || module->elf_fd < 0)
		return false;
	err = core_elf_open_module(module, &elf);
	if (err) {
		error_destroy(err);
		return false;
	}
	found = core_elf_find_frame(elf, pc - module->load_bias, ret_start, ret_end);
	symbol = found ? NULL : core_elf_symbol_around(elf, pc - module->load_bias);
	if (symbol) {
		*ret_start = symbol->address;
		*ret_end = symbol->address + symbol->size;
	}
	found |= symbol != NULL;
	*ret_start += module->load_bias;
	*ret_end += module->load_bias;
	core_elf_destroy(elf);
	return found && pc - *ret_start <= FUNCTION_BYTES_MAX;
}

/* Decodes from the function's start; false when that does not come out at the instruction at hand. */
static bool fill_trail(struct trail *trail, uint64_t start, uint64_t pc)
{
	uint8_t bytes[ZYDIS_MAX_INSTRUCTION_LENGTH];
	ZydisDecoder decoder;

	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	while (start < pc) {
		struct step *step = &trail->steps[trail->next];
		size_t size = core_read(trail->core, start, bytes, sizeof(bytes));

		if (!size ||
		    ZYAN_FAILED(ZydisDecoderDecodeFull(&decoder, bytes, size, &step->instruction, step->operands)))
			return false;
		step->address = start;
		start += step->instruction.length;
		trail->next = (trail->next + 1) % KEPT;
		trail->count += trail->count < KEPT;
	}
	return start == pc;
}

/* Number 0 is the instruction right before the one at hand. */
static const struct step *step_back(const struct trail *trail, size_t number)
{
	return number < trail->count ? &trail->steps[(trail->next + KEPT - 1 - number) % KEPT] : NULL;
}

/* ---- registers ---- */

static int number_of(ZydisRegister name)
{
	static const int numbers[] = {CORE_RAX, CORE_RCX, CORE_RDX, CORE_RBX, CORE_RSP, CORE_RBP, CORE_RSI, CORE_RDI,
				      CORE_R8,	CORE_R9,  CORE_R10, CORE_R11, CORE_R12, CORE_R13, CORE_R14, CORE_R15};

	name = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, name);
	return name >= ZYDIS_REGISTER_RAX && name <= ZYDIS_REGISTER_R15 ? numbers[name - ZYDIS_REGISTER_RAX] : -1;
}

/* System V ABI, AMD64: what a called function gives back as it was. */
static bool survives_call(int number)
{
	return number == CORE_RBX || number == CORE_RBP || number == CORE_RSP ||
	       (number >= CORE_R15 && number <= CORE_R12);
}

static bool is_call(const struct step *step)
{
	return step->instruction.meta.category == ZYDIS_CATEGORY_CALL ||
	       step->instruction.meta.category == ZYDIS_CATEGORY_SYSCALL;
}

/* Nothing falls through it. */
static bool ends_flow(const struct step *step)
{
	return step->instruction.meta.category == ZYDIS_CATEGORY_UNCOND_BR ||
	       step->instruction.meta.category == ZYDIS_CATEGORY_RET;
}

static bool writes(const struct step *step, int number)
{
	if (is_call(step))
		return !survives_call(number);
	for (size_t i = 0; i < step->instruction.operand_count; i++) {
		const ZydisDecodedOperand *operand = &step->operands[i];

		if (operand->type == ZYDIS_OPERAND_TYPE_REGISTER &&
		    (operand->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) && number_of(operand->reg.value) == number)
			return true;
	}
	return false;
}

static bool value_before(const struct trail *trail, int number, size_t step, unsigned depth, uint64_t *ret);

/* The address of a memory operand of instruction number `step`. */
static bool address_of(const struct trail *trail, size_t step, const ZydisDecodedOperandMem *memory, unsigned depth,
		       uint64_t *ret)
{
	const struct step *at = step_back(trail, step);
	uint64_t base = 0, index = 0;

	if (memory->segment == ZYDIS_REGISTER_FS || memory->segment == ZYDIS_REGISTER_GS)
		return false;
	if (memory->base == ZYDIS_REGISTER_RIP)
		base = at->address + at->instruction.length;
	else if (memory->base != ZYDIS_REGISTER_NONE &&
		 !value_before(trail, number_of(memory->base), step, depth, &base))
		return false;
	if (memory->index != ZYDIS_REGISTER_NONE && !value_before(trail, number_of(memory->index), step, depth, &index))
		return false;
	*ret = base + index * memory->scale + (memory->disp.has_displacement ? (uint64_t)memory->disp.value : 0);
	return true;
}

/* What an instruction that writes the register leaves in it. For a load, *ret_source is the word's address, else 0. */
static bool value_written(const struct trail *trail, int number, size_t step, unsigned depth, uint64_t *ret_value,
			  uint64_t *ret_source)
{
	const struct step *at = step_back(trail, step);
	const ZydisDecodedOperand *to = &at->operands[0], *from = &at->operands[1];

	*ret_source = 0;
	if (depth == 0 || is_call(at) || at->instruction.operand_count_visible < 2 ||
	    to->type != ZYDIS_OPERAND_TYPE_REGISTER || to->size != 64 || number_of(to->reg.value) != number)
		return false;
	if (at->instruction.mnemonic == ZYDIS_MNEMONIC_LEA)
		return address_of(trail, step, &from->mem, depth - 1, ret_value);
	if (at->instruction.mnemonic != ZYDIS_MNEMONIC_MOV)
		return false;
	if (from->type == ZYDIS_OPERAND_TYPE_REGISTER)
		return from->size == 64 && number_of(from->reg.value) >= 0 &&
		       value_before(trail, number_of(from->reg.value), step, depth - 1, ret_value);
	if (from->type != ZYDIS_OPERAND_TYPE_MEMORY || from->size != 64)
		return false;
	return address_of(trail, step, &from->mem, depth - 1, ret_source) &&
	       origin_read_word(trail->core, *ret_source, ret_value);
}

/* The newest instruction before number `step` that writes the register; false when the text does not tell. */
static bool find_writer(const struct trail *trail, int number, size_t step, size_t *ret)
{
	for (size_t i = step; step_back(trail, i); i++) {
		const struct step *at = step_back(trail, i);

		if (writes(at, number)) {
			*ret = i;
			return true;
		}
		if (ends_flow(at))
			return false;
	}
	return false;
}

/* The register just before instruction number `step` (the higher, the earlier). */
static bool value_before(const struct trail *trail, int number, size_t step, unsigned depth, uint64_t *ret)
{
	bool changed_since = false;
	uint64_t source;
	size_t writer;

	if (number < 0 || depth == 0)
		return false;
	for (size_t i = 0; i <= step && !changed_since; i++)
		changed_since = writes(step_back(trail, i), number);
	if (!changed_since) {
		*ret = trail->registers[number];
		return true;
	}
	return find_writer(trail, number, step + 1, &writer) &&
	       value_written(trail, number, writer, depth, ret, &source);
}

/* A local variable that is kept in the frame: the newest store before instruction number `load` to the slot that it
 * reads, and the register that was stored. */
static bool find_store(const struct trail *trail, size_t load, size_t *ret_step, int *ret_number)
{
	const ZydisDecodedOperandMem *slot = &step_back(trail, load)->operands[1].mem;

	if (slot->base != ZYDIS_REGISTER_RBP || slot->index != ZYDIS_REGISTER_NONE)
		return false;
	for (size_t i = load + 1; step_back(trail, i); i++) {
		const struct step *at = step_back(trail, i);
		const ZydisDecodedOperand *to = &at->operands[0];

		if (ends_flow(at) || writes(at, CORE_RBP))
			return false;
		if (at->instruction.mnemonic != ZYDIS_MNEMONIC_MOV || to->type != ZYDIS_OPERAND_TYPE_MEMORY ||
		    to->mem.base != slot->base || to->mem.index != ZYDIS_REGISTER_NONE ||
		    to->mem.disp.value != slot->disp.value)
			continue;
		*ret_step = i;
		*ret_number = at->operands[1].type == ZYDIS_OPERAND_TYPE_REGISTER && to->size == 64
				      ? number_of(at->operands[1].reg.value)
				      : -1;
		return *ret_number >= 0;
	}
	return false;
}

bool origin_of_register(const struct core *core, const uint64_t registers[CORE_REGISTERS], int number,
			uint64_t *ret_address)
{
	struct trail trail = {.core = core, .registers = registers};
	uint64_t wanted = number >= 0 && number < CORE_REGISTERS ? registers[number] : 0;
	uint64_t start, end, value, source;
	size_t writer, step = 0;
	bool found = false; /* in the frame; what was stored there may be followed further */

	if (!find_function(core, registers[CORE_RIP], &start, &end) || !fill_trail(&trail, start, registers[CORE_RIP]))
		return false;
	/* A copy of another register is followed to where that one was loaded. */
	for (unsigned copies = 0; copies < DEPTH_MAX && find_writer(&trail, number, step, &writer); copies++) {
		const struct step *at = step_back(&trail, writer);

		if (value_written(&trail, number, writer, DEPTH_MAX, &value, &source) && source) {
			if (value != wanted)
				return found;
			*ret_address = source;
			if (!find_store(&trail, writer, &step, &number))
				return true;
			found = true;
			step++;
			continue;
		}
		if (at->instruction.mnemonic != ZYDIS_MNEMONIC_MOV || at->operands[0].size != 64 ||
		    at->operands[1].type != ZYDIS_OPERAND_TYPE_REGISTER)
			return found;
		number = number_of(at->operands[1].reg.value);
		step = writer + 1;
	}
	return found;
}

/* No branch of the function leads into (from, to], and where its branches lead is known of all. */
static bool is_straight(const struct core *core, uint64_t start, uint64_t end, uint64_t from, uint64_t to)
{
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	uint8_t bytes[ZYDIS_MAX_INSTRUCTION_LENGTH];
	ZydisDecodedInstruction instruction;
	ZydisDecoder decoder;

	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	for (uint64_t at = start; at < end && end - start <= FUNCTION_BYTES_MAX; at += instruction.length) {
		size_t size = core_read(core, at, bytes, sizeof(bytes));
		ZyanU64 target;

		if (!size || ZYAN_FAILED(ZydisDecoderDecodeFull(&decoder, bytes, size, &instruction, operands)))
			return false;
		if (instruction.meta.category != ZYDIS_CATEGORY_UNCOND_BR &&
		    instruction.meta.category != ZYDIS_CATEGORY_COND_BR)
			continue;
		if (operands[0].type != ZYDIS_OPERAND_TYPE_IMMEDIATE ||
		    ZYAN_FAILED(ZydisCalcAbsoluteAddress(&instruction, &operands[0], at, &target)) ||
		    (target > from && target <= to))
			return false;
	}
	return end > to && end - start <= FUNCTION_BYTES_MAX;
}

/* The link behind the last one, when the writer is a copy or a load. False: the chain ends. */
static bool follow_link(const struct trail *trail, size_t writer, struct pointer_link *last, struct pointer_link *next)
{
	const struct step *at = step_back(trail, writer);
	const ZydisDecodedOperand *from = &at->operands[1];
	uint64_t value, source;

	if (at->instruction.mnemonic != ZYDIS_MNEMONIC_MOV || at->operands[0].type != ZYDIS_OPERAND_TYPE_REGISTER ||
	    at->operands[0].size != 64 || from->size != 64)
		return false;
	*next = (struct pointer_link){.at = at->address, .reg = -1};
	if (from->type == ZYDIS_OPERAND_TYPE_REGISTER) {
		next->is_copy = true;
		next->reg = number_of(from->reg.value);
		return next->reg >= 0;
	}
	if (from->type != ZYDIS_OPERAND_TYPE_MEMORY || from->mem.segment == ZYDIS_REGISTER_FS ||
	    from->mem.segment == ZYDIS_REGISTER_GS)
		return false;
	if (value_written(trail, last->reg, writer, DEPTH_MAX, &value, &source))
		last->slot = source;
	next->offset = from->mem.disp.has_displacement ? from->mem.disp.value : 0;
	next->reg = from->mem.base == ZYDIS_REGISTER_RIP ? -1 : number_of(from->mem.base);
	return next->reg >= 0 && next->reg != CORE_RSP && from->mem.index == ZYDIS_REGISTER_NONE && next->offset >= 0;
}

size_t origin_of_pointer(const struct core *core, const uint64_t registers[CORE_REGISTERS], int number,
			 struct pointer_link ret_links[POINTER_LINKS])
{
	struct trail trail = {.core = core, .registers = registers};
	uint64_t start, end, pc = registers[CORE_RIP], source;
	size_t count = 1, step = 0, writer;

	ret_links[0] = (struct pointer_link){.reg = number, .at = pc};
	if (!find_function(core, pc, &start, &end) || !fill_trail(&trail, start, pc))
		return 1;
	while (count < POINTER_LINKS && find_writer(&trail, ret_links[count - 1].reg, step, &writer) &&
	       is_straight(core, start, end, step_back(&trail, writer)->address, pc)) {
		if (!follow_link(&trail, writer, &ret_links[count - 1], &ret_links[count]))
			break;
		step = writer + 1;
		count++;
	}
	/* The word must still hold what was read from it. */
	for (size_t i = 0; i < count && (i == 0 || ret_links[i].is_copy); i++) {
		if (ret_links[i].slot &&
		    (!origin_read_word(core, ret_links[i].slot, &source) || source != registers[number])) {
			ret_links[i].slot = 0;
			return i + 1;
		}
	}
	return count;
}
