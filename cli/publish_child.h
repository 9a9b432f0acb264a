/* SPDX-License-Identifier: MIT */
/* The child that explains a kept crash, without privilege (cli/publish.h). */
#ifndef CLI_PUBLISH_CHILD_H
#define CLI_PUBLISH_CHILD_H

#include <stdbool.h>

#include "cli/process_files.h"
#include "vault/vault.h"

/* It is ended when it takes longer. */
#define PUBLISH_SECONDS 120

struct publish_task {
	const struct vault_entry *entry;
	int core_fd; /* -1 for none */
	bool is_packed;
	const char *core_name; /* for the report */
	const char *database;
	const struct process_files *files; /* NULL for none */
	bool fresh;			   /* wait for the recorder */
};

/* Writes to `output` and ends the process with status 0: five lines (id of the crash, class, confidence, signature,
 * summary) and the report as JSON; or with status 2: an error's text; or with another: nothing can be said. */
void publish_work(const struct publish_task *task, int output) __attribute__((noreturn));

#endif
