/* SPDX-License-Identifier: MIT */
/*
 * Whether a uretprobe may be attached to a program or library, and why not.
 *
 * A uretprobe puts the address of a trampoline in the place of a function's return address (Linux
 * kernel/events/uprobes.c, prepare_uretprobe). That breaks whoever reads return addresses from the stack, and whoever
 * moves or switches stacks. What is reported is only what has left evidence in the file or in the process; that nothing
 * was found proves nothing about a stripped file, and the caller must say so. Knows nothing of how the answer is shown.
 */
#ifndef ANALYZER_CORE_PROBE_SAFETY_H
#define ANALYZER_CORE_PROBE_SAFETY_H

#include <stddef.h>
#include <stdint.h>

#include "analyzer/core/core_elf.h"
#include "analyzer/core/core_process.h"
#include "analyzer/core/core_return_sites.h"
#include "common/error.h"

enum core_hazard_kind {
	CORE_HAZARD_GO,
	CORE_HAZARD_CRYSTAL,
	CORE_HAZARD_OCAML,
	CORE_HAZARD_EXCEPTIONS, /* C++, and others that unwind by the same library */
	CORE_HAZARD_RUST_PANIC,
	CORE_HAZARD_STACK_SWITCH,
	CORE_HAZARD_JIT,
	CORE_HAZARD_SECCOMP,
	CORE_HAZARD_SIGNAL_STACK,
	CORE_HAZARD_LONGJMP,
	CORE_HAZARD_CANCELLATION,
	CORE_HAZARD_BACKTRACE,
	CORE_HAZARD_LIBRARY, /* other programs load it */
};

enum core_hazard_severity {
	CORE_HAZARD_NOTE,      /* the program lives; the tracer's results may be wrong */
	CORE_HAZARD_DANGER,    /* the program dies when a certain thing happens */
	CORE_HAZARD_FORBIDDEN, /* the program dies sooner or later by only running on */
};

struct core_hazard {
	enum core_hazard_kind kind;
	enum core_hazard_severity severity;
	const char *claim;  /* a few words for the verdict: "Go moves its stacks" */
	const char *text;   /* what happens, one sentence */
	const char *advice; /* what to do instead */
	char *evidence;	    /* the symbol, section, library or mapping that shows it; owned */
	char *file;	    /* where that was seen; owned; NULL for what is of the process */
	uint32_t pid;	    /* of the process that this is about, when it is not the checked one; else 0 */
	/* Only functions that call others are in danger: while a leaf runs, no exception starts and no stack is
	 * switched. */
	bool spares_leaves;
};

struct core_probe_safety {
	struct core_hazard *hazards; /* gravest first */
	size_t count;
};

/* "go", "stack-switch" …, for machine-readable output. */
const char *core_hazard_kind_name(enum core_hazard_kind kind);
const char *core_hazard_severity_name(enum core_hazard_severity severity);

/* Adds what the file shows. Fails only for want of memory. */
struct error *core_probe_safety_add_file(struct core_probe_safety *safety, const struct core_elf *elf) must_check;

/* Adds what a process shows: its executable, its libraries, its code in no file, its seccomp filters. `target` is the
 * file that is to be probed, when that is known, or NULL: what other files of the process show counts less then,
 * because their trouble need not pass through the probed function. */
struct error *core_probe_safety_add_process(struct core_probe_safety *safety, const struct core_process *process,
					    const struct core_elf *target) must_check;

/* Adds what can be said of `elf` as a library: that others load it, and what the executables of the running processes
 * show that have it mapped. Processes that may not be looked at are passed over; `*ret_users` is how many were seen. */
struct error *core_probe_safety_add_library(struct core_probe_safety *safety, const struct core_elf *elf,
					    size_t *ret_users) must_check;

/* How grave a hazard is for a probe on one function: less when it is a leaf. `sites` may be NULL: any function. */
enum core_hazard_severity core_hazard_severity_for(const struct core_hazard *hazard,
						   const struct core_return_sites *sites);

/* Sorts by severity. */
void core_probe_safety_finish(struct core_probe_safety *safety);
void core_probe_safety_deinit(struct core_probe_safety *safety);

#endif
