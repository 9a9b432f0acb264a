/* SPDX-License-Identifier: MIT */
/*
 * Whether a uretprobe may be attached to a program or library, and why not.
 *
 * A uretprobe puts the address of a trampoline in the place of a function's return address (Linux
 * kernel/events/uprobes.c, prepare_uretprobe). That breaks whoever reads return addresses from the stack, and whoever
 * moves or switches stacks. What is reported is only what has left evidence in the file or in the process; that nothing
 * was found proves nothing about a stripped file, and the caller must say so. Knows nothing of how the answer is shown.
 */
#ifndef ANALYZER_PROBE_SAFETY_H
#define ANALYZER_PROBE_SAFETY_H

#include <stddef.h>
#include <stdint.h>

#include "analyzer/elf/elf_file.h"
#include "analyzer/core/core_process.h"
#include "analyzer/code/code_return_sites.h"
#include "common/error.h"

enum probe_hazard_kind {
	PROBE_HAZARD_GO,
	PROBE_HAZARD_CRYSTAL,
	PROBE_HAZARD_OCAML,
	PROBE_HAZARD_EXCEPTIONS, /* C++, and others that unwind by the same library */
	PROBE_HAZARD_RUST_PANIC,
	PROBE_HAZARD_STACK_SWITCH,
	PROBE_HAZARD_JIT,
	PROBE_HAZARD_SECCOMP,
	PROBE_HAZARD_SIGNAL_STACK,
	PROBE_HAZARD_LONGJMP,
	PROBE_HAZARD_CANCELLATION,
	PROBE_HAZARD_BACKTRACE,
	PROBE_HAZARD_LIBRARY, /* other programs load it */
};

enum probe_hazard_severity {
	PROBE_HAZARD_NOTE,	/* the program lives; the tracer's results may be wrong */
	PROBE_HAZARD_DANGER,	/* the program dies when a certain thing happens */
	PROBE_HAZARD_FORBIDDEN, /* the program dies sooner or later by only running on */
};

struct probe_hazard {
	enum probe_hazard_kind kind;
	enum probe_hazard_severity severity;
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

struct probe_safety {
	struct probe_hazard *hazards; /* gravest first */
	size_t count;
};

/* "go", "stack-switch" …, for machine-readable output. */
const char *probe_hazard_kind_name(enum probe_hazard_kind kind);
const char *probe_hazard_severity_name(enum probe_hazard_severity severity);

/* Adds what the file shows. Fails only for want of memory. */
struct error *probe_safety_add_file(struct probe_safety *safety, const struct elf_file *elf) must_check;

/* Adds what a process shows: its executable, its libraries, its code in no file, its seccomp filters. `target` is the
 * file that is to be probed, when that is known, or NULL: what other files of the process show counts less then,
 * because their trouble need not pass through the probed function. */
struct error *probe_safety_add_process(struct probe_safety *safety, const struct core_process *process,
				       const struct elf_file *target) must_check;

/* Adds what can be said of `elf` as a library: that others load it, and what the executables of the running processes
 * show that have it mapped. Processes that may not be looked at are passed over; `*ret_users` is how many were seen. */
struct error *probe_safety_add_library(struct probe_safety *safety, const struct elf_file *elf,
				       size_t *ret_users) must_check;

/* How grave a hazard is for a probe on one function: less when it is a leaf. `sites` may be NULL: any function. */
enum probe_hazard_severity probe_hazard_severity_for(const struct probe_hazard *hazard,
						     const struct code_return_sites *sites);

/* Sorts by severity. */
void probe_safety_finish(struct probe_safety *safety);
void probe_safety_deinit(struct probe_safety *safety);

#endif
