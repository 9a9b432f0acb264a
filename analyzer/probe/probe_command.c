/* SPDX-License-Identifier: MIT */
/* What running a command loads. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analyzer/probe/probe_space_internal.h"
#include "common/cleanup.h"

/* fs/exec.c: how often the interpreter of a script may be a script. */
#define SCRIPTS_MAX 5
/* BINPRM_BUF_SIZE: the rest of a longer first line is cut off. */
#define SCRIPT_LINE_BYTES 256
/* confstr(_CS_PATH), which execvp() takes without PATH. */
#define DEFAULT_SEARCH_PATH "/bin:/usr/bin"

static bool is_executable(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0;
}

static bool find_program(const char *command, const char *search_path, char ret[PATH_MAX])
{
	const char *at = search_path ? search_path : DEFAULT_SEARCH_PATH;

	if (strchr(command, '/')) {
		snprintf(ret, PATH_MAX, "%s", command);
		return is_executable(command);
	}
	while (at && *command) {
		size_t length = strcspn(at, ":");

		/* An empty part is the present directory. */
		if (snprintf(ret, PATH_MAX, "%.*s%s%s", (int)length, at, length ? "/" : "", command) < PATH_MAX &&
		    is_executable(ret))
			return true;
		at = at[length] ? at + length + 1 : NULL;
	}
	return false;
}

/* Whether the file is a script; then the interpreter and its one argument, NULL when it has none, in `line`. */
static bool read_script(const char *path, char line[SCRIPT_LINE_BYTES + 1], char **ret_interpreter, char **ret_argument)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t length = fd < 0 ? -1 : read(fd, line, SCRIPT_LINE_BYTES);

	if (length < 3 || line[0] != '#' || line[1] != '!')
		return false;
	line[length] = 0;
	line[strcspn(line, "\n")] = 0;
	*ret_interpreter = line + 2 + strspn(line + 2, " \t");
	*ret_argument = *ret_interpreter + strcspn(*ret_interpreter, " \t");
	if (**ret_argument)
		*(*ret_argument)++ = 0;
	*ret_argument += strspn(*ret_argument, " \t");
	if (!**ret_argument)
		*ret_argument = NULL;
	return **ret_interpreter != 0;
}

/* env(1) in a script executes what it is given: `env python3`, `env -S prog -x`. */
static const char *program_of_env(const char *interpreter, char *argument)
{
	const char *slash = strrchr(interpreter, '/');

	if (!argument || strcmp(slash ? slash + 1 : interpreter, "env") != 0)
		return NULL;
	if (strncmp(argument, "-S", 2) == 0)
		argument += 2 + strspn(argument + 2, " \t");
	argument[strcspn(argument, " \t")] = 0;
	return *argument && *argument != '-' && !strchr(argument, '=') ? argument : NULL;
}

static struct error *add_program(struct probe_space *space, const char *path)
{
	cleanup_free char *absolute = realpath(path, NULL);
	struct probe_object like = {.path = absolute, .shown = absolute, .is_program = true, .loaded_by = SIZE_MAX};
	size_t number;

	if (!absolute)
		return error_errno(errno, "%s", path);
	return probe_space_add_object(space, &like, absolute, &number);
}

static struct error *add_programs(struct probe_space *space, const char *command, const char *search_path)
{
	char path[PATH_MAX], line[SCRIPT_LINE_BYTES + 1], *interpreter, *argument;

	if (!find_program(command, search_path, path))
		return error_format(ERROR_NOT_FOUND, "cannot find the program %s", command);
	for (unsigned depth = 0; depth < SCRIPTS_MAX; depth++) {
		const char *next;

		if (!read_script(path, line, &interpreter, &argument))
			return add_program(space, path);
		next = program_of_env(interpreter, argument);
		if (next && find_program(next, search_path, path))
			continue;
		snprintf(path, sizeof(path), "%s", interpreter);
	}
	return error_format(ERROR_INVALID, "%s: scripts that interpret scripts, too deep", command);
}

/* LD_PRELOAD separates by spaces and colons, the file by white space. */
static struct error *preload(struct probe_space *space, char *names)
{
	struct error *err = NULL;
	char *rest = NULL;

	for (char *name = strtok_r(names, " :\t\n", &rest); name && !err; name = strtok_r(NULL, " :\t\n", &rest))
		err = probe_space_load(space, name, 0);
	return err;
}

static struct error *preload_by_file(struct probe_space *space)
{
	cleanup_file FILE *file = fopen("/etc/ld.so.preload", "re");
	cleanup_free char *line = NULL;
	size_t capacity = 0;
	struct error *err = NULL;

	while (file && !err && getline(&line, &capacity, file) > 0) {
		line[strcspn(line, "#")] = 0;
		err = preload(space, line);
	}
	return err;
}

struct error *probe_space_add_command(struct probe_space *space, const char *command, const char *search_path,
				      const char *preload_names)
{
	struct error *err = add_programs(space, command, search_path);

	space->has_target = true;
	/* A static program loads nothing. */
	if (err || !space->objects[0].elf->interpreter)
		return err;
	if (preload_names) {
		cleanup_free char *names = strdup(preload_names);

		err = names ? preload(space, names) : &error_no_memory;
	}
	if (!err)
		err = preload_by_file(space);
	return err ? err : probe_space_close(space, 0);
}
