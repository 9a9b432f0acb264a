/* SPDX-License-Identifier: MIT */
/* The child that explains a kept crash, without privilege (cli/publish.h). */
#ifndef CLI_PUBLISH_CHILD_H
#define CLI_PUBLISH_CHILD_H

#include <stdbool.h>

#include "cli/process_files.h"
#include "common/limits.h"
#include "vault/vault.h"

/* It is ended when it takes longer than the limit of its work and this: it waits for the recorder, and unpacks. */
#define PUBLISH_SECONDS 60

struct publish_task {
	const struct vault_entry *entry;
	int core_fd; /* -1 for none */
	bool is_packed;
	const char *core_name; /* for the report */
	const char *database;
	const struct process_files *files; /* NULL for none */
	bool fresh;			   /* wait for the recorder */
	struct limits limits;		   /* of reading the core and explaining it; `stop` does not matter */
};

/* Writes to `output` and ends the process with status 0: five lines (id of the crash, class, confidence, signature,
 * summary) and the report as JSON; or with status 2: an error's text; or with another: nothing can be said. */
unsigned publish_seconds(const struct publish_task *task); /* for all of it */
void publish_work(const struct publish_task *task, int output) __attribute__((noreturn));

#endif
