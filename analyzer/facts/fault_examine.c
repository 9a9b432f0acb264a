/* SPDX-License-Identifier: MIT */
/* What the processor refused: the signal, the instruction and the map of the process, put together. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "analyzer/crash_from_core.h"
#include "analyzer/facts/fault.h"
#include "analyzer/facts/signal_frame.h"

/* The longest x86 instruction. */
#define INSTRUCTION_BYTES 15

/* Page fault error code (Intel SDM, volume 3, "Page-Fault Exceptions"). */
#define PAGE_FAULT_VECTOR 14
#define PAGE_FAULT_WRITE 2
#define PAGE_FAULT_FETCH 16

static bool is_memory_signal(int number)
{
	return number == SIGSEGV || number == SIGBUS;
}

static bool is_synchronous(int number)
{
	return is_memory_signal(number) || number == SIGILL || number == SIGFPE || number == SIGTRAP;
}

/* The processor's doing, not a message from somebody. */
static bool is_from_processor(const struct crash_signal *signal)
{
	return is_synchronous(signal->number) && signal->code > 0;
}

/* ---- which operand, and why ---- */

/* Would the processor refuse this access to that place? */
static enum fault_cause refusal_at(const struct fault_scene *scene, uint64_t address, bool writes)
{
	struct place place;

	place_in_core(scene->core, address, &place);
	if (place.kind == PLACE_NON_CANONICAL)
		return FAULT_NON_CANONICAL;
	if (place.kind == PLACE_UNKNOWN)
		return FAULT_UNTOLD;
	if (!place.mapped || place.kind == PLACE_VSYSCALL)
		return FAULT_UNMAPPED;
	if (place.protection == PROT_NONE || (writes && place.protection > 0 && !(place.protection & PROT_WRITE)))
		return FAULT_PERMISSION;
	return FAULT_UNTOLD;
}

static enum fault_cause refusal_of(const struct fault_scene *scene, const struct fault_operand *operand)
{
	enum fault_cause cause = refusal_at(scene, operand->address, operand->writes);

	if (cause == FAULT_UNTOLD && operand->bytes > 1)
		cause = refusal_at(scene, operand->address + operand->bytes - 1, operand->writes);
	return cause;
}

static void blame_operand(struct fault *fault, size_t index, enum fault_cause cause)
{
	const struct fault_operand *operand = &fault->operands[index];

	fault->operand = index;
	fault->access = operand->writes ? ACCESS_WRITE : ACCESS_READ;
	fault->cause = cause;
	if (fault->source == ADDRESS_UNKNOWN) {
		fault->address = operand->address;
		fault->source = ADDRESS_INSTRUCTION;
	}
}

static void blame_target(struct fault *fault, uint64_t target, enum fault_cause cause)
{
	fault->operand = SIZE_MAX;
	fault->access = ACCESS_EXECUTE;
	fault->cause = cause;
	if (fault->source == ADDRESS_UNKNOWN) {
		fault->address = target;
		fault->source = ADDRESS_INSTRUCTION;
	}
}

static enum fault_cause cause_of_code(const struct crash_signal *signal)
{
	if (signal->number == SIGBUS)
		return signal->code == BUS_ADRERR   ? FAULT_NO_FILE_PAGE
		       : signal->code == BUS_ADRALN ? FAULT_MISALIGNED
						    : FAULT_UNTOLD;
	switch (signal->code) {
	case SEGV_MAPERR:
		return FAULT_UNMAPPED;
	case SEGV_ACCERR:
		return FAULT_PERMISSION;
	case SEGV_PKUERR:
		return FAULT_PROTECTION_KEY;
	default:
		return FAULT_UNTOLD;
	}
}

/* The fetch of an instruction that begins in one page and ends in the next faults at the start of the next. */
static bool is_fetch(const struct fault *fault)
{
	const uint64_t pc = fault->registers[CORE_RIP];

	if (fault->address == pc)
		return true;
	return fault->operand == SIZE_MAX && fault->address > pc && fault->address - pc < INSTRUCTION_BYTES &&
	       fault->address % RECORD_PAGE_BYTES == 0;
}

