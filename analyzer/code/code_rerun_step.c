/* SPDX-License-Identifier: MIT */
/* What an instruction does, as far as pointers and the ways that are taken hang on it. */
#include "analyzer/code/code_origin.h"
#include "analyzer/code/code_rerun.h"

static const struct code_rerun_value unknown;

static uint64_t cut(uint64_t value, unsigned bits)
{
	return bits >= 64 ? value : value & ((1ull << bits) - 1);
}

static uint32_t mixed(uint32_t from)
{
	return from ? CODE_RERUN_MIXED : 0;
}

static uint64_t extend_sign(uint64_t value, unsigned bits)
{
	return bits >= 64 ? value : (uint64_t)((int64_t)(value << (64 - bits)) >> (64 - bits));
}

static bool is_high_byte(ZydisRegister name)
{
	return name == ZYDIS_REGISTER_AH || name == ZYDIS_REGISTER_BH || name == ZYDIS_REGISTER_CH ||
	       name == ZYDIS_REGISTER_DH;
}

/* ---- registers and memory ---- */

static struct code_rerun_value read_register(const struct code_rerun *rerun, ZydisRegister name, unsigned bits)
{
	int number = code_text_register(name);
	struct code_rerun_value value;

	if (number < 0 || is_high_byte(name))
		return unknown;
	value = rerun->registers[number];
	value.value = cut(value.value, bits);
	value.from = bits == 64 ? value.from : mixed(value.from);
	return value;
}

/* A write of half a register clears the rest; of less, it keeps it (AMD64 manual, volume 1, 3.1.2). */
static void write_register(struct code_rerun *rerun, ZydisRegister name, unsigned bits, struct code_rerun_value value)
{
	int number = code_text_register(name);
	struct code_rerun_value *to;

	if (number < 0)
		return;
	to = &rerun->registers[number];
	if (is_high_byte(name)) {
		*to = unknown;
	} else if (bits < 32) {
		to->value = (to->value & ~cut(~0ull, bits)) | cut(value.value, bits);
		to->known &= value.known;
		to->from = mixed(to->from | value.from);
	} else {
		*to = value;
		to->value = cut(value.value, bits);
		to->from = bits == 64 ? value.from : mixed(value.from);
	}
}

static bool address_of(const struct code_rerun *rerun, const struct code_rerun_code *code,
		       const ZydisDecodedOperandMem *memory, uint64_t *ret, uint32_t *ret_through)
{
	struct code_rerun_value base = {.known = true}, index = {.known = true};

	uint64_t segment = memory->segment == ZYDIS_REGISTER_FS ? rerun->registers[CORE_FS_BASE].value : 0;

	if (memory->segment == ZYDIS_REGISTER_GS ||
	    (memory->segment == ZYDIS_REGISTER_FS && !rerun->registers[CORE_FS_BASE].known))
		return false;
	if (memory->base == ZYDIS_REGISTER_RIP)
		base.value = code->address + code->instruction.length;
	else if (memory->base != ZYDIS_REGISTER_NONE)
		base = read_register(rerun, memory->base, 64);
	if (memory->index != ZYDIS_REGISTER_NONE)
		index = read_register(rerun, memory->index, 64);
	*ret = segment + base.value + index.value * memory->scale +
	       (memory->disp.has_displacement ? (uint64_t)memory->disp.value : 0);
	*ret_through = base.from ?: index.from;
	return base.known && index.known;
}

static struct code_rerun_store *find_store(struct code_rerun *rerun, uint64_t word)
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

