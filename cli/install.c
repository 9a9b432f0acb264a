/* SPDX-License-Identifier: MIT */
/* corelate install, corelate uninstall: makes the kernel hand cores to corelate, and puts back what was there before.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/capture.h"
#include "cli/cli.h"
#include "cli/install_pattern.h"
#include "common/cleanup.h"
#include "common/inert.h"

#define PATTERN_PATH "/proc/sys/kernel/core_pattern"
#define LIMIT_PATH "/proc/sys/kernel/core_pipe_limit"
/* With 0 the kernel lets a dying process go as soon as its core is in the pipe, with /proc/PID, and starts as many
 * handlers as there are crashes; otherwise it waits for the handler and starts so many at most (fs/coredump.c). It is
 * systemd-coredump's number. */
#define PIPE_LIMIT "16"

struct kernel_setting {
	char pattern[256];
	char limit[32];
};

/* What is remembered of the time before, in a file beside the vault: three lines. */
struct memory {
	struct kernel_setting before;
	char installed[256]; /* the pattern that was set instead */
};

/* ---- the kernel's files ---- */

static struct error *read_line(const char *path, char *ret, size_t size)
{
	cleanup_file FILE *file = fopen(path, "re");

	if (!file)
		return error_errno(errno, "%s", path);
	if (!fgets(ret, (int)size, file))
		ret[0] = 0;
	ret[strcspn(ret, "\n")] = 0;
	return NULL;
}

static struct error *write_line(const char *path, const char *text)
{
	cleanup_fd int fd = open(path, O_WRONLY | O_CLOEXEC);
	char back[256] = "";
	struct error *err;

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		return error_format(errno == EACCES || errno == EPERM ? ERROR_PERMISSION : ERROR_SYSTEM,
				    "cannot set %s: %s", path, strerror(errno));
	err = read_line(path, back, sizeof(back));
	if (!err && strcmp(back, text) != 0)
		err = error_format(ERROR_SYSTEM, "%s has become '%s', not '%s'", path, back, text);
	return err;
}

static struct error *read_kernel(struct kernel_setting *ret)
{
	struct error *err = read_line(PATTERN_PATH, ret->pattern, sizeof(ret->pattern));

	return err ? err : read_line(LIMIT_PATH, ret->limit, sizeof(ret->limit));
}

/* ---- the memory ---- */

static bool memory_path(const struct vault_settings *settings, char *ret, size_t size)
{
	size_t length = strlen(settings->vault);

	while (length > 1 && settings->vault[length - 1] == '/')
		length--;
	return (size_t)snprintf(ret, size, "%.*s.core_pattern", (int)length, settings->vault) < size;
}

static bool take_memory_line(FILE *file, const char *name, char *ret, size_t size)
{
	char line[512];
	size_t length = strlen(name);

	if (!fgets(line, sizeof(line), file))
		return false;
	line[strcspn(line, "\n")] = 0;
	if (strncmp(line, name, length) != 0 || line[length] != '=' || strlen(line + length + 1) >= size)
		return false;
	memcpy(ret, line + length + 1, strlen(line + length + 1) + 1);
	return true;
}

/* ERROR_NOT_FOUND: nothing is installed. What it says becomes a program that the kernel runs as root: only root's word
 * counts. */
static struct error *read_memory(const char *path, struct memory *ret)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	cleanup_file FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;
	struct stat status;

	if (!file)
		return error_errno(errno, "%s", path);
	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_uid != 0 || status.st_mode & 022)
		return error_format(ERROR_INVALID, "%s: not a file that only root may write", path);
	if (!take_memory_line(file, "core_pattern", ret->before.pattern, sizeof(ret->before.pattern)) ||
	    !take_memory_line(file, "core_pipe_limit", ret->before.limit, sizeof(ret->before.limit)) ||
	    !take_memory_line(file, "installed", ret->installed, sizeof(ret->installed)))
		return error_format(ERROR_INVALID, "%s makes no sense", path);
	return NULL;
}