/* The signal tells the address: which operand is that, and was it fetched, read or written? */
static void examine_address(const struct fault_scene *scene, const struct interruption *interruption,
			    struct fault *fault)
{
	fault->cause = cause_of_code(&fault->signal);
	/* Of two operands at that address it is the one that the mapping refuses. */
	for (size_t i = 0; i < fault->operand_count; i++) {
		const struct fault_operand *operand = &fault->operands[i];

		if (fault->address - operand->address >= (operand->bytes ?: 1))
			continue;
		if (fault->operand == SIZE_MAX ||
		    (fault->cause == FAULT_PERMISSION && operand->writes && !fault->operands[fault->operand].writes &&
		     refusal_of(scene, operand) == FAULT_PERMISSION))
			blame_operand(fault, i, fault->cause);
	}
	if (is_fetch(fault))
		blame_target(fault, fault->address, fault->cause);
	if (!fault->in_handler || interruption->trap != PAGE_FAULT_VECTOR ||
	    interruption->fault_address != fault->address)
		return;
	if (interruption->error & PAGE_FAULT_FETCH)
		fault->access = ACCESS_EXECUTE;
	else
		fault->access = interruption->error & PAGE_FAULT_WRITE ? ACCESS_WRITE : ACCESS_READ;
}

/* A canonical address whose page refuses the access: the kernel had no address to give, or lost it when it could not
 * push the handler's frame. Only where there is exactly one. */
static bool examine_pages(const struct fault_scene *scene, struct fault *fault)
{
	size_t chosen = SIZE_MAX, count = 0;

	for (size_t i = 0; i < fault->operand_count; i++) {
		if (refusal_of(scene, &fault->operands[i]) == FAULT_UNTOLD)
			continue;
		chosen = i;
		count++;
	}
	if (count == 1)
		blame_operand(fault, chosen, refusal_of(scene, &fault->operands[chosen]));
	return count > 0;
}

/* The signal tells no address. */
static void examine_without_address(const struct fault_scene *scene, struct fault *fault)
{
	const uint64_t pc = fault->registers[CORE_RIP];
	struct place place;

	place_in_core(scene->core, pc, &place);
	if (place.kind != PLACE_UNKNOWN && (!place.mapped || !(place.protection & PROT_EXEC))) {
		blame_target(fault, pc,
			     place.kind == PLACE_NON_CANONICAL ? FAULT_NON_CANONICAL
			     : place.mapped		       ? FAULT_PERMISSION
							       : FAULT_UNMAPPED);
		return;
	}
	if (fault->branch.target_known && place_is_non_canonical(fault->branch.target)) {
		blame_target(fault, fault->branch.target, FAULT_NON_CANONICAL);
		return;
	}
	if (fault->source != ADDRESS_UNKNOWN) /* fault_decode() has found the one at no address */
		return;
	for (size_t i = 0; i < fault->operand_count; i++) {
		if (place_is_non_canonical(fault->operands[i].address)) {
			fault->cause = FAULT_NON_CANONICAL; /* of several: which one is not told */
			return;
		}
	}
	for (size_t i = 0; i < fault->operand_count; i++) {
		const struct fault_operand *operand = &fault->operands[i];

		if (operand->alignment && operand->address % operand->alignment) {
			blame_operand(fault, i, FAULT_MISALIGNED);
			return;
		}
	}
	if (!examine_pages(scene, fault) && fault->is_privileged)
		fault->cause = FAULT_PRIVILEGED;
}

/* ---- what surrounds a jump ---- */

static bool is_executable(const struct fault_scene *scene, uint64_t address)
{
	struct place place;

	place_in_core(scene->core, address, &place);
	return place.mapped && place.protection > 0 && place.protection & PROT_EXEC;
}

/* The call before the return address on top of the stack. Where the bytes can be read as calls of several lengths, the
 * one that goes to the target is it, else the longest. */
