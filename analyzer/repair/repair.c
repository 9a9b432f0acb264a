/* SPDX-License-Identifier: MIT */
/*
 * The stacks given back. A stack was unwound until it enters the trampoline; the slot is filled with the recorded
 * return address, or with each return site that fits in turn; a site that does not hold together down the stack is
 * dropped. One that remains alone is inferred. Several that remain are said to be several: the caller is lost.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/core/core_module_elf.h"
#include "analyzer/code/code_return_sites.h"
#include "analyzer/repair/repair_internal.h"
#include "analyzer/unwind/returned.h"
#include "common/cleanup.h"
#include "common/vector.h"
#include "schema/record_memory.h"

struct error *repair_unwind(struct repair_work *work, struct unwind_result *ret)
{
	struct unwind_request request = {0};

	if (work->request->unwinding)
		request = *work->request->unwinding;
	request.overlay = work->overlay;
	request.overlay_count = work->overlay_count;
	work->unwinds++;
	return unwind_core(work->request->core, &request, ret);
}

struct error *repair_push_overlay(struct repair_work *work, uint64_t slot, uint64_t return_address,
				  enum frame_trust trust)
{
	if (array_reserve(work->overlay, work->overlay_room, work->overlay_count + 1))
		return &error_no_memory;
	work->overlay[work->overlay_count++] =
		(struct unwind_overlay){.slot = slot, .return_address = return_address, .trust = trust};
	return NULL;
}

struct error *repair_add_slot(struct repair *repair, const struct repaired_slot *slot)
{
	return array_push(repair->slots, repair->slot_count, *slot);
}

const struct repaired_slot *repair_find_slot(const struct repair *repair, uint64_t slot)
{
	for (size_t i = 0; i < repair->slot_count; i++) {
		if (repair->slots[i].slot == slot)
			return &repair->slots[i];
	}
	return NULL;
}

static struct probe *find_probe(const struct repair *repair, uint64_t address)
{
	for (size_t i = 0; i < repair->probe_count; i++) {
		if (repair->probes[i].address == address)
			return &repair->probes[i];
	}
	return NULL;
}

static struct error *note_probe(struct repair *repair, uint64_t address, unsigned source)
{
	struct probe *probe = find_probe(repair, address);

	if (!probe) {
		if (array_reserve(repair->probes, repair->probe_room, repair->probe_count + 1))
			return &error_no_memory;
		probe = &repair->probes[repair->probe_count++];
		*probe = (struct probe){.address = address};
	}
	probe->sources |= source;
	probe->at_return |= (source & (PROBE_ON_STACK | PROBE_RECORDED)) != 0;
	return NULL;
}

uint64_t repair_entry_of(const struct frame *frames, size_t index)
{
	const struct frame *frame = &frames[index];

	return frame->symbol.function ? frame->pc - frame->symbol.function_offset : 0;
}

uint64_t repair_whole_entry_of(const struct core *core, const struct frame *frames, size_t index)
{
	const struct frame *frame = &frames[index];
	const struct core_module *module = core_find_module(core, frame->pc);
	const char *name = frame->symbol.function, *split = name ? strstr(name, ".cold") : NULL;
	cleanup_free struct code_function *found = NULL;
	cleanup_free char *whole = split ? strndup(name, (size_t)(split - name)) : NULL;
	uint64_t entry = repair_entry_of(frames, index);
	struct elf_file *elf = NULL;
	size_t count = 0;

	if (!whole || !module || module->elf_fd < 0)
		return entry;
	/* What cannot be read has no names. */
	error_destroy(core_module_open_elf(module, &elf));
	if (elf)
		error_destroy(code_find_functions(elf, whole, &found, &count));
	if (count == 1)
		entry = found[0].address + module->load_bias;
	elf_destroy(elf);
	return entry;
}

/* The first frame of the thread that is the trampoline itself, in a slot that nobody has looked at; 0 for none. */
static size_t find_entry(const struct repair_work *work, const struct thread_stack *stack)
{
	for (size_t i = 1; i < stack->frame_count; i++) {
		uint64_t word;

		if (stack->frames[i].pc == work->repair->trampoline)
			return core_read_word(work->request->core, stack->frames[i].sp - 8, &word) &&
					       word == work->repair->trampoline &&
					       !repair_find_slot(work->repair, stack->frames[i].sp - 8)
				       ? i
				       : 0;
	}
	return 0;
}

/* Before anything is put back: a thread inside the trampoline has no other frames then. */
static uint64_t find_died_slot(const struct repair_work *work)
{
	const struct core *core = work->request->core;
	const uint64_t *registers = core->thread_count ? core->threads[0].registers : NULL;

	return registers && repair_in_trampoline(work, registers[CORE_RIP])
		       ? repair_start_slot(work, registers[CORE_RSP])
		       : 0;
}

