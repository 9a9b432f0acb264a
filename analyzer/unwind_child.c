/* SPDX-License-Identifier: MIT */
/*
 * The child's side: libdwfl, fed by us. It is given a range and a descriptor for each module and asks us for every word
 * of memory, so it has no reason to open anything, and is not able to. Nothing is freed: the process ends after this.
 */
#include <elf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <libelf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analyzer/unwind_child.h"

/* System V ABI, AMD64 supplement, "DWARF Register Number Mapping"; 16 is the return address. */
static const enum core_register dwarf_registers[] = {
	CORE_RAX, CORE_RDX, CORE_RCX, CORE_RBX, CORE_RSI, CORE_RDI, CORE_RBP, CORE_RSP, CORE_R8,
	CORE_R9,  CORE_R10, CORE_R11, CORE_R12, CORE_R13, CORE_R14, CORE_R15, CORE_RIP,
};
#define DWARF_REGISTERS (sizeof(dwarf_registers) / sizeof(dwarf_registers[0]))
/* What is known of the frame whose caller is looked for. */
struct callee {
	bool has_cfi;
	bool has_cfa; /* the rule is a register and an offset, and gave `cfa` */
	uint64_t cfa;
	bool is_signal_frame;
	bool is_outermost; /* its CFI says that there is no caller */
};

struct unwinder {
	const struct core *core;
	struct unwind_overlay *overlay; /* by rising slot */
	size_t overlay_count;
	size_t frame_limit;
	Dwfl *dwfl;
	/* The thread at hand. */
	uint64_t registers[CORE_REGISTERS]; /* of the thread, or of what its signal handler interrupted */
	struct unwind_frame *frames;	    /* frame_limit of them */
	size_t frame_count;
	bool started; /* libdwfl has shown us its first frame, which we have already */
	uint64_t start_pc, start_sp;
	struct callee callee;
	char reason[160]; /* "" for none */
};

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

static bool read_memory(Dwfl *dwfl, Dwarf_Addr address, Dwarf_Word *ret_word, void *context)
{
	const struct unwinder *unwinder = context;
	const struct unwind_overlay *overlay = find_overlay(unwinder, address);
	uint64_t word;

	(void)dwfl;
	if (overlay) {
		*ret_word = overlay->return_address;
		return true;
	}
	if (!core_read_word(unwinder->core, address, &word))
		return false;
	*ret_word = word;
	return true;
}

