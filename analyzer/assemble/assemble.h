/* SPDX-License-Identifier: MIT */
/*
 * Joins a core with its recorded life into a struct crash. Judges nothing: causes and ends do. What is done, in which
 * order and of what is a list (assemble_steps.h).
 */
#ifndef ANALYZER_ASSEMBLE_H
#define ANALYZER_ASSEMBLE_H

#include "analyzer/crash.h"
#include "schema/record_death.h"
#include "schema/record_process.h"

/* At most so many steps are in the list. */
#define ASSEMBLE_STEPS_MAX 64

struct assemble_request {
	struct core *core;		   /* with its modules found; NULL when there is none. Outlives the crash. */
	struct store_reader *store;	   /* NULL when there is no record */
	const struct signal_event *signal; /* which recorded death, when there is no core; else NULL */
	const struct exit_state *exit;	   /* or which recorded exit with uretprobes at work */
	struct elf_host *host;		   /* whose files are looked at (elf_host.h); NULL: this machine's */
	const char *core_name;		   /* what to call the core; NULL: its path */
	uint64_t address;		   /* whose biography is wanted, when `has_address`; else the fault's */
	bool has_address;
	uint64_t *step_ns; /* ASSEMBLE_STEPS_MAX of them, or NULL: get the time that each of assemble_steps took; 0 for
			    * one that was not reached */
};

/* Fills `ret_crash`, which the caller frees with crash_deinit(). What is missing is noted there; an error means that
 * nothing sensible can be said (out of memory, a database that cannot be read). */
struct error *assemble_crash(const struct assemble_request *request, struct crash *ret_crash) must_check;

/* The address space that the core is a picture of, and which of the processes that use it died: the same auxiliary
 * vector and process id. ERROR_NOT_FOUND when none was recorded. When several fit, the one whose death was recorded,
 * else the newest. */
struct error *assemble_match_core(const struct core *core, struct store_reader *store, struct space *ret_space,
				  struct process *ret_process) must_check;

/* True when the core's thread of the signal's thread id has the registers and the address that were recorded with it.
 */
bool assemble_same_death(const struct core *core, const struct signal_event *signal);

#endif
