/* SPDX-License-Identifier: MIT */
/* The parent's side: starts the child, and makes the result of what it said. */
#include "analyzer/unwind/unwind.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/unwind/sandbox.h"
#include "analyzer/unwind/unwind_child.h"
#include "analyzer/code/code_call_site.h"
#include "analyzer/unwind/unwind_internal.h"
#include "common/array.h"
#include "common/cleanup.h"

#define FRAME_LIMIT_DEFAULT 4096u
#define FRAME_LIMIT_MAX (1u << 20)

const char *frame_trust_name(enum frame_trust trust)
{
	switch (trust) {
	case FRAME_REGISTERS:
		return "registers";
	case FRAME_CFI:
		return "cfi";
	case FRAME_POINTER:
		return "frame-pointer";
	case FRAME_SCAN:
		return "scan";
	case FRAME_RESTORED:
		return "restored";
	case FRAME_INFERRED:
		return "inferred";
	case FRAME_TAIL_CALL:
		return "tail-call";
	case FRAME_LOST:
		return "lost";
	}
	return "lost";
}

const enum core_register unwind_kept_order[KEPT_REGISTERS] = {CORE_RBX, CORE_RBP, CORE_R12,
							      CORE_R13, CORE_R14, CORE_R15};

const char unwind_end_at_zero[] = "the return address is zero";

void symbol_deinit(struct symbol *symbol)
{
	if (!symbol)
		return;
	free(symbol->module);
	free(symbol->function);
	free(symbol->inlined);
	free(symbol->file);
	*symbol = (struct symbol){0};
}

void unwind_stack_deinit(struct thread_stack *stack)
{
	for (size_t i = 0; i < stack->frame_count; i++)
		symbol_deinit(&stack->frames[i].symbol);
	free(stack->frames);
	free(stack->end_reason);
	*stack = (struct thread_stack){0};
}

void unwind_result_deinit(struct unwind_result *result)
{
	if (!result)
		return;
	for (size_t i = 0; i < result->thread_count; i++)
		unwind_stack_deinit(&result->threads[i]);
	for (size_t i = 0; i < result->symbol_count; i++)
		symbol_deinit(&result->symbols[i]);
	free(result->threads);
	free(result->symbols);
	free(result->return_slot_offsets);
	free(result->failure);
	*result = (struct unwind_result){0};
}

struct unwind_task {
	const struct core *core;
	const struct unwind_request *request;
	struct unwind_reader reader;
};

static bool task_work(void *context, int output_fd)
{
	const struct unwind_task *task = context;

	return unwind_child_run(task->core, task->request, task->reader.frame_limit, output_fd);
}

static bool task_receive(void *context, const uint8_t *bytes, size_t size)
{
	struct unwind_task *task = context;

	return unwind_reader_receive(&task->reader, bytes, size);
}

static int name_compare(const void *left, const void *right)
{
	const struct unwind_name *a = left, *b = right;

	if (a->picture != b->picture)
		return a->picture < b->picture ? -1 : 1;
	return a->address < b->address ? -1 : a->address > b->address;
}

void unwind_sort_names(struct unwind_reader *reader)
{
	if (reader->name_count > 0)
		qsort(reader->names, reader->name_count, sizeof(*reader->names), name_compare);
}

static bool copy_string(const char *from, char **to)
{
	*to = from ? strdup(from) : NULL;
	return !from || *to;
}

/* Module, build-id and offset are taken from the core, the rest from the child. */
bool unwind_fill_symbol(const struct unwind_reader *reader, const struct core *core, uint32_t picture, uint64_t address,
			struct symbol *symbol)
{
	const struct core_module *module = core_find_module(core, address);
	const struct unwind_name key = {.picture = picture, .address = address}, *name = NULL;

	if (reader->name_count > 0)
		name = bsearch(&key, reader->names, reader->name_count, sizeof(key), name_compare);
	if (module) {
		for (size_t i = 0; i < module->build_id_bytes; i++)
			snprintf(symbol->build_id + 2 * i, 3, "%02x", module->build_id[i]);
		symbol->module_offset = address - module->load_bias;
		if (!copy_string(module->path, &symbol->module))
			return false;
	}
	if (!name)
		return true;
	symbol->function_offset = name->function_offset;
	symbol->line = name->line <= INT32_MAX ? (int)name->line : 0;
	return copy_string(name->function, &symbol->function) && copy_string(name->inlined, &symbol->inlined) &&
	       copy_string(name->file, &symbol->file);
}

bool unwind_fill_frame(const struct unwind_reader *reader, const struct core *core, uint32_t picture,
		       const struct unwind_frame *from, struct frame *frame)
{
	frame->pc = from->pc;
	frame->sp = from->sp;
	frame->trust = from->trust;
	if (!unwind_fill_symbol(reader, core, picture, unwind_frame_lookup_address(from), &frame->symbol))
		return false;
	if (!from->exact) { /* looked up one byte earlier; the offsets are those of pc itself */
		frame->symbol.function_offset++;
		frame->symbol.module_offset++;
	}
	return true;
}

bool unwind_may_be_injected(const struct core *core, const struct unwind_frame *frames, size_t index)
{
	const struct core_module *module;
	uint64_t pc = frames[index].pc;

	if (index == 0 || index >= UNWIND_INJECTED_FRAMES || frames[index].exact)
		return false;
	/* The runtime is a part of the program. */
	module = core_find_module(core, pc);
	if (!module || core_find_module(core, frames[index - 1].pc) != module)
		return false;
	if (unwind_check_call(core, pc) == CALL_NO)
		return true;
	return code_call_site_is_direct(core, pc);
}

