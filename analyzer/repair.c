/* SPDX-License-Identifier: MIT */
/*
 * The stacks given back. Unwinding runs until a stack enters the trampoline; the slot is filled with the recorded
 * return address, or with each return site that fits in turn; a site that does not hold together down the stack is
 * dropped. One that remains alone is inferred. Several that remain are said to be several: the caller is lost.
 */
#include "analyzer/repair.h"

#include <Zydis/Zydis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/call_site.h"
#include "common/cleanup.h"

#define UNWINDS_MAX 600	  /* in all; each costs a child process */
#define CANDIDATES_MAX 64 /* for one slot; more cannot be told apart in practice */
#define TAIL_CALL_DEPTH 3

struct work {
	const struct repair_request *request;
	struct repair *repair;
	struct unwind_overlay *overlay;
	size_t overlay_count, overlay_room;
	unsigned unwinds;
};

static struct error *unwind(struct work *work, struct unwind_result *ret)
{
	struct unwind_request request = {
		.overlay = work->overlay,
		.overlay_count = work->overlay_count,
		.addresses = work->request->addresses,
		.address_count = work->request->address_count,
	};

	work->unwinds++;
	return unwind_core(work->request->core, &request, ret);
}

static struct error *push_overlay(struct work *work, uint64_t slot, uint64_t return_address, enum frame_trust trust)
{
	if (work->overlay_count == work->overlay_room) {
		size_t room = work->overlay_room ? work->overlay_room * 2 : 64;
		struct unwind_overlay *grown = reallocarray(work->overlay, room, sizeof(*grown));

		if (!grown)
			return &error_no_memory;
		work->overlay = grown;
		work->overlay_room = room;
	}
	work->overlay[work->overlay_count++] =
		(struct unwind_overlay){.slot = slot, .return_address = return_address, .trust = trust};
	return NULL;
}

static struct error *add_slot(struct repair *repair, const struct repaired_slot *slot)
{
	struct repaired_slot *grown = reallocarray(repair->slots, repair->slot_count + 1, sizeof(*grown));

	if (!grown)
		return &error_no_memory;
	repair->slots = grown;
	grown[repair->slot_count++] = *slot;
	return NULL;
}

static const struct repaired_slot *find_slot(const struct repair *repair, uint64_t slot)
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
		struct probe *grown = reallocarray(repair->probes, repair->probe_count + 1, sizeof(*grown));

		if (!grown)
			return &error_no_memory;
		repair->probes = grown;
		probe = &grown[repair->probe_count++];
		*probe = (struct probe){.address = address};
	}
	probe->sources |= source;
	probe->at_return |= (source & (PROBE_ON_STACK | PROBE_RECORDED)) != 0;
	return NULL;
}

/* Entry of the function that a frame is in; 0 when not known. */
static uint64_t entry_of(const struct frame *frames, size_t index)
{
	const struct frame *frame = &frames[index];

	return frame->symbol.function ? frame->pc - frame->symbol.function_offset : 0;
}

/* ---- does a stack hold together? ---- */

#define TAIL_CALLER_BYTES 16384

/* True when the function at `from` jumps to `to`, directly or through the linkage table: a tail call. */
static bool jumps_to(const struct core *core, uint64_t from, uint64_t to)
{
	cleanup_free uint8_t *bytes = malloc(TAIL_CALLER_BYTES);
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction instruction;
	ZydisDecoder decoder;
	size_t size, at = 0;

	if (!bytes || ZYAN_FAILED(ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)))
		return false;
	size = core_read(core, from, bytes, TAIL_CALLER_BYTES);
	while (at < size) {
		ZyanU64 target;

		if (bytes[at] == 0xcc) { /* a probe; the instruction below it is at most a push or an endbr64 */
			at++;
			continue;
		}
		if (ZYAN_FAILED(ZydisDecoderDecodeFull(&decoder, bytes + at, size - at, &instruction, operands))) {
			at++;
			continue;
		}
		if (instruction.mnemonic == ZYDIS_MNEMONIC_JMP &&
		    ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(&instruction, &operands[0], from + at, &target))) {
			uint64_t word;

			if (operands[0].type == ZYDIS_OPERAND_TYPE_MEMORY && core_read_word(core, target, &word))
				target = word;
			if (target == to || call_site_through_stub(core, target) == to)
				return true;
		}
		at += instruction.length;
	}
	return false;
}

