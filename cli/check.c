/* SPDX-License-Identifier: MIT */
/* corelate check: may a uretprobe be attached here, and which return offsets to use instead. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/check.h"
#include "cli/cli.h"
#include "common/cleanup.h"

static bool is_file(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && !S_ISDIR(status.st_mode);
}

static bool is_number(const char *text)
{
	return *text && strspn(text, "0123456789") == strlen(text);
}

/* A bare name that is no file here is looked for as a shell would. */
static void search_path(const char *name, char *ret, size_t size)
{
	const char *path = getenv("PATH");

	snprintf(ret, size, "%s", name);
	if (strchr(name, '/') || is_file(name))
		return;
	while (path && *path) {
		size_t length = strcspn(path, ":");

		snprintf(ret, size, "%.*s/%s", (int)length, path, name);
		if (length > 0 && access(ret, X_OK) == 0 && is_file(ret))
			return;
		path += length + (path[length] == ':');
	}
	snprintf(ret, size, "%s", name);
}

/* Splits ELF:FUNCTION at the first colon before which there is a file, since both may hold colons. */
static void split_subject(char *subject, const char **function, char *ret_path, size_t size)
{
	search_path(subject, ret_path, size);
	if (is_file(ret_path) || *function)
		return;
	for (char *colon = strchr(subject, ':'); colon; colon = strchr(colon + 1, ':')) {
		*colon = 0;
		search_path(subject, ret_path, size);
		if (is_file(ret_path)) {
			*function = colon + 1;
			return;
		}
		*colon = ':';
	}
	snprintf(ret_path, size, "%s", subject);
}

/* NAME, 0xADDRESS of the file, or +0xOFFSET in it. */
static struct error *find_functions(const struct elf_file *elf, const char *name, struct code_function **ret,
				    size_t *ret_count)
{
	bool offset = name[0] == '+';
	uint64_t address;
	char *end;

	if (!offset && strncmp(name, "0x", 2) != 0)
		return code_find_functions(elf, name, ret, ret_count);
	errno = 0;
	address = strtoull(name + offset, &end, 0);
	if (errno || *end || !isdigit((unsigned char)name[offset]))
		return error_format(ERROR_INVALID, "'%s' is not an address (0x…) or a file offset (+0x…)", name);
	if (offset && !elf_address_of_offset(elf, address, &address))
		return error_format(ERROR_NOT_FOUND, "file offset %s of %s is not loaded", name + 1, elf->path);
	*ret = calloc(1, sizeof(**ret));
	*ret_count = 1;
	return *ret ? code_find_function_at(elf, address, *ret) : &error_no_memory;
}

static struct error *find_sites(struct check *check, const struct code_function *functions, size_t count)
{
	check->sites = calloc(count, sizeof(*check->sites));
	if (!check->sites)
		return &error_no_memory;
	for (size_t i = 0; i < count; i++) {
		struct error *err = code_find_return_sites(check->elf, &functions[i], &check->sites[i]);

		if (err)
			return err;
		check->function_count++;
	}
	return NULL;
}

/* Opens a file of the process under the name that the process has it by. */
static struct error *open_process_file(const struct core_process_file *file, struct elf_file **ret)
{
	cleanup_fd int fd = open(file->open_path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	*ret = NULL;
	if (fd < 0)
		return error_errno(errno, "cannot open %s", file->path);
	return elf_open(fd, file->path, NULL, ret);
}

/* The first file of the process that has the function: the program, then its libraries. */
static struct error *find_in_process(struct check *check)
{
	struct error *first = open_process_file(&check->process->files[0], &check->elf);
	struct code_function *functions = NULL;
	size_t count = 0;

	if (first || !check->function)
		return first;
	first = find_functions(check->elf, check->function, &functions, &count);
	/* An address is one of the program's file; a name may be a library's. */
	for (size_t i = 1; !functions && first && first->code == ERROR_NOT_FOUND && i < check->process->file_count;
	     i++) {
		struct elf_file *elf;
		struct error *err = open_process_file(&check->process->files[i], &elf)
					    ?: code_find_functions(elf, check->function, &functions, &count);

		if (err) {
			error_destroy(err);
			elf_destroy(elf);
			continue;
		}
		error_destroy(first);
		first = NULL;
		elf_destroy(check->elf);
		check->elf = elf;
	}
	if (!first)
		first = find_sites(check, functions, count);
	free(functions);
	return first ? code_add_suggestions(check->elf, check->function, first) : NULL;
}

static struct error *find_in_file(struct check *check, const char *path)
{
	struct code_function *functions = NULL;
	struct error *err = elf_open_path(path, &check->elf);
	size_t count = 0;

