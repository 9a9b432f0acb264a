/* SPDX-License-Identifier: MIT */
/* What the record knows of the places that registers and the words on top of the stack point to, where nothing is
 * mapped any more. */
#include <stdlib.h>

#include "analyzer/assemble/assemble_parts.h"

/* Each page is a query. */
#define PAGES_MAX 16
#define STACK_WORDS 32
#define EVENTS_MAX 256

/* By the biography. */
static bool is_told(const struct crash_facts *facts, uint64_t address)
{
	struct place_end end;

	return facts->has_biography && facts->biography.address / RECORD_PAGE_BYTES == address / RECORD_PAGE_BYTES &&
	       place_read_end(&facts->biography.timeline, address, &end);
}

static void add_page(const struct crash *crash, uint64_t address, uint64_t *pages, size_t *count)
{
	uint64_t page = address & ~(RECORD_PAGE_BYTES - 1);
	struct place place;

	place_in_core(&crash->core, address, &place);
	if (place.kind != PLACE_UNMAPPED || *count == PAGES_MAX || is_told(&crash->facts, address))
		return;
	for (size_t i = 0; i < *count; i++) {
		if (pages[i] == page)
			return;
	}
	pages[(*count)++] = page;
}

static size_t collect_pages(const struct crash *crash, uint64_t *pages)
{
	const struct fault *fault = &crash->facts.fault;
	size_t count = 0;
	uint64_t word;

	if (!crash->core.image || !fault->has_registers)
		return 0;
	for (size_t i = 0; i < POINTER_REGISTERS; i++)
		add_page(crash, fault->registers[pointer_registers[i]], pages, &count);
	for (size_t i = 0; i < STACK_WORDS; i++) {
		if (core_read_word(crash->core.image, fault->registers[CORE_RSP] + 8 * i, &word))
			add_page(crash, word, pages, &count);
	}
	return count;
}

static struct error *load_page(struct store_reader *store, const struct crash *crash, uint64_t page,
			       struct place_record *ret_record, bool *ret_ended)
{
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
		ret_record->page = page;
		*ret_ended = place_read_end(&timeline, page, &ret_record->end);
	}
	timeline_deinit(&timeline);
	free(events);
	return err;
}

struct error *assemble_ended_pages(const struct assemble_request *request, struct assembly *assembly)
{
	const struct crash *crash = &assembly->crash;
	struct crash_facts *facts = &assembly->crash.facts;
	uint64_t pages[PAGES_MAX];
	struct error *err = NULL;
	size_t count;

	if (!crash->record.known)
		return NULL;
	count = collect_pages(crash, pages);
	facts->place_records = calloc(PAGES_MAX, sizeof(*facts->place_records));
	if (!facts->place_records)
		return &error_no_memory;
	for (size_t i = 0; i < count && !err; i++) {
		bool ended = false;

		err = load_page(request->store, crash, pages[i], &facts->place_records[facts->place_record_count],
				&ended);
		facts->place_record_count += ended;
	}
	return err;
}
