/* SPDX-License-Identifier: MIT */
#include "cli/install_pattern.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"

#define PROGRAM_LINK INSTALL_LINKS "/corelate"
#define CONFIG_LINK INSTALL_LINKS "/capture.conf"

/* Whoever may rename one of the directories above a file may put another in its place. A sticky one (/tmp) lets only
 * the owner of what is in it. `path` is absolute and without links. */
static struct error *check_above(const char *path)
{
	cleanup_free char *above = strdup(path);
	struct stat status;

	if (!above)
		return &error_no_memory;
	for (char *slash = strrchr(above, '/'); slash; slash = strrchr(above, '/')) {
		slash[slash == above] = 0;
		if (stat(above, &status) != 0)
			return error_errno(errno, "%s", above);
		if (status.st_uid != 0 || (status.st_mode & 022 && !(status.st_mode & S_ISVTX)))
			return error_format(
				ERROR_INVALID,
				"the kernel would have %s used by root, but others than root may replace it: %s is not "
				"root's alone",
				path, above);
		if (slash == above)
			break;
	}
	return NULL;
}

static struct error *own_path(char *ret, size_t size)
{
	ssize_t length = readlink("/proc/self/exe", ret, size - 1);
	struct stat status;

	if (length < 0)
		return error_errno(errno, "/proc/self/exe");
	ret[length] = 0;
	if (stat(ret, &status) != 0)
		return error_errno(errno, "%s", ret);
	if (status.st_uid != 0 || status.st_mode & 022)
		return error_format(ERROR_INVALID,
				    "the kernel would run %s as root, but others than root may write that file", ret);
	return check_above(ret);
}

/* It names directories that root writes to, and whose programs run. */
static struct error *check_config(const char *path)
{
	struct stat status;

	if (stat(path, &status) != 0)
		return error_errno(errno, "%s", path);
	if (status.st_uid != 0 || status.st_mode & 022)
		return error_format(ERROR_INVALID, "%s: others than root may write that file", path);
	return check_above(path);
}

/* Whether the kernel can be given them as they are. */
static bool format(const char *program, const char *config, char *ret)
{
	return !strpbrk(program, " \t\n%") && !strpbrk(config, " \t\n%") &&
	       snprintf(ret, CAPTURE_PATTERN_MAX + 1, "|%s capture%s%s %s", program, config[0] ? " --config " : "",
			config, CAPTURE_WORDS) <= CAPTURE_PATTERN_MAX;
}

struct error *install_pattern_make(const char *config, struct install_pattern *ret)
{
	struct error *err;

	memset(ret, 0, sizeof(*ret));
	err = own_path(ret->program, sizeof(ret->program));
	if (err)
		return err;
	if (config && !realpath(config, ret->config))
		return error_errno(errno, "%s", config);
	err = config ? check_config(ret->config) : NULL;
	if (err)
		return err;
	if (format(ret->program, ret->config, ret->text))
		return NULL;
	ret->has_links = true;
	return format(PROGRAM_LINK, config ? CONFIG_LINK : "", ret->text)
		       ? NULL
		       : error_format(ERROR_INVALID, "core_pattern holds only %d bytes", CAPTURE_PATTERN_MAX);
}

/* ---- links ---- */

static bool is_roots_alone(void)
{
	struct stat status;

	return lstat(INSTALL_LINKS, &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == 0 &&
	       !(status.st_mode & 022);
}

static struct error *make_directory(void)
{
	if (mkdir(INSTALL_LINKS, 0755) != 0 && errno != EEXIST)
		return error_errno(errno, "cannot make %s", INSTALL_LINKS);
	if (!is_roots_alone())
		return error_format(ERROR_INVALID, "%s: not a directory that only root may write", INSTALL_LINKS);
	return check_above(PROGRAM_LINK);
}

/* Whole or not at all: a crash may come meanwhile. */
static struct error *make_link(const char *target, const char *link)
{
	cleanup_free char *temporary = NULL;

	if (asprintf(&temporary, "%s.new", link) < 0)
		return &error_no_memory;
	unlink(temporary);
	if (symlink(target, temporary) == 0 && rename(temporary, link) == 0)
		return NULL;
	return error_errno(errno, "cannot make %s", link);
}

struct error *install_pattern_link(const struct install_pattern *pattern)
{
	struct error *err;

	if (!pattern->has_links)
		return NULL;
	err = make_directory() ?: make_link(pattern->program, PROGRAM_LINK);
	if (!err && pattern->config[0])
		err = make_link(pattern->config, CONFIG_LINK);
	return err;
}

/* "" where there is no such link. */
static void read_link(const char *link, char ret[PATH_MAX])
{
	ssize_t length = readlink(link, ret, PATH_MAX - 1);

	ret[length > 0 ? length : 0] = 0;
}

static bool leads_to(const char *link, const char *target)
{
	char found[PATH_MAX];

	read_link(link, found);
	return found[0] && strcmp(found, target) == 0;
}

bool install_pattern_is_linked(const struct install_pattern *pattern)
{
	return !pattern->has_links || (leads_to(PROGRAM_LINK, pattern->program) &&
				       (!pattern->config[0] || leads_to(CONFIG_LINK, pattern->config)));
}

void install_pattern_read_links(struct install_links *ret)
{
	read_link(PROGRAM_LINK, ret->program);
	read_link(CONFIG_LINK, ret->config);
}

static void restore_link(const char *target, const char *link)
{
	if (target[0])
		error_destroy(make_link(target, link));
	else
		unlink(link);
}

void install_pattern_restore_links(const struct install_links *links)
{
	if (!is_roots_alone())
		return;
	restore_link(links->program, PROGRAM_LINK);
	restore_link(links->config, CONFIG_LINK);
	rmdir(INSTALL_LINKS);
}

void install_pattern_unlink(void)
{
	if (!is_roots_alone())
		return;
	unlink(PROGRAM_LINK);
	unlink(CONFIG_LINK);
	rmdir(INSTALL_LINKS);
}
