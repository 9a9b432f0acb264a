/* SPDX-License-Identifier: MIT */
/*
 * The faulting instruction: what it is, which memory it touched and how, and what the processor refused. Vector gathers
 * give no operand address; an instruction of strings with a repeat prefix gives the address of the repetition at hand,
 * because the processor keeps the registers up to date.
 *
 * What the processor reports (Intel SDM, volume 3, "Exception and Interrupt Reference"; tried on Linux 6.18): a page
 * fault comes as SIGSEGV with its address, also for the kernel's half; a general protection fault (non-canonical
 * address, misaligned vector, privileged instruction) as SIGSEGV with code SI_KERNEL and zeroes; a non-canonical
 * address through rsp or rbp as SIGBUS with the same. A near call, jump or return to a non-canonical address is refused
 * at that instruction, before it changes anything.
 */
#ifndef ANALYZER_FAULT_H
#define ANALYZER_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/code/code_machine.h"
#include "analyzer/core/core.h"
#include "analyzer/facts/crash_signal.h"
#include "analyzer/facts/place.h"
#include "analyzer/unwind/unwind.h"

struct crash_from_core;

enum address_source {
	ADDRESS_UNKNOWN = 0,
	ADDRESS_SIGNAL,	     /* si_addr */
	ADDRESS_INSTRUCTION, /* computed from the instruction's operands and the registers */
	ADDRESS_STACK,	     /* the stack pointer: the thread's stack is gone, and the kernel had to write there */
};

enum access_kind { ACCESS_UNKNOWN = 0, ACCESS_READ, ACCESS_WRITE, ACCESS_EXECUTE };

#define FAULT_MAX_OPERANDS 4

/* One memory operand of the faulting instruction: base + index * scale + displacement. */
struct fault_operand {
	char text[48]; /* as in the disassembly: "[rbx+0x0c]" */
	uint64_t address;
	uint32_t bytes;
	bool reads;
	bool writes;
	bool is_stack;	    /* the implicit push, pop, call or return */
	unsigned alignment; /* the address must be a multiple of this, else #GP; 0: any will do */
	bool has_segment;   /* the base of fs or gs is added */
	int base, index; /* enum core_register; -1 for none. A base of CORE_RIP is relative to the next instruction */
	unsigned scale;
	int64_t displacement;
};

/* Why the processor refused, as far as it can be told. */
enum fault_cause {
	FAULT_UNTOLD = 0,
	FAULT_UNMAPPED,	     /* nothing is mapped there */
	FAULT_PERMISSION,    /* the mapping does not allow this access */
	FAULT_NON_CANONICAL, /* no address of the processor */
	FAULT_MISALIGNED,    /* the instruction demands an aligned address */
	FAULT_PRIVILEGED,    /* an instruction for the kernel alone */
	FAULT_NO_FILE_PAGE,  /* the mapped file ends before, or could not be read (SIGBUS) */
	FAULT_PROTECTION_KEY,
};

/* Where the instruction branches to. */
struct fault_branch {
	enum { BRANCH_NONE, BRANCH_CALL, BRANCH_JUMP, BRANCH_RETURN } kind;
	bool target_known;
	uint64_t target;
	bool has_slot; /* the target is read from memory */
	uint64_t slot;
};

/* A jump, call or return that went where no code is, or was about to. */
struct fault_jump {
	bool known; /* the access is an execution */
	/* The word on top of the stack when the instruction pointer went astray: after a call the return address. */
	bool has_return_address; /* it lies behind a call instruction in executable memory */
	uint64_t return_address;
	bool is_unread;		/* it lies in executable memory, and the bytes before it cannot be read */
	char call[64];		/* that call: "call rax" */
	bool call_is_indirect;	/* through a register or memory */
	bool call_target_known; /* where that call goes, with the registers and memory as they were left */
	uint64_t call_target;
	/* The word below the stack pointer, which a return would have taken: equal to the target after a return, unless
	 * it was overwritten. */
	bool has_word_below;
	uint64_t word_below;
	bool is_return;	 /* the instruction at hand is a return that was refused */
	bool is_refused; /* the instruction at hand is the branch; otherwise the instruction pointer is the target */
};

/* Integer division that was refused. */
struct fault_division {
	bool known;
	bool is_signed;
	unsigned bits; /* of the divisor; the dividend has twice as many */
	uint64_t divisor;
	bool has_slot; /* the divisor is read from memory */
	uint64_t slot;
	uint64_t dividend_high, dividend_low;
	char operand[48]; /* "ecx" */
};

