/* SPDX-License-Identifier: MIT */
/*
 * Which member of a struct each column is. A column that has no member here is none of ours: rows that are written have
 * its default, and what is read leaves it out.
 */
#include "schema/index_run.h"
#include "common/array.h"
#include "schema/record_call.h"
#include "schema/record_death.h"
#include "schema/record_file.h"
#include "schema/record_marker.h"
#include "schema/record_memory.h"
#include "schema/record_probe.h"
#include "schema/record_process.h"
#include "schema/record_recording.h"
#include "schema/row.h"

/* ROW is the struct of the list at hand. */
#define MEMBER(member) ((struct ROW *)0)->member
#define AT(member) .offset = offsetof(struct ROW, member), .bytes = sizeof(MEMBER(member))
#define IS_SIGNED(member) !((__typeof__(MEMBER(member)))-1 > (__typeof__(MEMBER(member)))0)

/* Any integer; what it is, its type says. */
#define INTEGER_AS(column, member)                                                                                     \
	{                                                                                                              \
		.name = column, AT(member),                                                                            \
		.type = sizeof(MEMBER(member)) == 8   ? ROW_WORD                                                       \
			: sizeof(MEMBER(member)) == 1 ? ROW_BOOL                                                       \
			: IS_SIGNED(member)	      ? ROW_I32                                                        \
						      : ROW_U32                                                        \
	}
#define INTEGER(member) INTEGER_AS(#member, member)
#define OTHER(column, kind, member, second)                                                                            \
	{                                                                                                              \
		.name = column, AT(member), .type = kind, .other = offsetof(struct ROW, second)                        \
	}
#define TEXTUAL(kind, member)                                                                                          \
	{                                                                                                              \
		.name = #member, AT(member), .type = kind                                                              \
	}
#define TIME(member) TEXTUAL(ROW_TIME, member)
#define NAME(member) TEXTUAL(ROW_NAME, member)
#define TEXT(member) TEXTUAL(ROW_TEXT, member)
#define MAYBE_TEXT(member) TEXTUAL(ROW_MAYBE_TEXT, member)
#define DURATION() OTHER("duration_ns", ROW_DURATION, exit_ns, enter_ns)
#define MAYBE_RETURNED() OTHER("duration_ns", ROW_MAYBE_RETURNED, exit_ns, enter_ns)
#define BLOB(column, member, size) OTHER(column, ROW_BLOB, member, size)
/* The order is that of record_register. */
#define REGISTERS()                                                                                                    \
	INTEGER_AS("r15", registers[0]), INTEGER_AS("r14", registers[1]), INTEGER_AS("r13", registers[2]),             \
		INTEGER_AS("r12", registers[3]), INTEGER_AS("rbp", registers[4]), INTEGER_AS("rbx", registers[5]),     \
		INTEGER_AS("r11", registers[6]), INTEGER_AS("r10", registers[7]), INTEGER_AS("r9", registers[8]),      \
		INTEGER_AS("r8", registers[9]), INTEGER_AS("rax", registers[10]), INTEGER_AS("rcx", registers[11]),    \
		INTEGER_AS("rdx", registers[12]), INTEGER_AS("rsi", registers[13]), INTEGER_AS("rdi", registers[14]),  \
		INTEGER_AS("rip", registers[15]), INTEGER_AS("eflags", registers[16]),                                 \
		INTEGER_AS("rsp", registers[17])

#define TABLE(variable, table, list, ...)                                                                              \
	const struct row_table variable = {.name = table,                                                              \
					   .size = sizeof(struct ROW),                                                 \
					   .columns = list,                                                            \
					   .column_count = array_size(list),                                           \
					   __VA_ARGS__}
#define COUNTED .ids_are_counted = true

#define ROW recording
static const struct row_column recording_columns[] = {
	INTEGER(id),
	NAME(boot_id),
	TIME(started_ns),
	TIME(ended_ns),
	TIME(last_commit_ns),
	INTEGER(realtime_offset_ns),
	INTEGER(abi_version),
	INTEGER(emitted),
	INTEGER(stored),
	INTEGER(lost),
	TEXT(kernel_release),
	TEXT(filter),
	TEXT(corelate_version),
};
TABLE(row_recording, "recording", recording_columns, COUNTED);
#undef ROW