	if (err || !check->function)
		return err;
	err = find_functions(check->elf, check->function, &functions, &count);
	if (err)
		err = code_add_suggestions(check->elf, check->function, err);
	else
		err = find_sites(check, functions, count);
	free(functions);
	return err;
}

static struct error *judge(struct check *check)
{
	struct error *err;

	if (check->process)
		err = probe_safety_add_process(&check->safety, check->process, check->function ? check->elf : NULL);
	else
		err = probe_safety_add_file(&check->safety, check->elf);
	if (!err && !check->process && !check->elf->is_executable)
		err = probe_safety_add_library(&check->safety, check->elf, &check->users);
	if (err)
		return err;
	probe_safety_finish(&check->safety);
	for (size_t i = 0; i < check->safety.count; i++) {
		const struct probe_hazard *hazard = &check->safety.hazards[i];

		for (size_t k = 0; k < (check->function_count ?: 1); k++) {
			enum probe_hazard_severity severity =
				probe_hazard_severity_for(hazard, check->function_count ? &check->sites[k] : NULL);

			if (severity <= check->severity)
				continue;
			check->severity = severity;
			check->worst = hazard;
		}
	}
	check->unsafe = check->severity >= PROBE_HAZARD_DANGER;
	return NULL;
}

static void check_deinit(struct check *check)
{
	for (size_t i = 0; i < check->function_count; i++)
		code_return_sites_deinit(&check->sites[i]);
	free(check->sites);
	probe_safety_deinit(&check->safety);
	elf_destroy(check->elf);
	core_process_destroy(check->process);
}

static struct error *run_check(const struct cli_options *options, int *ret_status)
{
	cleanup_with(check_deinit) struct check check = {.function = options->argument_count > 1 ? options->arguments[1]
												 : NULL};
	char path[PATH_MAX], absolute[PATH_MAX], *subject = options->arguments[0];
	struct error *err;

	if (is_number(subject)) {
		errno = 0;
		if (strtoul(subject, NULL, 10) > UINT32_MAX || errno)
			return error_format(ERROR_NOT_FOUND, "no process %s", subject);
		err = core_process_read((uint32_t)strtoul(subject, NULL, 10), &check.process)
			      ?: find_in_process(&check);
		if (err)
			return err;
		/* Outside the process's mount namespace its paths may lead elsewhere. */
		snprintf(path, sizeof(path), "/proc/%" PRIu32 "/root%s", check.process->pid, check.elf->path);
		snprintf(absolute, sizeof(absolute), "%s", check.elf->path);
		check.probe_path = is_file(absolute) || !is_file(path) ? absolute : path;
	} else {
		split_subject(subject, &check.function, path, sizeof(path));
		err = find_in_file(&check, path);
		check.probe_path = realpath(path, absolute) ? absolute : path;
	}
	err = err ?: judge(&check);
	if (!err && options->json)
		err = check_write_json(options, &check);
	else if (!err)
		check_write_text(&check, stdout);
	if (!err && check.unsafe)
		*ret_status = CLI_UNSAFE;
	return err;
}

const struct cli_command cli_check = {
	.name = "check",
	.arguments = "ELF[:FUNCTION]|PID [FUNCTION]",
	.summary = "tell whether a uretprobe may be attached, and what to use instead",
	.details =
		"FUNCTION is a symbol, an address (0x...) or an offset in the file (+0x...). For a function, the line\n"
		"is printed that probes each of its RET instructions, with no harm to the stack.\n"
		"Safe means that nothing was found; a stripped file can hide what it is.\n",
	.statuses = "0 safe, 4 unsafe, 1 failure, 2 bad usage, 3 no such file, process or function",
	.flags = CLI_JSON,
	.least = 1,
	.most = 2,
	.run = run_check,
};
