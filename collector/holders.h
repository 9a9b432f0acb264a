/* SPDX-License-Identifier: MIT */
/*
 * Who holds which uprobe now, asked from user space: the descriptors in /proc that are perf events or BPF links, each
 * asked for in the kernel (BPF_TASK_FD_QUERY, BPF_OBJ_GET_INFO_BY_FD), and the events that tracefs defines. No program
 * is loaded. Of the processes nothing is opened: the links of /proc/PID/fd are read, and procfs' own text.
 *
 * What the kernel does not tell stays unknown: a perf event without a BPF program; probes of a uprobe_multi link before
 * Linux 6.8; the process that a perf event is limited to. The device and inode are those that the path leads to now.
 */
#ifndef COLLECTOR_HOLDERS_H
#define COLLECTOR_HOLDERS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/error.h"
#include "schema/record_probe.h"

/* A probe and its holder. The strings are valid during the call. Times and ids of rows are 0. */
typedef void (*holders_function)(void *context, const struct attached_probe *probe);

/* What processes hold, and links that no process holds (pinned ones; holder_pid is 0). A process that may not be looked
 * at or has just ended is left out. */
struct error *holders_walk(holders_function function, void *context) must_check;

/* What tracefs defines; nothing when tracefs is not mounted. */
struct error *holders_walk_tracefs(holders_function function, void *context) must_check;

/* `corelated --list-probes`: one line a probe, cells separated by tabs, escaped as holders_escape() does:
 * kind, path, offset, device major:minor, inode, holder pid, comm, cgroup, how, program id, enabled, only pid.
 * A missing text is "-". */
struct error *holders_list(FILE *out) must_check;

#endif
