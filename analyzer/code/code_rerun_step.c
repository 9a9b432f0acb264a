/* SPDX-License-Identifier: MIT */
/* What an instruction does, as far as pointers and the ways that are taken hang on it. */
#include "analyzer/code/code_origin.h"
#include "analyzer/code/code_rerun_state.h"

static const struct code_rerun_value unknown;

/* ---- flags ---- */

static void set_flags(struct code_rerun *rerun, bool known, uint64_t result, unsigned bits)
{
	rerun->flags_known = known;
	rerun->zero = code_lowest_bits(result, bits) == 0;
	rerun->sign = result >> (bits - 1) & 1;
	rerun->carry = rerun->overflow = false;
}

static void set_flags_sum(struct code_rerun *rerun, struct code_rerun_value a, struct code_rerun_value b,
			  bool is_difference, unsigned bits)
{
	uint64_t x = code_lowest_bits(a.value, bits), y = code_lowest_bits(b.value, bits);
	uint64_t result = code_lowest_bits(is_difference ? x - y : x + y, bits);
	uint64_t overflow = is_difference ? (x ^ y) & (x ^ result) : ~(x ^ y) & (x ^ result);

	set_flags(rerun, a.known && b.known, result, bits);
	rerun->carry = is_difference ? x < y : result < x;
	rerun->overflow = overflow >> (bits - 1) & 1;
}

/* Flags tell whether that is so. Parity is not kept. */
static bool is_told(const struct code_rerun *rerun, enum code_condition code)
{
	return rerun->flags_known && code != CODE_IF_PARITY && code != CODE_IF_NO_PARITY && code != CODE_IF_OTHER;
}

static bool condition(const struct code_rerun *rerun, enum code_condition code)
{
	switch (code) {
	case CODE_IF_OVERFLOW:
		return rerun->overflow;
	case CODE_IF_BELOW:
		return rerun->carry;
	case CODE_IF_ZERO:
		return rerun->zero;
	case CODE_IF_NOT_ABOVE:
		return rerun->carry || rerun->zero;
	case CODE_IF_SIGN:
		return rerun->sign;
	case CODE_IF_LESS:
		return rerun->sign != rerun->overflow;
	case CODE_IF_NOT_GREATER:
		return rerun->zero || rerun->sign != rerun->overflow;
	default: /* the opposite of the one before it */
		return !condition(rerun, code - 1);
	}
}

/* ---- instructions ---- */

static void compute(struct code_rerun *rerun, const struct code_instruction *code)
{
	enum code_op op = code->op;
	struct code_rerun_value a = code_rerun_read(rerun, code, 0), b = code_rerun_read(rerun, code, 1), result;
	unsigned bits = code->operands[0].bits;
	bool is_sum = false;

	result = (struct code_rerun_value){.known = a.known && b.known};
	/* A pointer and a number make a pointer. */
	result.from = a.from && b.from ? CODE_RERUN_MIXED : a.from ?: b.from;
	switch (op) {
	case CODE_OP_ADD:
	case CODE_OP_SUBTRACT:
	case CODE_OP_COMPARE:
		is_sum = true;
		result.value = op == CODE_OP_ADD ? a.value + b.value : a.value - b.value;
		break;
	case CODE_OP_OR:
		result.value = a.value | b.value;
		break;
	case CODE_OP_XOR:
		result.value = a.value ^ b.value;
		if (code->operands[0].kind == CODE_OPERAND_REGISTER &&
		    code->operands[1].kind == CODE_OPERAND_REGISTER && code->operands[0].reg == code->operands[1].reg)
			result = (struct code_rerun_value){.known = true};
		break;
	default: /* and, test */
		result.value = a.value & b.value;
	}
	if (is_sum)
		set_flags_sum(rerun, a, b, op != CODE_OP_ADD, bits);
	else
		set_flags(rerun, result.known, result.value, bits);
	if (op != CODE_OP_COMPARE && op != CODE_OP_TEST)
		code_rerun_write(rerun, code, 0, result);
}

