/* SPDX-License-Identifier: MIT */
/*
 * One machine instruction, as far as an explanation asks about it, without the words of any one processor's decoder.
 * Filled by code_machine.h. What nobody asks about is CODE_OP_OTHER: its operands still tell which registers and which
 * memory it reads and writes.
 *
 * Plain data, owned by whoever holds it. Sizes are bits where the name says so; addresses are those of the code that
 * was decoded.
 */
#ifndef ANALYZER_CODE_INSTRUCTION_H
#define ANALYZER_CODE_INSTRUCTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/core/core.h"

enum code_op {
	CODE_OP_OTHER,
	CODE_OP_MOVE, /* all of the operand, unchanged */
	CODE_OP_MOVE_ZERO,
	CODE_OP_MOVE_SIGN,
	CODE_OP_MOVE_IF,   /* under `condition` */
	CODE_OP_SET_IF,	   /* 1 or 0 by `condition` */
	CODE_OP_WIDEN_RAX, /* the lower half's sign into the upper half (x86: cdqe) */
	CODE_OP_ADDRESS,   /* the address of the memory operand, which is not touched (x86: lea) */
	CODE_OP_PUSH,
	CODE_OP_POP,
	CODE_OP_LEAVE, /* the frame is taken down: stack pointer from the frame pointer, and that is popped */
	CODE_OP_ADD,
	CODE_OP_SUBTRACT,
	CODE_OP_COMPARE, /* a subtraction of which only the flags stay */
	CODE_OP_AND,
	CODE_OP_TEST, /* an `and` of which only the flags stay */
	CODE_OP_OR,
	CODE_OP_XOR,
	CODE_OP_INCREMENT, /* leaves the carry alone */
	CODE_OP_DECREMENT,
	CODE_OP_SHIFT_LEFT,
	CODE_OP_SHIFT_RIGHT,
	CODE_OP_SHIFT_RIGHT_SIGNED,
	CODE_OP_MULTIPLY, /* signed */
	CODE_OP_DIVIDE,
	CODE_OP_DIVIDE_SIGNED,
	CODE_OP_EXCHANGE,
	CODE_OP_NOTHING,
	CODE_OP_LANDING, /* marks where indirect branches may arrive (x86: endbr64) */
	CODE_OP_BREAKPOINT,
	CODE_OP_UNDEFINED, /* raises an exception by design (x86: ud2) */
	CODE_OP_HALT,
};

/* Where control goes on. */
enum code_flow {
	CODE_FLOW_NEXT,
	CODE_FLOW_CALL,
	CODE_FLOW_SYSTEM_CALL,
	CODE_FLOW_JUMP,	  /* always */
	CODE_FLOW_BRANCH, /* there or to the next */
	CODE_FLOW_RETURN,
};

/* In pairs: the second is the opposite of the first. Unsigned: below, above; signed: less, greater. */
enum code_condition {
	CODE_IF_OVERFLOW,
	CODE_IF_NO_OVERFLOW,
	CODE_IF_BELOW, /* carry */
	CODE_IF_NOT_BELOW,
	CODE_IF_ZERO,
	CODE_IF_NOT_ZERO,
	CODE_IF_NOT_ABOVE, /* carry or zero */
	CODE_IF_ABOVE,
	CODE_IF_SIGN,
	CODE_IF_NO_SIGN,
	CODE_IF_PARITY,
	CODE_IF_NO_PARITY,
	CODE_IF_LESS,
	CODE_IF_NOT_LESS,
	CODE_IF_NOT_GREATER,
	CODE_IF_GREATER,
	CODE_IF_OTHER, /* none, or what flags alone do not tell: a count, a transaction */
};

/* A register that is no general one: of vectors, flags, segments … */
#define CODE_REGISTER_OTHER (-1)
/* In an address: nothing is added. */
#define CODE_REGISTER_NONE (-2)

/* segment + base + index * scale + displacement, cut to address_bits; base and index are cut to it first. */
struct code_memory {
	int8_t base, index; /* enum core_register, CODE_REGISTER_NONE or _OTHER */
	int8_t segment;	    /* CORE_FS_BASE or CORE_GS_BASE, or CODE_REGISTER_NONE */
	uint8_t scale;
	uint8_t address_bits;
	uint8_t index_bits;   /* address_bits, but 8 in x86's xlat */
	bool is_pc_relative;  /* the base is the address of the next instruction; `base` is CODE_REGISTER_NONE */
	bool is_address_only; /* no access: the address itself is the result */
	int8_t stack_shift;   /* bytes between the stack pointer before the instruction and the one that it uses */
	int64_t displacement;
};

enum code_operand_kind {
	CODE_OPERAND_NONE = 0,
	CODE_OPERAND_REGISTER,
	CODE_OPERAND_MEMORY,
	CODE_OPERAND_IMMEDIATE,
	CODE_OPERAND_OTHER,
};

struct code_operand {
	uint8_t kind;
	bool is_hidden; /* not written in the text: the stack of a push, the registers of a system call */
	bool reads, writes;
	int8_t reg;	   /* enum core_register that it is or is a part of, or CODE_REGISTER_OTHER */
	bool is_high_byte; /* bits 8 to 15 of the register (x86: ah) */
	uint16_t bits;
	union {
		struct code_memory memory;
		uint64_t immediate; /* its sign extended; of a branch: the distance, see `target` */
	};
};

#define CODE_OPERANDS 10
#define CODE_INSTRUCTION_BYTES 15 /* of the longest, of any processor here */

struct code_instruction {
	uint64_t address;
	uint64_t target;   /* of a call, jump or branch, when has_target: it names its target itself */
	uint8_t length;	   /* bytes */
	uint8_t op;	   /* enum code_op */
	uint8_t flow;	   /* enum code_flow */
	uint8_t condition; /* enum code_condition */
	bool has_target;
	bool is_far;	    /* a call, jump or return that changes the code segment as well */
	bool is_repeated;   /* a loop of its own (x86: rep) */
	bool is_jump_table; /* marked as the jump of a jump table (x86: notrack) */
	bool is_privileged; /* for the kernel alone */
	bool is_guarded;    /* refused to most for another reason: I/O permission, the gate of an interrupt */
	uint8_t operand_count;
	uint8_t visible_count; /* the first of them stand in the text */
	/* operand_count of them, and at least two: those beyond are CODE_OPERAND_NONE. */
	struct code_operand operands[CODE_OPERANDS];
};

static inline uint64_t code_lowest_bits(uint64_t value, unsigned bits)
{
	return bits >= 64 ? value : value & ((1ULL << bits) - 1);
}

/* The address that the operand names by itself, whatever registers hold: relative to the code, or a constant. False for
 * others; an index, which may be added, is not looked at. */
bool code_static_address(const struct code_instruction *instruction, const struct code_operand *operand,
			 uint64_t *ret_address);

/* The address of a memory operand when the instruction, not yet carried out, meets those registers. False when it hangs
 * on a register that is not among them. The program counter is the instruction's own address. */
bool code_operand_address(const struct code_instruction *instruction, const struct code_operand *operand,
			  const uint64_t registers[CORE_REGISTERS], uint64_t *ret_address);

/* What a register operand holds: its own bits of it; 0 for a register that is not among them. */
uint64_t code_operand_register(const struct code_operand *operand, const uint64_t registers[CORE_REGISTERS]);

#endif