static void look_at_call(const struct fault_scene *scene, uint64_t target, struct fault *fault)
{
	struct fault_jump *jump = &fault->jump;
	uint64_t registers[CORE_REGISTERS];
	uint8_t bytes[8];

	jump->is_unread = !core_read(scene->core->image, jump->return_address - 2, bytes, 2);
	/* The call has pushed its return address since. */
	memcpy(registers, fault->registers, sizeof(registers));
	registers[CORE_RSP] += 8;
	for (size_t length = 2; length <= sizeof(bytes); length++) {
		bool indirect, known;
		char text[sizeof(jump->call)];
		uint64_t to;

		if (core_read(scene->core->image, jump->return_address - length, bytes, length) < length ||
		    !fault_decode_call(scene->core->image, bytes, length, jump->return_address - length, registers,
				       text, sizeof(text), &indirect, &known, &to))
			continue;
		if (jump->has_return_address && jump->call_target_known && jump->call_target == target)
			continue;
		jump->has_return_address = true;
		jump->call_is_indirect = indirect;
		jump->call_target_known = known;
		jump->call_target = to;
		memcpy(jump->call, text, sizeof(text));
	}
}

static void examine_jump(const struct fault_scene *scene, struct fault *fault)
{
	const uint64_t sp = fault->registers[CORE_RSP];
	struct fault_jump *jump = &fault->jump;

	if (!fault->is_fault || fault->access != ACCESS_EXECUTE || !scene->core->image)
		return;
	jump->known = true;
	jump->is_refused = fault->source == ADDRESS_INSTRUCTION && fault->address != fault->registers[CORE_RIP];
	jump->is_return = jump->is_refused && fault->branch.kind == BRANCH_RETURN;
	if (jump->is_refused)
		return;		      /* the stack is as it was before */
	fault->instruction[0] = '\0'; /* what stands there is no code of the program's */
	jump->has_word_below = core_read_word(scene->core->image, sp - 8, &jump->word_below);
	if (core_read_word(scene->core->image, sp, &jump->return_address) && is_executable(scene, jump->return_address))
		look_at_call(scene, fault->address, fault);
}

/* ---- all of it ---- */

static void choose_signal(const struct fault_scene *scene, const struct interruption *interruption, struct fault *fault)
{
	fault->signal = *scene->signal;
	fault->has_registers = scene->registers;
	if (scene->registers)
		memcpy(fault->registers, scene->registers, sizeof(fault->registers));
	/* What the processor itself reports of the crash stands. */
	if (!interruption->found || (scene->signal->code > 0 && is_synchronous(scene->signal->number)) ||
	    !is_from_processor(&interruption->signal))
		return;
	fault->in_handler = true;
	fault->signal = interruption->signal;
	memcpy(fault->registers, interruption->registers, sizeof(fault->registers));
}

static void decode_instruction(const struct fault_scene *scene, struct fault *fault)
{
	if (!scene->core->image || !fault->has_registers)
		return;
	fault->byte_count =
		core_read(scene->core->image, fault->registers[CORE_RIP], fault->bytes, sizeof(fault->bytes));
	if (fault->byte_count)
		fault_decode(code_machine_of(scene->core->image->machine), fault->bytes, fault->byte_count,
			     fault->registers, fault);
	if (fault->branch.has_slot)
		fault->branch.target_known =
			core_read_word(scene->core->image, fault->branch.slot, &fault->branch.target);
	if (fault->division.has_slot) {
		unsigned bytes = fault->division.bits / 8;

		fault->division.known =
			core_read(scene->core->image, fault->division.slot, &fault->division.divisor, bytes) == bytes;
	}
}

/* The constant of "add reg64, imm" that ends right before the instruction at hand (Intel SDM, volume 2, ADD: REX.W 83
 * /0 ib, REX.W 81 /0 id, REX.W 05 id for rax). */