/* inc and dec leave the carry alone. */
static void count(struct code_rerun *rerun, const struct code_instruction *code)
{
	const struct code_rerun_value one = {.value = 1, .known = true};
	bool down = code->op == CODE_OP_DECREMENT, carry = rerun->carry;
	struct code_rerun_value value = code_rerun_read(rerun, code, 0);
	bool known = rerun->flags_known;

	set_flags_sum(rerun, value, one, down, code->operands[0].bits);
	rerun->carry = carry;
	rerun->flags_known &= known;
	value.value += down ? (uint64_t)-1 : 1;
	code_rerun_write(rerun, code, 0, value);
}

static void shift(struct code_rerun *rerun, const struct code_instruction *code)
{
	struct code_rerun_value value = code_rerun_read(rerun, code, 0), by = code_rerun_read(rerun, code, 1);
	unsigned bits = code->operands[0].bits, amount = by.value & (bits == 64 ? 63 : 31);

	value.known &= by.known;
	value.from = code_rerun_mixed(value.from | by.from);
	if (amount >= bits)
		value.known = false;
	else if (code->op == CODE_OP_SHIFT_LEFT)
		value.value <<= amount;
	else if (code->op == CODE_OP_SHIFT_RIGHT)
		value.value = code_lowest_bits(value.value, bits) >> amount;
	else
		value.value = (uint64_t)((int64_t)code_rerun_extend(value.value, bits) >> amount);
	set_flags(rerun, false, value.value, bits);
	code_rerun_write(rerun, code, 0, value);
}

static void multiply(struct code_rerun *rerun, const struct code_instruction *code)
{
	unsigned first = code->visible_count == 3;
	struct code_rerun_value a = code_rerun_read(rerun, code, first), b = code_rerun_read(rerun, code, first + 1);

	rerun->flags_known = false;
	a.known &= b.known;
	a.value *= b.value;
	a.from = code_rerun_mixed(a.from | b.from);
	code_rerun_write(rerun, code, 0, a);
}

static void push(struct code_rerun *rerun, struct code_rerun_value value)
{
	struct code_rerun_value *sp = &rerun->registers[CORE_RSP];

	sp->value -= 8;
	if (sp->known)
		code_rerun_write_word(rerun, sp->value, value);
}

static struct code_rerun_value pop(struct code_rerun *rerun)
{
	struct code_rerun_value *sp = &rerun->registers[CORE_RSP], value = unknown;
	const struct code_rerun_store *store = sp->known ? code_rerun_find_store(rerun, sp->value) : NULL;

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
		struct code_rerun_store *store = code_rerun_find_store(rerun, rerun->shown[i]);

		if (store)
			store->value = unknown;
	}
	for (int i = 0; i <= CORE_RDI; i++) {
		if (!code_is_kept(rerun->machine, i))
			rerun->registers[i] = unknown;
	}
	rerun->flags_known = false;
}

/* What is not known here: all that it writes is unknown after it. */
static void forget(struct code_rerun *rerun, const struct code_instruction *code)
{
	for (size_t i = 0; i < code->operand_count; i++) {
		if (code->operands[i].writes)
			code_rerun_write(rerun, code, (unsigned)i, unknown);
	}
	rerun->flags_known = false;
}

