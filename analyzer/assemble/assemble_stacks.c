/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "analyzer/assemble/assemble_steps.h"
#include "analyzer/code/code_origin.h"
#include "analyzer/assemble/assemble_tracers.h"
#include "common/cleanup.h"
#include "schema/reader_deaths.h"

/* Which member a null pointer was used for: base + a small offset, and the register the pointer for sure. */
static bool ask_for_member(const struct crash *crash, struct member_request *request)
{
	const struct fault *fault = &crash->facts.fault;
	const struct fault_operand *operand =
		&fault->operands[fault->operand < fault->operand_count ? fault->operand : 0];

	if (!fault->is_fault || !fault->has_registers || fault->access == ACCESS_EXECUTE ||
	    fault->operand >= fault->operand_count || fault->place.kind != PLACE_NULL || operand->base < 0 ||
	    operand->is_stack || operand->has_segment || operand->base == CORE_RIP || operand->base == CORE_RSP ||
	    (operand->index >= 0 && operand->scale == 1) || fault->registers[operand->base] != 0 ||
	    fault->address >= PLACE_NULL_BYTES)
		return false;
	request->registers = fault->registers;
	request->offset = fault->address;
	request->bytes = operand->bytes;
	request->link_count = code_origin_of_pointer(crash->core.image, fault->registers, operand->base, request->links);
	return true;
}

struct error *assemble_unwind(const struct assemble_request *request, struct crash *crash)
{
	struct repair_request repair_request = {.core = request->core};
	struct member_request member = {0};
	struct error *err = NULL;

	if (crash->record.has_signal_event) {
		repair_request.recorded_trampoline = crash->record.signal_event.trampoline;
		err = store_reader_return_instances(request->store, crash->record.signal_event.id,
						    &crash->record.instances, &crash->record.instance_count);
		repair_request.instances = crash->record.instances;
		repair_request.instance_count = crash->record.instance_count;
	}
	if (ask_for_member(crash, &member))
		repair_request.member = &member;
	if (!err)
		err = repair_core(&repair_request, &crash->facts.repair);
	if (err)
		return err;
	crash->facts.stacks = crash->facts.repair.stacks;
	crash->facts.fault.member = crash->facts.stacks.member;
	crash->facts.repair.stacks = (struct unwind_result){0};
	if (crash->record.known)
		err = tracers_name(request->store, crash);
	if (err)
		return err;
	if (crash->facts.stacks.failure)
		err = crash_add_note(crash, "unwinding did not finish: %s", crash->facts.stacks.failure);
	return err;
}

/* What raises exceptions: C++ (libstdc++, libc++), Rust, Crystal, by way of the unwinding library. */
static bool raises(const char *function)
{
	static const char *const names[] = {"__cxa_throw",
					    "__cxa_rethrow",
					    "_Unwind_RaiseException",
					    "_Unwind_Resume",
					    "_Unwind_Resume_or_Rethrow",
					    "rust_panic",
					    "__crystal_raise"};

	for (size_t i = 0; function && i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(function, names[i]) == 0)
			return true;
	}
	return false;
}

void assemble_follow_exception(struct crash *crash)
{
	const struct thread_stack *stack = crash->facts.stacks.thread_count ? &crash->facts.stacks.threads[0] : NULL;
	bool crystal = false;

	crash->facts.exception = (struct exception_path){.thrown_at = SIZE_MAX, .caught_at = SIZE_MAX};
	if (!stack)
		return;
	for (size_t i = 0; i < stack->frame_count; i++) {
		enum exception_handler handler;

		if (raises(stack->frames[i].symbol.function)) {
			crash->facts.exception.thrown_at = i;
			crystal |= strcmp(stack->frames[i].symbol.function, "__crystal_raise") == 0;
			continue;
		}
		if (crash->facts.exception.thrown_at == SIZE_MAX || crash->facts.exception.caught_at != SIZE_MAX)
			continue;
		handler = exception_handler_at(crash->core.image, stack->frames[i].pc);
		/* Crystal's tables do not tell a rescue from an ensure. */
		if (crystal && handler == HANDLER_CLEANUP)
			handler = HANDLER_TYPED;
		if (handler == HANDLER_TYPED || handler == HANDLER_ALL || handler == HANDLER_TERMINATE) {
			crash->facts.exception.caught_at = i;
			crash->facts.exception.handler = handler;
		}
	}
}
