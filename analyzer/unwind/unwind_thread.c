/* SPDX-License-Identifier: MIT */
/* In the child: one stack, frame by frame, by libdwfl, which asks us for every word of memory. */
#include <elf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <libelf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/code/code_call_site.h"
#include "analyzer/unwind/unwind_child.h"
#include "common/array.h"
#include "schema/record_memory.h"

/* System V ABI, AMD64 supplement, "DWARF Register Number Mapping"; 16 is the return address. */
static const enum core_register dwarf_registers[] = {
	CORE_RAX, CORE_RDX, CORE_RCX, CORE_RBX, CORE_RSI, CORE_RDI, CORE_RBP, CORE_RSP, CORE_R8,
	CORE_R9,  CORE_R10, CORE_R11, CORE_R12, CORE_R13, CORE_R14, CORE_R15, CORE_RIP,
};
#define DWARF_RBX 3
#define DWARF_REGISTERS array_size(dwarf_registers)

static int overlay_compare(const void *left, const void *right)
{
	const struct unwind_overlay *a = left, *b = right;

	return a->slot < b->slot ? -1 : a->slot > b->slot;
}

static const struct unwind_overlay *find_overlay(const struct unwinder *unwinder, uint64_t slot)
{
	const struct unwind_overlay key = {.slot = slot};

	if (unwinder->overlay_count == 0)
		return NULL;
	return bsearch(&key, unwinder->overlay, unwinder->overlay_count, sizeof(key), overlay_compare);
}

static pid_t next_thread(Dwfl *dwfl, void *context, void **thread)
{
	(void)dwfl;
	if (*thread)
		return 0;
	*thread = context;
	return 1;
}

static bool get_thread(Dwfl *dwfl, pid_t tid, void *context, void **thread)
{
	(void)dwfl;
	(void)tid;
	*thread = context;
	return true;
}

/* Of a recorded stack, the slice; what is not in it is not known, but for code. */
static size_t read_bytes(struct unwinder *unwinder, uint64_t address, void *buffer, size_t size)
{
	const struct past_stack *past = unwinder->past;
	size_t count;

	if (past && address - past->sp < past->slice_bytes) {
		uint64_t offset = address - past->sp;

		if (size > past->slice_bytes - offset) {
			unwinder->missed = true;
			size = past->slice_bytes - offset;
		}
		memcpy(buffer, past->slice + offset, size);
		return size;
	}
	count = core_read(unwinder->core, address, buffer, size);
	if (past && count < size && address >= past->sp)
		unwinder->missed = true;
	return count;
}

static bool read_word(struct unwinder *unwinder, uint64_t address, uint64_t *ret_word)
{
	uint64_t word;

	if (read_bytes(unwinder, address, &word, sizeof(word)) != sizeof(word))
		return false;
	*ret_word = word;
	return true;
}

static bool read_memory(Dwfl *dwfl, Dwarf_Addr address, Dwarf_Word *ret_word, void *context)
{
	struct unwinder *unwinder = context;
	const struct unwind_overlay *overlay = find_overlay(unwinder, address);
	uint64_t word;

	(void)dwfl;
	if (overlay) {
		*ret_word = overlay->return_address;
		return true;
	}
	if (!read_word(unwinder, address, &word))
		return false;
	*ret_word = word;
	return true;
}

static bool set_registers(Dwfl_Thread *thread, void *context)
{
	const struct unwinder *unwinder = context;

	for (int i = 0; i < (int)DWARF_REGISTERS; i++) {
		Dwarf_Word value = unwinder->registers[dwarf_registers[i]];

		if (i == DWARF_RSP)
			value = unwinder->start_sp;
		else if (i == DWARF_RETURN_ADDRESS)
			value = unwinder->start_pc;
		else if (!(unwinder->known_registers & 1u << dwarf_registers[i]))
			continue;
		if (!dwfl_thread_state_registers(thread, i, 1, &value))
			return false;
	}
	return true;
}

static const Dwfl_Thread_Callbacks thread_callbacks = {
	.next_thread = next_thread,
	.get_thread = get_thread,
	.memory_read = read_memory,
	.set_initial_registers = set_registers,
};

/* libdwfl wants a core only to know the machine. A header of our own cannot be cut short. */
static Elf *machine_elf(void)
{
	static Elf64_Ehdr header = {
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_CORE,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_ehsize = sizeof(header),
	};

	return elf_memory((char *)&header, sizeof(header));
}