static bool move(struct code_rerun *rerun, const struct code_instruction *code)
{
	struct code_rerun_value value;
	uint64_t address = 0;

	switch (code->op) {
	case CODE_OP_MOVE:
	case CODE_OP_MOVE_ZERO:
		value = code_rerun_read(rerun, code, 1);
		if (value.known && code->operands[0].kind == CODE_OPERAND_REGISTER &&
		    code->operands[0].reg != CORE_RBP && code->operands[1].kind == CODE_OPERAND_REGISTER &&
		    code->operands[1].reg == CORE_RSP)
			show(rerun, value.value);
		break;
	case CODE_OP_MOVE_SIGN:
		value = code_rerun_read(rerun, code, 1);
		value.value = code_rerun_extend(value.value, code->operands[1].bits);
		value.from = code_rerun_mixed(value.from);
		break;
	case CODE_OP_WIDEN_RAX:
		value = rerun->registers[CORE_RAX];
		value.value = code_rerun_extend(value.value, 32);
		value.from = code_rerun_mixed(value.from);
		rerun->registers[CORE_RAX] = value;
		return true;
	case CODE_OP_ADDRESS:
		value = (struct code_rerun_value){0};
		value.known = code_rerun_address_of(rerun, code, &code->operands[1].memory, &address, &value.from);
		value.value = address;
		if (value.known && code->operands[0].reg != CORE_RSP &&
		    (code->operands[1].memory.base == CORE_RSP || code->operands[1].memory.base == CORE_RBP))
			show(rerun, address);
		break;
	case CODE_OP_PUSH:
		push(rerun, code_rerun_read(rerun, code, 0));
		return true;
	case CODE_OP_POP:
		code_rerun_write(rerun, code, 0, pop(rerun));
		return true;
	case CODE_OP_LEAVE:
		rerun->registers[CORE_RSP] = rerun->registers[CORE_RBP];
		rerun->registers[CORE_RBP] = pop(rerun);
		return true;
	case CODE_OP_NOTHING:
	case CODE_OP_LANDING:
		return true;
	default:
		return false;
	}
	code_rerun_write(rerun, code, 0, value);
	return true;
}

static bool arithmetic(struct code_rerun *rerun, const struct code_instruction *code)
{
	switch (code->op) {
	case CODE_OP_ADD:
	case CODE_OP_SUBTRACT:
	case CODE_OP_COMPARE:
	case CODE_OP_AND:
	case CODE_OP_TEST:
	case CODE_OP_OR:
	case CODE_OP_XOR:
		compute(rerun, code);
		return true;
	case CODE_OP_INCREMENT:
	case CODE_OP_DECREMENT:
		count(rerun, code);
		return true;
	case CODE_OP_SHIFT_LEFT:
	case CODE_OP_SHIFT_RIGHT:
	case CODE_OP_SHIFT_RIGHT_SIGNED:
		shift(rerun, code);
		return true;
	case CODE_OP_MULTIPLY:
		if (code->visible_count < 2)
			return false;
		multiply(rerun, code);
		return true;
	default:
		return false;
	}
}

static void branch(struct code_rerun *rerun, const struct code_instruction *code, bool is_always)
{
	if (!code->has_target || (!is_always && !is_told(rerun, code->condition)))
		rerun->stuck = true;
	else if (is_always || condition(rerun, code->condition))
		rerun->ip = code->target;
}

static bool by_condition(struct code_rerun *rerun, const struct code_instruction *code)
{
	bool is_move = code->op == CODE_OP_MOVE_IF;
	struct code_rerun_value value = unknown;

	if (!is_move && code->op != CODE_OP_SET_IF)
		return false;
	if (is_told(rerun, code->condition)) {
		bool truth = condition(rerun, code->condition);

		if (is_move)
			value = code_rerun_read(rerun, code, truth ? 1 : 0);
		else
			value = (struct code_rerun_value){.value = truth, .known = true, .from = CODE_RERUN_MIXED};
	}
	code_rerun_write(rerun, code, 0, value);
	return true;
}

void code_rerun_step(struct code_rerun *rerun, const struct code_instruction *code)
{
	rerun->ip = code->address + code->length;
	switch (code->flow) {
	case CODE_FLOW_BRANCH:
		branch(rerun, code, false);
		return;
	case CODE_FLOW_JUMP:
		branch(rerun, code, true);
		return;
	case CODE_FLOW_CALL:
	case CODE_FLOW_SYSTEM_CALL:
		call(rerun);
		return;
	case CODE_FLOW_RETURN:
		rerun->stuck = true;
		return;
	default:
		break;
	}
	/* `rep` makes an instruction a loop of its own. */
	if (code->is_repeated || (!move(rerun, code) && !arithmetic(rerun, code) && !by_condition(rerun, code)))
		forget(rerun, code);
}
