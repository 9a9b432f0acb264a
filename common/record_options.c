/* SPDX-License-Identifier: MIT */
#include "common/record_options.h"

#include <stddef.h>

const char record_options_short[] = "+:p:c:e:g:u:h";

const struct option record_options_long[] = {
	{"pid", required_argument, NULL, 'p'},
	{"comm", required_argument, NULL, 'c'},
	{"exe", required_argument, NULL, 'e'},
	{"cgroup", required_argument, NULL, 'g'},
	{"uid", required_argument, NULL, 'u'},
	{"user", required_argument, NULL, RECORD_OPTION_USER},
	{"db", required_argument, NULL, RECORD_OPTION_DB},
	{"quota", required_argument, NULL, RECORD_OPTION_QUOTA},
	{"ring", required_argument, NULL, RECORD_OPTION_RING},
	{"queue", required_argument, NULL, RECORD_OPTION_QUEUE},
	{"stack-bytes", required_argument, NULL, RECORD_OPTION_STACK_BYTES},
	{"stack-events", required_argument, NULL, RECORD_OPTION_STACK_EVENTS},
	{"heap", optional_argument, NULL, RECORD_OPTION_HEAP},
	{"probe", required_argument, NULL, RECORD_OPTION_PROBE},
	{"probe-plan", required_argument, NULL, RECORD_OPTION_PROBE_PLAN},
	{"print-plan", no_argument, NULL, RECORD_OPTION_PRINT_PLAN},
	{"help", no_argument, NULL, 'h'},
	{"list-probes", no_argument, NULL, RECORD_OPTION_LIST_PROBES},
	{"version", no_argument, NULL, RECORD_OPTION_VERSION},
	{0},
};

const char record_options_help[] =
	"Usage: corelate record [OPTION...] [-- COMMAND [ARGUMENT...]]\n"
	"\n"
	"Records what happens to the memory of processes until interrupted, or until COMMAND ends.\n"
	"Without a filter and a COMMAND every process is recorded. Several filters must all hold.\n"
	"\n"
	"  -p, --pid PID         this process and its descendants (may be repeated)\n"
	"  -c, --comm NAME       processes of that command name\n"
	"  -e, --exe PATH        processes that run this program\n"
	"  -g, --cgroup PATH     processes in this cgroup (v2) or below it\n"
	"  -u, --uid USER        processes of this user (name or number)\n"
	"      --heap[=LIBRARY]  follow malloc and free, new and delete (of LIBRARY: a path or a soname)\n"
	"      --probe SPEC      log the calls of a function (may be repeated); SPEC is one of\n"
	"                          'LIB:FUNCTION(char *, int) -> long'   its arguments and its result\n"
	"                          'LIB:FUNCTION'                        who called it, and when\n"
	"                          'LIB:FUNCTION+0x12', 'LIB:0x1234'     one instruction; an offset in the file\n"
	"                          'LIB:PROVIDER:NAME'                   a static probe (USDT)\n"
	"                        LIB is a path, a soname, or the name of the program\n"
	"                        a TYPE is an integer, a pointer, char * (a string), char[argN] (as many bytes\n"
	"                        as argument N, from 0, says), char[BYTES], _ (not recorded); or one of Go's\n"
	"      --print-plan      print what --heap and --probe come to, and record nothing\n"
	"      --stack-bytes N   keep at most N bytes of the caller's stack where memory is taken away: at\n"
	"                        munmap, mprotect, free, ... (a power of two, default 8K; 0: none)\n"
	"      --stack-events L  also at mmap, malloc or both (\"mmap,malloc\")\n"
	"      --user USER       run COMMAND as USER (default: who called sudo)\n"
	"      --db PATH         the database to write (default: $CORELATE_DB, else the system's)\n"
	"      --quota SIZE      record no more events once the database has SIZE bytes (K, M, G)\n"
	"      --ring SIZE       kernel buffer, a power of two (default 8M)\n"
	"      --queue SIZE      most memory for events that wait to be stored (default 256M)\n"
	"      --list-probes     print what uprobes are attached now, and end (see corelate probes)\n"
	"  -h, --help            this text\n"
	"      --version         version\n"
	"\n"
	"With COMMAND the exit status is the command's (128 + signal number when a signal ended it).\n";
