/* SPDX-License-Identifier: MIT */
/* Where the kernel put the core of a recorded death. */
#ifndef CLI_CORE_PLACE_H
#define CLI_CORE_PLACE_H

#include "analyzer/core/core.h"
#include "schema/record_death.h"
#include "schema/record_process.h"

/* The path that the present /proc/sys/kernel/core_pattern (core(5)) gives this death, which the caller frees; NULL when
 * it gives none that can be told afterwards: a pipe, a socket, a specifier that only the kernel knows. `real_ns` is the
 * date of the death. */
char *core_place(const struct signal_event *signal, const struct process *process, int64_t real_ns);

/* The core of a recorded death, when it lies there and is of the same address space and registers; else NULL. Modules
 * are not looked for yet. */
struct core *core_place_open(const struct signal_event *signal, const struct process *process,
			     const struct space *space, int64_t real_ns);

#endif