/* The frames from `start` on, which a candidate gave: each return address must follow a call that can have entered the
 * frame below it, down to the thread's beginning or to the next trampoline in a probed function. */
static bool holds_together(const struct work *work, const struct thread_stack *stack, size_t start)
{
	const struct core *core = work->request->core;
	const struct repair *repair = work->repair;

	for (size_t i = start + 1; i < stack->frame_count; i++) {
		uint64_t callee = entry_of(stack->frames, i - 1);
		uint64_t target;

		if (stack->frames[i].pc == repair->trampoline) {
			/* Where the text shows the probes, the hijacked function is one of them, or was jumped to by
			 * one. */
			for (size_t j = 0; j < repair->probe_count; j++) {
				if (repair->probes[j].address == callee ||
				    jumps_to(core, repair->probes[j].address, callee))
					return true;
			}
			return repair->probe_count == 0;
		}
		if (stack->frames[i].trust == FRAME_INFERRED || stack->frames[i].trust == FRAME_RESTORED)
			continue;
		target = call_site_target(core, stack->frames[i].pc);
		if (target && callee && target != callee && !jumps_to(core, target, callee))
			return false;
	}
	return !stack->end_reason || strcmp(stack->end_reason, unwind_end_at_zero) == 0;
}

/* ---- candidates ---- */

struct candidates {
	uint64_t *addresses;
	size_t count;
	bool too_many;
};

static struct error *add_candidate(struct candidates *candidates, uint64_t address)
{
	uint64_t *grown;

	for (size_t i = 0; i < candidates->count; i++) {
		if (candidates->addresses[i] == address)
			return NULL;
	}
	if (candidates->count == CANDIDATES_MAX) {
		candidates->too_many = true;
		return NULL;
	}
	grown = reallocarray(candidates->addresses, candidates->count + 1, sizeof(*grown));
	if (!grown)
		return &error_no_memory;
	candidates->addresses = grown;
	grown[candidates->count++] = address;
	return NULL;
}

/* Start of the function that each address lies in (0: not known). */
static struct error *entries_of(struct work *work, const uint64_t *addresses, size_t count, uint64_t *ret_entries)
{
	struct unwind_request request = {.addresses = addresses, .address_count = count};
	struct unwind_result result;
	struct error *err;

	work->unwinds++;
	err = unwind_core(work->request->core, &request, &result);
	if (err)
		return err;
	for (size_t i = 0; i < count; i++)
		ret_entries[i] = i < result.symbol_count && result.symbols[i].function
					 ? addresses[i] - result.symbols[i].function_offset
					 : 0;
	unwind_result_deinit(&result);
	return NULL;
}

/* Keeps the sites that lie at the end of an instruction of a known function. */
static struct error *add_sites(struct work *work, const uint64_t *sites, size_t count, struct candidates *candidates)
{
	cleanup_free uint64_t *inside = calloc(count ?: 1, sizeof(*inside));
	cleanup_free uint64_t *entries = calloc(count ?: 1, sizeof(*entries));
	struct error *err;

	if (!inside || !entries)
		return &error_no_memory;
	if (!count)
		return NULL;
	for (size_t i = 0; i < count; i++)
		inside[i] = sites[i] - 1;
	err = entries_of(work, inside, count, entries);
	for (size_t i = 0; i < count && !err; i++) {
		if (!entries[i] || repair_is_call_boundary(work->request->core, entries[i], sites[i]))
			err = add_candidate(candidates, sites[i]);
	}
	return err;
}