static struct error *write_memory(const char *path, const struct memory *memory)
{
	cleanup_free char *temporary = NULL, *text = NULL;
	cleanup_fd int fd = -1;
	int length;

	if (asprintf(&temporary, "%s.new", path) < 0 ||
	    (length = asprintf(&text, "core_pattern=%s\ncore_pipe_limit=%s\ninstalled=%s\n", memory->before.pattern,
			       memory->before.limit, memory->installed)) < 0)
		return &error_no_memory;
	unlink(temporary);
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, text, (size_t)length) != length || fchmod(fd, 0644) != 0 || fsync(fd) != 0 ||
	    rename(temporary, path) != 0) {
		int number = errno;

		unlink(temporary);
		return error_format(number == EACCES ? ERROR_PERMISSION : ERROR_SYSTEM, "cannot write %s: %s", path,
				    strerror(number));
	}
	return NULL;
}

static void say(const char *what, const char *text)
{
	fputs(what, stdout);
	inert_write(text, stdout);
	fputc('\n', stdout);
}

/* ---- install ---- */

struct installation {
	struct vault_settings settings;
	char path[PATH_MAX + 16]; /* of the memory */
	struct kernel_setting now;
	struct memory memory;
	bool has_memory;
};

static struct error *begin(const struct cli_options *options, struct installation *ret)
{
	struct error *err =
		vault_settings_read(options->config ?: VAULT_SETTINGS_PATH, options->config != NULL, &ret->settings);

	if (err)
		return err;
	if (!memory_path(&ret->settings, ret->path, sizeof(ret->path)))
		return error_format(ERROR_INVALID, "%s is too long", ret->settings.vault);
	err = read_kernel(&ret->now);
	if (err)
		return err;
	err = read_memory(ret->path, &ret->memory);
	ret->has_memory = !err;
	error_catch(&err, ERROR_NOT_FOUND);
	return err;
}

/* The links and the memory belong to the pattern that the kernel has had so far. */
static void take_back(const struct installation *installation, const struct install_links *links)
{
	error_destroy(write_line(PATTERN_PATH, installation->now.pattern));
	if (strcmp(installation->now.limit, "0") == 0)
		error_destroy(write_line(LIMIT_PATH, installation->now.limit));
	install_pattern_restore_links(links);
	if (installation->has_memory)
		error_destroy(write_memory(installation->path, &installation->memory));
	else
		unlink(installation->path);
}

/* Remembered before anything is changed, so that a failure in between loses nothing. */
static struct error *change(struct installation *installation, const struct install_pattern *pattern)
{
	struct memory memory = installation->memory;
	struct install_links links;
	struct vault *vault;
	struct error *err = vault_open(installation->settings.vault, true, &vault);

	if (err)
		return err;
	vault_destroy(vault);
	/* Another build of ours, or ours of an earlier time, is not what was there before. */
	if (!installation->has_memory || !capture_is_pattern(installation->now.pattern))
		memory.before = installation->now;
	memcpy(memory.installed, pattern->text, sizeof(pattern->text));
	/* Nobody remembers what was there: the kernel's own default (fs/coredump.c). */
	if (capture_is_pattern(memory.before.pattern))
		snprintf(memory.before.pattern, sizeof(memory.before.pattern), "core");
	install_pattern_read_links(&links);
	err = write_memory(installation->path, &memory) ?: install_pattern_link(pattern);
	if (!err && strcmp(installation->now.limit, "0") == 0)
		err = write_line(LIMIT_PATH, PIPE_LIMIT);
	err = err ?: write_line(PATTERN_PATH, pattern->text);
	if (err)
		take_back(installation, &links);
	return err;
}

static void say_link(const struct install_pattern *pattern)
{
	if (!pattern->has_links)
		return;
	say("through links in " INSTALL_LINKS " (core_pattern holds 127 bytes and no blanks) to ", pattern->program);
}

