/* SPDX-License-Identifier: MIT */
#include "analyzer/crash.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "schema/store.h"

bool crash_unseen_between(const struct crash *crash, uint64_t from_ns, uint64_t to_ns, const struct gap **ret_gap)
{
	if (ret_gap)
		*ret_gap = NULL;
	for (size_t i = 0; i < crash->gap_count; i++) {
		if (crash->gaps[i].from_ns > to_ns || crash->gaps[i].to_ns < from_ns)
			continue;
		if (ret_gap)
			*ret_gap = &crash->gaps[i];
		return true;
	}
	/* Records come in the order of events, so a recorded death means that what came before it was recorded too, or
	 * counted as lost. Without it, nobody knows how long the process lived on after the last commit. */
	return !crash->recorded || (!crash->has_signal_event && !crash->has_exit_state) ||
	       from_ns < crash->recording.started_ns;
}

bool crash_realtime_ns(const struct recording *recording, uint64_t time_ns, int64_t *ret_ns)
{
	return time_ns < INT64_MAX &&
	       !__builtin_add_overflow((int64_t)time_ns, recording->realtime_offset_ns, ret_ns) && *ret_ns >= 0;
}

struct error *crash_add_note(struct crash *crash, const char *format, ...)
{
	char **grown = reallocarray(crash->notes, crash->note_count + 1, sizeof(*grown));
	va_list args;
	int length;

	if (!grown)
		return &error_no_memory;
	crash->notes = grown;
	va_start(args, format);
	length = vasprintf(&grown[crash->note_count], format, args);
	va_end(args);
	if (length < 0)
		return &error_no_memory;
	crash->note_count++;
	return NULL;
}

static void context_deinit(struct event_context *context)
{
	event_stack_deinit(&context->stack);
	symbol_deinit(&context->at);
	symbol_deinit(&context->caller);
	symbol_deinit(&context->jumper);
	marker_deinit(&context->before);
	marker_deinit(&context->after);
	free(context->file);
}

static void biography_deinit(struct biography *biography)
{
	for (size_t i = 0; biography->contexts && i < biography->event_count; i++)
		context_deinit(&biography->contexts[i]);
	free(biography->contexts);
	free(biography->events);
	timeline_deinit(&biography->timeline);
	chronicle_deinit(&biography->chronicle);
}

void crash_deinit(struct crash *crash)
{
	biography_deinit(&crash->biography);
	for (size_t i = 0; i < crash->view_count; i++)
		biography_deinit(&crash->views[i].biography);
	for (size_t i = 0; i < crash->file_loss_count; i++) {
		truncation_deinit(&crash->file_losses[i].call);
		context_deinit(&crash->file_losses[i].context);
	}
	free(crash->file_losses);
	file_spot_deinit(&crash->unloaded);
	mapping_facts_deinit(&crash->mapping);
	unwind_result_deinit(&crash->stacks);
	repair_deinit(&crash->repair);
	returned_deinit(&crash->overrun.owner);
	free(crash->instances);
	free(crash->place_records);
	place_index_destroy(crash->places);
	if (crash->recorded)
		recording_deinit(&crash->recording);
	if (crash->has_signal_event)
		signal_event_deinit(&crash->signal_event);
	free(crash->executable);
	free(crash->panic_message);
	free(crash->core_path);
	free(crash->abort_message);
	heap_facts_deinit(&crash->heap);
	free(crash->gaps);
	for (size_t i = 0; i < crash->note_count; i++)
		free(crash->notes[i]);
	free(crash->notes);
	for (size_t i = 0; i < crash->gone_module_count; i++)
		free(crash->gone_modules[i]);
	free(crash->gone_modules);
	*crash = (struct crash){0};
}
