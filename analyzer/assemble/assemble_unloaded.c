/* SPDX-License-Identifier: MIT */
/* The file that was mapped at the crash's address, and is not any more: by the record, else by what the core has left.
 */
#include <string.h>

#include "analyzer/assemble/assemble_parts.h"
#include "replay/effect.h"
#include "schema/reader.h"
#include "schema/record_file.h"

/* The life that mapped the file whose place this was: the one that ended, or, of the zero-initialized end of a
 * library's data, the mapping of the whole library, which the dynamic linker makes first and then maps over. */
static const struct life *find_file_life(const struct biography *biography, const struct life *last)
{
	if (biography->events[last->born].file_id)
		return last;
	for (size_t i = 0; i < biography->timeline.life_count; i++) {
		const struct life *life = &biography->timeline.lives[i];

		if (life->died == last->born && biography->address >= life->start && biography->address < life->end &&
		    biography->events[life->born].file_id)
			return life;
	}
	return NULL;
}

static struct error *take_recorded(struct store_reader *store, const struct crash *crash, struct file_spot *ret_spot)
{
	const struct biography *biography = &crash->facts.biography;
	const struct life *last = biography_before_scratch(
		&crash->facts.biography, timeline_last_life(&biography->timeline, biography->address));
	const struct life *mapped = last && last->died != TIMELINE_ALIVE ? find_file_life(biography, last) : NULL;
	const struct memory_event *event = mapped ? &biography->events[mapped->born] : NULL;
	struct file_identity file;
	struct error *err;

	if (!event)
		return NULL;
	err = store_reader_file(store, event->file_id, &file);
	if (error_catch(&err, ERROR_NOT_FOUND))
		return NULL;
	if (err)
		return err;
	if (event->kind == MEMORY_MMAP || event->kind == MEMORY_SEEN)
		ret_spot->offset = biography->address - memory_event_effect(event).added_start + event->args[5];
	if (!(ret_spot->path = strdup(file.path)))
		err = &error_no_memory;
	if (!err)
		err = assemble_describe_path(crash->core.host, &file, mapped == last, ret_spot);
	file_identity_deinit(&file);
	return err;
}

struct error *assemble_unloaded(const struct assemble_request *request, struct assembly *assembly)
{
	const struct crash *crash = &assembly->crash;
	struct crash_facts *facts = &assembly->crash.facts;

	if (crash->record.known)
		return facts->has_biography ? take_recorded(request->store, crash, &facts->unloaded) : NULL;
	if (!crash->core.image || facts->fault_place.kind != PLACE_UNMAPPED || facts->fault.source == ADDRESS_UNKNOWN)
		return NULL;
	return assemble_find_remains(crash->core.image, facts->fault.address, &facts->remains, &facts->unloaded);
}
