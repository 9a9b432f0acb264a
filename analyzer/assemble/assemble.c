/* SPDX-License-Identifier: MIT */
#include "analyzer/assemble/assemble.h"

#include <string.h>

#include "analyzer/assemble/assemble_steps.h"
#include "schema/reader.h"

#ifdef NDEBUG
#define ALONE false
#else
#define ALONE true
#endif

/* gc takes a process away before the first of its events: where it still is, nothing was missing when it was read. */
static struct error *check_kept(const struct assemble_request *request, const struct crash *crash)
{
	struct space space;
	struct error *err;

	if (!crash->record.known)
		return NULL;
	err = store_reader_space(request->store, crash->record.space.id, &space);
	if (!error_catch(&err, ERROR_NOT_FOUND))
		return err;
	return error_format(ERROR_NOT_FOUND, "the record of this process was removed while it was read (corelate gc)");
}

struct error *assemble_crash(const struct assemble_request *request, struct crash *ret_crash)
{
	struct assembly assembly = {0};
	struct error *err;

	if (request->step_ns)
		memset(request->step_ns, 0, assemble_step_count * sizeof(*request->step_ns));
	err = assemble_run(assemble_steps, assemble_step_count, request, ALONE, &assembly)
		      ?: check_kept(request, &assembly.crash);
	unwind_result_deinit(&assembly.unwound);
	unwind_result_deinit(&assembly.repaired);
	*ret_crash = assembly.crash;
	if (err)
		crash_deinit(ret_crash);
	return err;
}
