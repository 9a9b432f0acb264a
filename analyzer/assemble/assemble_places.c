/* SPDX-License-Identifier: MIT */
/* What the record knows of the places that registers and the words on top of the stack point to, where nothing is
 * mapped any more. */
#include <stdlib.h>

#include "analyzer/assemble/assemble_steps.h"

/* Each page is a query. */
#define PAGES_MAX 16
#define STACK_WORDS 32
#define EVENTS_MAX 256

static void add_page(const struct crash *crash, uint64_t address, uint64_t *pages, size_t *count)
{
	uint64_t page = address & ~(RECORD_PAGE_BYTES - 1);
	struct place place;

	place_of(crash, address, &place);
	if (place.kind != PLACE_UNMAPPED || place.ended.known || *count == PAGES_MAX)
		return;
	for (size_t i = 0; i < *count; i++) {
		if (pages[i] == page)
			return;
	}
	pages[(*count)++] = page;
}

static size_t collect_pages(const struct crash *crash, uint64_t *pages)
{
	size_t count = 0;
	uint64_t word;

	for (size_t i = 0; i < crash->facts.pointer_count; i++)
		add_page(crash, crash->facts.pointers[i].value, pages, &count);
	for (size_t i = 0; i < STACK_WORDS && crash->facts.pointer_count; i++) {
		if (core_read_word(crash->core.image, crash->facts.fault.registers[CORE_RSP] + 8 * i, &word))
			add_page(crash, word, pages, &count);
	}
	return count;
}

static struct error *load_page(struct store_reader *store, struct crash *crash, uint64_t page)
{
	struct place_record *record = &crash->facts.place_records[crash->facts.place_record_count];
	struct history_query query = {
		.space_id = crash->record.space.id,
		.start = page,
		.end = page + RECORD_PAGE_BYTES,
		.until_ns = crash->record.time_ns ?: UINT64_MAX,
		.limit = EVENTS_MAX,
	};
	struct memory_event *events = NULL;
	struct timeline timeline = {0};
	bool truncated;
	size_t count = 0;
	struct error *err = assemble_read_lives(store, &query, &events, &count, &truncated, &timeline);

	if (!err) {
		record->page = page;
		crash->facts.place_record_count += place_read_end(&timeline, page, &record->end);
	}
	timeline_deinit(&timeline);
	free(events);
	return err;
}

struct error *assemble_places(struct store_reader *store, struct crash *crash)
{
	uint64_t pages[PAGES_MAX];
	size_t count = crash->core.image ? collect_pages(crash, pages) : 0;
	struct error *err = NULL;

	crash->facts.place_records = calloc(PAGES_MAX, sizeof(*crash->facts.place_records));
	if (!crash->facts.place_records)
		return &error_no_memory;
	for (size_t i = 0; i < count && !err; i++)
		err = load_page(store, crash, pages[i]);
	/* The examination of the fault came before the record was read. */
	for (size_t i = 0; i < crash->facts.pointer_count; i++)
		place_of(crash, crash->facts.pointers[i].value, &crash->facts.pointers[i].place);
	for (size_t i = 0; i < crash->facts.fault.operand_count; i++)
		place_of(crash, crash->facts.fault.operands[i].address, &crash->facts.fault.operands[i].place);
	if (crash->facts.fault.source != ADDRESS_UNKNOWN)
		place_of(crash, crash->facts.fault.address, &crash->facts.fault.place);
	return err;
}