static struct code_rerun_value read_memory(struct code_rerun *rerun, const struct code_rerun_code *code,
					   const ZydisDecodedOperandMem *memory, unsigned bits)
{
	const struct code_rerun_store *store;
	struct code_rerun_value value = {.known = true};
	uint32_t through = 0;
	uint64_t address;

	if (!address_of(rerun, code, memory, &address, &through) || bits > 64)
		return unknown;
	store = find_store(rerun, address & ~7ull);
	if (store) {
		if ((address & 7) * 8 + bits > 64)
			return unknown;
		value = store->value;
		value.value = cut(value.value >> (address & 7) * 8, bits);
		value.from = bits == 64 ? value.from : mixed(value.from);
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

static void write_word(struct code_rerun *rerun, uint64_t word, struct code_rerun_value value)
{
	struct code_rerun_store *store = find_store(rerun, word);

	if (!store && rerun->store_count == CODE_RERUN_STORES) {
		rerun->stuck = true;
		return;
	}
	if (!store)
		store = &rerun->stores[rerun->store_count++];
	*store = (struct code_rerun_store){.address = word, .value = value};
}

static void write_memory(struct code_rerun *rerun, const struct code_rerun_code *code,
			 const ZydisDecodedOperandMem *memory, unsigned bits, struct code_rerun_value value)
{
	struct code_rerun_value whole = {.known = true};
	const struct code_rerun_store *store;
	uint32_t through;
	uint64_t address;
	unsigned shift;

	/* Where it goes is not known: what is read from the core holds all the same, since it was done before. */
	if (!address_of(rerun, code, memory, &address, &through))
		return;
	shift = (address & 7) * 8;
	if (bits == 64 && shift == 0) {
		write_word(rerun, address, value);
		return;
	}
	store = find_store(rerun, address & ~7ull);
	if (store)
		whole = store->value;
	else if (!code_origin_read_word(rerun->core, address & ~7ull, &whole.value))
		whole.known = false;
	if (bits > 64 || shift + bits > 64) {
		for (uint64_t at = address & ~7ull; at < address + bits / 8; at += 8)
			write_word(rerun, at, unknown);
		return;
	}
	whole.value = (whole.value & ~(cut(~0ull, bits) << shift)) | cut(value.value, bits) << shift;
	whole.known &= value.known;
	whole.from = store ? mixed(whole.from | value.from) : CODE_RERUN_MIXED;
	write_word(rerun, address & ~7ull, whole);
}

static struct code_rerun_value read_operand(struct code_rerun *rerun, const struct code_rerun_code *code,
					    unsigned number)
{
	const ZydisDecodedOperand *operand = &code->operands[number];

	switch (operand->type) {
	case ZYDIS_OPERAND_TYPE_REGISTER:
		return read_register(rerun, operand->reg.value, operand->size);
	case ZYDIS_OPERAND_TYPE_MEMORY:
		return read_memory(rerun, code, &operand->mem, operand->size);
	case ZYDIS_OPERAND_TYPE_IMMEDIATE:
		return (struct code_rerun_value){.value = operand->imm.value.u, .known = true};
	default:
		return unknown;
	}
}

static void write_operand(struct code_rerun *rerun, const struct code_rerun_code *code, unsigned number,
			  struct code_rerun_value value)
{
	const ZydisDecodedOperand *operand = &code->operands[number];

	if (operand->type == ZYDIS_OPERAND_TYPE_REGISTER)
		write_register(rerun, operand->reg.value, operand->size, value);
	else if (operand->type == ZYDIS_OPERAND_TYPE_MEMORY)
		write_memory(rerun, code, &operand->mem, operand->size, value);
}

/* ---- flags ---- */

static void set_flags(struct code_rerun *rerun, bool known, uint64_t result, unsigned bits)
{
	rerun->flags_known = known;
	rerun->zero = cut(result, bits) == 0;
	rerun->sign = result >> (bits - 1) & 1;
	rerun->carry = rerun->overflow = false;
}

static void set_flags_sum(struct code_rerun *rerun, struct code_rerun_value a, struct code_rerun_value b,
			  bool is_difference, unsigned bits)
{
	uint64_t x = cut(a.value, bits), y = cut(b.value, bits);
	uint64_t result = cut(is_difference ? x - y : x + y, bits);
	uint64_t overflow = is_difference ? (x ^ y) & (x ^ result) : ~(x ^ y) & (x ^ result);

	set_flags(rerun, a.known && b.known, result, bits);
	rerun->carry = is_difference ? x < y : result < x;
	rerun->overflow = overflow >> (bits - 1) & 1;
}

/* Jcc, CMOVcc and SETcc end in the same four bits (AMD64 manual, volume 3, "Condition codes"). */
static bool condition(const struct code_rerun *rerun, unsigned code)
{
	bool truth;

	switch (code >> 1 & 7) {
	case 0:
		truth = rerun->overflow;
		break;
	case 1:
		truth = rerun->carry;
		break;
	case 2:
		truth = rerun->zero;
		break;
	case 3:
		truth = rerun->carry || rerun->zero;
		break;
	case 4:
		truth = rerun->sign;
		break;
	case 5:
		return false;
	case 6:
		truth = rerun->sign != rerun->overflow;
		break;
	default:
		truth = rerun->zero || rerun->sign != rerun->overflow;
	}
	return truth != (code & 1);
}

static bool needs_parity(unsigned code)
{
	return (code >> 1 & 7) == 5;
}

/* ---- instructions ---- */

static void compute(struct code_rerun *rerun, const struct code_rerun_code *code)
{
	ZydisMnemonic mnemonic = code->instruction.mnemonic;
	struct code_rerun_value a = read_operand(rerun, code, 0), b = read_operand(rerun, code, 1), result;
	unsigned bits = code->operands[0].size;
	bool is_sum = false;

	result = (struct code_rerun_value){.known = a.known && b.known};
	/* A pointer and a number make a pointer. */
	result.from = a.from && b.from ? CODE_RERUN_MIXED : a.from ?: b.from;
	switch (mnemonic) {
	case ZYDIS_MNEMONIC_ADD:
	case ZYDIS_MNEMONIC_SUB:
	case ZYDIS_MNEMONIC_CMP:
		is_sum = true;
		result.value = mnemonic == ZYDIS_MNEMONIC_ADD ? a.value + b.value : a.value - b.value;
		break;
	case ZYDIS_MNEMONIC_OR:
		result.value = a.value | b.value;
		break;
	case ZYDIS_MNEMONIC_XOR:
		result.value = a.value ^ b.value;
		if (code->operands[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
		    code->operands[1].type == ZYDIS_OPERAND_TYPE_REGISTER &&
		    code->operands[0].reg.value == code->operands[1].reg.value)
			result = (struct code_rerun_value){.known = true};
		break;
	default: /* and, test */
		result.value = a.value & b.value;
	}
	if (is_sum)
		set_flags_sum(rerun, a, b, mnemonic != ZYDIS_MNEMONIC_ADD, bits);
	else
		set_flags(rerun, result.known, result.value, bits);
	if (mnemonic != ZYDIS_MNEMONIC_CMP && mnemonic != ZYDIS_MNEMONIC_TEST)
		write_operand(rerun, code, 0, result);
}

/* inc and dec leave the carry alone. */
static void count(struct code_rerun *rerun, const struct code_rerun_code *code)
{
	const struct code_rerun_value one = {.value = 1, .known = true};
	bool down = code->instruction.mnemonic == ZYDIS_MNEMONIC_DEC, carry = rerun->carry;
	struct code_rerun_value value = read_operand(rerun, code, 0);
	bool known = rerun->flags_known;

	set_flags_sum(rerun, value, one, down, code->operands[0].size);
	rerun->carry = carry;
	rerun->flags_known &= known;
	value.value += down ? (uint64_t)-1 : 1;
	write_operand(rerun, code, 0, value);
}

static void shift(struct code_rerun *rerun, const struct code_rerun_code *code)
{
	struct code_rerun_value value = read_operand(rerun, code, 0), by = read_operand(rerun, code, 1);
	unsigned bits = code->operands[0].size, amount = by.value & (bits == 64 ? 63 : 31);

	value.known &= by.known;
	value.from = mixed(value.from | by.from);
	if (amount >= bits)
		value.known = false;
	else if (code->instruction.mnemonic == ZYDIS_MNEMONIC_SHL)
		value.value <<= amount;
	else if (code->instruction.mnemonic == ZYDIS_MNEMONIC_SHR)
		value.value = cut(value.value, bits) >> amount;
	else
		value.value = (uint64_t)((int64_t)extend_sign(value.value, bits) >> amount);
	set_flags(rerun, false, value.value, bits);
	write_operand(rerun, code, 0, value);
}

static void multiply(struct code_rerun *rerun, const struct code_rerun_code *code)
{
	unsigned first = code->instruction.operand_count_visible == 3;
	struct code_rerun_value a = read_operand(rerun, code, first), b = read_operand(rerun, code, first + 1);

	rerun->flags_known = false;
	a.known &= b.known;
	a.value *= b.value;
	a.from = mixed(a.from | b.from);
	write_operand(rerun, code, 0, a);
}

static void push(struct code_rerun *rerun, struct code_rerun_value value)
{
	struct code_rerun_value *sp = &rerun->registers[CORE_RSP];

	sp->value -= 8;
	if (sp->known)
		write_word(rerun, sp->value, value);
}

static struct code_rerun_value pop(struct code_rerun *rerun)
{
	struct code_rerun_value *sp = &rerun->registers[CORE_RSP], value = unknown;
	const struct code_rerun_store *store = sp->known ? find_store(rerun, sp->value) : NULL;

	if (store) {
		value = store->value;
	} else if (sp->known) {
		value.known = code_origin_read_word(rerun->core, sp->value, &value.value);
		value.from = CODE_RERUN_MIXED;
	}
	sp->value += 8;
	return value;
}

/* The address of a word of the frame goes where others may use it. */
static void show(struct code_rerun *rerun, uint64_t address)
{
	for (size_t i = 0; i < rerun->shown_count; i++) {
		if (rerun->shown[i] == (address & ~7ull))
			return;
	}
	if (rerun->shown_count == CODE_RERUN_SHOWN)
		rerun->stuck = true;
	else
		rerun->shown[rerun->shown_count++] = address & ~7ull;
}

static void call(struct code_rerun *rerun)
{
	for (size_t i = 0; i < rerun->shown_count; i++) {
		struct code_rerun_store *store = find_store(rerun, rerun->shown[i]);

		if (store)
			store->value = unknown;
	}
	for (int i = 0; i <= CORE_RDI; i++) {
		if (!code_text_survives_call(i))
			rerun->registers[i] = unknown;
	}
	rerun->flags_known = false;
}

/* What is not known here: all that it writes is unknown after it. */
static void forget(struct code_rerun *rerun, const struct code_rerun_code *code)
{
	for (size_t i = 0; i < code->instruction.operand_count; i++) {
		if (code->operands[i].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)
			write_operand(rerun, code, (unsigned)i, unknown);
	}
	rerun->flags_known = false;
}

static bool move(struct code_rerun *rerun, const struct code_rerun_code *code)
{
	struct code_rerun_value value;
	uint64_t address = 0;

	switch (code->instruction.mnemonic) {
	case ZYDIS_MNEMONIC_MOV:
	case ZYDIS_MNEMONIC_MOVZX:
		value = read_operand(rerun, code, 1);
		if (value.known && code->operands[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
		    code->operands[0].reg.value != ZYDIS_REGISTER_RBP &&
		    code->operands[1].type == ZYDIS_OPERAND_TYPE_REGISTER &&
		    code->operands[1].reg.value == ZYDIS_REGISTER_RSP)
			show(rerun, value.value);
		break;
	case ZYDIS_MNEMONIC_MOVSX:
	case ZYDIS_MNEMONIC_MOVSXD:
		value = read_operand(rerun, code, 1);
		value.value = extend_sign(value.value, code->operands[1].size);
		value.from = mixed(value.from);
		break;
	case ZYDIS_MNEMONIC_CDQE:
		value = rerun->registers[CORE_RAX];
		value.value = extend_sign(value.value, 32);
		value.from = mixed(value.from);
		rerun->registers[CORE_RAX] = value;
		return true;
	case ZYDIS_MNEMONIC_LEA:
		value = (struct code_rerun_value){0};
		value.known = address_of(rerun, code, &code->operands[1].mem, &address, &value.from);
		value.value = address;
		if (value.known && code->operands[0].reg.value != ZYDIS_REGISTER_RSP &&
		    (code->operands[1].mem.base == ZYDIS_REGISTER_RSP ||
		     code->operands[1].mem.base == ZYDIS_REGISTER_RBP))
			show(rerun, address);
		break;
	case ZYDIS_MNEMONIC_PUSH:
		push(rerun, read_operand(rerun, code, 0));
		return true;
	case ZYDIS_MNEMONIC_POP:
		write_operand(rerun, code, 0, pop(rerun));
		return true;
	case ZYDIS_MNEMONIC_LEAVE:
		rerun->registers[CORE_RSP] = rerun->registers[CORE_RBP];
		rerun->registers[CORE_RBP] = pop(rerun);
		return true;
	case ZYDIS_MNEMONIC_NOP:
	case ZYDIS_MNEMONIC_ENDBR64:
		return true;
	default:
		return false;
	}
	write_operand(rerun, code, 0, value);
	return true;
}

static bool arithmetic(struct code_rerun *rerun, const struct code_rerun_code *code)
{
	switch (code->instruction.mnemonic) {
	case ZYDIS_MNEMONIC_ADD:
	case ZYDIS_MNEMONIC_SUB:
	case ZYDIS_MNEMONIC_CMP:
	case ZYDIS_MNEMONIC_AND:
	case ZYDIS_MNEMONIC_TEST:
	case ZYDIS_MNEMONIC_OR:
	case ZYDIS_MNEMONIC_XOR:
		compute(rerun, code);
		return true;
	case ZYDIS_MNEMONIC_INC:
	case ZYDIS_MNEMONIC_DEC:
		count(rerun, code);
		return true;
	case ZYDIS_MNEMONIC_SHL:
	case ZYDIS_MNEMONIC_SHR:
	case ZYDIS_MNEMONIC_SAR:
		shift(rerun, code);
		return true;
	case ZYDIS_MNEMONIC_IMUL:
		if (code->instruction.operand_count_visible < 2)
			return false;
		multiply(rerun, code);
		return true;
	default:
		return false;
	}
}

/* 70+cc and 0f 80+cc; the others (loop, jrcxz, xbegin) do not ask the flags, or not them alone. */
static bool is_by_flags(unsigned opcode)
{
	return (opcode & 0xf0) == 0x70 || (opcode & 0xf0) == 0x80;
}

static void branch(struct code_rerun *rerun, const struct code_rerun_code *code, bool is_always)
{
	unsigned opcode = code->instruction.opcode;
	ZyanU64 target;

	if (code->operands[0].type != ZYDIS_OPERAND_TYPE_IMMEDIATE ||
	    ZYAN_FAILED(ZydisCalcAbsoluteAddress(&code->instruction, &code->operands[0], code->address, &target)) ||
	    (!is_always && (!rerun->flags_known || needs_parity(opcode) || !is_by_flags(opcode)))) {
		rerun->stuck = true;
		return;
	}
	if (is_always || condition(rerun, opcode))
		rerun->ip = target;
}

static bool by_condition(struct code_rerun *rerun, const struct code_rerun_code *code)
{
	bool is_move = code->instruction.meta.category == ZYDIS_CATEGORY_CMOV;
	struct code_rerun_value value = unknown;

	if (!is_move && code->instruction.meta.category != ZYDIS_CATEGORY_SETCC)
		return false;
	if (rerun->flags_known && !needs_parity(code->instruction.opcode)) {
		bool truth = condition(rerun, code->instruction.opcode);

		if (is_move)
			value = read_operand(rerun, code, truth ? 1 : 0);
		else
			value = (struct code_rerun_value){.value = truth, .known = true, .from = CODE_RERUN_MIXED};
	}
	write_operand(rerun, code, 0, value);
	return true;
}

void code_rerun_step(struct code_rerun *rerun, const struct code_rerun_code *code)
{
	rerun->ip = code->address + code->instruction.length;
	switch (code->instruction.meta.category) {
	case ZYDIS_CATEGORY_COND_BR:
		branch(rerun, code, false);
		return;
	case ZYDIS_CATEGORY_UNCOND_BR:
		branch(rerun, code, true);
		return;
	case ZYDIS_CATEGORY_CALL:
	case ZYDIS_CATEGORY_SYSCALL:
		call(rerun);
		return;
	case ZYDIS_CATEGORY_RET:
		rerun->stuck = true;
		return;
	default:
		break;
	}
	/* `rep` makes an instruction a loop of its own. */
	if ((code->instruction.attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE)) ||
	    (!move(rerun, code) && !arithmetic(rerun, code) && !by_condition(rerun, code)))
		forget(rerun, code);
}
