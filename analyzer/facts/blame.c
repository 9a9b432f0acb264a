/* SPDX-License-Identifier: MIT */
#include "analyzer/facts/blame.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "analyzer/crash.h"
#include "analyzer/words.h"
#include "common/array.h"

#define NEAR_BYTES (1u << 20) /* how far into an object a member or an element lies */
#define BLOCK_BYTES_MAX (1ll << 30)

void blame_deinit(struct blame *blame)
{
	symbol_deinit(&blame->symbol);
	*blame = (struct blame){0};
}

/* ---- which value is bad ---- */

static bool is_mapped(const struct crash *crash, uint64_t address)
{
	const struct core_segment *segment = core_find_segment(crash->core.image, address);

	return segment && segment->flags;
}

/* Go and OCaml pass arguments and keep registers by rules of their own. */
static bool is_of_other_rules(const struct frame *frame)
{
	static const char *const starts[] = {"runtime.", "main.main", "caml"};

	for (size_t i = 0; frame->symbol.function && i < array_size(starts); i++) {
		if (strncmp(frame->symbol.function, starts[i], strlen(starts[i])) == 0)
			return true;
	}
	return false;
}

static bool is_sound(const struct crash *crash)
{
	const struct crash_facts *facts = &crash->facts;
	const struct thread_stack *stack = facts->stacks.thread_count ? &facts->stacks.threads[0] : NULL;

	if (!crash->core.image || !facts->has_registers || facts->fault.in_handler || facts->interruption.found ||
	    facts->interruption_count || facts->overrun.by != TAKEN_NOT)
		return false;
	for (size_t i = 0; stack && i < stack->frame_count; i++) {
		if (is_of_other_rules(&stack->frames[i]))
			return false;
	}
	return stack && stack->frame_count && stack->frames[0].trust == FRAME_REGISTERS;
}

static bool ask_register(const struct crash *crash, int number, bool is_pointer, unsigned bits,
			 struct code_trail_question *ret)
{
	if (number < 0 || number == CORE_RIP || number == CORE_RSP || number > CORE_RDI)
		return false;
	ret->number = number;
	ret->bits = bits;
	ret->value = code_lowest_bits(crash->facts.fault.registers[number], bits);
	ret->is_pointer = is_pointer;
	return true;
}

/* Not for a block of memory, of which a part may have been given back: as code_trail_leads_out() has it. */
static bool leads_out(const struct crash *crash, uint64_t base, uint64_t span)
{
	const struct core *core = crash->core.image;

	return (int64_t)span >= BLOCK_BYTES_MAX || (int64_t)span <= -BLOCK_BYTES_MAX || core_find_module(core, base) ||
	       core_find_segment(core, base) == core_find_segment(core, crash->facts.fault.registers[CORE_RSP]);
}

/* Base or index: the base where it points nowhere, the index where it leads out of what the base points into. */
static bool ask_operand(const struct crash *crash, const struct fault_operand *operand, struct code_trail_question *ret)
{
	const uint64_t *registers = crash->facts.fault.registers;
	uint64_t base, span;

	if (operand->has_segment || operand->is_stack)
		return false;
	if (operand->base < 0)
		return operand->scale == 1 && !operand->displacement &&
		       ask_register(crash, operand->index, true, 64, ret);
	if (operand->base == CORE_RIP || operand->base == CORE_RSP)
		return false;
	base = registers[operand->base];
	span = operand->index >= 0 ? registers[operand->index] * operand->scale : 0;
	if (is_mapped(crash, base))
		return operand->index >= 0 && leads_out(crash, base, span) &&
		       ask_register(crash, operand->index, false, 64, ret);
	if (span + NEAR_BYTES > 2 * NEAR_BYTES)
		return false;
	if (operand->index >= 0 && operand->scale == 1 && base != 0 && base < NEAR_BYTES)
		return span == 0 && ask_register(crash, operand->index, true, 64, ret);
	ret->has_other = operand->index >= 0 && operand->scale == 1 && base == 0 && span == 0;
	ret->other = operand->index;
	return ask_register(crash, operand->base, true, 64, ret);
}

static bool ask_divisor(const struct crash *crash, struct code_trail_question *ret)
{
	const struct fault *fault = &crash->facts.fault;
	struct code_instruction code;

	if (fault->division.divisor || fault->division.has_slot || fault->division.bits < 32 ||
	    !code_decode_at(crash->core.image, fault->registers[CORE_RIP], CODE_WHOLE, &code) ||
	    code.operands[0].kind != CODE_OPERAND_REGISTER)
		return false;
	return ask_register(crash, code.operands[0].reg, false, fault->division.bits, ret);
}

