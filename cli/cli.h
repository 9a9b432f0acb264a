/* SPDX-License-Identifier: MIT */
/*
 * What the verbs share: the table entry that each verb ends in, its options, and the search for the crash that is
 * meant.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

#include "analyzer/crash.h"
#include "analyzer/assemble/assemble.h"
#include "analyzer/finding.h"
#include "analyzer/report/report.h"
#include "cli/crashes.h"
#include "cli/match.h"
#include "common/error.h"
#include "common/option_table.h"

/* Exit status; what each means for users: cli/help.c. `record` returns the status of its command, and 125 when
 * recording itself failed. */
enum cli_status { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2, CLI_NOT_FOUND = 3, CLI_UNSAFE = 4 };

/* What a verb takes; the options themselves: cli/options.c. */
enum cli_flag {
	CLI_DB = 1,	     /* --db PATH */
	CLI_JSON = 2,	     /* --json */
	CLI_ALL = 4,	     /* -a, --all */
	CLI_RAW = 8,	     /* the verb reads its own command line */
	CLI_OUTPUT = 16,     /* -o OUT */
	CLI_DRY_RUN = 32,    /* --dry-run */
	CLI_FORMAT = 64,     /* --format FORM */
	CLI_PAGER = 128,     /* its text is long */
	CLI_GROUP = 256,     /* --group, --limit N */
	CLI_DEBUGGER = 512,  /* --debugger, -A */
	CLI_MATCH = 1024,    /* --since, --until */
	CLI_LIST = 2048,     /* -1, -n, -r, -q, --no-legend */
	CLI_CONFIG = 65536,  /* --config FILE */
	CLI_LIMITS = 131072, /* --time-limit, --memory-limit: it reads cores */
};

enum cli_json { CLI_JSON_OFF, CLI_JSON_SHORT, CLI_JSON_PRETTY };

struct cli_options {
	const char *database;
	bool database_given; /* by --db or by $CORELATE_DB: then it must be there */
	int json;	     /* enum cli_json */
	bool all;
	const char *output; /* NULL for none */
	const char *format; /* NULL for none */
	bool group;
	const char *limit;			   /* as given; NULL for none */
	const char *debugger, *debugger_arguments; /* NULL for none */
	bool dry_run;
	const char *time_limit, *memory_limit; /* as given; NULL for none */
	int64_t time_limit_ns;		       /* what they say, or the defaults (common/limits.h) */
	uint64_t memory_limit_bytes;
	const char *config;		 /* NULL: the system's */
	const char *max_bytes, *max_age; /* as given; NULL for none */
	const char *max_database_bytes, *max_database_age;
	bool no_pager;
	bool no_core;
	const char *prose;	    /* `help`: of a man page; NULL for none */
	const char *since, *until;  /* as given; NULL for none */
	int64_t since_ns, until_ns; /* what they say, by the clock at the start; valid when they were given */
	bool newest;		    /* -1 */
	const char *number;	    /* -n as given; NULL for none */
	size_t count;		    /* of the newest that are wanted (-1, -n); 0 for all */
	bool reverse;
	bool quiet;
	bool no_legend;
	const char *from; /* `import`: a directory; NULL for none */
	bool watch;
	bool steps;		/* explain */
	bool list_queries;	/* sql */
	const char *show_query; /* sql; NULL for none */
	bool dictionary;	/* sql */
	char **arguments;	/* what is not an option */
	int argument_count;
};

/* For cli_command.most. */
#define CLI_ANY INT_MAX

struct cli_command {
	const char *name;
	const char *arguments; /* what is not an option: "[CRASH]" */
	const char *summary;   /* one line */
	const char *details;   /* further lines for its own help; may be NULL */
	const char *statuses;  /* its exit statuses; NULL for those of all verbs */
	unsigned flags;
	int least, most;		  /* how many arguments; CLI_ANY for any number */
	const struct option_row *options; /* its own, beside those that its flags stand for */
	size_t option_count;
	struct error *(*run)(const struct cli_options *options, int *ret_status);
	int (*run_raw)(int argc, char **argv); /* with CLI_RAW */
};

extern const struct cli_command cli_bundle, cli_record, cli_list, cli_info, cli_explain, cli_stack, cli_why, cli_sql,
	cli_repair, cli_debug, cli_check, cli_probes, cli_report, cli_doctor, cli_help;
extern const struct cli_command cli_capture, cli_install, cli_uninstall, cli_gc, cli_import, cli_audit;

/* All of them (cli/commands.c). */
extern const struct cli_command *const cli_commands[];
extern const size_t cli_command_count;
const struct cli_command *cli_find_command(const char *name); /* NULL for none */

/* Colour when standard output is a terminal and NO_COLOR is not set. */
struct report_style cli_style(const struct cli_options *options);

/* A crash that was named, opened: its core, its record, or both. */
struct cli_crash {
	struct crash_core_file file; /* its core, if it has one */
	struct crash_sources sources;
	char *core_problem;    /* why the core that was kept cannot be used; NULL for nothing */
	struct crash_row row;  /* what was found by name; all zero for a core that was named by its path */
	struct bundle *bundle; /* that it came from; NULL for none. It owns the host */
	struct elf_host *host; /* whose files are looked at; NULL: this machine's */
};

/* The newest crash that the arguments mean (cli/match.h), with --since and --until of the options; without arguments
 * the newest of all. One argument may be the path of a core or of a bundle. ERROR_NOT_FOUND with a message that says
 * what was looked for. */
struct error *cli_find_crash(const struct cli_options *options, char **names, size_t count,
			     struct cli_crash *ret) must_check;
void cli_crash_deinit(struct cli_crash *found);

/* Opens the store: NULL in *ret when it is not there and nobody named it. */
struct error *cli_open_store(const struct cli_options *options, struct store_reader **ret) must_check;

/* Opens the store and the vault; what is not there is NULL. A vault that only others may read, and that nobody named
 * ($CORELATE_VAULT), is none either. */
struct error *cli_open_sources(const struct cli_options *options, struct crash_sources *ret) must_check;
void cli_close_sources(struct crash_sources *sources);

/* What the options and arguments ask for. ERROR_INVALID for a field that nobody has. */
struct error *cli_match_query(const struct cli_options *options, char **names, size_t count,
			      struct match_query *ret) must_check;

/* `corelate list --group`: explains the crashes, newest first, and prints them by bug (signature_group.h). */
struct error *cli_list_groups(const struct cli_options *options, const struct crash_rows *rows) must_check;

/* Everything from name to findings. */
struct cli_explained {
	struct cli_crash found;
	struct crash crash;
	struct finding_list findings;
	struct report report;
	uint64_t step_ns[ASSEMBLE_STEPS_MAX]; /* of assemble_steps */
};
struct error *cli_explain_crash(const struct cli_options *options, char **names, size_t count, const uint64_t *address,
				struct cli_explained *ret) must_check;
void cli_explained_deinit(struct cli_explained *explained);

/* Explains the crash that the arguments mean and renders it. */
typedef struct error *(*cli_render_function)(const struct cli_options *options, const struct cli_explained *explained);
struct error *cli_render_crash(const struct cli_options *options, cli_render_function render) must_check;

#endif