/* Why the value is believed to be the one that was meant. */
enum twin_kind {
	TWIN_IN_USE = 0, /* it points into a mapping, and stands elsewhere in registers or memory, exact to the bit */
	TWIN_FUNCTION,	 /* the program jumped, and of all values that differ in one bit it alone is where a function
			    begins */
	TWIN_TABLE,	 /* it alone is where a pointer to a function stands in a module's data */
	TWIN_VIRTUAL_TABLE, /* the same, and it has the form of a table of virtual functions */
};

/* A value that differs from the pointer that faulted in one bit alone. */
struct fault_twin {
	bool found;
	enum twin_kind kind;
	bool is_telling; /* neither arithmetic nor a tag makes such a difference */
	int reg;	 /* the base register that is wrong; -1: the target of a jump is */
	uint64_t wrong;	 /* the pointer as it was; the register may have a constant added */
	unsigned bit;
	uint64_t value;
	int in_register;   /* core_register that holds the value; -1: memory does */
	uint64_t found_at; /* where in memory */
};

struct fault {
	char instruction[96]; /* "mov edi, dword ptr [rbx+0x0c]"; "" when it could not be read */
	bool is_fault;	      /* the signal reports a fault of this instruction (not kill, not abort) */
	uint64_t address;
	enum address_source source;
	enum access_kind access;
	struct fault_operand operands[FAULT_MAX_OPERANDS];
	size_t operand_count;
	size_t operand; /* which of them faulted; SIZE_MAX: none, or it cannot be told */
	/* The constant that the instruction right before added to the base register of that operand; 0: none. By the
	 * bytes in front alone, which could be the end of a longer instruction: to be confirmed by what it explains. */
	uint64_t added;
	enum fault_cause cause;
	/* Is the page of `address` mapped in the dead process? Known only with a core. */
	bool mapping_known;
	bool mapped;
	/* The core has the page, but the kernel found nothing there when it gave the signal to the handler that then
	 * ended the process (SEGV_MAPERR): it was mapped since, or a guard lies over it. `mapped` is false then. */
	bool mapped_since;
	/* What the processor reported: the crash's own signal, or the one whose handler then ended the process. */
	struct crash_signal signal;
	bool has_registers;
	uint64_t registers[CORE_REGISTERS]; /* when it faulted */
	/* A handler ended the process, from within (see struct interruption) or by sending the signal again before
	 * it returned; this is the fault that the handler was for. */
	bool in_handler;
	struct fault_branch branch;
	struct fault_jump jump;
	struct fault_division division;
	struct fault_twin twin;
	struct accessed_member member; /* where debug information tells; of null pointers only */
	char mnemonic[24];
	uint8_t bytes[15]; /* what stands at the instruction pointer, byte_count of them known */
	size_t byte_count;
	size_t length;		  /* of the instruction; 0: the bytes are none */
	char instruction_set[32]; /* the extension that it belongs to ("AVX512F_512"); "" for the base */
	bool is_privileged;
};

/* Fills the instruction, its memory operands and the access in `fault` from `size` bytes at the instruction pointer.
 * `fault->address`, when `source` is ADDRESS_SIGNAL, picks the operand that faulted; otherwise, if exactly one operand
 * lies at a non-canonical address, it gives the address. False for an instruction that cannot be decoded, which leaves
 * `fault` as it was. */
bool fault_decode(const struct code_machine *machine, const uint8_t *bytes, size_t size,
		  const uint64_t registers[CORE_REGISTERS], struct fault *fault);

/* Where the call instruction in `bytes`, all of them, goes with those registers; what it reads is read from `core`.
 * `text` gets its disassembly. False when it is no call of exactly that length. */
bool fault_decode_call(const struct core *core, const uint8_t *bytes, size_t size, uint64_t address,
		       const uint64_t registers[CORE_REGISTERS], char *text, size_t text_size, bool *ret_indirect,
		       bool *ret_target_known, uint64_t *ret_target);

/* True when decoding from `start`, where an instruction begins, steps over `address` into its middle. False also when
 * the bytes cannot be read or decoded. */
bool fault_is_inside_instruction(const struct core *core, uint64_t start, uint64_t address);

/* What an examination rests on. */
struct fault_scene {
	const struct crash_from_core *core; /* its image may be missing */
	uint32_t pid;			    /* of the dead process */
	const uint64_t *registers;	    /* of the crashed thread, CORE_REGISTERS of them; NULL: not known */
	const struct crash_signal *signal;  /* that it died of */
};

/* Fills `ret_fault`, all but the twin and the member. `interruption` is the signal frame to believe in, or one that is
 * not `found`; it is emptied where it has no siginfo and the instruction that it interrupted could not have raised its
 * signal. Pure. */
struct interruption;
void fault_examine(const struct fault_scene *scene, struct interruption *interruption, struct fault *ret_fault);

/* "rbx". */
const char *fault_register_name(int core_register);

#endif