static struct error *run_install(const struct cli_options *options, int *ret_status)
{
	struct installation installation = {0};
	struct install_pattern pattern;
	struct error *err = begin(options, &installation);

	(void)ret_status;
	if (!err)
		err = install_pattern_make(options->config, &pattern);
	if (err)
		return err;
	if (strcmp(installation.now.pattern, pattern.text) == 0 && installation.has_memory &&
	    install_pattern_is_linked(&pattern)) {
		say("already installed: core_pattern is ", pattern.text);
		return NULL;
	}
	if (!options->dry_run)
		err = change(&installation, &pattern);
	if (err)
		return err;
	say(options->dry_run ? "would set core_pattern to " : "core_pattern is now ", pattern.text);
	say_link(&pattern);
	say(capture_is_pattern(installation.now.pattern) ? "instead of " : "uninstall will restore ",
	    installation.now.pattern);
	say("crashes are kept in ", installation.settings.vault);
	return NULL;
}

const struct cli_command cli_install = {
	.name = "install",
	.arguments = "",
	.summary = "make the kernel hand the cores of all crashes to corelate",
	.details = "Sets /proc/sys/kernel/core_pattern to run corelate capture, and core_pipe_limit to 16 where it is "
		   "0, so\n"
		   "that the kernel waits until a core is kept. What was there before is remembered beside the vault, "
		   "for\n"
		   "corelate uninstall. A path that core_pattern cannot hold (127 bytes, no blanks) is given to the "
		   "kernel "
		   "by\n"
		   "links in /run/corelate. It lasts until the machine is restarted. Installing again does no harm.\n",
	.flags = CLI_CONFIG | CLI_DRY_RUN,
	.run = run_install,
};

/* ---- uninstall ---- */

static struct error *restore(const struct installation *installation)
{
	struct error *err = write_line(PATTERN_PATH, installation->memory.before.pattern);

	/* What somebody has set since is none of ours. */
	if (!err && strcmp(installation->now.limit, PIPE_LIMIT) == 0)
		err = write_line(LIMIT_PATH, installation->memory.before.limit);
	if (err)
		return err;
	if (unlink(installation->path) != 0)
		return error_errno(errno, "cannot remove %s", installation->path);
	install_pattern_unlink();
	return NULL;
}

static struct error *run_uninstall(const struct cli_options *options, int *ret_status)
{
	struct installation installation = {0};
	struct error *err = begin(options, &installation);

	(void)ret_status;
	if (err)
		return err;
	if (!capture_is_pattern(installation.now.pattern)) {
		say("core_pattern is not corelate's, and is left alone: ", installation.now.pattern);
		if (installation.has_memory && !options->dry_run) {
			install_pattern_unlink();
			if (unlink(installation.path) != 0)
				err = error_errno(errno, "cannot remove %s", installation.path);
		}
		return err;
	}
	if (!installation.has_memory)
		return error_format(
			ERROR_SYSTEM,
			"%s does not tell what core_pattern was before; set it yourself, as in: echo core >%s",
			installation.path, PATTERN_PATH);
	if (strcmp(installation.now.pattern, installation.memory.installed) != 0)
		return error_format(ERROR_INVALID,
				    "core_pattern is corelate's, but not the one that was installed with %s: %s",
				    installation.settings.vault, installation.now.pattern);
	if (!options->dry_run)
		err = restore(&installation);
	if (!err)
		say(options->dry_run ? "would restore core_pattern to " : "core_pattern is again ",
		    installation.memory.before.pattern);
	return err;
}

const struct cli_command cli_uninstall = {
	.name = "uninstall",
	.arguments = "",
	.summary = "put back what core_pattern was before install",
	.details = "A core_pattern that is not corelate's is left alone. The crashes that were kept stay.\n",
	.flags = CLI_CONFIG | CLI_DRY_RUN,
	.run = run_uninstall,
};
