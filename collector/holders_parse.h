/* SPDX-License-Identifier: MIT */
/* Text of the kernel about probes and their holders, read. Pure: no I/O. */
#ifndef COLLECTOR_HOLDERS_PARSE_H
#define COLLECTOR_HOLDERS_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A line of tracefs' uprobe_events: "p:GROUP/NAME PATH:0xOFFSET[(0xREFERENCE)] [ARGUMENTS]", "r:" for a uretprobe
 * (kernel/trace/trace_uprobe.c, trace_uprobe_show). The kernel splits such lines at white space when they are written,
 * so that a path holds none. */
struct tracefs_line {
	bool at_return;
	uint64_t offset;
	char event[192]; /* "GROUP/NAME" */
	char path[4096];
};
bool holders_parse_tracefs_line(const char *line, struct tracefs_line *ret_line);

/* /proc/PID/stat: the name in the outermost parentheses, which may hold parentheses itself, and the start time (field
 * 22) in clock ticks since boot. */
bool holders_parse_stat(const char *text, char ret_comm[16], uint64_t *ret_start_ticks);

/* The number after "link_id:" in /proc/PID/fdinfo/FD (kernel/bpf/syscall.c, bpf_link_show_fdinfo); 0 when absent. */
uint32_t holders_parse_link_id(const char *text);

/* Writes `text` so that it holds no byte below 32, no 127 and no backslash: those become \xHH. At most `size` bytes
 * with the NUL; a text that does not fit is cut before a character. */
void holders_escape(const char *text, char *out, size_t size);

#endif
