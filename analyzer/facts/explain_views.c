/* SPDX-License-Identifier: MIT */
/* The recorded lives of other memory than the fault's own: what the faulting pointer was read from, and the code. */
#include <stdio.h>

#include "analyzer/facts/explain_internal.h"
#include "analyzer/facts/fault.h"
#include "analyzer/facts/origin.h"

static struct error *add_view(struct store_reader *store, struct crash *crash, const struct memory_view *wanted)
{
	struct biography kept = crash->biography;
	bool had_biography = crash->has_biography;
	struct memory_view *view = &crash->views[crash->view_count];
	struct error *err;

	*view = *wanted;
	view->page_is_zero = origin_page_is_zero(crash->core, view->address);
	crash->biography = (struct biography){0};
	err = explain_load_biography(store, crash, view->address);
	if (!err)
		err = explain_load_contexts(store, crash);
	view->biography = crash->biography;
	crash->view_count++;
	crash->biography = kept;
	crash->has_biography = had_biography;
	return err;
}

/* The base of the operand that faulted: the register that holds a pointer. */
static int faulting_base(const struct fault *fault)
{
	size_t operand = fault->operand < fault->operand_count ? fault->operand : 0;

	if (!fault->operand_count || (fault->operand == SIZE_MAX && fault->operand_count != 1))
		return -1;
	return fault->operands[operand].base;
}

static const uint64_t *registers_of(const struct crash *crash)
{
	return crash->fault.has_registers ? crash->fault.registers : crash->registers;
}

static struct error *add_source(struct store_reader *store, struct crash *crash)
{
	struct memory_view view = {.role = VIEW_SOURCE};
	const struct fault *fault = &crash->fault;
	int base = faulting_base(fault);
	bool found = false;

	if (fault->access == ACCESS_EXECUTE) {
		/* Called or jumped to through memory, and refused there. */
		if (fault->branch.has_slot) {
			view.address = fault->branch.slot;
			found = true;
		}
	} else if (base >= 0 && base != CORE_RIP && base != CORE_RSP) {
		found = origin_of_register(crash->core, registers_of(crash), base, &view.address);
		if (found)
			snprintf(view.pointer, sizeof(view.pointer), "%.7s", fault_register_name(base));
	}
	if (!found || !origin_read_word(crash->core, view.address, &view.value))
		return NULL;
	return add_view(store, crash, &view);
}

struct error *explain_take_views(struct store_reader *store, struct crash *crash)
{
	struct memory_view code = {.role = VIEW_CODE};
	struct error *err = NULL;

	if (!crash->recorded || !crash->core || !crash->has_registers)
		return NULL;
	if (crash->fault.is_fault || crash->fault.in_handler || crash->fault.source != ADDRESS_UNKNOWN)
		err = add_source(store, crash);
	code.address = registers_of(crash)[CORE_RIP];
	/* What a library's file has there cannot have been replaced. */
	if (!err && !core_find_file(crash->core, code.address) && core_find_segment(crash->core, code.address))
		err = add_view(store, crash, &code);
	return err;
}