static struct error *unwind_again(struct repair_work *work)
{
	unwind_result_deinit(work->stacks);
	return repair_unwind(work, work->stacks);
}

static struct error *infer_all(struct repair_work *work)
{
	struct error *err = NULL;
	bool found = true;

	while (found && !err && work->unwinds < REPAIR_UNWINDS_MAX) {
		found = false;
		for (size_t i = 0; i < work->stacks->thread_count && !err; i++) {
			const struct thread_stack *stack = &work->stacks->threads[i];
			size_t at = find_entry(work, stack);

			if (at) {
				found = true;
				err = repair_infer_slot(work, i, at);
			} else if (stack->frame_count == 1 && repair_in_trampoline(work, stack->frames[0].pc) &&
				   !repair_find_slot(work->repair, repair_start_slot(work, stack->frames[0].sp))) {
				found = true;
				err = repair_infer_start(work, i);
			}
		}
		if (found && !err) {
			err = unwind_again(work);
		}
	}
	return err;
}

/* What the recorder saw, for the slots that still hold the trampoline. */
static struct error *restore_all(struct repair_work *work)
{
	struct error *err = NULL;

	for (size_t i = 0; i < work->request->instance_count && !err; i++) {
		const struct return_instance *instance = &work->request->instances[i];
		struct repaired_slot slot = {
			.slot = instance->stack,
			.return_address = instance->return_address,
			.trust = FRAME_RESTORED,
			.function = instance->function,
		};
		uint64_t word;

		err = note_probe(work->repair, instance->function, PROBE_RECORDED);
		if (err || !core_read_word(work->request->core, instance->stack, &word) ||
		    !repair_in_trampoline(work, word) || repair_find_slot(work->repair, instance->stack))
			continue;
		err = repair_push_overlay(work, slot.slot, slot.return_address, FRAME_RESTORED)
			      ?: repair_add_slot(work->repair, &slot);
	}
	return err;
}

static bool in_page(const struct repair *repair, uint64_t address)
{
	return address - repair->trampoline < RECORD_PAGE_BYTES;
}

/* Where a stack still enters the trampoline, it ends: what libdwfl guessed behind it is not to be believed. */
static struct error *cut_lost(const struct repair *repair, struct unwind_result *stacks)
{
	for (size_t i = 0; i < stacks->thread_count; i++) {
		struct thread_stack *stack = &stacks->threads[i];

		if (stack->frame_count == 1 && in_page(repair, stack->frames[0].pc)) {
			free(stack->end_reason);
			stack->end_reason =
				strdup("a uretprobe took the return address, and which caller it was cannot be told");
			if (!stack->end_reason)
				return &error_no_memory;
		}
		for (size_t j = 1; j < stack->frame_count; j++) {
			const struct repaired_slot *slot;

			if (stack->frames[j].pc != repair->trampoline)
				continue;
			slot = repair_find_slot(repair, stack->frames[j].sp - 8);
			stack->frames[j].trust = FRAME_LOST;
			for (size_t k = j + 1; k < stack->frame_count; k++)
				symbol_deinit(&stack->frames[k].symbol);
			stack->frame_count = j + 1;
			free(stack->end_reason);
			if (asprintf(&stack->end_reason,
				     "a uretprobe took the return address, and %zu return sites fit",
				     slot ? slot->candidates : 0) < 0) {
				stack->end_reason = NULL;
				return &error_no_memory;
			}
		}
	}
	return NULL;
}

/* The one probed function that jumps to `function`: its uretprobe takes the return address of where it jumps to. 0 for
 * none or several. */
static uint64_t find_jumper(const struct core *core, const struct repair *repair, uint64_t function, bool *ret_any)
{
	uint64_t found = 0;

	*ret_any = false;
	for (size_t i = 0; i < repair->probe_count; i++) {
		const struct probe *probe = &repair->probes[i];

		if (!(probe->sources & PROBE_IN_TEXT) || !repair_jumps_to(core, probe->address, function))
			continue;
		found = *ret_any ? 0 : probe->address;
		*ret_any = true;
	}
	return found;
}

/* Where the return address of a function was taken, a uretprobe was on it. Where no breakpoint is left there, its
 * tracer has gone, unless the function was jumped to by a probed one. */
static struct error *note_slots(const struct core *core, struct repair *repair)
{
	struct error *err = NULL;