/* A call to null: the function that made it is frame 1. */
static bool ask_target(const struct crash *crash, struct code_trail_question *ret)
{
	const struct fault_jump *jump = &crash->facts.fault.jump;
	const struct thread_stack *stack = &crash->facts.stacks.threads[0];

	if (!jump->known || jump->is_refused || !jump->has_return_address || !jump->call_target_known ||
	    !jump->call_is_indirect || jump->call_target != crash->facts.fault.address || jump->call_target ||
	    stack->frame_count < 2 || stack->frames[1].pc != jump->return_address)
		return false;
	ret->is_target = ret->is_pointer = true;
	ret->number = -1;
	ret->bits = 64;
	ret->value = 0;
	return true;
}

bool blame_ask(const struct crash *crash, struct code_trail_question *ret)
{
	const struct fault *fault = &crash->facts.fault;

	if (!is_sound(crash) || !fault->has_registers)
		return false;
	if (fault->division.known && crash->facts.signal.number == SIGFPE && crash->facts.signal.code == FPE_INTDIV)
		return ask_divisor(crash, ret);
	if (!fault->is_fault)
		return false;
	if (fault->access == ACCESS_EXECUTE)
		return ask_target(crash, ret);
	if ((fault->access != ACCESS_READ && fault->access != ACCESS_WRITE) || fault->operand >= fault->operand_count ||
	    (fault->cause != FAULT_UNMAPPED && fault->cause != FAULT_NON_CANONICAL))
		return false;
	return ask_operand(crash, &fault->operands[fault->operand], ret);
}

/* ---- the steps ---- */

static const char *place_name(char *text, size_t size, const struct code_trail_step *step)
{
	if (step->number >= 0)
		return fault_register_name(step->number);
	snprintf(text, size, "[0x%" PRIx64 "]", step->address);
	return text;
}

static void write_step(const struct code_trail_step *step, const char *name, struct blame_step *ret)
{
	const struct symbol symbol = {.function = (char *)name};
	struct words words;
	const char *function = name ? words_function(&words, &symbol) : "a function without a name";
	char place[32];

	*ret = (struct blame_step){.frame = step->frame, .pc = step->pc};
	switch (step->kind) {
	case CODE_TRAIL_COPIED:
		snprintf(ret->text, sizeof(ret->text), "0x%" PRIx64 " copied from %s in %.80s", step->value,
			 place_name(place, sizeof(place), step), function);
		return;
	case CODE_TRAIL_ADDED:
		snprintf(ret->text, sizeof(ret->text), "0x%" PRIx64 " computed from %s and a constant in %.80s",
			 step->value, place_name(place, sizeof(place), step), function);
		return;
	case CODE_TRAIL_PASSED:
		snprintf(ret->text, sizeof(ret->text), "0x%" PRIx64 " passed in %s by %.80s", step->value,
			 step->number >= 0 ? fault_register_name(step->number) : "the stack", function);
		return;
	case CODE_TRAIL_RETURNED:
		snprintf(ret->text, sizeof(ret->text), "%s = 0x%" PRIx64 " (return value of %.80s)",
			 fault_register_name(step->number), step->value, function);
		return;
	case CODE_TRAIL_CONSTANT:
		snprintf(ret->text, sizeof(ret->text), "0x%" PRIx64 " is a constant in %.80s", step->value, function);
		return;
	case CODE_TRAIL_MOVED:
		snprintf(ret->text, sizeof(ret->text),
			 "0x%" PRIx64 " is a mapped address plus a constant that leads out of the mapping, in %.80s",
			 step->value, function);
		return;
	case CODE_TRAIL_WALKED:
		snprintf(ret->text, sizeof(ret->text), "null at the end of a list that %.80s walked and found",
			 function);
		return;
	}
}

static enum blame_how how_of(const struct code_trail *trail, size_t crashed)
{
	if (trail->frame == SIZE_MAX)
		return BLAME_RETURNED;
	if (trail->frame == crashed)
		return BLAME_MADE;
	return trail->is_stored ? BLAME_STORED : BLAME_PASSED;
}

