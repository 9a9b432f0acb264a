/* SPDX-License-Identifier: MIT */
/*
 * What depends on the processor: one const table for each that is known. x86-64 is filled in (code_x86.c, which alone
 * sees a decoder's library). For a machine that has no table code_machine_of() gives one that decodes nothing, so that
 * everything above says that it does not know.
 *
 * A new processor is a file with a table of this kind, and a row in code_machine.c.
 */
#ifndef ANALYZER_CODE_MACHINE_H
#define ANALYZER_CODE_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/code/code_instruction.h"

/* How much of an instruction is wanted: operands are the greater part of the work. */
enum code_detail {
	CODE_SHAPE,	       /* all but the operands, which are not touched */
	CODE_OPERANDS_OF_MOVE, /* the operands of CODE_OP_MOVE alone */
	CODE_WHOLE,
};

/* An instruction in words, for people. */
struct code_description {
	char mnemonic[24];
	char set[32];  /* the extension that it belongs to ("AVX512F_512"); "" for the base */
	char text[96]; /* "mov edi, dword ptr [rbx+0x0c]"; "" when there is no room */
	struct {
		char text[48];	    /* "[rbx+0x0c]" */
		unsigned alignment; /* the address must be a multiple of this, else the access is refused; 0: any */
	} operands[CODE_OPERANDS];  /* those of the instruction, in its order */
};

enum code_call {
	CODE_CALL_NONE,	  /* no call, or through a register */
	CODE_CALL_DIRECT, /* to an address in the instruction */
	CODE_CALL_SLOT,	  /* through a word at an address in the instruction */
};

/* What is looked at before a return address. */
#define CODE_CALL_BYTES 7
/* What is looked at of a stub of the linkage table. */
#define CODE_STUB_BYTES 11

/* A stub of the linkage table in a text; offsets are of its bytes. */
struct code_stub {
	size_t start, jump; /* it may be entered anywhere from its first byte to its jump */
	uint64_t slot;	    /* address of the word that it jumps through */
};

/* A call or a jump in a text, by its look alone: it could be the middle of another instruction. */
struct code_transfer {
	size_t at, length; /* offset and bytes */
	bool is_call;
	bool through_slot;
	uint64_t to; /* the target, or the slot's address */
};

struct code_machine {
	const char *name;
	uint16_t elf_machine; /* EM_* */
	/* Registers by number, bit n for enum core_register n; by the system's calling convention. */
	uint32_t kept_by_calls; /* a called function gives them back as they were */
	uint32_t arguments;
	uint8_t skipped_prefix; /* a prefix that code may jump behind (x86: lock, on one processor); 0: none */

	/* Below, NULL: it cannot be told. `size` bytes, which may be more or less than the instruction. */
	bool (*decode)(const uint8_t *bytes, size_t size, uint64_t address, enum code_detail detail,
		       struct code_instruction *ret);
	bool (*describe)(const uint8_t *bytes, size_t size, uint64_t address, struct code_description *ret);
	/* The bytes before a return address: can a call end there? */
	bool (*may_be_call)(const uint8_t before[CODE_CALL_BYTES]);
	/* The same bytes: where does that call go? *ret is the target, or the slot's address. */
	enum code_call (*call_before)(const uint8_t before[CODE_CALL_BYTES], uint64_t return_address, uint64_t *ret);
	/* A stub that jumps through a slot of the linkage table. */
	bool (*stub_slot)(const uint8_t bytes[CODE_STUB_BYTES], uint64_t address, uint64_t *ret_slot);
	/* The first one at or behind offset `from` of a text that lies at `address`. False: there is none. */
	bool (*next_stub)(const uint8_t *bytes, size_t size, uint64_t address, size_t from, struct code_stub *ret);
	bool (*next_transfer)(const uint8_t *bytes, size_t size, uint64_t address, size_t from,
			      struct code_transfer *ret);
};

extern const struct code_machine code_machine_x86;

/* Never NULL. */
const struct code_machine *code_machine_of(uint16_t elf_machine);

/* Decodes the instruction at `address`, of which `bytes` begins. False: it is none, is cut off, or nothing is known of
 * that machine; *ret is undefined then. */
bool code_decode(const struct code_machine *machine, const uint8_t *bytes, size_t size, uint64_t address,
		 enum code_detail detail, struct code_instruction *ret);

/* The same from the memory of a core, whose machine it is. */
bool code_decode_at(const struct core *core, uint64_t address, enum code_detail detail, struct code_instruction *ret);

/* False as above. */
bool code_describe(const struct code_machine *machine, const uint8_t *bytes, size_t size, uint64_t address,
		   struct code_description *ret);

/* What a called function gives back as it was. */
static inline bool code_is_kept(const struct code_machine *machine, int number)
{
	return number >= 0 && machine->kept_by_calls >> number & 1;
}

static inline bool code_is_argument(const struct code_machine *machine, int number)
{
	return number >= 0 && machine->arguments >> number & 1;
}

#endif