#define ROW gap
static const struct row_column gap_columns[] = {
	INTEGER(id), INTEGER(recording_id), INTEGER(pid), INTEGER(cause), TIME(from_ns), TIME(to_ns), INTEGER(lost),
};
TABLE(row_gap, "gap", gap_columns);
#undef ROW

#define ROW process
static const struct row_column process_columns[] = {
	INTEGER(id),
	INTEGER(recording_id),
	INTEGER(pid),
	INTEGER(namespace_pid),
	INTEGER(parent_pid),
	INTEGER(uid),
	TIME(start_ns),
	TIME(first_seen_ns),
	TIME(exit_ns),
	INTEGER(exit_status),
	INTEGER(cgroup_id),
	NAME(comm),
	/* NULL in the rows of older recorders. */
	{.name = "last_uid", .read = "coalesce(process.last_uid, process.uid)", .type = ROW_U32, AT(last_uid)},
};
TABLE(row_process, "process", process_columns, COUNTED);
#undef ROW

#define ROW space
static const struct row_column space_columns[] = {
	INTEGER(id), INTEGER(process_id),	  INTEGER(parent_space_id), INTEGER(origin),	 TIME(from_ns),
	TIME(to_ns), INTEGER(auxv_sysinfo_ehdr),  INTEGER(auxv_random),	    INTEGER(auxv_entry), INTEGER(auxv_base),
	NAME(comm),  INTEGER(executable_file_id),
};
TABLE(row_space, "space", space_columns, COUNTED);
#undef ROW

#define ROW space_sharer
static const struct row_column space_sharer_columns[] = {
	INTEGER(id),
	INTEGER(space_id),
	INTEGER(process_id),
	TIME(from_ns),
};
TABLE(row_space_sharer, "space_sharer", space_sharer_columns);
#undef ROW

#define ROW thread_start
static const struct row_column thread_start_columns[] = {
	INTEGER(id),
	INTEGER(process_id),
	INTEGER(tid),
	TIME(time_ns),
};
TABLE(row_thread_start, "thread_start", thread_start_columns);
#undef ROW

#define ROW file_identity
static const struct row_column file_columns[] = {
	INTEGER(id), INTEGER(device_major), INTEGER(device_minor), INTEGER(inode), TEXT(path),
};
TABLE(row_file, "file", file_columns, COUNTED);
#undef ROW

#define ROW truncation
static const struct row_column truncation_columns[] = {
	INTEGER(id),	    INTEGER(recording_id), INTEGER(file_id), TEXT(path),     INTEGER(how),  INTEGER(pid),
	INTEGER(tid),	    INTEGER(uid),	   NAME(comm),	     TIME(enter_ns), TIME(exit_ns), INTEGER(old_bytes),
	INTEGER(new_bytes), INTEGER(offset),	   INTEGER(length),  INTEGER(ip),    INTEGER(sp),   INTEGER(top_word),
};
TABLE(row_truncation, "truncation", truncation_columns);
#undef ROW

#define ROW memory_event
static const struct row_column event_columns[] = {
	INTEGER(id),
	INTEGER(space_id),
	INTEGER(tid),
	INTEGER(kind),
	TIME(enter_ns),
	DURATION(),
	INTEGER(ip),
	INTEGER(sp),
	INTEGER(top_word),
	INTEGER(result),
	INTEGER_AS("a0", args[0]),
	INTEGER_AS("a1", args[1]),
	INTEGER_AS("a2", args[2]),
	INTEGER_AS("a3", args[3]),
	INTEGER_AS("a4", args[4]),
	INTEGER_AS("a5", args[5]),
	INTEGER(file_id),
	INTEGER(stack_id),
};
TABLE(row_event, "event", event_columns);
#undef ROW

#define ROW index_run_summary
static const struct row_column run_columns[] = {
	INTEGER(last_event_id), INTEGER(first_event_id), TIME(from_ns),	  TIME(to_ns),
	INTEGER(low),		INTEGER(high),		 INTEGER(levels), BLOB("filter", filter, filter_bytes),
};
TABLE(row_event_block, "event_block", run_columns);
TABLE(row_heap_block, "heap_block", run_columns);
#undef ROW

