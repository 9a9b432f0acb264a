/* SPDX-License-Identifier: MIT */
#include "cli/options.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/limits.h"
#include "cli/suggest.h"
#include "cli/when.h"
#include "common/array.h"
#include "common/inert.h"
#include "common/paths.h"

#define AT(member) .offset = offsetof(struct cli_options, member)

static const struct option_row rows[] = {
	{.name = "db",
	 .argument = "FILE",
	 .help = "the database (default: $CORELATE_DB, else the system's)",
	 .needs = CLI_DB,
	 .store = OPTION_TEXT,
	 AT(database)},
	{.name = "json",
	 .argument = "MODE",
	 .optional = true,
	 .words = "off|short|pretty",
	 .help = "machine-readable output; MODE is pretty (the default), short (one line) or off",
	 .needs = CLI_JSON,
	 .store = OPTION_CHOICE,
	 AT(json)},
	{.name = "all",
	 .letter = 'a',
	 .help = "all threads' frames, all events",
	 .needs = CLI_ALL,
	 .store = OPTION_FLAG,
	 AT(all)},
	{.name = "format",
	 .argument = "FORM",
	 .words = "text|json|markdown|html|sarif",
	 .help = "text, json, markdown, html (one file, no script), or sarif",
	 .needs = CLI_FORMAT,
	 .store = OPTION_TEXT,
	 AT(format)},
	{.name = "output",
	 .letter = 'o',
	 .argument = "FILE",
	 .help = "write there: a file is replaced whole or not at all, a device or FIFO is written to",
	 .needs = CLI_OUTPUT,
	 .store = OPTION_TEXT,
	 AT(output)},
	{.name = "dry-run",
	 .help = "only say what would be done",
	 .needs = CLI_DRY_RUN,
	 .store = OPTION_FLAG,
	 AT(dry_run)},
	{.name = "config",
	 .argument = "FILE",
	 .help = "how crashes are captured and kept (default: /etc/corelate/capture.conf)",
	 .needs = CLI_CONFIG,
	 .store = OPTION_TEXT,
	 AT(config)},
	{.name = "group",
	 .help = "explain them, and print one entry for each cause: how many, when, what, which",
	 .needs = CLI_GROUP,
	 .store = OPTION_FLAG,
	 AT(group)},
	{.name = "limit",
	 .argument = "N",
	 .help = "explain the newest N at most (default: 200)",
	 .needs = CLI_GROUP,
	 .store = OPTION_TEXT,
	 AT(limit)},
	{.name = "debugger",
	 .argument = "PROGRAM",
	 .help = "instead of gdb; it gets the executable and -c CORE",
	 .needs = CLI_DEBUGGER,
	 .store = OPTION_TEXT,
	 AT(debugger)},
	{.name = "debugger-arguments",
	 .letter = 'A',
	 .argument = "ARGUMENTS",
	 .help = "for the debugger, separated by blanks",
	 .needs = CLI_DEBUGGER,
	 .store = OPTION_TEXT,
	 AT(debugger_arguments)},
	{.name = "since",
	 .letter = 'S',
	 .argument = "TIME",
	 .help = "only crashes from then on: \"2026-11-22 05:00\", yesterday, -2h, \"3 days ago\", @1763787600",
	 .needs = CLI_MATCH,
	 .store = OPTION_TEXT,
	 AT(since)},
	{.name = "until",
	 .letter = 'U',
	 .argument = "TIME",
	 .help = "only crashes until then",
	 .needs = CLI_MATCH,
	 .store = OPTION_TEXT,
	 AT(until)},
	{.name = "newest",
	 .letter = '1',
	 .help = "only the newest one",
	 .needs = CLI_LIST,
	 .store = OPTION_FLAG,
	 AT(newest)},
	{.name = "lines",
	 .letter = 'n',
	 .argument = "N",
	 .help = "only the newest N",
	 .needs = CLI_LIST,
	 .store = OPTION_TEXT,
	 AT(number)},
	{.name = "reverse",
	 .letter = 'r',
	 .help = "the newest first",
	 .needs = CLI_LIST,
	 .store = OPTION_FLAG,
	 AT(reverse)},
	{.name = "no-legend", .help = "no line of headings", .needs = CLI_LIST, .store = OPTION_FLAG, AT(no_legend)},
	{.name = "quiet",
	 .letter = 'q',
	 .help = "do not say that there is none",
	 .needs = CLI_LIST,
	 .store = OPTION_FLAG,
	 AT(quiet)},
	{.name = "time-limit",
	 .argument = "SECONDS",
	 .help = "end with an error when explaining one crash takes longer (default: 60); copying and unpacking do not "
		 "count",
	 .needs = CLI_LIMITS,
	 .store = OPTION_TEXT,
	 AT(time_limit)},
	{.name = "memory-limit",
	 .argument = "SIZE",
	 .help = "likewise when it takes more memory in one process: 500M, 4G (default: 2G); the core's own size does "
		 "not "
		 "count",
	 .needs = CLI_LIMITS,
	 .store = OPTION_TEXT,
	 AT(memory_limit)},
	{.name = "no-pager", .help = "do not put long output through a pager", .store = OPTION_FLAG, AT(no_pager)},
	{.name = "help", .letter = 'h', .help = "print this text"},
};

