/* SPDX-License-Identifier: MIT */
#include "analyzer/facts/stack_area.h"

#include <elf.h>
#include <string.h>

#define PAGE_BYTES 4096ULL
/* How far below a stack a stack pointer is still taken for one that ran off it: frames of more than this are not seen,
 * while another stack begins within it soon enough. */
#define REACH_BYTES (256ULL << 20)
/* The thread descriptor is at the top of the stack's block; more than it and its padding is not between it and the end
 * (glibc nptl/allocatestack.c, TLS_TCB_SIZE; musl adds its keys). */
#define DESCRIPTOR_SPAN_BYTES (64ULL << 10)
#define DESCRIPTOR_WORDS 320

const char *stack_kind_name(enum stack_kind kind)
{
	static const char *const names[] = {"an unknown stack",	     "the main thread's stack",
					    "the thread's stack",    "the alternate signal stack",
					    "the goroutine's stack", "a stack made by the program"};

	return names[kind];
}

static bool is_accessible(const struct core_segment *segment)
{
	return segment->flags & (PF_R | PF_W | PF_X);
}

/* What lies under [start, end): a range without access, and below that what can be accessed. */
static void find_below(const struct core *core, struct stack_area *area)
{
	size_t index = core_segment_above(core, area->start ? area->start - 1 : 0);

	if (index < core->segment_count && core->segments[index].start < area->start) {
		const struct core_segment *segment = &core->segments[index];

		if (is_accessible(segment)) {
			area->below_end = segment->end < area->start ? segment->end : area->start;
			return;
		}
		if (segment->end == area->start && area->guard_start == area->start)
			area->guard_start = segment->start;
	}
	while (index-- > 0) {
		if (is_accessible(&core->segments[index])) {
			area->below_end = core->segments[index].end;
			return;
		}
	}
}

/* Can a thread with this stack have come to `sp`? Below the stack it can be in a guard or where nothing is; where
 * memory can be written, it runs on that: a fiber's stack. */
static bool reaches(const struct core *core, const struct stack_area *area, uint64_t sp)
{
	const struct core_segment *segment = core_find_segment(core, sp);

	if (sp >= area->end)
		return false;
	if (sp >= area->guard_start)
		return true;
	return area->start - sp < REACH_BYTES && !(segment && segment->flags & PF_W);
}

static bool holds_descriptor(uint64_t start, uint64_t bytes, uint64_t descriptor)
{
	uint64_t end = start + bytes;

	return start && end > start && bytes < 1ULL << 40 && descriptor > start && descriptor < end &&
	       end - descriptor < DESCRIPTOR_SPAN_BYTES;
}

static bool from_descriptor(const struct core *core, uint64_t descriptor, struct stack_area *area)
{
	uint64_t words[DESCRIPTOR_WORDS];
	size_t count = core_read(core, descriptor, words, sizeof(words)) / sizeof(words[0]);

	for (size_t i = 0; i + 3 <= count; i++) {
		const uint64_t *w = &words[i];

		if (!holds_descriptor(w[0], w[1], descriptor))
			continue;
		if (w[2] < w[1] && w[2] % PAGE_BYTES == 0) {
			*area = (struct stack_area){STACK_THREAD, w[0] + w[2], w[0] + w[1], w[0], 0};
			return true;
		}
		/* musl: the stack's top, its size and the guard's */
		if (i + 5 <= count && w[2] > w[0] && w[2] <= w[0] + w[1] && w[3] <= w[2] - w[0] &&
		    w[4] <= w[2] - w[0] - w[3] && w[4] % PAGE_BYTES == 0) {
			*area = (struct stack_area){STACK_THREAD, w[2] - w[3], w[2], w[2] - w[3] - w[4], 0};
			return true;
		}
	}
	return false;
}

static bool from_mapping(const struct core *core, uint64_t sp, struct stack_area *area)
{
	size_t index = core_segment_above(core, sp);

	if (index == core->segment_count || core->segments[index].start > sp)
		return false;
	if (!is_accessible(&core->segments[index])) {
		/* in a guard: the stack is above */
		if (++index == core->segment_count || core->segments[index].start != core->segments[index - 1].end)
			return false;
	}
	if (!(core->segments[index].flags & PF_W))
		return false;
	*area = (struct stack_area){STACK_OTHER, core->segments[index].start, core->segments[index].end,
				    core->segments[index].start, 0};
	return true;
}

static bool find_main(const struct core *core, struct stack_area *area)
{
	const struct core_segment *segment = core->has_auxv ? core_find_segment(core, core->auxv_random) : NULL;

	if (!segment || !(segment->flags & PF_W))
		return false;
	*area = (struct stack_area){STACK_MAIN, segment->start, segment->end, segment->start, 0};
	return true;
}

void stack_area_find(const struct core *core, const uint64_t registers[CORE_REGISTERS], uint64_t sp,
		     struct stack_range alternate, struct stack_area *ret_area)
{
	struct stack_area area;

	*ret_area = (struct stack_area){0};
	if (alternate.bytes) {
		area = (struct stack_area){STACK_SIGNAL, alternate.start, alternate.start + alternate.bytes,
					   alternate.start, 0};
		if (reaches(core, &area, sp)) {
			*ret_area = area;
			find_below(core, ret_area);
			return;
		}
	}
	if ((from_descriptor(core, registers[CORE_FS_BASE], &area) && reaches(core, &area, sp)) ||
	    (find_main(core, &area) && reaches(core, &area, sp)) || from_mapping(core, sp, &area)) {
		*ret_area = area;
		find_below(core, ret_area);
	}
}
