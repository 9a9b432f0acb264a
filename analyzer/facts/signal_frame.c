/* SPDX-License-Identifier: MIT */
#include "analyzer/facts/signal_frame.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "common/array.h"
#include "common/cleanup.h"

#define SEARCH_BYTES (1u << 20)

/* From the return address on: struct rt_sigframe without the floating point state. */
struct frame_image {
	uint64_t restorer;
	uint64_t flags, link, stack_pointer;
	uint32_t stack_flags, padding;
	uint64_t stack_bytes;
	uint64_t registers[17]; /* in the order of `order` */
	uint64_t eflags;
	uint16_t cs, gs, fs, ss;
	uint64_t error, trap, oldmask, fault_address, fpstate, reserved[8];
	uint64_t mask;
	siginfo_t info;
};
_Static_assert(sizeof(struct frame_image) == 8 + 304 + 128, "struct rt_sigframe");

static const enum core_register order[17] = {
	CORE_R8,  CORE_R9,  CORE_R10, CORE_R11, CORE_R12, CORE_R13, CORE_R14, CORE_R15, CORE_RDI,
	CORE_RSI, CORE_RBP, CORE_RBX, CORE_RDX, CORE_RAX, CORE_RCX, CORE_RSP, CORE_RIP,
};

/* glibc, musl and Go each have their own, of the same two instructions; some write the move in 32 bits. */
static bool is_restorer(const struct core *core, uint64_t address)
{
	static const uint8_t wide[] = {0x48, 0xc7, 0xc0, 0x0f, 0x00, 0x00, 0x00, 0x0f, 0x05};
	static const uint8_t narrow[] = {0xb8, 0x0f, 0x00, 0x00, 0x00, 0x0f, 0x05};
	uint8_t code[sizeof(wide)];

	return core_read(core, address, code, sizeof(code)) == sizeof(code) &&
	       (memcmp(code, wide, sizeof(wide)) == 0 || memcmp(code, narrow, sizeof(narrow)) == 0);
}

/* The kernel's selectors for 64-bit programs (arch/x86/include/asm/segment.h). */
static bool is_plausible(const struct frame_image *image)
{
	return image->cs == 0x33 && (image->ss == 0x2b || image->ss == 0) && image->trap < 256;
}

/* Exceptions of the processor (Intel SDM, volume 3, "Exception and Interrupt Reference"). */
enum { TRAP_DIVIDE = 0, TRAP_OPCODE = 6, TRAP_STACK = 12, TRAP_PROTECTION = 13, TRAP_PAGE = 14 };

/* What the kernel knows of a signal is 48 bytes; it writes zeros behind them (SI_EXPANSION_SIZE, Linux kernel/signal.c,
 * copy_siginfo_to_user, since 4.20). */
#define SIGINFO_USED_BYTES 48

static bool is_cleared(const siginfo_t *info)
{
	const uint8_t *bytes = (const uint8_t *)info;

	for (size_t i = SIGINFO_USED_BYTES; i < sizeof(*info); i++) {
		if (bytes[i])
			return false;
	}
	return true;
}

/* The kernel writes the siginfo only for a handler that asked for it (SA_SIGINFO); otherwise there is what was on the
 * stack before. For the processor's signals it must agree with what the frame has of the exception. */
static bool has_siginfo(const struct frame_image *image)
{
	const siginfo_t *info = &image->info;

	if (info->si_signo <= 0 || info->si_signo > 64 || info->si_errno != 0 || info->si_code < -64 ||
	    info->si_code > SI_KERNEL || !is_cleared(info))
		return false;
	if (info->si_code <= 0)
		return true;
	switch (info->si_signo) {
	case SIGSEGV:
	case SIGBUS:
		if (info->si_code == SI_KERNEL)
			return image->trap == TRAP_PROTECTION || image->trap == TRAP_STACK || image->trap == TRAP_PAGE;
		return image->trap == TRAP_PAGE && (uint64_t)(uintptr_t)info->si_addr == image->fault_address;
	case SIGILL:
	case SIGFPE:
		return info->si_code == SI_KERNEL || (uint64_t)(uintptr_t)info->si_addr == image->registers[16];
	default:
		return true;
	}
}

/* What the exception alone tells. The kernel keeps it from one signal to the next, so that a later signal that has
 * none of its own shows an old one: the instruction has to bear it out. */
static struct crash_signal signal_of_trap(const struct frame_image *image)
{
	struct crash_signal signal = {.trustworthy = true, .has_address = true};

