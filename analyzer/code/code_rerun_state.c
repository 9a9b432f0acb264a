/* SPDX-License-Identifier: MIT */
#include "analyzer/code/code_rerun_state.h"

#include "analyzer/code/code_origin.h"

static const struct code_rerun_value unknown;

static struct code_rerun_value read_number(const struct code_rerun *rerun, int number, unsigned bits)
{
	struct code_rerun_value value;

	if (number < 0)
		return unknown;
	value = rerun->registers[number];
	value.value = code_lowest_bits(value.value, bits);
	value.from = bits == 64 ? value.from : code_rerun_mixed(value.from);
	return value;
}

static struct code_rerun_value read_register(const struct code_rerun *rerun, const struct code_operand *operand)
{
	return operand->is_high_byte ? unknown : read_number(rerun, operand->reg, operand->bits);
}

/* A write of half a register clears the rest; of less, it keeps it (AMD64 manual, volume 1, 3.1.2). */
static void write_register(struct code_rerun *rerun, const struct code_operand *operand, struct code_rerun_value value)
{
	unsigned bits = operand->bits;
	struct code_rerun_value *to;

	if (operand->reg < 0)
		return;
	to = &rerun->registers[operand->reg];
	if (operand->is_high_byte) {
		*to = unknown;
	} else if (bits < 32) {
		to->value = (to->value & ~code_lowest_bits(~0ull, bits)) | code_lowest_bits(value.value, bits);
		to->known &= value.known;
		to->from = code_rerun_mixed(to->from | value.from);
	} else {
		*to = value;
		to->value = code_lowest_bits(value.value, bits);
		to->from = bits == 64 ? value.from : code_rerun_mixed(value.from);
	}
}

bool code_rerun_address_of(const struct code_rerun *rerun, const struct code_instruction *code,
			   const struct code_memory *memory, uint64_t *ret, uint32_t *ret_through)
{
	struct code_rerun_value base = {.known = true}, index = {.known = true};

	uint64_t segment = memory->segment == CORE_FS_BASE ? rerun->registers[CORE_FS_BASE].value : 0;

	if (memory->segment == CORE_GS_BASE ||
	    (memory->segment == CORE_FS_BASE && !rerun->registers[CORE_FS_BASE].known))
		return false;
	if (memory->is_pc_relative)
		base.value = code->address + code->length;
	else if (memory->base != CODE_REGISTER_NONE)
		base = read_number(rerun, memory->base, memory->address_bits);
	if (memory->index != CODE_REGISTER_NONE)
		index = read_number(rerun, memory->index, memory->index_bits);
	*ret = segment + base.value + index.value * memory->scale + (uint64_t)memory->displacement;
	*ret_through = base.from ?: index.from;
	return base.known && index.known;
}

struct code_rerun_store *code_rerun_find_store(struct code_rerun *rerun, uint64_t word)
{
	for (size_t i = rerun->store_count; i-- > 0;) {
		if (rerun->stores[i].address == word)
			return &rerun->stores[i];
	}
	return NULL;
}

static uint32_t add_load(struct code_rerun *rerun, uint64_t address, uint64_t value, uint32_t through)
{
	if (rerun->load_count == CODE_RERUN_LOADS) {
		rerun->stuck = true;
		return 0;
	}
	rerun->loads[rerun->load_count] = (struct code_rerun_load){
		.address = address, .value = value, .through = through == CODE_RERUN_MIXED ? 0 : through};
	return rerun->load_count++;
}

static struct code_rerun_value read_memory(struct code_rerun *rerun, const struct code_instruction *code,
					   const struct code_memory *memory, unsigned bits)
{
	const struct code_rerun_store *store;
	struct code_rerun_value value = {.known = true};
	uint32_t through = 0;
	uint64_t address;

	if (!code_rerun_address_of(rerun, code, memory, &address, &through) || bits > 64)
		return unknown;
	store = code_rerun_find_store(rerun, address & ~7ull);
	if (store) {
		if ((address & 7) * 8 + bits > 64)
			return unknown;
		value = store->value;
		value.value = code_lowest_bits(value.value >> (address & 7) * 8, bits);
		value.from = bits == 64 ? value.from : code_rerun_mixed(value.from);
		return value;
	}
	if (bits == 64 && code_origin_read_word(rerun->core, address, &value.value)) {
		value.from = add_load(rerun, address, value.value, through);
		return value;
	}
	value.known = core_read(rerun->core, address, &value.value, bits / 8) == bits / 8;
	value.from = CODE_RERUN_MIXED;
	return value;
}

void code_rerun_write_word(struct code_rerun *rerun, uint64_t word, struct code_rerun_value value)
{
	struct code_rerun_store *store = code_rerun_find_store(rerun, word);

	if (!store && rerun->store_count == CODE_RERUN_STORES) {
		rerun->stuck = true;
		return;
	}
	if (!store)
		store = &rerun->stores[rerun->store_count++];
	*store = (struct code_rerun_store){.address = word, .value = value};
}

static void write_memory(struct code_rerun *rerun, const struct code_instruction *code,
			 const struct code_memory *memory, unsigned bits, struct code_rerun_value value)
{
	struct code_rerun_value whole = {.known = true};
	const struct code_rerun_store *store;
	uint32_t through;
	uint64_t address;
	unsigned shift;

	/* Where it goes is not known: what is read from the core holds all the same, since it was done before. */
	if (!code_rerun_address_of(rerun, code, memory, &address, &through))
		return;
	shift = (address & 7) * 8;
	if (bits == 64 && shift == 0) {
		code_rerun_write_word(rerun, address, value);
		return;
	}
	store = code_rerun_find_store(rerun, address & ~7ull);
	if (store)
		whole = store->value;
	else if (!code_origin_read_word(rerun->core, address & ~7ull, &whole.value))
		whole.known = false;
	if (bits > 64 || shift + bits > 64) {
		for (uint64_t at = address & ~7ull; at < address + bits / 8; at += 8)
			code_rerun_write_word(rerun, at, unknown);
		return;
	}
	whole.value = (whole.value & ~(code_lowest_bits(~0ull, bits) << shift)) | code_lowest_bits(value.value, bits)
											  << shift;
	whole.known &= value.known;
	whole.from = store ? code_rerun_mixed(whole.from | value.from) : CODE_RERUN_MIXED;
	code_rerun_write_word(rerun, address & ~7ull, whole);
}

struct code_rerun_value code_rerun_read(struct code_rerun *rerun, const struct code_instruction *code, unsigned number)
{
	const struct code_operand *operand = &code->operands[number];

	switch (operand->kind) {
	case CODE_OPERAND_REGISTER:
		return read_register(rerun, operand);
	case CODE_OPERAND_MEMORY:
		return read_memory(rerun, code, &operand->memory, operand->bits);
	case CODE_OPERAND_IMMEDIATE:
		return (struct code_rerun_value){.value = operand->immediate, .known = true};
	default:
		return unknown;
	}
}

void code_rerun_write(struct code_rerun *rerun, const struct code_instruction *code, unsigned number,
		      struct code_rerun_value value)
{
	const struct code_operand *operand = &code->operands[number];

	if (operand->kind == CODE_OPERAND_REGISTER)
		write_register(rerun, operand, value);
	else if (operand->kind == CODE_OPERAND_MEMORY)
		write_memory(rerun, code, &operand->memory, operand->bits, value);
}