static void describe_callee(struct unwinder *unwinder, Dwfl_Frame *state, uint64_t lookup_address)
{
	Dwarf_Frame *frame = unwind_find_cfi(unwinder->dwfl, lookup_address);
	struct callee *callee = &unwinder->callee;
	Dwarf_Op memory[3], *operations;
	Dwarf_Addr start, end;
	unsigned number;
	int64_t offset;
	Dwarf_Word base;
	size_t count;

	*callee = (struct callee){.has_cfi = frame != NULL};
	if (!frame)
		return;
	dwarf_frame_info(frame, &start, &end, &callee->is_signal_frame);
	if (unwind_cfa_rule(frame, &number, &offset) && dwfl_frame_reg(state, number, &base) == 0) {
		callee->has_cfa = true;
		callee->cfa = base + (uint64_t)offset;
	}
	/* "Undefined" is told from "same value" by where the operations point (libdw.h, dwarf_frame_register). */
	if (dwarf_frame_register(frame, DWARF_RETURN_ADDRESS, memory, &operations, &count) == 0)
		callee->is_outermost = count == 0 && operations == memory;
	callee->saves_rbx = dwarf_frame_register(frame, DWARF_RBX, memory, &operations, &count) != 0 || count > 0;
	free(frame);
}

static void __attribute__((format(printf, 2, 3))) set_reason(struct unwinder *unwinder, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(unwinder->reason, sizeof(unwinder->reason), format, args);
	va_end(args);
}

/* libdwfl does not say whether CFI or its own guess from the frame pointer gave the caller. Where CFI has a simple rule
 * for the callee, its result can be compared. */
static enum frame_trust judge_trust(const struct unwinder *unwinder, uint64_t pc, uint64_t sp)
{
	const struct unwind_overlay *overlay = find_overlay(unwinder, sp - 8);
	const struct callee *callee = &unwinder->callee;

	if (overlay && overlay->return_address == pc && !callee->is_signal_frame)
		return overlay->trust;
	if (callee->has_cfi && (!callee->has_cfa || callee->cfa == sp))
		return FRAME_CFI;
	return FRAME_POINTER;
}

/* Runtimes that bring their own signal trampoline (Go) describe it by no CFI. Its code is always the same: mov $15,
 * %rax; syscall, which is rt_sigreturn. Where the code cannot be read, its symbol tells: nobody called it, so no
 * function is before the instruction that the handler returns to. */
static bool is_at_sigreturn(struct unwinder *unwinder, const struct unwind_frame *frame)
{
	static const uint8_t sigreturn[] = {0x48, 0xc7, 0xc0, 0x0f, 0x00, 0x00, 0x00, 0x0f, 0x05};
	uint8_t code[sizeof(sigreturn)];

	if (read_bytes(unwinder, frame->pc, code, sizeof(code)) == sizeof(code))
		return memcmp(code, sigreturn, sizeof(code)) == 0;
	return !frame->exact && unwind_function_entry(unwinder->dwfl, frame->pc) == frame->pc &&
	       !unwind_function_entry(unwinder->dwfl, frame->pc - 1);
}

/* Go's signal handler makes it look as if the faulting instruction had called this (runtime/signal_amd64.go,
 * preparePanic). */
static bool is_go_sigpanic(const struct unwinder *unwinder, uint64_t pc)
{
	Dwfl_Module *module = dwfl_addrmodule(unwinder->dwfl, pc);
	const char *name = module ? dwfl_module_addrname(module, pc) : NULL;

	return name && strcmp(name, "runtime.sigpanic") == 0;
}

/* Can libdwfl's guess from the frame pointer be the caller of `last`? Who returns to a signal trampoline was not called
 * from there, and the trampoline itself has no caller. */
static bool is_plausible(struct unwinder *unwinder, const struct unwind_frame *last, const struct unwind_frame *frame)
{
	if (!unwind_is_executable(unwinder->core, frame->pc) || is_at_sigreturn(unwinder, last))
		return false;
	return unwind_check_call(unwinder->core, frame->pc) != CALL_NO || is_at_sigreturn(unwinder, frame) ||
	       is_go_sigpanic(unwinder, last->pc);
}

