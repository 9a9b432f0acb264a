/* SPDX-License-Identifier: MIT */
/* What probe_space.c and probe_command.c share. Nothing else includes this. */
#ifndef ANALYZER_PROBE_SPACE_INTERNAL_H
#define ANALYZER_PROBE_SPACE_INTERNAL_H

#include "analyzer/probe/probe_space.h"

/* Adds the file behind `open_path`, with copies of the texts of `like`, or finds it among those that are there.
 * loaded_by SIZE_MAX stands for itself. */
struct error *probe_space_add_object(struct probe_space *space, const struct probe_object *like, const char *open_path,
				     size_t *ret) must_check;

/* Adds the file at `path`, by its real name. */
struct error *probe_space_add_file(struct probe_space *space, const char *path, const char *name, size_t loaded_by,
				   size_t *ret) must_check;

/* Adds what `name` means to object number `by` (SIZE_MAX: nobody), unless something of that name is there. What is not
 * found is left out. */
struct error *probe_space_load(struct probe_space *space, const char *name, size_t by) must_check;

/* Adds what the objects from number `from` on ask for, and what those ask for. */
struct error *probe_space_close(struct probe_space *space, size_t from) must_check;

#endif