static bool set_registers(Dwfl_Thread *thread, void *context)
{
	const struct unwinder *unwinder = context;
	Dwarf_Word values[DWARF_REGISTERS];

	for (size_t i = 0; i < DWARF_REGISTERS; i++)
		values[i] = unwinder->registers[dwarf_registers[i]];
	values[DWARF_RSP] = unwinder->start_sp;
	values[DWARF_RETURN_ADDRESS] = unwinder->start_pc;
	return dwfl_thread_state_registers(thread, 0, DWARF_REGISTERS, values);
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

/* Adds the caller that libdwfl found, or says why not. False ends the stack. */
static bool add_caller(struct unwinder *unwinder, uint64_t pc, uint64_t sp, bool exact)
{
	const struct unwind_frame *last = &unwinder->frames[unwinder->frame_count - 1];
	struct unwind_frame frame = {.pc = pc, .sp = sp, .exact = exact, .trust = judge_trust(unwinder, pc, sp)};
	bool executable = unwind_is_executable(unwinder->core, pc);

	/* A signal handler may have its own stack; every other caller's is above. */
	if (sp <= last->sp && !unwinder->callee.is_signal_frame) {
		set_reason(unwinder, "the stack pointer does not advance");
		return false;
	}
	if (frame.trust == FRAME_POINTER) {
		/* A guess that is no return address is no frame. */
		if (!executable || unwind_check_call(unwinder->core, pc) == CALL_NO) {
			set_reason(unwinder, "no call frame information, and no frame pointer");
			return false;
		}
	}
	if (unwinder->frame_count == unwinder->frame_limit) {
		set_reason(unwinder, "limit reached");
		return false;
	}
	if (!executable) {
		frame.trust = FRAME_LOST;
		set_reason(unwinder, "the return address 0x%llx is not in executable memory", (unsigned long long)pc);
	}
	unwinder->frames[unwinder->frame_count++] = frame;
	return executable;
}

static int on_frame(Dwfl_Frame *state, void *context)
{
	struct unwinder *unwinder = context;
	const struct unwind_frame *last;
	Dwarf_Addr pc;
	Dwarf_Word sp = 0;
	bool activation;

	if (!dwfl_frame_pc(state, &pc, &activation))
		return DWARF_CB_ABORT;
	if (dwfl_frame_reg(state, DWARF_RSP, &sp) != 0)
		sp = 0;
	if (unwinder->started && !add_caller(unwinder, pc, sp, activation))
		return DWARF_CB_ABORT;
	unwinder->started = true;
	last = &unwinder->frames[unwinder->frame_count - 1];
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

	unwinder->frame_count = 0;
	unwinder->frames[unwinder->frame_count++] =
		(struct unwind_frame){.pc = pc, .sp = sp, .trust = FRAME_REGISTERS, .exact = true};
	unwinder->start_pc = pc;
	unwinder->start_sp = sp;
	if (unwinder->frame_limit < 2)
		return;
	if (executable && !core_find_module(core, pc) && !core_find_file(core, pc)) {
		for (size_t i = 0; i < sizeof(trampoline_slots) / sizeof(trampoline_slots[0]); i++) {
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
	else if (core_read_word(core, sp, &word) && unwind_is_executable(core, word) &&
		 unwind_check_call(core, word) == CALL_YES)
		start_at(unwinder, word, sp, FRAME_SCAN);
}

/* Runtimes that bring their own signal trampoline (Go) describe it by no CFI. Its code is always the same: mov $15,
 * %rax; syscall, which is rt_sigreturn. Then the stack pointer is at the ucontext of the frame that the kernel pushed,
 * and the interrupted registers are in it (Linux arch/x86/include/uapi/asm/sigcontext.h: struct rt_sigframe,
 * sigcontext_64). */
static bool enter_interrupted(struct unwinder *unwinder)
{
	static const uint8_t sigreturn[] = {0x48, 0xc7, 0xc0, 0x0f, 0x00, 0x00, 0x00, 0x0f, 0x05};
	static const enum core_register order[] = {
		CORE_R8,  CORE_R9,  CORE_R10, CORE_R11, CORE_R12, CORE_R13, CORE_R14, CORE_R15, CORE_RDI,
		CORE_RSI, CORE_RBP, CORE_RBX, CORE_RDX, CORE_RAX, CORE_RCX, CORE_RSP, CORE_RIP,
	};
	enum { SIGCONTEXT_OFFSET = 40 };
	const struct unwind_frame *last = &unwinder->frames[unwinder->frame_count - 1];
	uint64_t values[sizeof(order) / sizeof(order[0])];
	uint8_t code[sizeof(sigreturn)];

	if (unwinder->callee.has_cfi || unwinder->frame_count < 2 || unwinder->frame_count == unwinder->frame_limit ||
	    core_read(unwinder->core, last->pc, code, sizeof(code)) < sizeof(code) ||
	    memcmp(code, sigreturn, sizeof(code)) != 0 ||
	    core_read(unwinder->core, last->sp + SIGCONTEXT_OFFSET, values, sizeof(values)) < sizeof(values))
		return false;
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		unwinder->registers[order[i]] = values[i];
	unwinder->start_pc = unwinder->registers[CORE_RIP];
	unwinder->start_sp = unwinder->registers[CORE_RSP];
	unwinder->frames[unwinder->frame_count++] = (struct unwind_frame){
		.pc = unwinder->start_pc, .sp = unwinder->start_sp, .trust = FRAME_CFI, .exact = true};
	return unwind_is_executable(unwinder->core, unwinder->start_pc);
}

#define INTERRUPTIONS_MAX 8

static void unwind_thread(struct unwinder *unwinder, const struct core_thread *thread)
{
	int result, interruptions = 0;

	memcpy(unwinder->registers, thread->registers, sizeof(unwinder->registers));
	find_start(unwinder);
	do {
		unwinder->started = false;
		unwinder->reason[0] = '\0';
		if (!unwind_is_executable(unwinder->core, unwinder->start_pc)) {
			set_reason(unwinder, "the program counter is not in executable memory");
			return;
		}
		unwinder->callee = (struct callee){0};
		result = dwfl_getthread_frames(unwinder->dwfl, 1, on_frame, unwinder);
		if (result < 0 && !unwinder->reason[0])
			set_reason(unwinder, "%s", dwfl_errmsg(-1));
		/* libdwfl takes a return address of zero for the end. CFI says undefined where a stack rightly ends. */
		if (result == 0 && unwinder->callee.has_cfi && !unwinder->callee.is_outermost)
			set_reason(unwinder, "%s", unwind_end_at_zero);
	} while (interruptions++ < INTERRUPTIONS_MAX && enter_interrupted(unwinder));
}

static int address_compare(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return a < b ? -1 : a > b;
}

struct address_list {
	uint64_t *addresses;
	size_t count, capacity;
};

static bool address_list_add(struct address_list *list, uint64_t address)
{
	if (list->count == list->capacity) {
		size_t capacity = list->capacity ? list->capacity * 2 : 256;
		uint64_t *addresses = reallocarray(list->addresses, capacity, sizeof(*addresses));

		if (!addresses)
			return false;
		list->addresses = addresses;
		list->capacity = capacity;
	}
	list->addresses[list->count++] = address;
	return true;
}

/* All stacks first: they matter most, should the symbols be what libdw dies of. */
static bool write_stacks(struct unwinder *unwinder, struct unwind_writer *writer, struct address_list *list)
{
	for (size_t i = 0; i < unwinder->core->thread_count; i++) {
		unwind_thread(unwinder, &unwinder->core->threads[i]);
		unwind_write_stack(writer, i, unwinder->frames, unwinder->frame_count,
				   unwinder->reason[0] ? unwinder->reason : NULL);
		unwind_writer_flush(writer);
		for (size_t j = 0; j < unwinder->frame_count; j++) {
			if (!address_list_add(list, unwind_frame_lookup_address(&unwinder->frames[j])))
				return false;
		}
	}
	return true;
}

static bool begin(struct unwinder *unwinder, const struct unwind_request *request)
{
	Elf *machine;

	elf_version(EV_CURRENT);
	unwinder->frames = calloc(unwinder->frame_limit, sizeof(*unwinder->frames));
	unwinder->overlay = calloc(request->overlay_count + 1, sizeof(*unwinder->overlay));
	unwinder->dwfl = dwfl_begin(&unwind_module_callbacks);
	machine = machine_elf();
	if (!unwinder->frames || !unwinder->overlay || !unwinder->dwfl || !machine)
		return false;
	if (request->overlay_count > 0) {
		memcpy(unwinder->overlay, request->overlay, request->overlay_count * sizeof(*unwinder->overlay));
		qsort(unwinder->overlay, request->overlay_count, sizeof(*unwinder->overlay), overlay_compare);
		unwinder->overlay_count = request->overlay_count;
	}
	return unwind_report_modules(unwinder->dwfl, unwinder->core) &&
	       dwfl_attach_state(unwinder->dwfl, machine, 1, &thread_callbacks, unwinder);
}

bool unwind_child_run(const struct core *core, const struct unwind_request *request, size_t frame_limit, int output_fd)
{
	struct unwinder unwinder = {.core = core, .frame_limit = frame_limit};
	struct unwind_writer writer = {.fd = output_fd};
	struct address_list list = {0};

	if (!begin(&unwinder, request) || !write_stacks(&unwinder, &writer, &list))
		return false;
	for (size_t i = 0; i < request->address_count; i++) {
		int64_t offset = unwind_return_slot(unwinder.dwfl, request->addresses[i]);

		if (offset >= 0)
			unwind_write_slot(&writer, i, offset);
		if (!address_list_add(&list, request->addresses[i]))
			return false;
	}
	unwind_begin_names();
	qsort(list.addresses, list.count, sizeof(*list.addresses), address_compare);
	for (size_t i = 0; i < list.count; i++) {
		if (i == 0 || list.addresses[i] != list.addresses[i - 1])
			unwind_write_name_of(unwinder.dwfl, list.addresses[i], &writer);
	}
	unwind_write_done(&writer);
	return !writer.failed;
}