	for (size_t i = 0; i < repair->slot_count && !err; i++) {
		struct repaired_slot *slot = &repair->slots[i];
		bool jumped = false;

		if (slot->function && !find_probe(repair, slot->function))
			slot->jumped_from = find_jumper(core, repair, slot->function, &jumped);
		if (slot->function && !jumped)
			err = note_probe(repair, slot->function, PROBE_ON_STACK);
		for (size_t j = 0; j < repair->word_count; j++)
			repair->words[j].in_chain |= repair->words[j].address == slot->slot;
	}
	return err;
}

#define WORDS_ASKED_MAX 8 /* each costs a child process */

/* Trampolines that no thread's stack leads to: on the stacks of goroutines and fibers, or left behind. */
static struct error *note_words(const struct core *core, struct repair *repair)
{
	cleanup_free uint64_t *probed = calloc(repair->probe_count + 1, sizeof(*probed));
	size_t asked = 0, probed_count = 0;
	struct error *err = NULL;

	if (!probed)
		return &error_no_memory;
	for (size_t i = 0; i < repair->probe_count; i++)
		probed[probed_count++] = repair->probes[i].address;
	for (size_t i = 0; i < repair->word_count && !err && asked < WORDS_ASKED_MAX; i++) {
		struct trampoline_word *word = &repair->words[i];
		struct returned returned;

		if (word->in_chain || repair_find_slot(repair, word->address))
			continue;
		asked++;
		err = returned_find_preferred(core, word->address, probed, probed_count, &returned);
		if (err)
			break;
		word->function = returned.function;
		returned_deinit(&returned);
		if (word->function)
			err = note_probe(repair, word->function, PROBE_ON_STACK);
	}
	return err;
}

static int compare_probes(const void *a, const void *b)
{
	const struct probe *left = a, *right = b;

	return (left->address > right->address) - (left->address < right->address);
}

static struct error *name_probes(struct repair_work *work)
{
	struct repair *repair = work->repair;
	cleanup_free uint64_t *addresses = calloc(repair->probe_count ?: 1, sizeof(*addresses));
	struct unwind_request request = {.addresses = addresses, .address_count = repair->probe_count};
	struct unwind_result result;
	struct error *err;

	if (!addresses)
		return &error_no_memory;
	if (!repair->probe_count)
		return NULL;
	qsort(repair->probes, repair->probe_count, sizeof(*repair->probes), compare_probes);
	for (size_t i = 0; i < repair->probe_count; i++)
		addresses[i] = repair->probes[i].address;
	err = unwind_core(work->request->core, &request, &result);
	if (err)
		return err;
	for (size_t i = 0; i < repair->probe_count && i < result.symbol_count; i++) {
		repair->probes[i].symbol = result.symbols[i];
		result.symbols[i] = (struct symbol){0};
	}
	unwind_result_deinit(&result);
	return NULL;
}

static struct error *find_all(struct repair_work *work)
{
	const struct core *core = work->request->core;
	struct repair *repair = work->repair;
	struct error *err = repair_find_probes(core, repair);

	repair->trampoline = repair_find_trampoline(core);
	if (work->request->recorded_trampoline) {
		repair->trampoline_recorded = repair->trampoline == work->request->recorded_trampoline;
		if (!repair->trampoline)
			repair->trampoline = work->request->recorded_trampoline;
	}
	if (!err && repair->trampoline)
		err = repair_find_words(core, repair);
	if (!err && repair->trampoline)
		err = restore_all(work);
	return err;
}

struct error *repair_core(const struct repair_request *request, struct unwind_result *stacks, struct repair *ret_repair)
{
	struct repair_work work = {.request = request, .repair = ret_repair, .stacks = stacks, .unwinds = 1};
	struct error *err;

	*ret_repair = (struct repair){0};
	err = find_all(&work);
	if (!err && work.overlay_count)
		err = unwind_again(&work);
	if (!err && ret_repair->trampoline) {
		ret_repair->died_slot = find_died_slot(&work);
		err = infer_all(&work);
	}
	if (!err && ret_repair->trampoline)
		err = cut_lost(ret_repair, stacks);
	if (!err)
		err = note_slots(request->core, ret_repair)
			?: note_words(request->core, ret_repair)
			?: name_probes(&work);
	free(work.overlay);
	free(work.collected.addresses);
	if (err)
		repair_deinit(ret_repair);
	return err;
}

void repair_deinit(struct repair *repair)
{
	for (size_t i = 0; i < repair->probe_count; i++)
		symbol_deinit(&repair->probes[i].symbol);
	free(repair->probes);
	free(repair->words);
	free(repair->slots);
	*repair = (struct repair){0};
}
