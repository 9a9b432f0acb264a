/* SPDX-License-Identifier: MIT */
#include "analyzer/crash.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/vector.h"
#include "schema/record_marker.h"
#include "schema/record_recording.h"

bool crash_unseen_between(const struct crash *crash, uint64_t from_ns, uint64_t to_ns, const struct gap **ret_gap)
{
	if (ret_gap)
		*ret_gap = NULL;
	for (size_t i = 0; i < crash->record.gap_count; i++) {
		if (crash->record.gaps[i].from_ns > to_ns || crash->record.gaps[i].to_ns < from_ns)
			continue;
		if (ret_gap)
			*ret_gap = &crash->record.gaps[i];
		return true;
	}
	/* Records come in the order of events, so a recorded death means that what came before it was recorded too, or
	 * counted as lost. Without it, nobody knows how long the process lived on after the last commit. */
	return !crash->record.known || (!crash->record.has_signal_event && !crash->record.has_exit_state) ||
	       from_ns < crash->record.recording.started_ns;
}

bool crash_realtime_ns(const struct recording *recording, uint64_t time_ns, int64_t *ret_ns)
{
	return time_ns < INT64_MAX &&
	       !__builtin_add_overflow((int64_t)time_ns, recording->realtime_offset_ns, ret_ns) && *ret_ns >= 0;
}

struct error *crash_add_note(struct crash_notes *notes, const char *format, ...)
{
	va_list args;
	int length;

	if (array_resize(notes->lines, notes->count + 1))
		return &error_no_memory;
	va_start(args, format);
	length = vasprintf(&notes->lines[notes->count], format, args);
	va_end(args);
	if (length < 0)
		return &error_no_memory;
	notes->count++;
	return NULL;
}

static void free_texts(char **texts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(texts[i]);
	free(texts);
}

void crash_from_core_deinit(struct crash_from_core *core)
{
	place_index_destroy(core->places);
	free(core->path);
	free_texts(core->gone_modules, core->gone_module_count);
	free(core->abort_message);
	*core = (struct crash_from_core){0};
}

void crash_from_record_deinit(struct crash_from_record *record)
{
	if (record->known)
		recording_deinit(&record->recording);
	if (record->has_signal_event)
		signal_event_deinit(&record->signal_event);
	free(record->gaps);
	free(record->instances);
	*record = (struct crash_from_record){0};
}

void crash_facts_deinit(struct crash_facts *facts)
{
	free(facts->executable);
	free(facts->place_records);
	mapping_facts_deinit(&facts->mapping);
	unwind_result_deinit(&facts->stacks);
	repair_deinit(&facts->repair);
	free(facts->panic_message);
	biography_deinit(&facts->biography);
	chronicle_deinit(&facts->chronicle);
	returned_deinit(&facts->overrun.owner);
	blame_deinit(&facts->blame);
	for (size_t i = 0; i < facts->view_count; i++)
		biography_deinit(&facts->views[i].biography);
	file_spot_deinit(&facts->unloaded);
	for (size_t i = 0; i < facts->file_loss_count; i++)
		file_loss_deinit(&facts->file_losses[i]);
	free(facts->file_losses);
	for (size_t i = 0; i < facts->failed_calls.count; i++)
		event_context_deinit(&facts->failed_calls.contexts[i]);
	free(facts->failed_calls.events);
	free(facts->failed_calls.contexts);
	heap_facts_deinit(&facts->heap);
	*facts = (struct crash_facts){0};
}

void crash_deinit(struct crash *crash)
{
	crash_facts_deinit(&crash->facts);
	crash_from_record_deinit(&crash->record);
	crash_from_core_deinit(&crash->core);
	free_texts(crash->notes.lines, crash->notes.count);
	*crash = (struct crash){0};
}
