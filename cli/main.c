/* SPDX-License-Identifier: MIT */
/* corelate: explains why a process crashed. One table of verbs; help and usage are made from it. */
#include <getopt.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/pager.h"
#include "cli/suggest.h"
#include "common/paths.h"
#include "common/inert.h"

static const struct cli_command *const commands[] = {
	&cli_record, &cli_list,	  &cli_info,  &cli_explain, &cli_stack, &cli_report,
	&cli_why,    &cli_repair, &cli_check, &cli_probes,  &cli_sql,	&cli_doctor,
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_help(FILE *out)
{
	fputs("corelate explains why a Linux process crashed.\n\nUsage: corelate VERB [OPTION...] [ARGUMENT...]\n\n",
	      out);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(out, "  %-8s %-30s %s\n", commands[i]->name, commands[i]->arguments, commands[i]->summary);
	fputs("\nCRASH is a core file, a pid, an id, a command name or an executable; without it, the newest recorded "
	      "crash.\n"
	      "\n"
	      "      --db PATH   the database (default: $CORELATE_DB, else the system's)\n"
	      "      --json      machine-readable output\n"
	      "  -a, --all       all threads' frames, all events\n"
	      "      --no-pager  do not put long output through a pager\n"
	      "  -h, --help      this text, or that of a verb\n"
	      "      --version   version\n"
	      "\n"
	      "Exit status: 0 success, 1 failure, 2 bad usage, 3 nothing of that name, 4 unsafe (check).\n",
	      out);
}

static void print_command_help(const struct cli_command *command, FILE *out)
{
	fprintf(out, "Usage: corelate %s%s%s %s\n\n%s.\n", command->name, command->flags & CLI_JSON ? " [--json]" : "",
		command->flags & CLI_ALL ? " [--all]" : "", command->arguments, command->summary);
	if (command->details)
		fprintf(out, "\n%s", command->details);
}

struct report_style cli_style(const struct cli_options *options)
{
	const char *no_colour = getenv("NO_COLOR");

	return (struct report_style){
		.colour = (pager_is_on() || isatty(STDOUT_FILENO)) && !(no_colour && no_colour[0]),
		.all = options->all,
	};
}

static const struct cli_command *find_command(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++) {
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	}
	return NULL;
}

enum { OPTION_DB = 256, OPTION_JSON, OPTION_DRY_RUN, OPTION_FORMAT, OPTION_NO_PAGER, OPTION_GROUP, OPTION_LIMIT };

/* The flag that a verb must have to take this option; 0 for those that all take. */
static unsigned needed_flag(int option)
{
	switch (option) {
	case OPTION_JSON:
		return CLI_JSON;
	case 'a':
		return CLI_ALL;
	case 'o':
		return CLI_OUTPUT;
	case OPTION_DRY_RUN:
		return CLI_DRY_RUN;
	case OPTION_FORMAT:
		return CLI_FORMAT;
	case OPTION_GROUP:
	case OPTION_LIMIT:
		return CLI_GROUP;
	default:
		return 0;
	}
}

static int refuse_option(const struct cli_command *command, int option, const char *given)
{
	fprintf(stderr, "corelate: %s ", command->name);
	if (option == '?' || option == ':') {
		fputs(option == ':' ? "wants a value for '" : "does not know the option '", stderr);
		inert_write(given, stderr);
		fputs("'", stderr);
	} else {
		fprintf(stderr, "does not take %s",
			option == OPTION_JSON	   ? "--json"
			: option == OPTION_DRY_RUN ? "--dry-run"
			: option == OPTION_FORMAT  ? "--format"
			: option == OPTION_GROUP   ? "--group"
			: option == OPTION_LIMIT   ? "--limit"
			: option == 'o'		   ? "-o"
						   : "--all");
	}
	fprintf(stderr, "; see corelate %s --help\n", command->name);
	return CLI_USAGE;
}

