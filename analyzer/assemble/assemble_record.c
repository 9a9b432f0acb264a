/* SPDX-License-Identifier: MIT */
/* What was recorded of the process: found by the core, or named by the request. */
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "analyzer/assemble/assemble_parts.h"
#include "analyzer/words.h"
#include "schema/reader.h"
#include "schema/reader_deaths.h"
#include "schema/reader_gaps.h"
#include "schema/reader_history.h"
#include "schema/record_death.h"

/* siginfo has the sender's id as the dead process's namespace shows it, which is the recorder's only when the two are
 * the same. Then it must be the process that was seen sending. */
static bool is_its_sender(const struct crash_from_record *record)
{
	const struct signal_event *signal = &record->signal_event;

	return !signal->sender_pid || record->process.namespace_pid != record->process.pid ||
	       signal->code == SI_QUEUE || signal->sender_pid == record->sender.pid;
}

static struct error *load_sender(struct store_reader *store, struct crash_from_record *record)
{
	struct error *err = store_reader_signal_sender(store, record->signal_event.id, &record->sender);

	if (error_catch(&err, ERROR_NOT_FOUND))
		return NULL;
	record->has_sender = !err && record->sender.pid && is_its_sender(record);
	return err;
}

/* The recorded death, as far as it is the one that the core shows: a core may also have been written while the process
 * lived on. */
static struct error *load_death(struct store_reader *store, const struct crash_from_core *core, bool is_exit,
				struct crash_notes *notes, struct crash_from_record *record)
{
	struct error *err;

	if (core->snapshot)
		return NULL;
	err = store_reader_fatal_signal_in(store, record->space.id, record->process.id, &record->signal_event);
	if (!err && core->image && record->signal_event.number != core->image->signal.number) {
		struct words words;

		err = crash_add_note(notes,
				     "the record has another end of this process (%s): the core was written before",
				     words_signal(&words, record->signal_event.number));
		signal_event_deinit(&record->signal_event);
		record->signal_event = (struct signal_event){0};
		return err;
	}
	if (!err) {
		record->has_signal_event = true;
		record->time_ns = record->signal_event.time_ns;
		return load_sender(store, record);
	}
	if (err->code != ERROR_NOT_FOUND)
		return err;
	error_destroy(err);
	return is_exit ? NULL
		       : crash_add_note(notes, "the death of the process was not recorded: the recorder had ended, or "
					       "lost it");
}

/* Where the kernel had uretprobes pending. They are asked for where a stack shows what they did, and of an exit. */
static struct error *load_instances(const struct assemble_request *request, struct crash_from_record *record)
{
	if (request->exit && !request->core)
		return store_reader_exit_return_instances(request->store, request->exit->id, &record->instances,
							  &record->instance_count);
	if (!request->core || !record->has_signal_event)
		return NULL;
	return store_reader_return_instances(request->store, record->signal_event.id, &record->instances,
					     &record->instance_count);
}

/* The space and the process are known. */
static struct error *load_record(const struct assemble_request *request, const struct crash_from_core *core,
				 struct crash_notes *notes, struct crash_from_record *record)
{
	struct store_reader *store = request->store;
	struct error *err = store_reader_recording(store, record->process.recording_id, &record->recording);

	if (err)
		return err;
	record->known = true;
	err = load_death(store, core, request->exit != NULL, notes, record)
		?: store_reader_count_events(store, record->space.id, &record->event_count)
		?: store_reader_space_gaps(store, record->space.id, record->time_ns ?: UINT64_MAX, &record->gaps,
					   &record->gap_count);
	if (record->space.origin == SPACE_SNAPSHOT || record->space.origin == SPACE_SEEN)
		record->known_from_ns = record->space.from_ns;
	if (err || !request->exit || request->core)
		return err ?: load_instances(request, record);
	/* A process that ended itself, inside functions under uretprobes. */
	record->has_exit_state = true;
	record->exit_state = *request->exit;
	record->time_ns = request->exit->time_ns;
	return load_instances(request, record);
}

static struct error *note_unrecorded(struct store_reader *store, struct crash_notes *notes)
{
	struct error *err;
	uint64_t count;
	int64_t until_ns;
	char date[32];
	struct tm tm;
	time_t until;

	err = store_reader_pruned(store, &count, &until_ns);
	if (err || !count)
		return err ?: crash_add_note(notes, "this process was not recorded");
	until = until_ns / 1000000000;
	if (!gmtime_r(&until, &tm) || !strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S UTC", &tm))
		date[0] = 0;
	return crash_add_note(notes,
			      "this process was not recorded, or its record was removed: corelate gc has removed the "
			      "records of %llu processes that ended until %s",
			      (unsigned long long)count, date);
}

static struct error *load_of_core(const struct assemble_request *request, const struct crash_from_core *core,
				  struct crash_notes *notes, struct crash_from_record *record)
{
	struct error *err = assemble_match_core(request->core, request->store, &record->space, &record->process);

	if (!err)
		return load_record(request, core, notes, record);
	if (err->code != ERROR_NOT_FOUND)
		return err;
	error_destroy(err);
	return note_unrecorded(request->store, notes);
}

struct error *assemble_record(const struct assemble_request *request, struct assembly *assembly)
{
	const struct crash_from_core *core = &assembly->crash.core;
	struct crash_from_record *record = &assembly->crash.record;
	struct crash_notes *notes = &assembly->crash.notes;
	int64_t space_id, process_id;
	struct error *err;

	if (!request->store)
		return NULL;
	if (request->core)
		return load_of_core(request, core, notes, record);
	if (!request->exit && !request->signal)
		return NULL;
	space_id = request->exit ? request->exit->space_id : request->signal->space_id;
	process_id = request->exit ? request->exit->process_id : request->signal->process_id;
	err = store_reader_space(request->store, space_id, &record->space)
		?: store_reader_process(request->store, process_id, &record->process)
		?: load_record(request, core, notes, record);
	if (!err && !request->exit)
		err = crash_add_note(notes, "no core: the stacks and the memory at its end cannot be shown");
	return err;
}