static uint64_t constant_added(const struct fault_scene *scene, const struct fault *fault, int number)
{
	static const uint8_t encodings[] = {
		[CORE_RAX] = 0,	 [CORE_RCX] = 1,  [CORE_RDX] = 2,  [CORE_RBX] = 3,  [CORE_RBP] = 5,
		[CORE_RSI] = 6,	 [CORE_RDI] = 7,  [CORE_R8] = 8,   [CORE_R9] = 9,   [CORE_R10] = 10,
		[CORE_R11] = 11, [CORE_R12] = 12, [CORE_R13] = 13, [CORE_R14] = 14, [CORE_R15] = 15,
	};
	uint64_t pc = fault->registers[CORE_RIP];
	uint8_t bytes[7], rex = 0x48 | encodings[number] >> 3, form = 0xc0 | (encodings[number] & 7);
	int32_t constant;

	if (core_read(scene->core->image, pc - sizeof(bytes), bytes, sizeof(bytes)) != sizeof(bytes))
		return 0;
	memcpy(&constant, bytes + 3, sizeof(constant));
	if (bytes[3] == rex && bytes[4] == 0x83 && bytes[5] == form)
		return (uint64_t)(int8_t)bytes[6];
	if ((bytes[0] == rex && bytes[1] == 0x81 && bytes[2] == form) ||
	    (number == CORE_RAX && bytes[1] == 0x48 && bytes[2] == 0x05))
		return (uint64_t)constant;
	return 0;
}

static void find_addition(const struct fault_scene *scene, struct fault *fault)
{
	int base = fault->operand < fault->operand_count ? fault->operands[fault->operand].base : -1;

	if (scene->core->image && base >= 0 && base != CORE_RIP && base != CORE_RSP && base <= CORE_RDI)
		fault->added = constant_added(scene, fault, base);
}

/* The kernel writes to a thread's memory, too: a signal's frame below the stack pointer, and the rseq area in the block
 * that FS points to whenever the thread was preempted. Where it cannot, it sends SIGSEGV with SI_KERNEL and no address
 * (Linux kernel/rseq.c, __rseq_handle_notify_resume; kernel/signal.c, force_sigsegv). No instruction is to blame; that
 * both the stack pointer and the block are where nothing is mapped shows that the thread's memory was taken away. A
 * stack that ran out has its block, which is above it. */
static void examine_lost_stack(const struct fault_scene *scene, struct fault *fault)
{
	uint64_t sp = fault->registers[CORE_RSP], block = fault->registers[CORE_FS_BASE];

	if (fault->source != ADDRESS_UNKNOWN || fault->signal.number != SIGSEGV || fault->signal.code != SI_KERNEL ||
	    fault->cause != FAULT_UNTOLD || !sp || !block || !scene->core->image->segment_count ||
	    core_find_segment(scene->core->image, sp) || core_find_segment(scene->core->image, block))
		return;
	fault->address = sp;
	fault->source = ADDRESS_STACK;
	fault->cause = FAULT_UNMAPPED;
	fault->operand = SIZE_MAX;
}

static void examine_memory_fault(const struct fault_scene *scene, const struct interruption *interruption,
				 struct fault *fault)
{
	struct place place;

	if (fault->source == ADDRESS_SIGNAL) {
		examine_address(scene, interruption, fault);
	} else if (scene->core->image && fault->has_registers) {
		examine_without_address(scene, fault);
		examine_lost_stack(scene, fault);
	}
	/* Without the core the instruction pointer tells a fetch all the same. */
	if (fault->access == ACCESS_UNKNOWN && fault->source != ADDRESS_UNKNOWN && fault->has_registers &&
	    fault->address == fault->registers[CORE_RIP])
		fault->access = ACCESS_EXECUTE;
	if (scene->core->image && scene->core->image->segment_count && fault->source != ADDRESS_UNKNOWN) {
		place_in_core(scene->core, fault->address, &place);
		fault->mapping_known = true;
		fault->mapped_since = place.mapped && fault->in_handler && fault->source == ADDRESS_SIGNAL &&
				      fault->signal.number == SIGSEGV && fault->signal.code == SEGV_MAPERR;
		fault->mapped = place.mapped && !fault->mapped_since;
	}
	find_addition(scene, fault);
	examine_jump(scene, fault);
}

