/* SPDX-License-Identifier: MIT */
/* The recorded lives of other memory than the fault's own: what the faulting pointer was read from, and the code. */
#include <string.h>

#include "analyzer/assemble/assemble_parts.h"
#include "analyzer/code/code_origin.h"

#define STACK_WORDS 48

struct views {
	struct memory_view *views; /* CRASH_VIEWS of them */
	size_t count;
};

static struct error *add_view(struct store_reader *store, const struct crash *crash, const struct memory_view *wanted,
			      struct views *views)
{
	struct memory_view *view = &views->views[views->count++];

	*view = *wanted;
	view->page_is_zero = code_origin_page_is_zero(crash->core.image, view->address) ||
			     (view->role == VIEW_SOURCE && crash->facts.path.page_is_blank);
	return assemble_read_biography(store, crash, view->address, &view->biography);
}

/* Where the word is not known: pages without contents that registers or the top of the stack point to. */
static struct error *add_nearby(struct store_reader *store, const struct crash *crash, uint64_t address,
				struct views *views)
{
	struct memory_view view = {.role = VIEW_NEARBY, .address = address};
	struct place place;

	place_of(crash, address, &place);
	if (place.kind != PLACE_ANONYMOUS || views->count + 1 >= CRASH_VIEWS ||
	    !code_origin_page_is_zero(crash->core.image, address))
		return NULL;
	for (size_t i = 0; i < views->count; i++) {
		if ((views->views[i].address ^ address) < RECORD_PAGE_BYTES)
			return NULL;
	}
	return add_view(store, crash, &view, views);
}

static struct error *add_all_nearby(struct store_reader *store, const struct crash *crash, struct views *views)
{
	uint64_t sp = crash->facts.fault.has_registers ? crash->facts.fault.registers[CORE_RSP]
						       : crash->facts.registers[CORE_RSP],
		 word;
	struct error *err = NULL;

	for (size_t i = 0; i < crash->facts.pointer_count && !err; i++) {
		if (crash->facts.pointers[i].number != CORE_RSP && crash->facts.pointers[i].number != CORE_RIP)
			err = add_nearby(store, crash, crash->facts.pointers[i].value, views);
	}
	for (size_t i = 0; i < STACK_WORDS && !err; i++) {
		if (core_read_word(crash->core.image, sp + 8 * i, &word))
			err = add_nearby(store, crash, word, views);
	}
	return err;
}

static bool is_null_like(const struct crash *crash)
{
	return crash->facts.fault.is_fault && crash->facts.fault_place.kind == PLACE_NULL;
}

static struct error *add_source(struct store_reader *store, const struct crash *crash, struct views *views)
{
	const struct pointer_path *path = &crash->facts.path;
	struct memory_view view = {
		.role = VIEW_SOURCE,
		.address = path->words[0].address,
		.value = path->value,
		.is_exact = path->is_exact,
		.surroundings_are_zero = path->surroundings_are_blank,
	};
	struct place place = {0};

	if (path->end == PATH_WORD)
		place_of(crash, view.address, &place);
	if (path->end == PATH_LOST || place.kind == PLACE_STACK || place.kind == PLACE_MAIN_STACK)
		return is_null_like(crash) ? add_all_nearby(store, crash, views) : NULL;
	if (path->end != PATH_WORD)
		return NULL;
	memcpy(view.pointer, path->pointer, sizeof(view.pointer));
	return add_view(store, crash, &view, views);
}

struct error *assemble_views(const struct assemble_request *request, struct assembly *assembly)
{
	const struct crash *crash = &assembly->crash;
	struct views views = {.views = assembly->crash.facts.views};
	struct memory_view code = {.role = VIEW_CODE};
	struct error *err = NULL;

	if (!crash->record.known || !crash->core.image || !crash->facts.has_registers)
		return NULL;
	if (crash->facts.fault.is_fault || crash->facts.fault.in_handler ||
	    crash->facts.fault.source != ADDRESS_UNKNOWN)
		err = add_source(request->store, crash, &views);
	code.address = crash->facts.fault.has_registers ? crash->facts.fault.registers[CORE_RIP]
							: crash->facts.registers[CORE_RIP];
	/* What a library's file has there cannot have been replaced. */
	if (!err && !core_find_file(crash->core.image, code.address) &&
	    core_find_segment(crash->core.image, code.address))
		err = add_view(request->store, crash, &code, &views);
	assembly->crash.facts.view_count = views.count;
	return err;
}
