/* SPDX-License-Identifier: MIT */
/*
 * What the verbs share: the table entry that each verb ends in, its options, and the search for the crash that is
 * meant.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stdio.h>

#include "analyzer/crash.h"
#include "analyzer/facts/explain.h"
#include "analyzer/finding.h"
#include "analyzer/report/report.h"
#include "common/error.h"
#include "common/option_table.h"
#include "schema/store.h"

/* Exit status; what each means for users: cli/help.c. `record` returns the status of its command, and 125 when
 * recording itself failed. */
enum cli_status { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2, CLI_NOT_FOUND = 3, CLI_UNSAFE = 4 };

/* What a verb takes; the options themselves: cli/options.c. */
enum cli_flag {
	CLI_DB = 1,	    /* --db PATH */
	CLI_JSON = 2,	    /* --json */
	CLI_ALL = 4,	    /* -a, --all */
	CLI_RAW = 8,	    /* the verb reads its own command line */
	CLI_OUTPUT = 16,    /* -o OUT */
	CLI_DRY_RUN = 32,   /* --dry-run */
	CLI_FORMAT = 64,    /* --format FORM */
	CLI_PAGER = 128,    /* its text is long */
	CLI_GROUP = 256,    /* --group, --limit N */
	CLI_DEBUGGER = 512, /* --debugger, -A */
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
	bool no_pager;
	const char *prose; /* `help`: of a man page; NULL for none */
	char **arguments;  /* what is not an option */
	int argument_count;
};

struct cli_command {
	const char *name;
	const char *arguments; /* what is not an option: "[CRASH]" */
	const char *summary;   /* one line */
	const char *details;   /* further lines for its own help; may be NULL */
	const char *statuses;  /* its exit statuses; NULL for those of all verbs */
	unsigned flags;
	int least, most;		  /* how many arguments */
	const struct option_row *options; /* its own, beside those that its flags stand for */
	size_t option_count;
	struct error *(*run)(const struct cli_options *options, int *ret_status);
	int (*run_raw)(int argc, char **argv); /* with CLI_RAW */
};

extern const struct cli_command cli_record, cli_list, cli_info, cli_explain, cli_stack, cli_why, cli_sql, cli_repair,
	cli_debug, cli_check, cli_probes, cli_report, cli_doctor, cli_help;

/* All of them (cli/commands.c). */
extern const struct cli_command *const cli_commands[];
extern const size_t cli_command_count;
const struct cli_command *cli_find_command(const char *name); /* NULL for none */

/* Colour when standard output is a terminal and NO_COLOR is not set. */
struct report_style cli_style(const struct cli_options *options);

/* A crash that was named, opened: its core, its record, or both. */
struct cli_crash {
	struct core *core;	    /* NULL when there is none */
	struct store_reader *store; /* NULL when there is none */
	bool has_signal;
	struct signal_event signal; /* the recorded death, when the crash was found in the record */
	bool has_exit;
	struct exit_state exit; /* or the recorded exit with uretprobes at work */
};

/* `name` is a core file's path, a pid, an id, a command name, an executable, or NULL for the newest recorded crash.
 * ERROR_NOT_FOUND with a message that says what was looked for. */
struct error *cli_find_crash(const struct cli_options *options, const char *name, struct cli_crash *ret) must_check;
void cli_crash_deinit(struct cli_crash *found);

/* Opens the store: NULL in *ret when it is not there and nobody named it. */
struct error *cli_open_store(const struct cli_options *options, struct store_reader **ret) must_check;

/* The core of a recorded death, where the present core_pattern says that it lies and its auxiliary vector agrees; NULL
 * when there is none. */
struct error *cli_find_core(struct store_reader *store, const struct signal_event *signal,
			    struct core **ret_core) must_check;

/* `corelate list --group`: explains the crashes, newest first, and prints them by signature. */
struct error *cli_list_groups(const struct cli_options *options, struct store_reader *store,
			      const struct signal_event *signals, size_t count) must_check;

/* Everything from name to findings. */
struct cli_explained {
	struct cli_crash found;
	struct crash crash;
	struct finding_list findings;
	struct report report;
};
struct error *cli_explain_crash(const struct cli_options *options, const char *name, const uint64_t *address,
				struct cli_explained *ret) must_check;
void cli_explained_deinit(struct cli_explained *explained);

/* Explains the crash that the first argument names (or the newest) and renders it. */
typedef struct error *(*cli_render_function)(const struct cli_options *options, const struct cli_explained *explained);
struct error *cli_render_crash(const struct cli_options *options, cli_render_function render) must_check;

#endif
