/* SPDX-License-Identifier: MIT */
/* The objects of a space: each file once, and what each asks for. What a command is, probe_command.c finds out. */
#include "analyzer/probe/probe_space.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analyzer/core/core_process.h"
#include "analyzer/probe/probe_space_internal.h"
#include "common/cleanup.h"
#include "common/vector.h"

/* A program with more libraries is not one. */
#define OBJECTS_MAX 4096

struct error *probe_space_init(struct probe_space *space, const char *library_path)
{
	*space = (struct probe_space){0};
	return probe_loader_init(&space->loader, library_path);
}

void probe_space_deinit(struct probe_space *space)
{
	for (size_t i = 0; i < space->count; i++) {
		free(space->objects[i].path);
		free(space->objects[i].shown);
		free(space->objects[i].name);
		elf_destroy(space->objects[i].elf);
	}
	free(space->objects);
	probe_loader_deinit(&space->loader);
	*space = (struct probe_space){0};
}

struct error *probe_space_add_file(struct probe_space *space, const char *path, const char *name, size_t loaded_by,
				   size_t *ret)
{
	/* As /proc/PID/maps will show it. */
	cleanup_free char *real = realpath(path, NULL);
	struct probe_object like = {.path = real, .shown = real, .name = (char *)name, .loaded_by = loaded_by};

	if (!real)
		return error_errno(errno, "cannot open %s", path);
	return probe_space_add_object(space, &like, real, ret);
}

