/* SPDX-License-Identifier: MIT */
/* One slot: every candidate is tried, and what does not hold together is dropped. */
#include <stdlib.h>

#include "analyzer/repair/repair_internal.h"
#include "analyzer/unwind/returned.h"

#define TRAMPOLINE_BYTES 64 /* more than either kind of trampoline takes */

bool repair_in_trampoline(const struct repair_work *work, uint64_t address)
{
	return work->repair->trampoline && address - work->repair->trampoline < TRAMPOLINE_BYTES;
}

/* Where the return address of the probed function was, for a thread inside the trampoline: the system call's kind has
 * pushed three registers, the first into the slot; the int3 kind none, so the slot is just below
 * (arch/x86/kernel/uprobes.c). */
uint64_t repair_start_slot(const struct repair_work *work, uint64_t sp)
{
	uint64_t word;

	if (core_read_word(work->request->core, sp + 16, &word) && repair_in_trampoline(work, word))
		return sp + 16;
	return sp - 8;
}

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

/* Unwinds with one candidate in the slot where `thread` enters the trampoline, at frame `at`. */
static struct error *try_candidate(struct repair_work *work, size_t thread, size_t at, uint64_t slot,
				   uint64_t candidate, struct unwind_result *ret_result, enum repair_fit *ret_fit)
{
	const struct thread_stack *stack;
	struct error *err = repair_push_overlay(work, slot, candidate, FRAME_INFERRED);

	if (err)
		return err;
	err = repair_unwind(work, ret_result);
	work->overlay_count--;
	if (err)
		return err;
	stack = thread < ret_result->thread_count ? &ret_result->threads[thread] : NULL;
	*ret_fit = stack && stack->frame_count > at && stack->frames[at].pc == candidate
			   ? repair_fit_of(work, stack, at)
			   : FIT_NOT;
	return NULL;
}

/* Tries every candidate. Leaves the one that fits in the overlay, or none. One that can be followed only in part counts
 * when no other can be followed to the end. *ret_fit: how well the best of them does. */
static struct error *try_candidates(struct repair_work *work, size_t thread, size_t at,
				    const struct repair_candidates *candidates, struct repaired_slot *slot,
				    enum repair_fit *ret_fit)
{
	struct unwind_result best = {0};
	enum repair_fit best_fit = FIT_OPEN;
	struct error *err = NULL;

	for (size_t i = 0; i < candidates->count && !err && work->unwinds < REPAIR_UNWINDS_MAX; i++) {
		struct unwind_result result = {0};
		enum repair_fit fit = FIT_NOT;

		err = try_candidate(work, thread, at, slot->slot, candidates->addresses[i], &result, &fit);
		if (err || fit < best_fit) {
			unwind_result_deinit(&result);
			continue;
		}
		if (fit > best_fit)
			slot->candidates = 0;
		best_fit = fit;
		slot->candidates++;
		if (slot->candidates == 1) {
			slot->return_address = candidates->addresses[i];
			unwind_result_deinit(&best);
			best = result;
			continue;
		}
		/* Another call in the same function: its caller is known, the line is not. */
		if (!same_tail(&best.threads[thread], &result.threads[thread], at + 1))
			slot->return_address = 0;
		unwind_result_deinit(&result);
	}
	unwind_result_deinit(&best);
	if (err)
		return err;
	*ret_fit = slot->candidates ? best_fit : FIT_NOT;
	if (slot->candidates == 1 && !candidates->too_many && work->unwinds < REPAIR_UNWINDS_MAX) {
		slot->trust = FRAME_INFERRED;
		return repair_push_overlay(work, slot->slot, slot->return_address, FRAME_INFERRED);
	}
	slot->trust = FRAME_LOST;
	/* Every candidate leads to the same frames below: only this one frame is lost. */
	if (slot->candidates > 1 && slot->return_address && !candidates->too_many)
		return repair_push_overlay(work, slot->slot, slot->return_address, FRAME_LOST);
	return NULL;
}

struct error *repair_infer_slot(struct repair_work *work, size_t thread, size_t at)
{
	const struct thread_stack *stack = &work->stacks->threads[thread];
	const struct repair_candidates none = {0}, *candidates = &none;
	struct repaired_slot slot = {
		.slot = stack->frames[at].sp - 8,
		.trust = FRAME_LOST,
		.function = repair_whole_entry_of(work->request->core, stack->frames, at - 1),
	};
	enum repair_fit fit;
	struct error *err = NULL;

