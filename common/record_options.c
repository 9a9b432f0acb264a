/* SPDX-License-Identifier: MIT */
#include "common/record_options.h"

const struct option_row record_options[RECORD_OPTION_COUNT] = {
	{.name = "pid",
	 .letter = 'p',
	 .argument = "PID",
	 .help = "this process and its descendants, also those that run already (may be repeated)"},
	{.name = "comm",
	 .letter = 'c',
	 .argument = "COMM",
	 .help = "processes of that command name, from the moment that they have it"},
	{.name = "exe", .letter = 'e', .argument = "FILE", .help = "processes that run this program"},
	{.name = "cgroup",
	 .letter = 'g',
	 .argument = "DIRECTORY",
	 .help = "processes in this cgroup (v2) or below it, from the moment that they are"},
	{.name = "uid",
	 .letter = 'u',
	 .argument = "USER",
	 .help = "processes of this real user (name or number), from the moment that they are"},
	{.name = "heap",
	 .id = RECORD_OPTION_HEAP,
	 .argument = "LIBRARY",
	 .optional = true,
	 .help = "follow malloc and free, new and delete (of LIBRARY: a path or a soname)"},
	{.name = "probe",
	 .id = RECORD_OPTION_PROBE,
	 .argument = "SPEC",
	 .help = "log the calls of a function (may be repeated); SPEC is one of\n"
		 "  'LIB:FUNCTION(char *, int) -> long' its arguments and its result\n"
		 "  'LIB:FUNCTION'                      who called it, and when\n"
		 "  'LIB:FUNCTION+0x12', 'LIB:0x1234'   an instruction; a file offset\n"
		 "  'LIB:PROVIDER:NAME'                 a static probe (USDT)\n"
		 "LIB is a path, a soname, or the name of the program; a TYPE is an integer, a pointer, char * (a "
		 "string), "
		 "char[argN] (as many bytes as argument N, from 0, says), char[BYTES], _ (not recorded); or one of "
		 "Go's"},
	{.name = "print-plan",
	 .id = RECORD_OPTION_PRINT_PLAN,
	 .help = "print what --heap and --probe come to, and record nothing"},
	{.name = "stack-bytes",
	 .id = RECORD_OPTION_STACK_BYTES,
	 .argument = "N",
	 .help = "keep at most N bytes of the caller's stack where memory is taken away: at munmap, mprotect, free, "
		 "... "
		 "(a power of two, default 8K; 0: none)"},
	{.name = "stack-events",
	 .id = RECORD_OPTION_STACK_EVENTS,
	 .argument = "LIST",
	 .words = "mmap|malloc|mmap,malloc",
	 .help = "also at mmap, malloc or both (\"mmap,malloc\")"},
	{.name = "calls",
	 .id = RECORD_OPTION_CALLS,
	 .help = "also record system calls that fail, and those that duplicate or close descriptors; "
		 "slows every system call of the host"},
	{.name = "user",
	 .id = RECORD_OPTION_USER,
	 .argument = "USER",
	 .help = "run COMMAND as USER (default: who called sudo)"},
	{.name = "db",
	 .id = RECORD_OPTION_DB,
	 .argument = "FILE",
	 .help = "the database to write (default: $CORELATE_DB, else the system's)"},
	{.name = "quota",
	 .id = RECORD_OPTION_QUOTA,
	 .argument = "SIZE",
	 .help = "record no more events once the database has SIZE bytes (K, M, G)"},
	{.name = "ring",
	 .id = RECORD_OPTION_RING,
	 .argument = "SIZE",
	 .help = "kernel buffer, a power of two (default 8M)"},
	{.name = "queue",
	 .id = RECORD_OPTION_QUEUE,
	 .argument = "SIZE",
	 .help = "most memory for events that wait to be stored (default 256M)"},
	{.name = "probe-plan", .id = RECORD_OPTION_PROBE_PLAN, .argument = "FILE"},
	{.name = "list-probes",
	 .id = RECORD_OPTION_LIST_PROBES,
	 .help = "print what uprobes are attached now, and end (see corelate probes)"},
	{.name = "version", .id = RECORD_OPTION_VERSION, .help = "print the version"},
	{.name = "help", .letter = 'h', .help = "print this text"},
};

void record_options_table(struct option_table *ret_table)
{
	option_table_init(ret_table, true);
	for (size_t i = 0; i < RECORD_OPTION_COUNT; i++)
		option_table_add(ret_table, &record_options[i]);
}

void record_options_write_help(FILE *out)
{
	struct option_table table;

	record_options_table(&table);
	option_table_write_help(table.rows, table.count, out);
}