/* Adds the caller that libdwfl found, or says why not. False ends the stack. */
static bool add_caller(struct unwinder *unwinder, uint64_t pc, uint64_t sp, bool exact)
{
	const struct unwind_frame *last = &unwinder->frames[unwinder->frame_count - 1];
	struct unwind_frame frame = {.pc = pc, .sp = sp, .exact = exact, .trust = judge_trust(unwinder, pc, sp)};
	const struct past_stack *past = unwinder->past;
	bool executable = unwind_is_executable(unwinder->core, pc);

	/* A signal handler may have its own stack; every other caller's is above. */
	if (sp <= last->sp && !unwinder->callee.is_signal_frame) {
		set_reason(unwinder, "the stack pointer does not advance");
		return false;
	}
	/* The rules were clear, but not the memory: what libdwfl guesses instead is worth nothing. */
	if (past && frame.trust == FRAME_POINTER && unwinder->guessed && unwinder->callee.has_cfi) {
		unwinder->missed = true;
		return false;
	}
	/* A guess that is no return address is no frame. */
	if (frame.trust == FRAME_POINTER && !is_plausible(unwinder, last, &frame)) {
		set_reason(unwinder, "no call frame information, and no frame pointer");
		return false;
	}
	if (unwinder->frame_count == unwinder->frame_limit) {
		set_reason(unwinder, "limit reached");
		return false;
	}
	if (past && past->trampoline && pc - past->trampoline < RECORD_PAGE_BYTES) {
		frame.trust = FRAME_LOST;
		set_reason(unwinder, "a uretprobe took the return address");
		executable = false;
	} else if (!executable && past) {
		frame.trust = FRAME_LOST;
		set_reason(unwinder, "no file was mapped as code at the return address 0x%llx", (unsigned long long)pc);
	} else if (!executable) {
		frame.trust = FRAME_LOST;
		set_reason(unwinder, "the return address 0x%llx is not in executable memory", (unsigned long long)pc);
	}
	unwinder->frames[unwinder->frame_count++] = frame;
	return executable;
}

/* libdwfl does not know that a function which does not save rbx leaves it alone: in its list of what the ABI says, rax
 * stands in that place (elfutils backends/x86_64_cfi.c). */
static void keep_rbx(const struct unwinder *unwinder, struct kept_registers *kept)
{
	const struct kept_registers *of_callee =
		unwinder->kept_count ? &unwinder->kept[unwinder->kept_count - 1] : NULL;
	const struct callee *callee = &unwinder->callee;

	if (!of_callee || !(of_callee->known & 1) || !callee->has_cfi || callee->is_signal_frame || callee->saves_rbx)
		return;
	kept->known |= 1;
	kept->values[0] = of_callee->values[0];
}

static void keep_registers(struct unwinder *unwinder, Dwfl_Frame *state, const struct unwind_frame *frame)
{
	static const unsigned numbers[KEPT_REGISTERS] = {DWARF_RBX, 6, 12, 13, 14, 15}; /* as in unwind_kept_order */
	struct kept_registers kept = {.pc = frame->pc, .sp = frame->sp};
	Dwarf_Word value;

	if (unwinder->past || unwinder->kept_count == KEPT_FRAMES)
		return;
	for (size_t i = 0; i < KEPT_REGISTERS; i++) {
		if (dwfl_frame_reg(state, numbers[i], &value) != 0)
			continue;
		kept.known |= 1u << i;
		kept.values[i] = value;
	}
	if (!(kept.known & 1))
		keep_rbx(unwinder, &kept);
	unwinder->kept[unwinder->kept_count++] = kept;
}

static int on_frame(Dwfl_Frame *state, void *context)
{
	struct unwinder *unwinder = context;
	const struct unwind_frame *last;
	Dwarf_Addr pc;
	Dwarf_Word sp = 0;
	bool activation;

	/* dwfl_frame_pc() looks for the caller of this frame already, to tell whether a signal interrupted it. */
	unwinder->guessed = unwinder->missed;
	unwinder->missed = false;
	if (!dwfl_frame_pc(state, &pc, &activation))
		return DWARF_CB_ABORT;
	if (dwfl_frame_reg(state, DWARF_RSP, &sp) != 0)
		sp = 0;
	if (unwinder->started && !add_caller(unwinder, pc, sp, activation))
		return DWARF_CB_ABORT;
	unwinder->started = true;
	last = &unwinder->frames[unwinder->frame_count - 1];
	keep_registers(unwinder, state, last);
	describe_callee(unwinder, state, unwind_frame_lookup_address(last));
	return DWARF_CB_OK;
}