#define ROW index_run_share
static const struct row_column run_share_columns[] = {
	INTEGER(space_id), INTEGER(last_event_id), INTEGER(events), TIME(from_ns), TIME(to_ns),
};
TABLE(row_event_block_space, "event_block_space", run_share_columns);
#undef ROW

#define ROW probed_function
static const struct row_column function_columns[] = {
	INTEGER(id), INTEGER(recording_id), INTEGER(file_id), INTEGER(offset), INTEGER(role),
	TEXT(name),  TEXT(signature),	    TEXT(hole),
};
TABLE(row_function, "function", function_columns, COUNTED);
#undef ROW

#define ROW probe_coverage
static const struct row_column probe_coverage_columns[] = {
	INTEGER(id), INTEGER(recording_id), INTEGER(process_id), TIME(from_ns), INTEGER(heap),
};
TABLE(row_probe_coverage, "probe_coverage", probe_coverage_columns);
#undef ROW

#define ROW heap_event
static const struct row_column heap_columns[] = {
	INTEGER(id),	    INTEGER(space_id), INTEGER(function_id), INTEGER(role),	 INTEGER(tid),
	TIME(enter_ns),	    MAYBE_RETURNED(),  INTEGER(ip),	     INTEGER(sp),	 INTEGER(top_word),
	INTEGER(old_block), INTEGER(block),    INTEGER(size),	     INTEGER(alignment), INTEGER(stack_id),
};
TABLE(row_heap, "heap", heap_columns);
#undef ROW

#define ROW call_event
static const struct row_column call_columns[] = {
	INTEGER(id),
	INTEGER(space_id),
	INTEGER(function_id),
	INTEGER(tid),
	TIME(enter_ns),
	MAYBE_RETURNED(),
	INTEGER(ip),
	INTEGER(sp),
	INTEGER(top_word),
	INTEGER_AS("a0", args[0]),
	INTEGER_AS("a1", args[1]),
	INTEGER_AS("a2", args[2]),
	INTEGER_AS("a3", args[3]),
	INTEGER_AS("a4", args[4]),
	INTEGER_AS("a5", args[5]),
	INTEGER(result),
	BLOB("t0", texts[0], text_bytes[0]),
	BLOB("t1", texts[1], text_bytes[1]),
	BLOB("t2", texts[2], text_bytes[2]),
	BLOB("t3", texts[3], text_bytes[3]),
	BLOB("t4", texts[4], text_bytes[4]),
	BLOB("t5", texts[5], text_bytes[5]),
	INTEGER(stack_id),
};
TABLE(row_call, "call", call_columns);
#undef ROW

#define ROW call_result
static const struct row_column syscall_columns[] = {
	INTEGER(id),
	INTEGER(space_id),
	INTEGER(tid),
	INTEGER(number),
	TIME(enter_ns),
	DURATION(),
	INTEGER(result),
	INTEGER_AS("a0", args[0]),
	INTEGER_AS("a1", args[1]),
	INTEGER_AS("a2", args[2]),
	INTEGER(ip),
	INTEGER(sp),
	INTEGER(top_word),
};
TABLE(row_syscall, "syscall", syscall_columns);
#undef ROW

#define ROW marker
static const struct row_column marker_columns[] = {
	INTEGER(id),
	INTEGER(space_id),
	INTEGER(tid),
	TIME(enter_ns),
	TIME(exit_ns),
	INTEGER(ip),
	INTEGER(option),
	INTEGER_AS("a0", args[0]),
	INTEGER_AS("a1", args[1]),
	INTEGER_AS("a2", args[2]),
	INTEGER_AS("a3", args[3]),
	INTEGER(result),
	MAYBE_TEXT(text),
};
TABLE(row_marker, "marker", marker_columns);
#undef ROW

