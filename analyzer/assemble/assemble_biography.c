/* SPDX-License-Identifier: MIT */
/* The recorded life of the address that the crash is about, with what is near its events. */
#include <stdlib.h>

#include "analyzer/assemble/assemble_parts.h"
#include "common/cleanup.h"
#include "schema/reader.h"
#include "schema/reader_markers.h"
#include "schema/record_file.h"

#define HISTORY_LIMIT 20000

static struct error *read_history(struct store_reader *store, const struct crash_from_record *record, uint64_t start,
				  uint64_t end, struct biography *biography)
{
	struct history_query query = {
		.space_id = record->space.id,
		.start = start,
		.end = end,
		.until_ns = record->time_ns ?: UINT64_MAX,
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
static void take_dead_state(const struct core *core, struct biography *biography)
{
	const struct core_segment *segment = core ? core_find_segment(core, biography->address) : NULL;

	if (core)
		timeline_note_state(&biography->timeline, biography->address, segment != NULL,
				    segment ? assemble_protection(segment) : -1);
}

/* First the page alone; then, if a call took its mapping away, all that this call covered: what else it hit tells whose
 * memory it was meant for. */
static struct error *read_life(struct store_reader *store, const struct crash *crash, struct biography *biography)
{
	uint64_t address = biography->address, page = address & ~(RECORD_PAGE_BYTES - 1);
	const struct life *life;
	uint64_t start, end;
	struct error *err;

	if (page + RECORD_PAGE_BYTES < page) /* the last page of all: nothing is ever mapped there */
		return NULL;
	err = read_history(store, &crash->record, page, page + RECORD_PAGE_BYTES, biography);
	if (err)
		return err;
	take_dead_state(crash->core.image, biography);
	life = timeline_last_life(&biography->timeline, address);
	if (!life || life->died == TIMELINE_ALIVE)
		return NULL;
	timeline_removed_range(&biography->events[life->died], &start, &end);
	if (address >= start && address < end && end - start > RECORD_PAGE_BYTES)
		err = read_history(store, &crash->record, start, end, biography);
	if (!err)
		take_dead_state(crash->core.image, biography);
	return err;
}

static struct error *nearest_marker(struct error *err, struct marker *marker)
{
	if (error_catch(&err, ERROR_NOT_FOUND)) {
		*marker = (struct marker){0};
		return NULL;
	}
	return err;
}

static struct error *load_context(struct store_reader *store, int64_t space_id, const struct memory_event *event,
				  struct event_context *context)
{
	struct file_identity file;
	struct error *err;

	err = nearest_marker(store_reader_marker_before(store, space_id, event->tid, event->enter_ns, &context->before),
			     &context->before)
		      ?: nearest_marker(store_reader_marker_after(store, space_id, event->tid, event->exit_ns,
								  &context->after),
					&context->after);
	if (err || !event->file_id)
		return err;
	err = store_reader_file(store, event->file_id, &file);
	if (error_catch(&err, ERROR_NOT_FOUND))
		return NULL;
	if (err)
		return err;
	context->file = take_pointer(file.path);
	file_identity_deinit(&file);
	return NULL;
}

static struct error *load_contexts(struct store_reader *store, int64_t space_id, struct biography *biography)
{
	size_t loaded = 0;
	struct error *err = NULL;

	biography->contexts = calloc(biography->event_count ?: 1, sizeof(*biography->contexts));
	if (!biography->contexts)
		return &error_no_memory;
	for (size_t i = biography->event_count; i-- > 0 && loaded < ASSEMBLE_CONTEXT_LIMIT && !err;) {
		if (!timeline_touches_page(&biography->events[i], biography->address))
			continue;
		err = load_context(store, space_id, &biography->events[i], &biography->contexts[i]);
		loaded++;
	}
	return err;
}

struct error *assemble_read_biography(struct store_reader *store, const struct crash *crash, uint64_t address,
				      struct biography *ret_biography)
{
	*ret_biography = (struct biography){.address = address};
	return read_life(store, crash, ret_biography) ?: load_contexts(store, crash->record.space.id, ret_biography);
}

struct error *assemble_biography(const struct assemble_request *request, struct assembly *assembly)
{
	const struct crash *crash = &assembly->crash;
	struct crash_facts *facts = &assembly->crash.facts;

	/* What was asked for by itself is named also where nothing is known of it. */
	if (request->has_address)
		facts->biography.address = request->address;
	if (!crash->record.known || (!request->has_address && crash->facts.fault.source == ADDRESS_UNKNOWN))
		return NULL;
	facts->has_biography = true;
	return assemble_read_biography(request->store, crash,
				       request->has_address ? request->address : crash->facts.fault.address,
				       &facts->biography);
}
