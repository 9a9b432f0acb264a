/* SPDX-License-Identifier: MIT */
/* What an instruction does, as far as pointers and the ways that are taken hang on it. */
#include "analyzer/facts/origin.h"
#include "analyzer/facts/origin_replay.h"

static const struct replay_value unknown;

static uint64_t cut(uint64_t value, unsigned bits)
{
	return bits >= 64 ? value : value & ((1ull << bits) - 1);
}

static uint32_t mixed(uint32_t from)
{
	return from ? REPLAY_MIXED : 0;
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

static struct replay_value read_register(const struct replay *replay, ZydisRegister name, unsigned bits)
{
	int number = text_register(name);
	struct replay_value value;

	if (number < 0 || is_high_byte(name))
		return unknown;
	value = replay->registers[number];
	value.value = cut(value.value, bits);
	value.from = bits == 64 ? value.from : mixed(value.from);
	return value;
}

/* A write of half a register clears the rest; of less, it keeps it (AMD64 manual, volume 1, 3.1.2). */
static void write_register(struct replay *replay, ZydisRegister name, unsigned bits, struct replay_value value)
{
	int number = text_register(name);
	struct replay_value *to;

	if (number < 0)
		return;
	to = &replay->registers[number];
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

static bool address_of(const struct replay *replay, const struct replay_code *code,
		       const ZydisDecodedOperandMem *memory, uint64_t *ret, uint32_t *ret_through)
{
	struct replay_value base = {.known = true}, index = {.known = true};

	uint64_t segment = memory->segment == ZYDIS_REGISTER_FS ? replay->registers[CORE_FS_BASE].value : 0;

	if (memory->segment == ZYDIS_REGISTER_GS ||
	    (memory->segment == ZYDIS_REGISTER_FS && !replay->registers[CORE_FS_BASE].known))
		return false;
	if (memory->base == ZYDIS_REGISTER_RIP)
		base.value = code->address + code->instruction.length;
	else if (memory->base != ZYDIS_REGISTER_NONE)
		base = read_register(replay, memory->base, 64);
	if (memory->index != ZYDIS_REGISTER_NONE)
		index = read_register(replay, memory->index, 64);
	*ret = segment + base.value + index.value * memory->scale +
	       (memory->disp.has_displacement ? (uint64_t)memory->disp.value : 0);
	*ret_through = base.from ?: index.from;
	return base.known && index.known;
}

static struct replay_store *find_store(struct replay *replay, uint64_t word)
{
	for (size_t i = replay->store_count; i-- > 0;) {
		if (replay->stores[i].address == word)
			return &replay->stores[i];
	}
	return NULL;
}

static uint32_t add_load(struct replay *replay, uint64_t address, uint64_t value, uint32_t through)
{
	if (replay->load_count == REPLAY_LOADS) {
		replay->stuck = true;
		return 0;
	}
	replay->loads[replay->load_count] = (struct replay_load){
		.address = address, .value = value, .through = through == REPLAY_MIXED ? 0 : through};
	return replay->load_count++;
}

static struct replay_value read_memory(struct replay *replay, const struct replay_code *code,
				       const ZydisDecodedOperandMem *memory, unsigned bits)
{
	const struct replay_store *store;
	struct replay_value value = {.known = true};
	uint32_t through = 0;
	uint64_t address;

	if (!address_of(replay, code, memory, &address, &through) || bits > 64)
		return unknown;
	store = find_store(replay, address & ~7ull);
	if (store) {
		if ((address & 7) * 8 + bits > 64)
			return unknown;
		value = store->value;
		value.value = cut(value.value >> (address & 7) * 8, bits);
		value.from = bits == 64 ? value.from : mixed(value.from);
		return value;
	}
	if (bits == 64 && origin_read_word(replay->core, address, &value.value)) {
		value.from = add_load(replay, address, value.value, through);
		return value;
	}
	value.known = core_read(replay->core, address, &value.value, bits / 8) == bits / 8;
	value.from = REPLAY_MIXED;
	return value;
}

static void write_word(struct replay *replay, uint64_t word, struct replay_value value)
{
	struct replay_store *store = find_store(replay, word);

	if (!store && replay->store_count == REPLAY_STORES) {
		replay->stuck = true;
		return;
	}
	if (!store)
		store = &replay->stores[replay->store_count++];
	*store = (struct replay_store){.address = word, .value = value};
}

static void write_memory(struct replay *replay, const struct replay_code *code, const ZydisDecodedOperandMem *memory,
			 unsigned bits, struct replay_value value)
{
	struct replay_value whole = {.known = true};
	const struct replay_store *store;
	uint32_t through;
	uint64_t address;
	unsigned shift;

	/* Where it goes is not known: what is read from the core holds all the same, since it was done before. */
	if (!address_of(replay, code, memory, &address, &through))
		return;
	shift = (address & 7) * 8;
	if (bits == 64 && shift == 0) {
		write_word(replay, address, value);
		return;
	}
	store = find_store(replay, address & ~7ull);
	if (store)
		whole = store->value;
	else if (!origin_read_word(replay->core, address & ~7ull, &whole.value))
		whole.known = false;
	if (bits > 64 || shift + bits > 64) {
		for (uint64_t at = address & ~7ull; at < address + bits / 8; at += 8)
			write_word(replay, at, unknown);
		return;
	}
	whole.value = (whole.value & ~(cut(~0ull, bits) << shift)) | cut(value.value, bits) << shift;
	whole.known &= value.known;
	whole.from = store ? mixed(whole.from | value.from) : REPLAY_MIXED;
	write_word(replay, address & ~7ull, whole);
}

static struct replay_value read_operand(struct replay *replay, const struct replay_code *code, unsigned number)
{
	const ZydisDecodedOperand *operand = &code->operands[number];

	switch (operand->type) {
	case ZYDIS_OPERAND_TYPE_REGISTER:
		return read_register(replay, operand->reg.value, operand->size);
	case ZYDIS_OPERAND_TYPE_MEMORY:
		return read_memory(replay, code, &operand->mem, operand->size);
	case ZYDIS_OPERAND_TYPE_IMMEDIATE:
		return (struct replay_value){.value = operand->imm.value.u, .known = true};
	default:
		return unknown;
	}
}

static void write_operand(struct replay *replay, const struct replay_code *code, unsigned number,
			  struct replay_value value)
{
	const ZydisDecodedOperand *operand = &code->operands[number];

	if (operand->type == ZYDIS_OPERAND_TYPE_REGISTER)
		write_register(replay, operand->reg.value, operand->size, value);
	else if (operand->type == ZYDIS_OPERAND_TYPE_MEMORY)
		write_memory(replay, code, &operand->mem, operand->size, value);
}

/* ---- flags ---- */

static void set_flags(struct replay *replay, bool known, uint64_t result, unsigned bits)
{
	replay->flags_known = known;
	replay->zero = cut(result, bits) == 0;
	replay->sign = result >> (bits - 1) & 1;
	replay->carry = replay->overflow = false;
}

static void set_flags_sum(struct replay *replay, struct replay_value a, struct replay_value b, bool is_difference,
			  unsigned bits)
{
	uint64_t x = cut(a.value, bits), y = cut(b.value, bits);
	uint64_t result = cut(is_difference ? x - y : x + y, bits);
	uint64_t overflow = is_difference ? (x ^ y) & (x ^ result) : ~(x ^ y) & (x ^ result);

	set_flags(replay, a.known && b.known, result, bits);
	replay->carry = is_difference ? x < y : result < x;
	replay->overflow = overflow >> (bits - 1) & 1;
}

/* Jcc, CMOVcc and SETcc end in the same four bits (AMD64 manual, volume 3, "Condition codes"). */
static bool condition(const struct replay *replay, unsigned code)
{
	bool truth;

	switch (code >> 1 & 7) {
	case 0:
		truth = replay->overflow;
		break;
	case 1:
		truth = replay->carry;
		break;
	case 2:
		truth = replay->zero;
		break;
	case 3:
		truth = replay->carry || replay->zero;
		break;
	case 4:
		truth = replay->sign;
		break;
	case 5:
		return false;
	case 6:
		truth = replay->sign != replay->overflow;
		break;
	default:
		truth = replay->zero || replay->sign != replay->overflow;
	}
	return truth != (code & 1);
}

static bool needs_parity(unsigned code)
{
	return (code >> 1 & 7) == 5;
}

/* ---- instructions ---- */

static void compute(struct replay *replay, const struct replay_code *code)
{
	ZydisMnemonic mnemonic = code->instruction.mnemonic;
	struct replay_value a = read_operand(replay, code, 0), b = read_operand(replay, code, 1), result;
	unsigned bits = code->operands[0].size;
	bool is_sum = false;

	result = (struct replay_value){.known = a.known && b.known};
	/* A pointer and a number make a pointer. */
	result.from = a.from && b.from ? REPLAY_MIXED : a.from ?: b.from;
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
			result = (struct replay_value){.known = true};
		break;
	default: /* and, test */
		result.value = a.value & b.value;
	}
	if (is_sum)
		set_flags_sum(replay, a, b, mnemonic != ZYDIS_MNEMONIC_ADD, bits);
	else
		set_flags(replay, result.known, result.value, bits);
	if (mnemonic != ZYDIS_MNEMONIC_CMP && mnemonic != ZYDIS_MNEMONIC_TEST)
		write_operand(replay, code, 0, result);
}

/* inc and dec leave the carry alone. */
static void count(struct replay *replay, const struct replay_code *code)
{
	const struct replay_value one = {.value = 1, .known = true};
	bool down = code->instruction.mnemonic == ZYDIS_MNEMONIC_DEC, carry = replay->carry;
	struct replay_value value = read_operand(replay, code, 0);
	bool known = replay->flags_known;

	set_flags_sum(replay, value, one, down, code->operands[0].size);
	replay->carry = carry;
	replay->flags_known &= known;
	value.value += down ? (uint64_t)-1 : 1;
	write_operand(replay, code, 0, value);
}

static void shift(struct replay *replay, const struct replay_code *code)
{
	struct replay_value value = read_operand(replay, code, 0), by = read_operand(replay, code, 1);
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
	set_flags(replay, false, value.value, bits);
	write_operand(replay, code, 0, value);
}

static void multiply(struct replay *replay, const struct replay_code *code)
{
	unsigned first = code->instruction.operand_count_visible == 3;
	struct replay_value a = read_operand(replay, code, first), b = read_operand(replay, code, first + 1);

	replay->flags_known = false;
	a.known &= b.known;
	a.value *= b.value;
	a.from = mixed(a.from | b.from);
	write_operand(replay, code, 0, a);
}

static void push(struct replay *replay, struct replay_value value)
{
	struct replay_value *sp = &replay->registers[CORE_RSP];

	sp->value -= 8;
	if (sp->known)
		write_word(replay, sp->value, value);
}

static struct replay_value pop(struct replay *replay)
{
	struct replay_value *sp = &replay->registers[CORE_RSP], value = unknown;
	const struct replay_store *store = sp->known ? find_store(replay, sp->value) : NULL;

	if (store) {
		value = store->value;
	} else if (sp->known) {
		value.known = origin_read_word(replay->core, sp->value, &value.value);
		value.from = REPLAY_MIXED;
	}
	sp->value += 8;
	return value;
}

/* The address of a word of the frame goes where others may use it. */
static void show(struct replay *replay, uint64_t address)
{
	for (size_t i = 0; i < replay->shown_count; i++) {
		if (replay->shown[i] == (address & ~7ull))
			return;
	}
	if (replay->shown_count == REPLAY_SHOWN)
		replay->stuck = true;
	else
		replay->shown[replay->shown_count++] = address & ~7ull;
}

static void call(struct replay *replay)
{
	for (size_t i = 0; i < replay->shown_count; i++) {
		struct replay_store *store = find_store(replay, replay->shown[i]);

		if (store)
			store->value = unknown;
	}
	for (int i = 0; i <= CORE_RDI; i++) {
		if (!text_survives_call(i))
			replay->registers[i] = unknown;
	}
	replay->flags_known = false;
}

/* What is not known here: all that it writes is unknown after it. */
static void forget(struct replay *replay, const struct replay_code *code)
{
	for (size_t i = 0; i < code->instruction.operand_count; i++) {
		if (code->operands[i].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)
			write_operand(replay, code, (unsigned)i, unknown);
	}
	replay->flags_known = false;
}

static bool move(struct replay *replay, const struct replay_code *code)
{
	struct replay_value value;
	uint64_t address = 0;

	switch (code->instruction.mnemonic) {
	case ZYDIS_MNEMONIC_MOV:
	case ZYDIS_MNEMONIC_MOVZX:
		value = read_operand(replay, code, 1);
		if (value.known && code->operands[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
		    code->operands[0].reg.value != ZYDIS_REGISTER_RBP &&
		    code->operands[1].type == ZYDIS_OPERAND_TYPE_REGISTER &&
		    code->operands[1].reg.value == ZYDIS_REGISTER_RSP)
			show(replay, value.value);
		break;
	case ZYDIS_MNEMONIC_MOVSX:
	case ZYDIS_MNEMONIC_MOVSXD:
		value = read_operand(replay, code, 1);
		value.value = extend_sign(value.value, code->operands[1].size);
		value.from = mixed(value.from);
		break;
	case ZYDIS_MNEMONIC_CDQE:
		value = replay->registers[CORE_RAX];
		value.value = extend_sign(value.value, 32);
		value.from = mixed(value.from);
		replay->registers[CORE_RAX] = value;
		return true;
	case ZYDIS_MNEMONIC_LEA:
		value = (struct replay_value){0};
		value.known = address_of(replay, code, &code->operands[1].mem, &address, &value.from);
		value.value = address;
		if (value.known && code->operands[0].reg.value != ZYDIS_REGISTER_RSP &&
		    (code->operands[1].mem.base == ZYDIS_REGISTER_RSP ||
		     code->operands[1].mem.base == ZYDIS_REGISTER_RBP))
			show(replay, address);
		break;
	case ZYDIS_MNEMONIC_PUSH:
		push(replay, read_operand(replay, code, 0));
		return true;
	case ZYDIS_MNEMONIC_POP:
		write_operand(replay, code, 0, pop(replay));
		return true;
	case ZYDIS_MNEMONIC_LEAVE:
		replay->registers[CORE_RSP] = replay->registers[CORE_RBP];
		replay->registers[CORE_RBP] = pop(replay);
		return true;
	case ZYDIS_MNEMONIC_NOP:
	case ZYDIS_MNEMONIC_ENDBR64:
		return true;
	default:
		return false;
	}
	write_operand(replay, code, 0, value);
	return true;
}

static bool arithmetic(struct replay *replay, const struct replay_code *code)
{
	switch (code->instruction.mnemonic) {
	case ZYDIS_MNEMONIC_ADD:
	case ZYDIS_MNEMONIC_SUB:
	case ZYDIS_MNEMONIC_CMP:
	case ZYDIS_MNEMONIC_AND:
	case ZYDIS_MNEMONIC_TEST:
	case ZYDIS_MNEMONIC_OR:
	case ZYDIS_MNEMONIC_XOR:
		compute(replay, code);
		return true;
	case ZYDIS_MNEMONIC_INC:
	case ZYDIS_MNEMONIC_DEC:
		count(replay, code);
		return true;
	case ZYDIS_MNEMONIC_SHL:
	case ZYDIS_MNEMONIC_SHR:
	case ZYDIS_MNEMONIC_SAR:
		shift(replay, code);
		return true;
	case ZYDIS_MNEMONIC_IMUL:
		if (code->instruction.operand_count_visible < 2)
			return false;
		multiply(replay, code);
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

static void branch(struct replay *replay, const struct replay_code *code, bool is_always)
{
	unsigned opcode = code->instruction.opcode;
	ZyanU64 target;

	if (code->operands[0].type != ZYDIS_OPERAND_TYPE_IMMEDIATE ||
	    ZYAN_FAILED(ZydisCalcAbsoluteAddress(&code->instruction, &code->operands[0], code->address, &target)) ||
	    (!is_always && (!replay->flags_known || needs_parity(opcode) || !is_by_flags(opcode)))) {
		replay->stuck = true;
		return;
	}
	if (is_always || condition(replay, opcode))
		replay->ip = target;
}

static bool by_condition(struct replay *replay, const struct replay_code *code)
{
	bool is_move = code->instruction.meta.category == ZYDIS_CATEGORY_CMOV;
	struct replay_value value = unknown;

	if (!is_move && code->instruction.meta.category != ZYDIS_CATEGORY_SETCC)
		return false;
	if (replay->flags_known && !needs_parity(code->instruction.opcode)) {
		bool truth = condition(replay, code->instruction.opcode);

		if (is_move)
			value = read_operand(replay, code, truth ? 1 : 0);
		else
			value = (struct replay_value){.value = truth, .known = true, .from = REPLAY_MIXED};
	}
	write_operand(replay, code, 0, value);
	return true;
}

void replay_step(struct replay *replay, const struct replay_code *code)
{
	replay->ip = code->address + code->instruction.length;
	switch (code->instruction.meta.category) {
	case ZYDIS_CATEGORY_COND_BR:
		branch(replay, code, false);
		return;
	case ZYDIS_CATEGORY_UNCOND_BR:
		branch(replay, code, true);
		return;
	case ZYDIS_CATEGORY_CALL:
	case ZYDIS_CATEGORY_SYSCALL:
		call(replay);
		return;
	case ZYDIS_CATEGORY_RET:
		replay->stuck = true;
		return;
	default:
		break;
	}
	/* `rep` makes an instruction a loop of its own. */
	if ((code->instruction.attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE)) ||
	    (!move(replay, code) && !arithmetic(replay, code) && !by_condition(replay, code)))
		forget(replay, code);
}