/* Return sites of calls that enter the function, and of calls that enter functions that jump to it. */
static struct error *collect_sites(struct work *work, uint64_t entry, unsigned depth, struct candidates *candidates)
{
	cleanup_free uint64_t *sites = NULL, *jumps = NULL, *entries = NULL;
	size_t site_count = 0, jump_count = 0;
	struct error *err = repair_find_calls(work->request->core, entry, &sites, &site_count, &jumps, &jump_count);

	if (!err)
		err = add_sites(work, sites, site_count, candidates);
	if (err || !jump_count || depth == TAIL_CALL_DEPTH)
		return err;
	entries = calloc(jump_count, sizeof(*entries));
	if (!entries)
		return &error_no_memory;
	err = entries_of(work, jumps, jump_count, entries);
	for (size_t i = 0; i < jump_count && !err; i++) {
		/* A jump of a function to itself is a loop. */
		if (entries[i] && entries[i] != entry)
			err = collect_sites(work, entries[i], depth + 1, candidates);
	}
	return err;
}

/* True return addresses that the kernel had for this function, from slots that have moved since (Go copies stacks). */
static struct error *add_recorded(const struct work *work, uint64_t entry, struct candidates *candidates)
{
	struct error *err = NULL;

	for (size_t i = 0; i < work->request->instance_count && !err; i++) {
		if (work->request->instances[i].function == entry)
			err = add_candidate(candidates, work->request->instances[i].return_address);
	}
	return err;
}

/* ---- one slot ---- */

static bool same_tail(const struct thread_stack *a, const struct thread_stack *b, size_t after)
{
	if (a->frame_count != b->frame_count)
		return false;
	for (size_t i = after; i < a->frame_count; i++) {
		if (a->frames[i].pc != b->frames[i].pc)
			return false;
	}
	return true;
}

/* Tries every candidate in the slot where `thread` enters the trampoline, at frame `at`. Leaves the one that holds
 * together in the overlay, or none. */
static struct error *try_candidates(struct work *work, size_t thread, size_t at, const struct candidates *candidates,
				    struct repaired_slot *slot)
{
	struct unwind_result best = {0};
	struct error *err = NULL;

	for (size_t i = 0; i < candidates->count && !err && work->unwinds < UNWINDS_MAX; i++) {
		struct unwind_result result;

		err = push_overlay(work, slot->slot, candidates->addresses[i], FRAME_INFERRED);
		if (!err)
			err = unwind(work, &result);
		if (err)
			break;
		work->overlay_count--;
		if (thread < result.thread_count && result.threads[thread].frame_count > at &&
		    result.threads[thread].frames[at].pc == candidates->addresses[i] &&
		    holds_together(work, &result.threads[thread], at)) {
			slot->candidates++;
			if (slot->candidates == 1) {
				slot->return_address = candidates->addresses[i];
				best = result;
				continue;
			}
			/* Another call in the same function: its caller is known, the line is not. */
			if (!same_tail(&best.threads[thread], &result.threads[thread], at + 1))
				slot->return_address = 0;
		}
		unwind_result_deinit(&result);
	}
	unwind_result_deinit(&best);
	if (err)
		return err;
	if (slot->candidates == 1 && !candidates->too_many && work->unwinds < UNWINDS_MAX) {
		slot->trust = FRAME_INFERRED;
		return push_overlay(work, slot->slot, slot->return_address, FRAME_INFERRED);
	}
	slot->trust = FRAME_LOST;
	/* Every candidate leads to the same frames below: only this one frame is lost. */
	if (slot->candidates > 1 && slot->return_address && !candidates->too_many)
		return push_overlay(work, slot->slot, slot->return_address, FRAME_LOST);
	return NULL;
}

static struct error *infer_slot(struct work *work, size_t thread, size_t at)
{
	const struct thread_stack *stack = &work->repair->stacks.threads[thread];
	struct candidates candidates = {0};
	struct repaired_slot slot = {
		.slot = stack->frames[at].sp - 8,
		.trust = FRAME_LOST,
		.function = entry_of(stack->frames, at - 1),
	};
	struct error *err = NULL;