	if (slot.function)
		err = repair_collect_candidates(work, slot.function, &candidates);
	return err ?: try_candidates(work, thread, at, candidates, &slot, &fit) ?: repair_add_slot(work->repair, &slot);
}

/* Return sites of all probed functions but the one that is known by other means. */
static struct error *collect_probed(struct repair_work *work, uint64_t except, struct repair_candidates *candidates)
{
	struct error *err = NULL;

	for (size_t i = 0; i < work->repair->probe_count && !err; i++) {
		uint64_t function = work->repair->probes[i].address;
		const struct repair_candidates *some;

		if (function == except)
			continue;
		err = repair_collect_candidates(work, function, &some);
		for (size_t j = 0; !err && j < some->count; j++)
			err = repair_add_candidate(candidates, some->addresses[j]);
		candidates->too_many |= !err && some->too_many;
	}
	return err;
}

/* The one probed function that is called from before `return_address`; 0 for none or several. */
static struct error *owner_of(struct repair_work *work, uint64_t return_address, uint64_t *ret_function)
{
	struct error *err = NULL;
	size_t owners = 0;

	for (size_t i = 0; i < work->repair->probe_count && !err; i++) {
		uint64_t function = work->repair->probes[i].address;
		const struct repair_candidates *some;

		err = repair_collect_candidates(work, function, &some);
		for (size_t j = 0; !err && j < some->count; j++) {
			if (some->addresses[j] == return_address) {
				*ret_function = function;
				owners++;
				break;
			}
		}
	}
	if (owners != 1)
		*ret_function = 0;
	return err;
}

/* No word tells which function returned: it is a probed one whose caller the stack fits, if that is one alone. */
static struct error *start_by_fit(struct repair_work *work, size_t thread, struct repaired_slot *slot)
{
	struct repair_candidates candidates = {0};
	enum repair_fit fit;
	struct error *err =
		collect_probed(work, 0, &candidates) ?: try_candidates(work, thread, 1, &candidates, slot, &fit);

	free(candidates.addresses);
	if (!err && slot->candidates && slot->return_address)
		err = owner_of(work, slot->return_address, &slot->function);
	return err;
}

/* A word tells it, whose tracer may have gone. Words below the stack pointer can be of an earlier call: they must not
 * be contradicted by a probed function that the stack fits as well. A saved context must only not fit worse. */
static struct error *start_by_word(struct repair_work *work, size_t thread, const struct returned *returned,
				   struct repaired_slot *slot)
{
	struct repaired_slot told = *slot, rival = *slot;
	const struct repair_candidates *own;
	struct repair_candidates others = {0};
	enum repair_fit told_fit, rival_fit;
	size_t overlay_count = work->overlay_count;
	struct error *err = collect_probed(work, returned->function, &others);
	bool holds;

	if (!err)
		err = try_candidates(work, thread, 1, &others, &rival, &rival_fit);
	work->overlay_count = overlay_count;
	free(others.addresses);
	if (!err)
		err = repair_collect_candidates(work, returned->function, &own)
			      ?: try_candidates(work, thread, 1, own, &told, &told_fit);
	if (err)
		return err;
	holds = rival_fit == FIT_NOT || rival_fit < told_fit ||
		(returned->from_context && (rival_fit == told_fit || told_fit == FIT_NOT));
	if (holds) {
		*slot = told;
		slot->function = returned->function;
	} else {
		work->overlay_count = overlay_count;
		slot->candidates = rival.candidates + told.candidates;
	}
	return NULL;
}

struct error *repair_infer_start(struct repair_work *work, size_t thread)
{
	const struct core *core = work->request->core;
	const struct thread_stack *stack = &work->stacks->threads[thread];
	struct repaired_slot slot = {.slot = repair_start_slot(work, stack->frames[0].sp), .trust = FRAME_LOST};
	struct returned returned;
	struct error *err;

	err = returned_find(core, slot.slot, core->threads[thread].registers, RETURNED_CONTEXTS, &returned);
	if (err)
		return err;
	err = returned.function ? start_by_word(work, thread, &returned, &slot) : start_by_fit(work, thread, &slot);
	returned_deinit(&returned);
	return err ?: repair_add_slot(work->repair, &slot);
}