static bool has_text(const char *bytes, size_t size, const char *text)
{
	return memmem(bytes, size, text, strlen(text)) != NULL;
}

/* ".isra.0.part.1" */
static bool is_plain_suffix(const char *suffix)
{
	static const char *const parts[] = {".isra.", ".part.", ".lto_priv."};

	while (*suffix) {
		size_t length = 0;

		for (size_t i = 0; i < array_size(parts); i++) {
			if (strncmp(suffix, parts[i], strlen(parts[i])) == 0)
				length = strlen(parts[i]);
		}
		if (!length)
			return false;
		suffix += length;
		suffix += strspn(suffix, "0123456789");
	}
	return true;
}

bool blame_has_own_constants(const char *name, bool is_local, const char *comment, size_t comment_bytes)
{
	size_t length = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789");
	const char *hash = length > 20 ? name + length - 20 : "";

	if (strstr(name, ".constprop"))
		return false;
	if (!is_local)
		return true;
	/* Rust: "17h" and a hash of 16 digits at the end, or _R; D: _D and a digit. Other compilers' names are no
	 * words. */
	if (!is_plain_suffix(name + length) || (strncmp(hash, "17h", 3) == 0 && hash[19] == 'E') ||
	    strncmp(name, "_R", 2) == 0 || (name[0] == '_' && name[1] == 'D' && name[2] >= '0' && name[2] <= '9'))
		return false;
	return comment && has_text(comment, comment_bytes, "GCC:") && !has_text(comment, comment_bytes, "clang") &&
	       !has_text(comment, comment_bytes, "LLVM") && !has_text(comment, comment_bytes, "rustc");
}

void blame_conclude(const struct code_trail *trail, size_t crashed, bool has_own_constants, const struct symbol *maker,
		    const char *const *functions, struct blame *ret)
{
	*ret = (struct blame){.loss = trail->loss, .lost_at = trail->lost_at};
	for (size_t i = 0; i < trail->step_count; i++)
		write_step(&trail->steps[i], functions[i], &ret->steps[ret->step_count++]);
	if (!trail->known)
		return;
	if (!has_own_constants) {
		ret->loss = CODE_TRAIL_SEVERAL;
		return;
	}
	/* Without its name it cannot be told whose language it is. */
	if (!maker->function) {
		ret->loss = CODE_TRAIL_NO_CODE;
		return;
	}
	ret->how = how_of(trail, crashed);
	ret->crashed = crashed;
	ret->frame = trail->frame == SIZE_MAX ? trail->called_by : trail->frame;
	ret->pc = trail->pc;
	ret->value = trail->value;
	ret->is_exact = trail->is_exact;
	ret->symbol = *maker;
}

const char *blame_loss_text(enum code_trail_loss loss)
{
	static const char *const texts[] = {
		[CODE_TRAIL_NOT_LOST] = "",
		[CODE_TRAIL_NO_CODE] = "the code of a function on the way is not at hand",
		[CODE_TRAIL_JUMP] = "the code jumps through a table, or was entered by an unwinder or a longjmp",
		[CODE_TRAIL_CLOBBERED] = "a call may have changed the register",
		[CODE_TRAIL_CALL] = "which function was called is not known, or it jumped on to the next",
		[CODE_TRAIL_LIBRARY] = "the C or C++ library returned or made the value",
		[CODE_TRAIL_WRITTEN] = "a function that has returned may have written the memory",
		[CODE_TRAIL_STORED] = "a store to an unknown address may have written the memory",
		[CODE_TRAIL_READ] = "the pointer that the value was read through is not known any more",
		[CODE_TRAIL_INDEX] = "which of two registers is the pointer is not known",
		[CODE_TRAIL_COMPUTED] = "the value was computed from others",
		[CODE_TRAIL_UNSET] = "no function on the stack stored the word",
		[CODE_TRAIL_STACK_ENDS] = "the value came from further up than the stack is sure",
		[CODE_TRAIL_CONTRADICTED] = "memory and registers do not hold what the code says",
		[CODE_TRAIL_SEVERAL] = "more than one function can have made the value",
		[CODE_TRAIL_TOO_LONG] = "the code on the way is too long",
	};

	return loss < array_size(texts) && texts[loss] ? texts[loss] : "";
}

const char *blame_how_name(enum blame_how how)
{
	static const char *const names[] = {NULL, "made", "passed", "returned", "stored"};

	return how < array_size(names) ? names[how] : NULL;
}