#define ROW attached_probe
static const struct row_column probe_columns[] = {
	INTEGER(id),
	INTEGER(recording_id),
	INTEGER(how),
	TEXT(path),
	INTEGER(device_major),
	INTEGER(device_minor),
	INTEGER(inode),
	INTEGER(file_device_major),
	INTEGER(file_device_minor),
	INTEGER(file_inode),
	INTEGER(offset),
	INTEGER(at_return),
	INTEGER(enabled),
	INTEGER(only_pid),
	INTEGER(program_id),
	INTEGER(left_out),
	INTEGER(holder_pid),
	TIME(holder_start_ns),
	NAME(holder_comm),
	INTEGER(holder_cgroup_id),
	TEXT(holder_cgroup),
	TIME(attached_ns),
	TIME(first_seen_ns),
	TIME(last_seen_ns),
	TIME(gone_ns),
};
TABLE(row_probe, "probe", probe_columns, COUNTED);
#undef ROW

#define ROW signal_event
static const struct row_column signal_columns[] = {
	INTEGER(id),	     INTEGER(process_id), INTEGER(space_id), INTEGER(tid),	    INTEGER(namespace_tid),
	TIME(time_ns),	     INTEGER(number),	  INTEGER(code),     INTEGER(error_number), INTEGER(address),
	INTEGER(sender_pid), INTEGER(sender_uid), INTEGER(fatal),    INTEGER(handler),	    INTEGER(trampoline),
	REGISTERS(),	     NAME(comm),	  TEXT(directory),
};
TABLE(row_signal, "signal", signal_columns, COUNTED);
#undef ROW

#define ROW signal_sender
static const struct row_column signal_sender_columns[] = {
	INTEGER(signal_id),
	INTEGER(pid),
	INTEGER(tid),
	TIME(time_ns),
	NAME(comm),
	INTEGER(first_number),
	INTEGER(first_code),
	INTEGER(first_address),
	INTEGER(first_system_call),
	INTEGER(first_sender_pid),
	INTEGER(first_pid),
	INTEGER(first_tid),
	TIME(first_time_ns),
	NAME(first_sender_comm),
};
TABLE(row_signal_sender, "signal_sender", signal_sender_columns);
#undef ROW

#define ROW exit_state
static const struct row_column exit_state_columns[] = {
	INTEGER(id),   INTEGER(process_id), INTEGER(space_id),	 INTEGER(tid), INTEGER(namespace_tid),
	TIME(time_ns), INTEGER(status),	    INTEGER(trampoline), REGISTERS(),  NAME(comm),
};
TABLE(row_exit_state, "exit_state", exit_state_columns, COUNTED);
#undef ROW

#define ROW return_instance
static const struct row_column return_instance_columns[] = {
	INTEGER(id),	INTEGER(signal_id),	 INTEGER(tid),		 INTEGER(depth),	INTEGER(function),
	INTEGER(stack), INTEGER(return_address), INTEGER(chained),	 INTEGER(device_major), INTEGER(device_minor),
	INTEGER(inode), INTEGER(offset),	 INTEGER(exit_state_id),
};
TABLE(row_return_instance, "return_instance", return_instance_columns);
#undef ROW

#define ROW stack_row
static const struct row_column stack_columns[] = {
	INTEGER(id),
	INTEGER(state),
	INTEGER_AS("rbx", registers[0]),
	INTEGER_AS("rbp", registers[1]),
	INTEGER_AS("r12", registers[2]),
	INTEGER_AS("r13", registers[3]),
	INTEGER_AS("r14", registers[4]),
	INTEGER_AS("r15", registers[5]),
	INTEGER(asked_bytes),
	INTEGER(slice_id),
};
TABLE(row_stack, "stack", stack_columns, COUNTED);
#undef ROW

#define ROW stack_slice_row
static const struct row_column stack_slice_columns[] = {
	INTEGER(id),
	INTEGER(size),
	BLOB("blocks", ids, ids_bytes),
};
TABLE(row_stack_slice, "stack_slice", stack_slice_columns, COUNTED);
#undef ROW

#define ROW stack_block_row
static const struct row_column stack_block_columns[] = {
	INTEGER(id),
	INTEGER(size),
	BLOB("data", data, data_bytes),
};
TABLE(row_stack_block, "stack_block", stack_block_columns, COUNTED);
#undef ROW
