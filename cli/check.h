/* SPDX-License-Identifier: MIT */
/* What `corelate check` has found out, for the two forms that it is shown in. Addresses are the file's own. */
#ifndef CLI_CHECK_H
#define CLI_CHECK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "analyzer/probe/probe_safety.h"
#include "analyzer/core/core_process.h"
#include "analyzer/code/code_return_sites.h"
#include "cli/cli.h"

/* How many tail calls and reasons are written out before they are counted only. */
#define CHECK_LISTED 12

struct check {
	const char *probe_path;		 /* of the file to probe, as a tracer has to be given it; NULL without one */
	struct core_process *process;	 /* NULL when a file was named */
	struct elf_file *elf;		 /* the file that is probed */
	const char *function;		 /* as named, or NULL */
	struct code_return_sites *sites; /* one for each function of that name */
	size_t function_count;
	struct probe_safety safety;
	size_t users;			     /* processes that have the checked library mapped */
	const struct probe_hazard *worst;    /* what the verdict rests on, or NULL */
	enum probe_hazard_severity severity; /* of it, for the functions named */
	bool unsafe;
};

/* One line, without a newline: "unsafe: ...". The caller frees it; NULL when memory is short. */
char *check_verdict(const struct check *check);

/* The bpftrace command that probes all RETs of the function, quoted for a shell: "bpftrace -e '…'". NULL when it has
 * none or memory is short; the caller frees it. */
char *check_bpftrace_line(const struct check *check, const struct code_return_sites *sites);

/* The same by the kernel's own uprobe events, for where bpftrace refuses offsets: lines for a shell that add the event,
 * show it until interrupted, and take it away. bpftrace cannot read such events: the kernel takes only BPF programs for
 * kprobes on them (kernel/events/core.c, perf_event_set_bpf_prog). NULL also where the path cannot be written there:
 * uprobe_events splits at white space (Documentation/trace/uprobetracer.rst). */
char *check_tracefs_lines(const struct check *check, const struct code_return_sites *sites, const char *indent);

void check_write_text(const struct check *check, FILE *out);
struct error *check_write_json(const struct cli_options *options, const struct check *check) must_check;

#endif
