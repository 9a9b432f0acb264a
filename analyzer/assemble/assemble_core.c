/* SPDX-License-Identifier: MIT */
/* What the core says by itself. */
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/assemble/assemble_parts.h"
#include "analyzer/facts/abort_message.h"

static struct error *copy_text(const char *from, char **ret_copy)
{
	*ret_copy = strdup(from);
	return *ret_copy ? NULL : &error_no_memory;
}

static struct error *note_modules(struct crash_from_core *from, struct crash_notes *notes)
{
	struct error *err = NULL;

	from->gone_modules = calloc(from->image->module_count ?: 1, sizeof(*from->gone_modules));
	if (!from->gone_modules)
		return &error_no_memory;
	for (size_t i = 0; i < from->image->module_count && !err; i++) {
		const struct core_module *module = &from->image->modules[i];

		if (module->state == CORE_MODULE_MISMATCH || module->state == CORE_MODULE_MISSING)
			err = copy_text(module->path, &from->gone_modules[from->gone_module_count++]);
		if (err)
			break;
		if (module->state == CORE_MODULE_MISMATCH)
			err = crash_add_note(
				notes, "%s is not the file that was running (its build-id differs): no symbols from it",
				module->path);
		else if (module->state == CORE_MODULE_MISSING)
			err = crash_add_note(notes, "%s is not there any more: no symbols from it", module->path);
	}
	return err;
}

static struct error *take_core(const char *name, struct crash_from_core *from, struct crash_notes *notes)
{
	const struct core *core = from->image;
	struct crash_signal signal;
	struct error *err;

	assemble_signal_of_core(core, &signal);
	from->snapshot = snapshot_find(core, &signal);
	err = copy_text(name ?: core->path, &from->path) ?: note_modules(from, notes);
	/* Only then can its words be the last ones. */
	if (!err && core->signal.number == SIGABRT)
		err = abort_message_read(core, &from->abort_message);
	if (!err && !from->snapshot && core->threads[0].signal &&
	    core->threads[0].signal != core->threads[0].info_signal)
		err = crash_add_note(
			notes, "the kernel did not write this core, but a debugger or another tool: the process may "
			       "have lived on");
	if (!err && core->truncated)
		err = crash_add_note(notes, "the core is cut short: %" PRIu64 " bytes of memory are missing",
				     core->missing_bytes);
	return err;
}

struct error *assemble_core(const struct assemble_request *request, struct assembly *assembly)
{
	struct crash_from_core *from = &assembly->crash.core;

	from->host = request->host;
	from->image = request->core;
	if (!request->core)
		return NULL;
	return place_index_create(request->core, &from->places)
		       ?: take_core(request->core_name, from, &assembly->crash.notes);
}