/* Beside a verb, corelate itself takes these. */
static const struct option_row version = {.name = "version", .help = "print the version"};

#define ROWS array_size(rows)

static bool takes(const struct cli_command *command, const struct option_row *row)
{
	return !(command->flags & CLI_RAW) && (!row->needs || command->flags & row->needs);
}

size_t cli_options_of(const struct cli_command *command, const struct option_row **ret_rows)
{
	size_t count = 0;

	for (size_t i = 0; i < command->option_count && count < OPTION_TABLE_MAX; i++)
		ret_rows[count++] = &command->options[i];
	for (size_t i = 0; i < ROWS && count < OPTION_TABLE_MAX; i++) {
		if (takes(command, &rows[i]))
			ret_rows[count++] = &rows[i];
	}
	return count;
}

size_t cli_options_common(const struct option_row **ret_rows)
{
	size_t count = 0;

	for (size_t i = 0; i < ROWS; i++) {
		if (!rows[i].needs || rows[i].needs & (CLI_DB | CLI_JSON | CLI_ALL))
			ret_rows[count++] = &rows[i];
	}
	ret_rows[count++] = &version;
	return count;
}

/* The option that was nearly given, with its dashes; NULL for none. */
static const char *meant(const struct cli_command *command, const char *given, char *ret, size_t size)
{
	const struct option_row *takes[OPTION_TABLE_MAX];
	const char *names[OPTION_TABLE_MAX], *nearest;
	char word[64];
	size_t count = cli_options_of(command, takes), length = strcspn(given, "=");

	if (strncmp(given, "--", 2) != 0 || length - 2 >= sizeof(word))
		return NULL;
	snprintf(word, sizeof(word), "%.*s", (int)length - 2, given + 2);
	for (size_t i = 0; i < count; i++)
		names[i] = takes[i]->name;
	nearest = suggest_word(word, names, count);
	if (!nearest)
		return NULL;
	snprintf(ret, size, "--%s", nearest);
	return ret;
}

int cli_options_refuse(const struct cli_command *command, int option, char **argv)
{
	char text[8], near[64];
	const char *given = option_table_given(argv, text), *nearest = meant(command, given, near, sizeof(near));

	fprintf(stderr, "corelate: %s %s '", command->name,
		option == ':' ? "wants a value for" : "does not know the option");
	inert_write(given, stderr);
	/* What is spelled as it should be is wrong in another way: --all=x. */
	if (option == '?' && nearest && strncmp(given, nearest, strlen(nearest)) != 0)
		fprintf(stderr, "'; did you mean '%s'?\n", nearest);
	else
		fprintf(stderr, "'; see corelate %s --help\n", command->name);
	return CLI_USAGE;
}

static int refuse_row(const struct cli_command *command, const struct option_row *row)
{
	fprintf(stderr, "corelate: %s does not take --%s; see corelate %s --help\n", command->name, row->name,
		command->name);
	return CLI_USAGE;
}

static int refuse_word(const struct cli_command *command, const struct option_row *row, const char *given)
{
	fprintf(stderr, "corelate: %s --%s: there is no '", command->name, row->name);
	inert_write(given, stderr);
	fputs("'; there are ", stderr);
	for (const char *at = row->words; *at; at++)
		fputs(*at == '|' ? ", " : (char[]){*at, 0}, stderr);
	fputc('\n', stderr);
	return CLI_USAGE;
}

static int last_word(const char *words)
{
	int last = 0;

	while ((words = strchr(words, '|')))
		words++, last++;
	return last;
}

