/* SPDX-License-Identifier: MIT */
/*
 * Rows out: signals, who sent them, exits, and the uretprobes that were pending then.
 */
#ifndef SCHEMA_READER_DEATHS_H
#define SCHEMA_READER_DEATHS_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "schema/record_death.h"

struct store_reader;

struct error *store_reader_signal(struct store_reader *, int64_t id, struct signal_event *ret) must_check;

/* Who sent that signal; ERROR_NOT_FOUND when it was not seen. */
struct error *store_reader_signal_sender(struct store_reader *, int64_t signal_id,
					 struct signal_sender *ret) must_check;

/* The signals that processes died of (the first fatal one of each), newest first, at most `limit`. Free each element
 * with signal_event_deinit() and then the array. */
struct error *store_reader_fatal_signals(struct store_reader *, size_t limit, struct signal_event **ret_signals,
					 size_t *ret_count) must_check;

/* The signal that the process died of while it used that space. ERROR_NOT_FOUND when there is none. */
struct error *store_reader_fatal_signal_in(struct store_reader *, int64_t space_id, int64_t process_id,
					   struct signal_event *ret) must_check;

/* Pending uretprobes recorded with a fatal signal, by thread and depth; freed by the caller. */
struct error *store_reader_return_instances(struct store_reader *, int64_t signal_id, struct return_instance **ret,
					    size_t *ret_count) must_check;

/* The same for those that were recorded with an exit_state. */
struct error *store_reader_exit_return_instances(struct store_reader *, int64_t exit_state_id,
						 struct return_instance **ret, size_t *ret_count) must_check;

/* Deaths by exit with a status other than 0 while uretprobes were at work, newest first, at most `limit`; freed by the
 * caller. With `space_id` other than 0 only those of that address space. */
struct error *store_reader_exit_states(struct store_reader *, int64_t space_id, size_t limit, struct exit_state **ret,
				       size_t *ret_count) must_check;

#endif