	if (slot.function) {
		err = add_recorded(work, slot.function, &candidates);
		if (!err && !candidates.count)
			err = collect_sites(work, slot.function, 0, &candidates);
		if (!err)
			err = try_candidates(work, thread, at, &candidates, &slot);
	}
	free(candidates.addresses);
	if (!err)
		err = add_slot(work->repair, &slot);
	return err;
}

/* ---- all threads ---- */

/* The first frame of the thread that is the trampoline itself, in a slot that nobody has looked at; 0 for none. */
static size_t find_entry(const struct work *work, const struct thread_stack *stack)
{
	for (size_t i = 1; i < stack->frame_count; i++) {
		uint64_t word;

		if (stack->frames[i].pc == work->repair->trampoline)
			return core_read_word(work->request->core, stack->frames[i].sp - 8, &word) &&
					       word == work->repair->trampoline &&
					       !find_slot(work->repair, stack->frames[i].sp - 8)
				       ? i
				       : 0;
	}
	return 0;
}

static struct error *infer_all(struct work *work)
{
	struct error *err = NULL;
	bool found = true;

	while (found && !err && work->unwinds < UNWINDS_MAX) {
		found = false;
		for (size_t i = 0; i < work->repair->stacks.thread_count && !err; i++) {
			size_t at = find_entry(work, &work->repair->stacks.threads[i]);

			if (!at)
				continue;
			found = true;
			err = infer_slot(work, i, at);
		}
		if (found && !err) {
			unwind_result_deinit(&work->repair->stacks);
			err = unwind(work, &work->repair->stacks);
		}
	}
	return err;
}

/* What the recorder saw, for the slots that still hold the trampoline. */
static struct error *restore_all(struct work *work)
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
		    word != work->repair->trampoline || find_slot(work->repair, instance->stack))
			continue;
		err = push_overlay(work, slot.slot, slot.return_address, FRAME_RESTORED);
		if (!err)
			err = add_slot(work->repair, &slot);
	}
	return err;
}

/* Where a stack still enters the trampoline, it ends: what libdwfl guessed behind it is not to be believed. */
static struct error *cut_lost(struct repair *repair)
{
	for (size_t i = 0; i < repair->stacks.thread_count; i++) {
		struct thread_stack *stack = &repair->stacks.threads[i];

		for (size_t j = 1; j < stack->frame_count; j++) {
			const struct repaired_slot *slot;

			if (stack->frames[j].pc != repair->trampoline)
				continue;
			slot = find_slot(repair, stack->frames[j].sp - 8);
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

static struct error *note_slots(struct repair *repair)
{
	struct error *err = NULL;

	for (size_t i = 0; i < repair->slot_count && !err; i++) {
		const struct repaired_slot *slot = &repair->slots[i];

		/* A function without a breakpoint was jumped to by the probed one, unless no breakpoint is left
		 * anywhere. */
		if (slot->function && (find_probe(repair, slot->function) || repair->probe_count == 0))
			err = note_probe(repair, slot->function, PROBE_ON_STACK);
		for (size_t j = 0; j < repair->word_count; j++)
			repair->words[j].in_chain |= repair->words[j].address == slot->slot;
	}
	return err;
}

static int compare_probes(const void *a, const void *b)
{
	const struct probe *left = a, *right = b;

	return (left->address > right->address) - (left->address < right->address);
}

static struct error *name_probes(struct work *work)
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

static struct error *find_all(struct work *work)
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

struct error *repair_core(const struct repair_request *request, struct repair *ret_repair)
{
	struct work work = {.request = request, .repair = ret_repair};
	struct error *err;

	*ret_repair = (struct repair){0};
	err = find_all(&work);
	if (!err)
		err = unwind(&work, &ret_repair->stacks);
	if (!err && ret_repair->trampoline)
		err = infer_all(&work);
	if (!err && ret_repair->trampoline)
		err = cut_lost(ret_repair);
	if (!err)
		err = note_slots(ret_repair);
	if (!err)
		err = name_probes(&work);
	free(work.overlay);
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
	unwind_result_deinit(&repair->stacks);
	*repair = (struct repair){0};
}