struct error *probe_space_add_object(struct probe_space *space, const struct probe_object *like, const char *open_path,
				     size_t *ret)
{
	cleanup_fd int fd = open(open_path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct probe_object object = *like;
	struct error *err;

	if (fd < 0 || fstat(fd, &object.identity) != 0)
		return error_errno(errno, "cannot open %s", like->shown);
	if (!S_ISREG(object.identity.st_mode))
		return error_format(ERROR_INVALID, "%s is not a regular file", like->shown);
	for (size_t i = 0; i < space->count; i++) {
		if (space->objects[i].identity.st_dev == object.identity.st_dev &&
		    space->objects[i].identity.st_ino == object.identity.st_ino) {
			space->objects[i].is_program |= like->is_program;
			*ret = i;
			return NULL;
		}
	}
	if (space->count == OBJECTS_MAX)
		return error_format(ERROR_UNSUPPORTED, "more than %d libraries", OBJECTS_MAX);
	if (array_resize(space->objects, space->count + 1))
		return &error_no_memory;
	err = elf_open(fd, like->shown, NULL, &object.elf);
	if (err)
		return err;
	object.path = strdup(like->path);
	object.shown = strdup(like->shown);
	object.name = like->name ? strdup(like->name) : NULL;
	if (like->loaded_by == SIZE_MAX)
		object.loaded_by = space->count;
	space->objects[space->count] = object;
	*ret = space->count++;
	return object.path && object.shown && (object.name || !like->name) ? NULL : &error_no_memory;
}

/* The objects by which `number` was loaded, innermost first. */
static size_t list_loaders(const struct probe_space *space, size_t number, const struct elf_file **ret, size_t most)
{
	size_t count = 0;

	while (space->objects[number].loaded_by != number && count < most) {
		number = space->objects[number].loaded_by;
		ret[count++] = space->objects[number].elf;
	}
	return count;
}

/* A library that something has asked for by this name is not looked for again: ld.so compares names and sonames. */
static bool is_loaded(const struct probe_space *space, const char *name)
{
	for (size_t i = 0; i < space->count; i++) {
		const struct probe_object *object = &space->objects[i];

		if (!object->is_program && ((object->name && strcmp(object->name, name) == 0) ||
					    (object->elf->soname && strcmp(object->elf->soname, name) == 0)))
			return true;
	}
	return false;
}

struct error *probe_space_load(struct probe_space *space, const char *name, size_t by)
{
	const struct elf_file *loaders[16];
	struct probe_paths paths = {0};
	const struct elf_file *elf = by == SIZE_MAX ? NULL : space->objects[by].elf;
	size_t count = by == SIZE_MAX ? 0 : list_loaders(space, by, loaders, 16);
	struct error *err;

	if (is_loaded(space, name))
		return NULL;
	err = probe_loader_find(&space->loader, name, elf, loaders, count, &paths);
	for (size_t i = 0; i < paths.count && !err; i++) {
		size_t number;

		err = probe_space_add_file(space, paths.paths[i], name, by, &number);
		/* Of another architecture, or no library: ld.so goes on looking, and so do we. */
		if (err && err->code != ERROR_NO_MEMORY) {
			error_destroy(err);
			err = NULL;
		}
	}
	probe_paths_deinit(&paths);
	return err;
}

struct error *probe_space_close(struct probe_space *space, size_t from)
{
	struct error *err = NULL;

	/* Breadth first, as ld.so loads; the list grows while it is walked. */
	for (size_t i = from; i < space->count && !err; i++) {
		if (space->objects[i].elf->interpreter)
			err = probe_space_load(space, space->objects[i].elf->interpreter, i);
		for (size_t k = 0; k < space->objects[i].elf->needed_count && !err; k++)
			err = probe_space_load(space, space->objects[i].elf->needed[k], i);
	}
	return err;
}

/* A name for the file of a process that this process, and the recorder, can open. */
static void reach(const struct core_process *process, const struct core_process_file *file, char ret[PATH_MAX])
{
	struct stat there, here;

	snprintf(ret, PATH_MAX, "%s", file->path);
	if (stat(file->open_path, &there) != 0)
		return;
	if (stat(ret, &here) == 0 && here.st_ino == there.st_ino && here.st_dev == there.st_dev)
		return;
	snprintf(ret, PATH_MAX, "/proc/%" PRIu32 "/root%s", process->pid, file->path);
	if (stat(ret, &here) == 0 && here.st_ino == there.st_ino && here.st_dev == there.st_dev)
		return;
	snprintf(ret, PATH_MAX, "%s", file->open_path);
}

struct error *probe_space_add_process(struct probe_space *space, uint32_t pid)
{
	struct core_process *process;
	struct error *err = core_process_read(pid, &process);

	if (err)
		return err;
	space->has_target = true;
	for (size_t i = 0; i < process->file_count && !err; i++) {
		const struct core_process_file *file = &process->files[i];
		struct probe_object like = {
			.shown = file->path, .is_program = file->is_executable_file, .loaded_by = SIZE_MAX};
		char path[PATH_MAX];
		size_t number;

		reach(process, file, path);
		like.path = path;
		err = probe_space_add_object(space, &like, file->open_path, &number);
		/* A font, a perf map: mapped executable, but no code of an ELF file. The program itself must be one. */
		if (err && err->code != ERROR_NO_MEMORY && !like.is_program) {
			error_destroy(err);
			err = NULL;
		}
	}
	core_process_destroy(process);
	return err;
}

struct error *probe_space_add_cached(struct probe_space *space, bool (*wanted)(const char *soname))
{
	struct probe_paths paths = {0};
	struct error *err = probe_loader_list(&space->loader, wanted, &paths);

	for (size_t i = 0; i < paths.count && !err; i++) {
		size_t number;

		err = probe_space_add_file(space, paths.paths[i], NULL, SIZE_MAX, &number);
		if (err && err->code != ERROR_NO_MEMORY) {
			error_destroy(err);
			err = NULL;
		}
	}
	probe_paths_deinit(&paths);
	return err;
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* What may follow the name that was given: nothing, a version, or ".so" and a version. */
static bool is_ending(const char *given, size_t length, const char *rest)
{
	bool has_so = length >= 3 && strncmp(given + length - 3, ".so", 3) == 0;

	return !*rest || (has_so && *rest == '.') || strncmp(rest, ".so.", 4) == 0 || strcmp(rest, ".so") == 0;
}

/* libjemalloc.so.2 by jemalloc, libjemalloc, libjemalloc.so or in full. */
static bool names_file(const char *file, const char *name)
{
	size_t length = strlen(name);

	if (strncmp(file, name, length) == 0 && is_ending(name, length, file + length))
		return true;
	return strncmp(file, "lib", 3) == 0 && strncmp(file + 3, name, length) == 0 &&
	       is_ending(name, length, file + 3 + length);
}

static bool names_object(const struct probe_object *object, const char *name, const struct stat *status)
{
	if (status)
		return status->st_dev == object->identity.st_dev && status->st_ino == object->identity.st_ino;
	if (strchr(name, '/'))
		return strcmp(object->shown, name) == 0;
	return names_file(last_part(object->shown), name) ||
	       (object->elf->soname && names_file(object->elf->soname, name)) ||
	       (object->name && names_file(last_part(object->name), name));
}

static struct error *collect(const struct probe_space *space, const char *name, const struct stat *status, size_t **ret,
			     size_t *ret_count)
{
	size_t *numbers = calloc(space->count + 1, sizeof(*numbers));

	if (!numbers)
		return &error_no_memory;
	*ret_count = 0;
	for (size_t i = 0; i < space->count; i++) {
		if (names_object(&space->objects[i], name, status))
			numbers[(*ret_count)++] = i;
	}
	*ret = numbers;
	return NULL;
}

/* What there is instead of the library that was not found. */
static struct error *refuse(const struct probe_space *space, const char *name)
{
	char text[1024] = "";

	for (size_t i = 0; i < space->count; i++) {
		const char *part = last_part(space->objects[i].shown);

		if (strlen(text) + strlen(part) + 8 > sizeof(text)) {
			strcat(text, ", ...");
			break;
		}
		sprintf(text + strlen(text), "%s%s", *text ? ", " : "", part);
	}
	if (!space->has_target || !*text)
		return error_format(ERROR_NOT_FOUND, "no library '%s': neither a file nor in the linker's cache", name);
	return error_format(ERROR_NOT_FOUND, "no library '%s'; the program's files are %s", name, text);
}

struct error *probe_space_find(struct probe_space *space, const char *name, size_t **ret, size_t *ret_count)
{
	bool is_path = strchr(name, '/') != NULL;
	size_t before = space->count, number;
	struct stat status;
	bool exists = is_path && stat(name, &status) == 0;
	struct error *err = collect(space, name, exists ? &status : NULL, ret, ret_count);

	if (err || *ret_count > 0)
		return err;
	free(*ret);
	*ret = NULL;
	if (exists) {
		err = probe_space_add_file(space, name, NULL, SIZE_MAX, &number);
	} else if (is_path) {
		return error_errno(errno, "cannot open %s", name);
	} else {
		/* Opened later by dlopen(), or of any process. */
		err = probe_space_load(space, name, SIZE_MAX);
	}
	if (!err && space->count > before)
		err = probe_space_close(space, before);
	if (!err)
		err = collect(space, name, exists ? &status : NULL, ret, ret_count);
	if (!err && *ret_count == 0) {
		free(*ret);
		*ret = NULL;
		err = refuse(space, name);
	}
	return err;
}