static bool fill_stack(struct unwind_task *task, size_t index, uint32_t tid, struct thread_stack *stack)
{
	struct unwind_stack *from = &task->reader.stacks[index];

	stack->tid = tid;
	stack->crashed = index == 0;
	if (!from->known) {
		stack->end_reason = strdup("not unwound");
		return stack->end_reason;
	}
	stack->end_reason = take_pointer(from->end_reason);
	stack->frames = calloc(from->frame_count ? from->frame_count : 1, sizeof(*stack->frames));
	if (!stack->frames)
		return false;
	for (size_t i = 0; i < from->frame_count; i++) {
		const char *callee = i ? stack->frames[i - 1].symbol.function : NULL;

		if (index == 0 && callee && strcmp(callee, "runtime.sigpanic") == 0 &&
		    unwind_may_be_injected(task->core, from->frames, i))
			from->frames[i].exact = true;
		if (!unwind_fill_frame(&task->reader, task->core, 0, &from->frames[i],
				       &stack->frames[stack->frame_count++]))
			return false;
	}
	return true;
}

/* Go's runtime leaves a goroutine's stack for the thread's own in these functions, and call frame information does not
 * say so: what it calls the caller is whatever lies on the new stack. Source: runtime/asm_amd64.s. */
static bool changes_stack(const char *function)
{
	static const char *const names[] = {"runtime.morestack",  "runtime.morestack.abi0", "runtime.mcall",
					    "runtime.mcall.abi0", "runtime.systemstack",    "runtime.systemstack.abi0"};

	for (size_t i = 0; function && i < array_size(names); i++) {
		if (strcmp(function, names[i]) == 0)
			return true;
	}
	return false;
}

bool unwind_end_at_stack_change(struct thread_stack *stack)
{
	size_t kept = 0;

	while (kept < stack->frame_count && !changes_stack(stack->frames[kept].symbol.function))
		kept++;
	if (kept + 1 >= stack->frame_count)
		return true;
	for (size_t i = ++kept; i < stack->frame_count; i++)
		symbol_deinit(&stack->frames[i].symbol);
	stack->frame_count = kept;
	free(stack->end_reason);
	stack->end_reason = strdup("Go's runtime changed to another stack here");
	return stack->end_reason;
}

static bool fill_result(struct unwind_task *task, struct unwind_result *result)
{
	size_t thread_count, address_count = task->request->address_count;
	const struct core_thread *threads = unwind_threads(task->core, task->request, &thread_count);

	unwind_sort_names(&task->reader);
	result->threads = calloc(thread_count ? thread_count : 1, sizeof(*result->threads));
	result->symbols = calloc(address_count ? address_count : 1, sizeof(*result->symbols));
	result->return_slot_offsets = take_pointer(task->reader.slots);
	result->member = task->reader.member;
	result->kept_count = task->reader.kept_count;
	memcpy(result->kept, task->reader.kept, sizeof(result->kept));
	if (!result->threads || !result->symbols)
		return false;
	for (size_t i = 0; i < thread_count; i++) {
		struct thread_stack *stack = &result->threads[result->thread_count++];

		if (!fill_stack(task, i, threads[i].tid, stack) || !unwind_end_at_stack_change(stack))
			return false;
	}
	for (size_t i = 0; i < address_count; i++) {
		if (!unwind_fill_symbol(&task->reader, task->core, 0, task->request->addresses[i],
					&result->symbols[result->symbol_count++]))
			return false;
	}
	return true;
}

static struct error *task_run(struct unwind_task *task, struct unwind_result *result)
{
	const struct core *core = task->core;
	cleanup_free int *descriptors = malloc((2 * core->module_count + 1) * sizeof(*descriptors));
	struct sandbox_task sandbox = {
		.work = task_work,
		.receive = task_receive,
		.context = task,
		.descriptors = descriptors,
		.timeout_ms = task->request->timeout_ms,
	};
	struct error *err;

	if (!descriptors)
		return &error_no_memory;
	for (size_t i = 0; i < core->module_count; i++) {
		if (core->modules[i].elf_fd >= 0)
			descriptors[sandbox.descriptor_count++] = core->modules[i].elf_fd;
		if (core->modules[i].debug_fd >= 0)
			descriptors[sandbox.descriptor_count++] = core->modules[i].debug_fd;
	}
	err = sandbox_run(&sandbox, &result->failure);
	if (err)
		return error_prefix(err, "cannot unwind %s", core->path);
	if (!result->failure && !task->reader.done)
		result->failure = strdup("it ended before its answer was complete");
	if (!fill_result(task, result) || (!task->reader.done && !result->failure))
		return &error_no_memory;
	return NULL;
}

struct error *unwind_core(const struct core *core, const struct unwind_request *request,
			  struct unwind_result *ret_result)
{
	size_t frame_limit = request->frame_limit ? request->frame_limit : FRAME_LIMIT_DEFAULT;
	struct unwind_task task = {.core = core, .request = request};
	struct unwind_result result = {0};
	struct error *err;
	size_t thread_count;

	if (frame_limit > FRAME_LIMIT_MAX)
		frame_limit = FRAME_LIMIT_MAX;
	unwind_threads(core, request, &thread_count);
	err = unwind_reader_init(&task.reader, thread_count, request->address_count, frame_limit);
	task.reader.member_wanted = request->member != NULL;
	if (!err)
		err = task_run(&task, &result);
	unwind_reader_deinit(&task.reader);
	if (err) {
		unwind_result_deinit(&result);
		return err;
	}
	*ret_result = result;
	return NULL;
}
