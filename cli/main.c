/* SPDX-License-Identifier: MIT */
/* corelate: explains why a process crashed. Dispatch; the verbs are in cli/commands.c, their options in cli/options.c.
 */
#include <fcntl.h>
#include <limits.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/help.h"
#include "cli/options.h"
#include "cli/pager.h"
#include "common/inert.h"

/* Lines are wrapped for people alone: in a file or a pipe a sentence is a line. Behind a pager the terminal is that of
 * the messages. Narrower than this nothing can be read. */
#define LEAST_COLUMNS 20

static unsigned terminal_columns(void)
{
	int terminal = pager_is_on() ? STDERR_FILENO : STDOUT_FILENO;
	struct winsize size;

	if (!pager_is_on() && !isatty(STDOUT_FILENO))
		return UINT_MAX;
	return ioctl(terminal, TIOCGWINSZ, &size) || size.ws_col < LEAST_COLUMNS ? REPORT_COLUMNS : size.ws_col;
}

struct report_style cli_style(const struct cli_options *options)
{
	const char *no_colour = getenv("NO_COLOR");

	return (struct report_style){
		.colour = (pager_is_on() || isatty(STDOUT_FILENO)) && !(no_colour && no_colour[0]),
		.all = options->all,
		.columns = terminal_columns(),
	};
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
	status = cli_options_parse(command, argc, argv, &options);
	if (status == CLI_SHOW_HELP) {
		cli_help_write_verb(command, stdout);
		return CLI_OK;
	}
	if (status != CLI_GO_ON)
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

	if (argc < 2) {
		cli_help_write(stderr);
		return CLI_USAGE;
	}
	if (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0)
		return run(&cli_help, argc - 1, argv + 1);
	if (strcmp(argv[1], "--version") == 0) {
		puts("corelate " CORELATE_VERSION);
		return CLI_OK;
	}
	command = cli_find_command(argv[1]);
	return command ? run(command, argc - 1, argv + 1) : cli_help_refuse_verb(argv[1]);
}

/* Where the caller has closed one of the streams, no file of ours may get its number: a child that silences itself
 * would close the core. It stays as good as closed: what O_PATH has opened can be neither read nor written (EBADF), and
 * a program that we start finds it closed. */
static void hold_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && open("/", O_PATH | O_DIRECTORY | O_CLOEXEC) < 0)
			return;
	}
}

int main(int argc, char **argv)
{
	hold_streams();
	setlocale(LC_TIME, "");
	return written(dispatch(argc, argv));
}