static void start_at(struct unwinder *unwinder, uint64_t return_address, uint64_t slot, enum frame_trust trust)
{
	unwinder->frames[unwinder->frame_count++] =
		(struct unwind_frame){.pc = return_address, .sp = slot + 8, .trust = trust};
	/* libdwfl takes the first pc for exact, so it is given the call. */
	unwinder->start_pc = return_address - 1;
	unwinder->start_sp = slot + 8;
}

/* A thread that has just jumped to where no code is has its return address still at the stack pointer. One that died in
 * the kernel's uretprobe trampoline has returned from the probed function (sp is above the slot), and may have pushed
 * up to three registers since, the first of them into the slot (Linux arch/x86/kernel/uprobes.c). */
static void find_start(struct unwinder *unwinder)
{
	static const int64_t trampoline_slots[] = {-8, 0, 8, 16};
	const uint64_t pc = unwinder->registers[CORE_RIP], sp = unwinder->registers[CORE_RSP];
	const struct core *core = unwinder->core;
	bool executable = unwind_is_executable(core, pc);
	const struct unwind_overlay *overlay;
	uint64_t word;

	unwinder->frame_count = unwinder->kept_count = 0;
	unwinder->frames[unwinder->frame_count++] =
		(struct unwind_frame){.pc = pc, .sp = sp, .trust = FRAME_REGISTERS, .exact = true};
	unwinder->start_pc = pc;
	unwinder->start_sp = sp;
	if (unwinder->frame_limit < 2)
		return;
	if (executable && !core_find_module(core, pc) && !core_find_file(core, pc)) {
		for (size_t i = 0; i < array_size(trampoline_slots); i++) {
			overlay = find_overlay(unwinder, sp + (uint64_t)trampoline_slots[i]);
			if (overlay) {
				start_at(unwinder, overlay->return_address, overlay->slot, overlay->trust);
				return;
			}
		}
	}
	if (executable)
		return;
	overlay = find_overlay(unwinder, sp);
	if (overlay)
		start_at(unwinder, overlay->return_address, sp, overlay->trust);
	else if (read_word(unwinder, sp, &word) && unwind_is_executable(core, word) &&
		 unwind_check_call(core, word) == CALL_YES)
		start_at(unwinder, word, sp, FRAME_SCAN);
}

/* At the trampoline of a signal handler the stack pointer is at the ucontext of the frame that the kernel pushed, and
 * the interrupted registers are in it (Linux arch/x86/include/uapi/asm/sigcontext.h: struct rt_sigframe,
 * sigcontext_64). */
static bool enter_interrupted(struct unwinder *unwinder)
{
	static const enum core_register order[] = {
		CORE_R8,  CORE_R9,  CORE_R10, CORE_R11, CORE_R12, CORE_R13, CORE_R14, CORE_R15, CORE_RDI,
		CORE_RSI, CORE_RBP, CORE_RBX, CORE_RDX, CORE_RAX, CORE_RCX, CORE_RSP, CORE_RIP,
	};
	enum { SIGCONTEXT_OFFSET = 40 };
	struct unwind_frame *last = &unwinder->frames[unwinder->frame_count - 1];
	uint64_t values[array_size(order)];

	if (unwinder->callee.has_cfi || unwinder->frame_count < 2 || unwinder->frame_count == unwinder->frame_limit ||
	    !is_at_sigreturn(unwinder, last) ||
	    read_bytes(unwinder, last->sp + SIGCONTEXT_OFFSET, values, sizeof(values)) < sizeof(values))
		return false;
	/* Nobody called it: its first instruction is where it is, and what lies before is another function. */
	last->exact = true;
	for (size_t i = 0; i < array_size(order); i++)
		unwinder->registers[order[i]] = values[i];
	unwinder->known_registers = ~0u;
	unwinder->start_pc = unwinder->registers[CORE_RIP];
	unwinder->start_sp = unwinder->registers[CORE_RSP];
	unwinder->frames[unwinder->frame_count++] = (struct unwind_frame){
		.pc = unwinder->start_pc, .sp = unwinder->start_sp, .trust = FRAME_CFI, .exact = true};
	return unwind_is_executable(unwinder->core, unwinder->start_pc);
}

/* Words above the stack pointer that may be of a frame of unknown size. */
#define SCANNED_WORDS 64

/* The caller of a function without call frame information (Rust's panic_abort, assembly): the nearest word on the stack
 * that is the return address of a call of this very function. Its own registers are not known: the function may have
 * changed them. */