static int store(const struct cli_command *command, const struct option_row *row, const char *argument,
		 struct cli_options *ret)
{
	char *place = (char *)ret + row->offset;
	int word = row->words ? last_word(row->words) : 0;

	if (row->words && argument && !option_word_find(row->words, argument, &word))
		return refuse_word(command, row, argument);
	if (row->argument && strcmp(row->argument, "FILE") == 0 && argument && !argument[0]) {
		fprintf(stderr, "corelate: %s: --%s takes a path\n", command->name, row->name);
		return CLI_USAGE;
	}
	if (row->store == OPTION_FLAG)
		*(bool *)place = true;
	else if (row->store == OPTION_TEXT)
		*(const char **)place = argument;
	else if (row->store == OPTION_CHOICE)
		*(int *)place = word;
	return CLI_GO_ON;
}

/* All options there are, so that one of another verb is told from one that nobody has; of two of one name the verb's
 * own. */
static void make_table(const struct cli_command *command, struct option_table *ret)
{
	const struct option_row *takes[OPTION_TABLE_MAX];
	size_t count = cli_options_of(command, takes);

	option_table_init(ret, false);
	for (size_t i = 0; i < count; i++)
		option_table_add(ret, takes[i]);
	for (size_t i = 0; i < ROWS; i++)
		option_table_add(ret, &rows[i]);
}

static int take_options(const struct cli_command *command, int argc, char **argv, struct cli_options *ret)
{
	struct option_table table;
	int option, status = CLI_GO_ON;

	make_table(command, &table);
	optind = 1;
	opterr = 0;
	while (status == CLI_GO_ON && (option = getopt_long(argc, argv, table.letters, table.names, NULL)) != -1) {
		const struct option_row *row = option_table_find(&table, option);

		if (!row)
			return cli_options_refuse(command, option, argv);
		if (option == 'h')
			return CLI_SHOW_HELP;
		if (!takes(command, row) && (row < command->options || row >= command->options + command->option_count))
			return refuse_row(command, row);
		status = store(command, row, optarg, ret);
	}
	return status;
}

static struct error *take_moment(const char *option, const char *text, int64_t now_ns, int64_t *ret_ns)
{
	return text ? error_prefix(when_parse(text, now_ns, ret_ns), "%s", option) : NULL;
}

static struct error *take_count(struct cli_options *options)
{
	char *end;

	options->count = options->newest;
	if (!options->number)
		return NULL;
	errno = 0;
	options->count = strtoull(options->number, &end, 10);
	if (errno || !isdigit((unsigned char)options->number[0]) || *end || !options->count)
		return error_format(ERROR_INVALID, "-n takes a number above 0, not '%s'", options->number);
	return NULL;
}

/* What the options say, once it is known that they are the verb's. */
static int read_values(const struct cli_command *command, struct cli_options *options)
{
	struct timespec now;
	int64_t now_ns;
	struct error *err;

	clock_gettime(CLOCK_REALTIME, &now);
	now_ns = now.tv_sec * 1000000000LL + now.tv_nsec;
	err = take_moment("--since", options->since, now_ns, &options->since_ns)
		?: take_moment("--until", options->until, now_ns, &options->until_ns)
		?: take_count(options)
		?: cli_limits_read(options);
	if (!err && options->since && options->until && options->since_ns > options->until_ns)
		err = error_format(ERROR_INVALID, "--since is after --until");
	if (!err)
		return CLI_GO_ON;
	fprintf(stderr, "corelate: %s: ", command->name);
	inert_write(err->message, stderr);
	fputc('\n', stderr);
	error_destroy(err);
	return CLI_USAGE;
}

int cli_options_parse(const struct cli_command *command, int argc, char **argv, struct cli_options *ret)
{
	const char *environment = getenv("CORELATE_DB");
	int status;

	*ret = (struct cli_options){0};
	status = take_options(command, argc, argv, ret);
	if (status == CLI_GO_ON)
		status = read_values(command, ret);
	if (status != CLI_GO_ON)
		return status;
	ret->database_given = ret->database || (environment && environment[0]);
	if (!ret->database)
		ret->database = paths_database();
	ret->arguments = argv + optind;
	ret->argument_count = argc - optind;
	if (ret->argument_count < command->least || ret->argument_count > command->most) {
		fprintf(stderr, "corelate: usage: corelate %s%s%s\n", command->name, command->arguments[0] ? " " : "",
			command->arguments);
		return CLI_USAGE;
	}
	return CLI_GO_ON;
}
