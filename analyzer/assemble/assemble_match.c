/* SPDX-License-Identifier: MIT */
/* Which recorded address space a core is a picture of, and whose death. */
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

/* How well a process fits that has the core's auxiliary vector; -1: not at all. */
static struct error *score_process(const struct core *core, struct store_reader *store, const struct space *space,
				   const struct process *process, int *ret_score)
{
	struct signal_event signal;
	struct error *err;

	*ret_score = -1;
	/* A fork has its parent's auxiliary vector, and so has one that shares its space: the process id tells them
	 * apart. One that was not learnt is 0. */
	if (process->namespace_pid && process->namespace_pid != core->pid)
		return NULL;
	*ret_score = 0;
	err = store_reader_fatal_signal_in(store, space->id, process->id, &signal);
	if (error_catch(&err, ERROR_NOT_FOUND) || err)
		return err;
	*ret_score = assemble_same_death(core, &signal) ? 3 : has_thread(core, signal.namespace_tid) ? 2 : 1;
	signal_event_deinit(&signal);
	return NULL;
}

struct error *assemble_match_core(const struct core *core, struct store_reader *store, struct space *ret_space,
				  struct process *ret_process)
{
	cleanup_free struct space *spaces = NULL;
	int best_score = -1;
	size_t count;
	struct error *err;

	if (!core->has_auxv)
		return &error_not_found;
	err = store_reader_find_spaces(store, core->auxv_sysinfo_ehdr, core->auxv_random, core->auxv_entry,
				       core->auxv_base, &spaces, &count);
	for (size_t i = 0; i < count && !err; i++) {
		cleanup_free struct process *users = NULL;
		size_t user_count = 0;

		err = store_reader_space_users(store, spaces[i].id, &users, &user_count);
		for (size_t user = 0; user < user_count && !err; user++) {
			int score;

			err = score_process(core, store, &spaces[i], &users[user], &score);
			if (err || score <= best_score)
				continue;
			best_score = score;
			*ret_space = spaces[i];
			*ret_process = users[user];
		}
	}
	return err || best_score >= 0 ? err : &error_not_found;
}
