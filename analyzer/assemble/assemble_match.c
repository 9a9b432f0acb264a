/* SPDX-License-Identifier: MIT */
/* Which recorded address space a core is a picture of. */
#include "analyzer/assemble/assemble.h"
#include "common/cleanup.h"
#include "schema/reader.h"
#include "schema/reader_deaths.h"
#include "schema/record_death.h"

static bool has_thread(const struct core *core, uint32_t tid)
{
	return core_find_thread(core, tid) != NULL;
}

bool assemble_same_death(const struct core *core, const struct signal_event *signal)
{
	const struct core_thread *thread = core_find_thread(core, signal->namespace_tid);

	return thread && thread->registers[CORE_RIP] == signal->registers[RECORD_REGISTER_RIP] &&
	       thread->registers[CORE_RSP] == signal->registers[RECORD_REGISTER_RSP] &&
	       core->signal.address == signal->address;
}

struct error *assemble_match_core(const struct core *core, struct store_reader *store, struct space *ret_space)
{
	cleanup_free struct space *spaces = NULL;
	const struct space *best = NULL;
	int best_score = -1;
	size_t count;
	struct error *err;

	if (!core->has_auxv)
		return &error_not_found;
	err = store_reader_find_spaces(store, core->auxv_sysinfo_ehdr, core->auxv_random, core->auxv_entry,
				       core->auxv_base, &spaces, &count);
	if (err)
		return err;
	for (size_t i = 0; i < count; i++) {
		struct signal_event signal;
		struct process process;
		int score = 0;

		err = store_reader_process(store, spaces[i].process_id, &process);
		if (err)
			return err;
		/* A fork has its parent's auxiliary vector: the process id tells them apart. One that was not learnt is
		 * 0. */
		if (process.namespace_pid && process.namespace_pid != core->pid)
			continue;
		err = store_reader_space_fatal_signal(store, spaces[i].id, &signal);
		if (!err) {
			score = assemble_same_death(core, &signal) ? 3 : has_thread(core, signal.namespace_tid) ? 2 : 1;
			signal_event_deinit(&signal);
		} else if (err->code != ERROR_NOT_FOUND) {
			return err;
		}
		error_destroy(err);
		if (score > best_score) {
			best = &spaces[i];
			best_score = score;
		}
	}
	if (!best)
		return &error_not_found;
	*ret_space = *best;
	return NULL;
}