/* Returns -1 to go on, else the exit status. */
static int parse_options(const struct cli_command *command, int argc, char **argv, struct cli_options *ret)
{
	static const struct option long_options[] = {
		{"db", required_argument, NULL, OPTION_DB},
		{"json", no_argument, NULL, OPTION_JSON},
		{"all", no_argument, NULL, 'a'},
		{"output", required_argument, NULL, 'o'},
		{"dry-run", no_argument, NULL, OPTION_DRY_RUN},
		{"format", required_argument, NULL, OPTION_FORMAT},
		{"no-pager", no_argument, NULL, OPTION_NO_PAGER},
		{"group", no_argument, NULL, OPTION_GROUP},
		{"limit", required_argument, NULL, OPTION_LIMIT},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	const char *environment = getenv("CORELATE_DB");
	int option;

	*ret = (struct cli_options){
		.database = paths_database(),
		.database_given = environment && environment[0],
	};
	optind = 1;
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":aho:", long_options, NULL)) != -1) {
		unsigned needed = needed_flag(option);

		if (option == 'h') {
			print_command_help(command, stdout);
			return CLI_OK;
		}
		if (option == '?' || option == ':' || (needed && !(command->flags & needed)))
			return refuse_option(command, option, argv[optind - 1]);
		if (option == OPTION_DB) {
			ret->database = optarg;
			ret->database_given = true;
		}
		ret->json |= option == OPTION_JSON;
		ret->all |= option == 'a';
		ret->dry_run |= option == OPTION_DRY_RUN;
		ret->no_pager |= option == OPTION_NO_PAGER;
		if (option == 'o')
			ret->output = optarg;
		ret->group |= option == OPTION_GROUP;
		if (option == OPTION_LIMIT)
			ret->limit = optarg;
		if (option == OPTION_FORMAT)
			ret->format = optarg;
	}
	if (!ret->database[0] || (ret->output && !ret->output[0])) {
		fprintf(stderr, "corelate: %s: %s takes a path\n", command->name, ret->database[0] ? "-o" : "--db");
		return CLI_USAGE;
	}
	ret->arguments = argv + optind;
	ret->argument_count = argc - optind;
	if (ret->argument_count < command->least || ret->argument_count > command->most) {
		fprintf(stderr, "corelate: usage: corelate %s %s\n", command->name, command->arguments);
		return CLI_USAGE;
	}
	return -1;
}

static int status_of(const struct error *err)
{
	return err->code == ERROR_NOT_FOUND ? CLI_NOT_FOUND : CLI_FAILED;
}

static int run(const struct cli_command *command, int argc, char **argv)
{
	struct cli_options options;
	struct error *err;
	int status;

	if (command->flags & CLI_RAW)
		return command->run_raw(argc, argv);
	status = parse_options(command, argc, argv, &options);
	if (status >= 0)
		return status;
	status = CLI_OK;
	if (command->flags & CLI_PAGER && !options.no_pager && !options.json && !options.output)
		pager_begin();
	err = command->run(&options, &status);
	if (err) {
		fputs("corelate: ", stderr);
		inert_write(err->message, stderr);
		fputc('\n', stderr);
		if (status == CLI_OK)
			status = status_of(err);
		error_destroy(err);
	}
	return status;
}

static int refuse_verb(const char *name)
{
	const char *names[COMMANDS], *meant;

	for (size_t i = 0; i < COMMANDS; i++)
		names[i] = commands[i]->name;
	meant = suggest_word(name, names, COMMANDS);
	fputs("corelate: there is no verb '", stderr);
	inert_write(name, stderr);
	fputs("'", stderr);
	if (meant)
		fprintf(stderr, "; did you mean '%s'?\n", meant);
	else
		fputs("; see corelate --help\n", stderr);
	return CLI_USAGE;
}

/* Text that could not be written is a failure, of help too. */
static int written(int status)
{
	if (pager_end())
		return status;
	if (status == CLI_OK) /* else it has been told already */
		fputs("corelate: cannot write to standard output\n", stderr);
	return status == CLI_OK ? CLI_FAILED : status;
}

static int dispatch(int argc, char **argv)
{
	const struct cli_command *command;
	bool help;

	if (argc < 2) {
		print_help(stderr);
		return CLI_USAGE;
	}
	help = strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0;
	if (help && argc == 2) {
		print_help(stdout);
		return CLI_OK;
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("corelate " CORELATE_VERSION);
		return CLI_OK;
	}
	command = find_command(argv[help ? 2 : 1]);
	if (!command)
		return refuse_verb(argv[help ? 2 : 1]);
	if (!help)
		return run(command, argc - 1, argv + 1);
	if (command->flags & CLI_RAW)
		return command->run_raw(2, (char *[]){argv[2], (char *)"--help", NULL});
	print_command_help(command, stdout);
	return CLI_OK;
}

int main(int argc, char **argv)
{
	setlocale(LC_TIME, "");
	return written(dispatch(argc, argv));
}