static bool enter_caller(struct unwinder *unwinder)
{
	const struct unwind_frame *last = &unwinder->frames[unwinder->frame_count - 1];
	uint64_t entry, word;

	if (unwinder->past || unwinder->callee.has_cfi || unwinder->frame_count == unwinder->frame_limit)
		return false;
	entry = unwind_function_entry(unwinder->dwfl, unwind_frame_lookup_address(last));
	for (uint64_t slot = last->sp; entry && slot < last->sp + SCANNED_WORDS * sizeof(word); slot += sizeof(word)) {
		if (!read_word(unwinder, slot, &word))
			return false;
		if (!unwind_is_executable(unwinder->core, word) || code_call_site_target(unwinder->core, word) != entry)
			continue;
		unwinder->known_registers = 0;
		start_at(unwinder, word, slot, FRAME_SCAN);
		return true;
	}
	return false;
}

#define RESTARTS_MAX 8

/* What was recorded was not enough. */
static bool ran_out(const struct unwinder *unwinder, int result)
{
	return unwinder->past && unwinder->past->end_reason &&
	       (unwinder->missed || (result < 0 && !unwinder->past->has_registers));
}

static void run(struct unwinder *unwinder)
{
	int result, restarts = 0;

	find_start(unwinder);
	do {
		unwinder->started = unwinder->missed = unwinder->guessed = false;
		unwinder->reason[0] = '\0';
		if (!unwind_is_executable(unwinder->core, unwinder->start_pc)) {
			set_reason(unwinder, unwinder->past ? "no file was mapped as code at the program counter"
							    : "the program counter is not in executable memory");
			return;
		}
		unwinder->callee = (struct callee){0};
		result = dwfl_getthread_frames(unwinder->dwfl, 1, on_frame, unwinder);
		if (!unwinder->reason[0] && ran_out(unwinder, result))
			set_reason(unwinder, "%s", unwinder->past->end_reason);
		else if (result < 0 && !unwinder->reason[0])
			set_reason(unwinder, "%s", dwfl_errmsg(-1));
		/* libdwfl takes a return address of zero for the end. CFI says undefined where a stack rightly ends. */
		else if (result == 0 && unwinder->callee.has_cfi && !unwinder->callee.is_outermost)
			set_reason(unwinder, "%s", unwind_end_at_zero);
	} while (restarts++ < RESTARTS_MAX && (enter_interrupted(unwinder) || enter_caller(unwinder)));
}

void unwinder_run_thread(struct unwinder *unwinder, const struct core_thread *thread)
{
	unwinder->past = NULL;
	memcpy(unwinder->registers, thread->registers, sizeof(unwinder->registers));
	unwinder->known_registers = ~0u;
	run(unwinder);
}

void unwinder_run_past(struct unwinder *unwinder, const struct past_stack *past)
{
	static const enum core_register order[] = {CORE_RBX, CORE_RBP, CORE_R12, CORE_R13, CORE_R14, CORE_R15};

	unwinder->past = past;
	unwinder->known_registers = 0;
	for (size_t i = 0; past->has_registers && i < array_size(order); i++) {
		unwinder->registers[order[i]] = past->registers[i];
		unwinder->known_registers |= 1u << order[i];
	}
	unwinder->registers[CORE_RIP] = past->ip;
	unwinder->registers[CORE_RSP] = past->sp;
	run(unwinder);
}

bool unwinder_begin(struct unwinder *unwinder, const struct unwind_overlay *overlay, size_t overlay_count)
{
	Elf *machine;

	elf_version(EV_CURRENT);
	unwinder->frames = calloc(unwinder->frame_limit, sizeof(*unwinder->frames));
	unwinder->overlay = calloc(overlay_count + 1, sizeof(*unwinder->overlay));
	unwinder->dwfl = dwfl_begin(&unwind_module_callbacks);
	machine = machine_elf();
	if (!unwinder->frames || !unwinder->overlay || !unwinder->dwfl || !machine)
		return false;
	if (overlay_count > 0) {
		memcpy(unwinder->overlay, overlay, overlay_count * sizeof(*unwinder->overlay));
		qsort(unwinder->overlay, overlay_count, sizeof(*unwinder->overlay), overlay_compare);
		unwinder->overlay_count = overlay_count;
	}
	return unwind_report_modules(unwinder->dwfl, unwinder->core) &&
	       dwfl_attach_state(unwinder->dwfl, machine, 1, &thread_callbacks, unwinder);
}