	switch (image->trap) {
	case TRAP_PAGE:
		signal.number = SIGSEGV;
		signal.code = image->error & 1 ? SEGV_ACCERR : SEGV_MAPERR;
		signal.address = image->fault_address;
		break;
	case TRAP_PROTECTION:
	case TRAP_STACK:
		signal = (struct crash_signal){.number = image->trap == TRAP_STACK ? SIGBUS : SIGSEGV,
					       .code = SI_KERNEL};
		break;
	case TRAP_OPCODE:
	case TRAP_DIVIDE:
		signal.number = image->trap == TRAP_OPCODE ? SIGILL : SIGFPE;
		signal.code = image->trap == TRAP_OPCODE ? ILL_ILLOPN : FPE_INTDIV;
		signal.address = image->registers[16];
		break;
	default:
		signal = (struct crash_signal){0};
		break;
	}
	return signal;
}

static struct crash_signal take_signal(const siginfo_t *info)
{
	struct crash_signal signal = {.number = info->si_signo, .code = info->si_code};
	bool by_kernel = info->si_code > 0 && info->si_code != SI_KERNEL;

	switch (info->si_signo) {
	case SIGSEGV:
	case SIGBUS:
	case SIGILL:
	case SIGFPE:
	case SIGTRAP:
		signal.trustworthy = signal.has_address = by_kernel;
		signal.address = by_kernel ? (uint64_t)(uintptr_t)info->si_addr : 0;
		break;
	default:
		signal.trustworthy = by_kernel;
		break;
	}
	if (info->si_code == SI_USER || info->si_code == SI_QUEUE || info->si_code == SI_TKILL)
		signal.sender_pid = (uint32_t)info->si_pid;
	return signal;
}

static void take_frame(const struct core *core, const struct frame_image *image, uint64_t address,
		       struct interruption *interruption)
{
	*interruption =
		(struct interruption){.found = true,
				      .address = address,
				      .inferred = !has_siginfo(image),
				      .signal = has_siginfo(image) ? take_signal(&image->info) : signal_of_trap(image),
				      .trap = image->trap,
				      .error = image->error,
				      .fault_address = image->fault_address};
	if (!(image->stack_flags & SS_DISABLE) && image->stack_pointer + image->stack_bytes > image->stack_pointer) {
		interruption->stack_start = image->stack_pointer;
		interruption->stack_bytes = image->stack_bytes;
	}
	memcpy(interruption->registers, core->threads[0].registers, sizeof(interruption->registers));
	for (size_t i = 0; i < array_size(order); i++)
		interruption->registers[order[i]] = image->registers[i];
	interruption->registers[CORE_EFLAGS] = image->eflags;
}

bool signal_frame_find(const struct core *core, struct interruption *ret_interruption)
{
	cleanup_free uint8_t *bytes = malloc(SEARCH_BYTES);
	const uint64_t start = core->threads[0].registers[CORE_RSP] & ~7ULL;
	struct frame_image image;
	size_t size;

	if (!bytes)
		return false;
	size = core_read_dumped(core, start, bytes, SEARCH_BYTES);
	for (size_t at = 0; at + sizeof(image) <= size; at += 8) {
		/* The selectors first: hardly anything else looks like them. */
		if (bytes[at + offsetof(struct frame_image, cs)] != 0x33 ||
		    bytes[at + offsetof(struct frame_image, cs) + 1] != 0)
			continue;
		memcpy(&image, bytes + at, sizeof(image));
		if (!is_plausible(&image) || !is_restorer(core, image.restorer))
			continue;
		take_frame(core, &image, start + at, ret_interruption);
		return true;
	}
	return false;
}

bool signal_frame_confirm(const struct core *core, const struct thread_stack *stack, struct interruption *interruption)
{
	for (size_t i = 1; i < stack->frame_count; i++) {
		const struct frame *frame = &stack->frames[i];

		if (frame->sp == interruption->address + 8 && is_restorer(core, frame->pc)) {
			interruption->confirmed = true;
			return true;
		}
	}
	for (size_t i = 1; i < stack->frame_count; i++) {
		if (stack->frames[i].sp > interruption->address + 8 && stack->frames[i].trust == FRAME_CFI)
			return false;
	}
	return true;
}

size_t signal_frame_collect(const struct core *core, const struct thread_stack *stack,
			    struct interruption *interruptions, size_t limit)
{
	struct frame_image image;
	size_t count = 0;

	for (size_t i = 1; i + 1 < stack->frame_count && count < limit; i++) {
		uint64_t address = stack->frames[i].sp - 8;

		/* A recursion's frames are all alike: the same code need not be read again. */
		if (stack->frames[i].pc == stack->frames[i - 1].pc || !is_restorer(core, stack->frames[i].pc) ||
		    core_read(core, address, &image, sizeof(image)) < sizeof(image) ||
		    image.registers[16] != stack->frames[i + 1].pc)
			continue;
		take_frame(core, &image, address, &interruptions[count]);
		/* The kernel fills in a siginfo only for a handler with SA_SIGINFO. */
		if (interruptions[count].inferred)
			interruptions[count].signal = (struct crash_signal){0};
		interruptions[count].confirmed = true;
		interruptions[count++].frame = i + 1;
	}
	return count;
}
