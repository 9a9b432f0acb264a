/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "analyzer/assemble/assemble_steps.h"
#include "common/cleanup.h"
#include "schema/reader.h"
#include "schema/reader_markers.h"

#define HISTORY_LIMIT 20000

static struct error *read_history(struct store_reader *store, struct crash *crash, uint64_t start, uint64_t end)
{
	struct biography *biography = &crash->facts.biography;
	struct history_query query = {
		.space_id = crash->record.space.id,
		.start = start,
		.end = end,
		.until_ns = crash->record.time_ns ?: UINT64_MAX,
		.limit = HISTORY_LIMIT,
	};

	timeline_deinit(&biography->timeline);
	free(biography->events);
	biography->events = NULL;
	biography->event_count = 0;
	return assemble_read_lives(store, &query, &biography->events, &biography->event_count, &biography->truncated,
				   &biography->timeline);
}

/* What the dead process shows decides between what the record leaves open. */
static void take_dead_state(struct crash *crash, uint64_t address)
{
	struct timeline *timeline = &crash->facts.biography.timeline;
	const struct core_segment *segment = crash->core.image ? core_find_segment(crash->core.image, address) : NULL;

	if (!crash->core.image)
		return;
	timeline_note_state(timeline, address, segment != NULL, segment ? assemble_protection(segment) : -1);
}

/* First the page alone; then, if a call took its mapping away, all that this call covered: what else it hit tells whose
 * memory it was meant for. */
struct error *assemble_load_biography(struct store_reader *store, struct crash *crash, uint64_t address)
{
	struct biography *biography = &crash->facts.biography;
	uint64_t page = address & ~(RECORD_PAGE_BYTES - 1);
	const struct life *life;
	uint64_t start, end;
	struct error *err;

	biography->address = address;
	crash->facts.has_biography = true;
	if (page + RECORD_PAGE_BYTES < page) /* the last page of all: nothing is ever mapped there */
		return NULL;
	err = read_history(store, crash, page, page + RECORD_PAGE_BYTES);
	if (err)
		return err;
	take_dead_state(crash, address);
	life = timeline_last_life(&biography->timeline, address);
	if (!life || life->died == TIMELINE_ALIVE)
		return NULL;
	timeline_removed_range(&biography->events[life->died], &start, &end);
	if (address >= start && address < end && end - start > RECORD_PAGE_BYTES)
		err = read_history(store, crash, start, end);
	if (!err)
		take_dead_state(crash, address);
	return err;
}

static struct error *nearest_marker(struct error *err, struct marker *marker)
{
	if (err && err->code == ERROR_NOT_FOUND) {
		error_destroy(err);
		*marker = (struct marker){0};
		return NULL;
	}
	return err;
}

static struct error *load_context(struct store_reader *store, struct crash *crash, size_t index)
{
	const struct memory_event *event = &crash->facts.biography.events[index];
	struct event_context *context = &crash->facts.biography.contexts[index];
	struct file_identity file;
	struct error *err;

	err = nearest_marker(store_reader_marker_before(store, crash->record.space.id, event->tid, event->enter_ns,
							&context->before),
			     &context->before);
	if (!err)
		err = nearest_marker(store_reader_marker_after(store, crash->record.space.id, event->tid,
							       event->exit_ns, &context->after),
				     &context->after);
	if (err || !event->file_id)
		return err;
	err = store_reader_file(store, event->file_id, &file);
	if (err && err->code == ERROR_NOT_FOUND) {
		error_destroy(err);
		return NULL;
	}
	if (err)
		return err;
	context->file = take_pointer(file.path);
	file_identity_deinit(&file);
	return NULL;
}

struct error *assemble_load_contexts(struct store_reader *store, struct crash *crash)
{
	struct biography *biography = &crash->facts.biography;
	size_t loaded = 0;
	struct error *err = NULL;

	biography->contexts = calloc(biography->event_count ?: 1, sizeof(*biography->contexts));
	if (!biography->contexts)
		return &error_no_memory;
	for (size_t i = biography->event_count; i-- > 0 && loaded < ASSEMBLE_CONTEXT_LIMIT && !err;) {
		if (!timeline_touches_page(&biography->events[i], biography->address))
			continue;
		err = load_context(store, crash, i);
		loaded++;
	}
	return err;
}
