/* SPDX-License-Identifier: MIT */
/*
 * The stacks as others see them: repaired, and where Go's runtime had left a goroutine's stack for the thread's own (to
 * grow that stack, or to end the program) with the goroutine's frames: the runtime has kept where it left them.
 *
 * Source: Go's runtime/runtime2.go (g: stack, m, sched; m: g0, curg), runtime/stack.go (newstack), runtime/asm_amd64.s
 * (morestack and systemstack save the caller's pc and sp in g.sched; systemstack called on the thread's own stack is a
 * jump, and leaves no frame). The offsets of the first fields of g have not changed since 1.5;
 * where curg stands in m has, so it is looked for: a goroutine that names this m and was left inside its stack.
 */
#include <stdlib.h>
#include <string.h>

#include "analyzer/facts/ending.h"
#include "analyzer/assemble/assemble_steps.h"
#include "analyzer/unwind/unwind.h"
#include "common/vector.h"

/* In words of eight bytes. */
enum { G_LOW = 0, G_HIGH = 1, G_M = 6, G_SP = 7, G_PC = 8, G_SELF = 9, G_WORDS = 16 };
#define M_WORDS 128

static bool read_words(const struct core *core, uint64_t address, uint64_t *words, size_t count)
{
	return address % 8 == 0 && core_read(core, address, words, count * 8) == count * 8;
}

/* The goroutine that ran on the thread before the runtime took over. */
static bool find_goroutine(const struct core *core, uint64_t current, uint64_t goroutine[G_WORDS])
{
	uint64_t g[G_WORDS], m[M_WORDS];

	if (!read_words(core, current, g, G_WORDS) || !read_words(core, g[G_M], m, M_WORDS))
		return false;
	for (size_t i = 1; i < M_WORDS; i++) {
		if (m[i] == m[0] || !read_words(core, m[i], goroutine, G_WORDS) || goroutine[G_M] != g[G_M] ||
		    goroutine[G_SELF] != m[i])
			continue;
		if (goroutine[G_SP] > goroutine[G_LOW] && goroutine[G_SP] < goroutine[G_HIGH])
			return true;
	}
	return false;
}

static struct error *append_frames(struct thread_stack *from, struct thread_stack *stack)
{
	if (array_resize(stack->frames, stack->frame_count + from->frame_count))
		return &error_no_memory;
	memcpy(stack->frames + stack->frame_count, from->frames, from->frame_count * sizeof(*from->frames));
	stack->frame_count += from->frame_count;
	from->frame_count = 0; /* their strings went along */
	free(stack->end_reason);
	stack->end_reason = from->end_reason;
	from->end_reason = NULL;
	return NULL;
}

static struct error *follow_goroutine(const struct core *core, const uint64_t goroutine[G_WORDS],
				      struct thread_stack *stack, struct stack_use *ret_use)
{
	struct core_thread thread = core->threads[0];
	struct unwind_request request = {.thread = &thread};
	struct unwind_result result;
	struct error *err;

	thread.registers[CORE_RIP] = goroutine[G_PC];
	thread.registers[CORE_RSP] = goroutine[G_SP];
	err = unwind_core(core, &request, &result);
	if (err)
		return err;
	*ret_use = (struct stack_use){
		.frame = stack->frame_count,
		.sp = goroutine[G_SP],
		.area = {STACK_GOROUTINE, goroutine[G_LOW], goroutine[G_HIGH], goroutine[G_LOW], 0},
	};
	if (result.thread_count && result.threads[0].frame_count)
		err = append_frames(&result.threads[0], stack);
	unwind_result_deinit(&result);
	return err;
}

/* runtime.morestack is the last frame where a stack could not grow; systemstack where the runtime ended the program. */
static bool ends_in(const struct thread_stack *stack, const char *function)
{
	return stack->frame_count && ending_is_function(&stack->frames[stack->frame_count - 1], function);
}

/* Go keeps the running goroutine in thread-local memory, and its code in r14. */
static bool find_stopped(const struct core *core, const uint64_t registers[CORE_REGISTERS], uint64_t goroutine[G_WORDS])
{
	uint64_t current;

	return (core_read_word(core, registers[CORE_FS_BASE] - 8, &current) &&
		find_goroutine(core, current, goroutine)) ||
	       find_goroutine(core, registers[CORE_R14], goroutine);
}

struct error *assemble_stacks(const struct assemble_request *request, struct assembly *assembly)
{
	const struct core *core = assembly->crash.core.image;
	struct crash_facts *facts = &assembly->crash.facts;
	struct thread_stack *stack;
	uint64_t goroutine[G_WORDS];
	struct stack_use left;
	bool could_not_grow;

	(void)request;
	facts->stacks = assembly->repaired;
	assembly->repaired = (struct unwind_result){0};
	stack = facts->stacks.thread_count ? &facts->stacks.threads[0] : NULL;
	if (!stack || stack->frame_count < 2)
		return NULL;
	could_not_grow = ends_in(stack, "runtime.morestack") &&
			 ending_is_function(&stack->frames[stack->frame_count - 2], "runtime.newstack");
	if ((!could_not_grow && !ends_in(stack, "runtime.systemstack")) ||
	    !find_stopped(core, facts->registers, goroutine))
		return NULL;
	return follow_goroutine(core, goroutine, stack, could_not_grow ? &facts->goroutine : &left);
}
