/* SPDX-License-Identifier: MIT */
/* The child that explains a kept crash, without privilege (cli/publish.h). */
#ifndef CLI_PUBLISH_CHILD_H
#define CLI_PUBLISH_CHILD_H

#include <stdbool.h>

#include "cli/process_files.h"
#include "common/child.h"
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

/* A child's work (common/child.h), with a struct publish_task. Answers with exit code 0: five lines (id of the crash,
 * class, confidence, signature, summary) and the report as JSON; or with 2: an error's text; or with another: nothing
 * can be said. */
unsigned publish_seconds(const struct publish_task *task); /* for all of it */
int publish_work(void *task, const int ends[CHILD_STREAMS]);

#endif