/* An exception without a siginfo may be an old one: the instruction at hand must be able to raise it. */
static bool is_borne_out(const struct fault_scene *scene, const struct fault *fault)
{
	const struct fault_division *division = &fault->division;

	switch (fault->signal.number) {
	case SIGFPE:
		return division->known && (division->divisor == 0 || division->is_signed);
	case SIGILL:
		return fault->byte_count && (!fault->length || fault->mnemonic[0] == 'u');
	default:
		if (fault->access == ACCESS_EXECUTE || fault->cause == FAULT_PRIVILEGED)
			return true;
		return fault->operand < fault->operand_count &&
		       (fault->cause == FAULT_MISALIGNED ||
			refusal_of(scene, &fault->operands[fault->operand]) != FAULT_UNTOLD);
	}
}

/* A handler that sends the signal to itself again, with the default action restored, dies of it when it has returned:
 * at the instruction that had faulted, with the registers of then. The siginfo tells only of the sending. */
static bool may_be_raised_again(const struct fault_scene *scene, const struct fault *fault)
{
	const struct crash_signal *signal = &fault->signal;

	return scene->core->image && !fault->in_handler && scene->registers && is_synchronous(signal->number) &&
	       signal->code <= 0 && signal->sender_pid && signal->sender_pid == scene->pid;
}

static void begin_fault(const struct fault_scene *scene, const struct interruption *interruption, bool is_fault,
			struct fault *fault)
{
	fault->is_fault = is_fault && is_memory_signal(fault->signal.number);
	if (fault->is_fault && fault->signal.has_address) {
		fault->address = fault->signal.address;
		fault->source = ADDRESS_SIGNAL;
	}
	decode_instruction(scene, fault);
	if (fault->is_fault)
		examine_memory_fault(scene, interruption, fault);
}

/* Gives the fault the code that the processor's own signal would have had. */
static void finish_raised_again(struct fault *fault)
{
	struct crash_signal *signal = &fault->signal;

	fault->in_handler = true;
	signal->code = fault->cause == FAULT_UNMAPPED	  ? SEGV_MAPERR
		       : fault->cause == FAULT_PERMISSION ? SEGV_ACCERR
							  : SI_KERNEL;
	if (signal->number == SIGFPE || signal->number == SIGILL)
		signal->code = signal->number == SIGFPE ? FPE_INTDIV : ILL_ILLOPN;
	signal->trustworthy = signal->code != SI_KERNEL;
	signal->address = fault->is_fault ? fault->address : fault->registers[CORE_RIP];
}

void fault_examine(const struct fault_scene *scene, struct interruption *interruption, struct fault *fault)
{
	bool again;

	*fault = (struct fault){.operand = SIZE_MAX};
	choose_signal(scene, interruption, fault);
	again = may_be_raised_again(scene, fault);
	/* A core without siginfo tells only the number: then the instruction must show that it faulted. */
	begin_fault(scene, interruption,
		    again || fault->signal.code > 0 ||
			    (scene->core->image && scene->signal->only_number && !fault->in_handler),
		    fault);
	if (fault->in_handler && interruption->inferred && !is_borne_out(scene, fault)) {
		*interruption = (struct interruption){0};
		fault_examine(scene, interruption, fault);
		return;
	}
	if (again && is_borne_out(scene, fault)) {
		finish_raised_again(fault);
	} else if (fault->signal.code <= 0 && (again || fault->source == ADDRESS_UNKNOWN)) {
		struct fault none = {.operand = SIZE_MAX, .signal = fault->signal};

		memcpy(none.instruction, fault->instruction, sizeof(none.instruction));
		memcpy(none.registers, fault->registers, sizeof(none.registers));
		none.has_registers = fault->has_registers;
		*fault = none;
	}
}
