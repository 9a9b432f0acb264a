/* SPDX-License-Identifier: MIT */
/* The stacks that the crashed thread stood on, when it died and when handlers interrupted it. */
#include <elf.h>
#include <signal.h>

#include "analyzer/assemble/assemble_steps.h"
#include "analyzer/facts/fault.h"

static bool is_mapped(const struct core *core, uint64_t address)
{
	const struct core_segment *segment = core_find_segment(core, address);

	return segment && segment->flags & (PF_R | PF_W | PF_X);
}

/* The frame that the kernel pushes for a handler, without the vector registers, which can make it larger; below the 128
 * bytes that a leaf function may use (Linux arch/x86/kernel/signal.c, get_sigframe). */
#define SIGNAL_FRAME_BYTES (128 + 440 + 512)

static bool can_push_signal_frame(const struct core *core, uint64_t sp)
{
	const struct core_segment *segment = core_find_segment(core, sp - 1);

	return segment && segment->flags & PF_W && sp - segment->start >= SIGNAL_FRAME_BYTES;
}

/* Where the signal gives no address, the operand of the instruction that lies where memory cannot be accessed. */
static void touch_by_instruction(const struct core *core, const uint64_t registers[CORE_REGISTERS],
				 struct stack_use *use)
{
	struct fault fault = {.is_fault = true};
	uint8_t bytes[15];
	size_t size = core_read(core, registers[CORE_RIP], bytes, sizeof(bytes));

	if (size)
		fault_decode(code_machine_of(core->machine), bytes, size, registers, &fault);
	for (size_t i = 0; i < fault.operand_count; i++) {
		const struct core_segment *segment = core_find_segment(core, fault.operands[i].address);

		if (is_mapped(core, fault.operands[i].address) &&
		    !(fault.operands[i].writes && !(segment->flags & PF_W)))
			continue;
		use->touched = fault.operands[i].address;
		use->touched_source = TOUCHED_INSTRUCTION;
		return;
	}
}

/* A large frame may have jumped over the guard into other memory, which looks like a stack of its own. The frames tell:
 * they lead from there back into the thread's, or the handler's. */
static void follow_frames(const struct crash *crash, const uint64_t registers[CORE_REGISTERS], size_t end,
			  struct stack_range alternate, struct stack_use *use)
{
	const struct thread_stack *stack = &crash->facts.stacks.threads[0];
	const struct core_segment *own = core_find_segment(crash->core.image, use->sp);

	for (size_t i = use->frame + 1; i < end && i < use->frame + 64; i++) {
		uint64_t sp = stack->frames[i].sp;
		struct stack_area area;

		if (core_find_segment(crash->core.image, sp) == own)
			continue;
		stack_area_find(crash->core.image, registers, sp, alternate, &area);
		if (area.kind != STACK_UNKNOWN && area.kind != STACK_OTHER && sp >= area.start && use->sp < area.start)
			use->area = area;
		return;
	}
}

#define PAGE_BYTES 4096ULL

/* A guard of MADV_GUARD_INSTALL (Linux mm/madvise.c, 6.13; glibc 2.42 guards its stacks so) is no mapping of its own:
 * the page is in the stack's mapping, and an access is refused as if nothing were there. How many pages it has the core
 * does not show; the stack begins above the one that was touched. */
static void take_inner_guard(struct stack_use *use)
{
	uint64_t page = use->touched & ~(PAGE_BYTES - 1);

	if (use->touched_source != TOUCHED_SIGNAL || !use->touched_mapped || use->number != SIGSEGV ||
	    use->code != SEGV_MAPERR || use->area.kind == STACK_UNKNOWN || use->touched < use->area.guard_start ||
	    use->touched >= use->area.end || use->sp >= page + 2 * PAGE_BYTES || page + PAGE_BYTES >= use->area.end)
		return;
	use->has_inner_guard = true;
	if (use->touched < use->area.start)
		return;
	use->area.guard_start = use->area.start < page ? page : use->area.start;
	use->area.start = page + PAGE_BYTES;
}

static void fill_use(const struct crash *crash, const uint64_t registers[CORE_REGISTERS],
		     const struct interruption *handler, bool has_address, uint64_t address, struct stack_use *use)
{
	struct stack_range alternate = {0};

	/* The handler runs on the alternate stack when its frame is there. */
	if (handler && handler->address - handler->stack_start < handler->stack_bytes)
		alternate = (struct stack_range){handler->stack_start, handler->stack_bytes};
	use->sp = registers[CORE_RSP];
	stack_area_find(crash->core.image, registers, use->sp, alternate, &use->area);
	if (use->area.kind == STACK_OTHER && crash->facts.stacks.thread_count)
		follow_frames(crash, registers, handler ? handler->frame : crash->facts.stacks.threads[0].frame_count,
			      alternate, use);
	use->sp_writable = can_push_signal_frame(crash->core.image, use->sp);
	if (has_address) {
		use->touched = address;
		use->touched_source = TOUCHED_SIGNAL;
	} else {
		touch_by_instruction(crash->core.image, registers, use);
	}
	use->touched_mapped = use->touched_source != TOUCHED_UNKNOWN && is_mapped(crash->core.image, use->touched);
	take_inner_guard(use);
}

static bool is_fault(int number, int code)
{
	return (number == SIGSEGV || number == SIGBUS) && code > 0;
}

struct error *assemble_stack_uses(const struct assemble_request *request, struct assembly *assembly)
{
	const struct crash *crash = &assembly->crash;
	const struct interruption *interruptions = crash->facts.interruptions;
	size_t count = crash->facts.interruption_count;

	(void)request;
	if (!crash->core.image)
		return NULL;
	/* The code that runs now runs in the handler of the innermost signal frame; what that one interrupted, in the
	 * handler of the next. */
	for (size_t i = 0; i <= count; i++) {
		const struct interruption *handler = i < count ? &interruptions[i] : NULL;
		const struct crash_signal *signal = i ? &interruptions[i - 1].signal : &crash->facts.signal;
		struct stack_use *use = &assembly->crash.facts.stack_uses[i];

		*use = (struct stack_use){
			.number = signal->number, .code = signal->code, .frame = i ? interruptions[i - 1].frame : 0};
		fill_use(crash, i ? interruptions[i - 1].registers : crash->facts.registers, handler,
			 signal->has_address && is_fault(signal->number, signal->code), signal->address, use);
	}
	assembly->crash.facts.stack_use_count = count + 1;
	return NULL;
}
