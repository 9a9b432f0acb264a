/* SPDX-License-Identifier: MIT */
/* Which file a recorded mapping had, and whether what its path names now is still that. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/core/core_past_internal.h"
#include "common/cleanup.h"
#include "common/vector.h"

static const char vdso_path[] = "[vdso]";

void core_past_file_destroy(struct core_past_file *file)
{
	if (!file)
		return;
	elf_image_deinit(&file->image);
	if (file->owned) {
		cleanup_close_fd(&file->elf_fd);
		cleanup_close_fd(&file->debug_fd);
	}
	free(file->path);
	free(file);
}

static struct error *add_note(struct core_past *past, const char *format, ...) __attribute__((format(printf, 2, 3)));

static struct error *add_note(struct core_past *past, const char *format, ...)
{
	va_list args;
	int length;

	if (array_resize(past->notes, past->note_count + 1))
		return &error_no_memory;
	va_start(args, format);
	length = vasprintf(&past->notes[past->note_count], format, args);
	va_end(args);
	if (length < 0)
		return &error_no_memory;
	past->note_count++;
	return NULL;
}

static struct error *add_file(struct core_past *past, const struct core_past_mapping *mapping,
			      struct core_past_file **ret_file)
{
	struct core_past_file *file;

	if (array_resize(past->files, past->file_count + 1))
		return &error_no_memory;
	file = calloc(1, sizeof(*file));
	if (!file)
		return &error_no_memory;
	file->elf_fd = file->debug_fd = file->image.fd = -1;
	file->state = CORE_MODULE_MISSING;
	file->path = strdup(mapping->path);
	if (!file->path) {
		free(file);
		return &error_no_memory;
	}
	file->device_major = mapping->device_major;
	file->device_minor = mapping->device_minor;
	file->inode = mapping->inode;
	past->files[past->file_count++] = file;
	*ret_file = file;
	return NULL;
}

/* Makes `fd` the file's, if it is an ELF file for this machine. */
static bool take_elf(struct core_past_file *file, int fd)
{
	file->image = (struct elf_image){.fd = fd};
	if (elf_image_init(&file->image) != ELF_IMAGE_ELF) {
		file->image.fd = -1;
		return false;
	}
	file->elf_fd = fd;
	file->build_id_bytes = elf_image_read_build_id(&file->image, 0, file->build_id);
	return true;
}

/* The core shows a mapping of the same file: its module is known by its build-id, or known to be missing. */
static bool take_from_core(const struct core_past *past, const struct core_past_mapping *mapping,
			   struct core_past_file *file)
{
	const struct core *core = past->options.core;
	const struct core_module *module = NULL;

	for (size_t i = 0; core && mapping->in_core && i < core->module_count && !module; i++) {
		if (strcmp(core->modules[i].path, mapping->path) == 0)
			module = &core->modules[i];
	}
	if (!module)
		return false;
	file->state = module->state;
	if (module->elf_fd < 0)
		return true; /* the report says already why it has no symbols */
	if (!take_elf(file, module->elf_fd)) {
		file->state = CORE_MODULE_MISMATCH;
		return true;
	}
	file->debug_fd = module->debug_fd;
	return true;
}

/* What speaks against the file that lies at the path now: NULL for nothing. */
static const char *judge(const struct core_past_mapping *mapping, const struct elf_host_facts *now,
			 enum core_module_state *ret_state)
{
	*ret_state = CORE_MODULE_MISMATCH;
	if (mapping->inode == 0) {
		*ret_state = CORE_MODULE_UNVERIFIED;
		return "the record does not tell its inode";
	}
	if (now->inode != mapping->inode)
		return "another file has its path now";
	if (mapping->last_real_ns && now->modified_ns > mapping->last_real_ns)
		return "it was written to since";
	*ret_state = CORE_MODULE_UNVERIFIED;
	if (now->device_major != mapping->device_major || now->device_minor != mapping->device_minor)
		return "its file system has another device number here";
	if (mapping->last_real_ns && now->changed_ns > mapping->last_real_ns)
		return "it was renamed, copied over or given other permissions since";
	*ret_state = CORE_MODULE_FOUND;
	return NULL;
}

static struct error *open_path(struct core_past *past, const struct core_past_mapping *mapping,
			       struct core_past_file *file)
{
	struct core_module module = {.path = file->path};
	const char *doubt;
	cleanup_fd int fd = -1;
	struct elf_host_facts now;

	if (mapping->path[0] != '/')
		return NULL; /* a memory file, or one whose name was not read */
	fd = elf_host_open(past->options.host, mapping->path, &now);
	if (fd < 0 && fd != -ESTALE)
		return add_note(past, "%s, whose code was recorded, is not there any more: no symbols from it",
				mapping->path);
	doubt = judge(mapping, &now, &file->state);
	if (file->state == CORE_MODULE_MISMATCH)
		return add_note(past, "%s is not the file whose code was recorded (%s): no symbols from it",
				mapping->path, doubt);
	if (fd < 0 || !take_elf(file, fd)) {
		file->state = CORE_MODULE_MISMATCH;
		return NULL;
	}
	take_fd(&fd);
	elf_host_keep(past->options.host, mapping->path);
	file->owned = true;
	memcpy(module.build_id, file->build_id, sizeof(module.build_id));
	module.build_id_bytes = file->build_id_bytes;
	file->debug_fd = core_find_debug_file(&module, past->options.host, past->options.debug_directories);
	if (doubt)
		return add_note(past, "%s is unverified as the file whose code was recorded: %s", mapping->path, doubt);
	return NULL;
}

struct error *core_past_find_file(struct core_past *past, const struct core_past_mapping *mapping,
				  struct core_past_file **ret_file)
{
	struct core_past_file *file;
	struct error *err;

	for (size_t i = 0; i < past->file_count; i++) {
		file = past->files[i];
		if (file->inode == mapping->inode && file->device_major == mapping->device_major &&
		    file->device_minor == mapping->device_minor && strcmp(file->path, mapping->path) == 0) {
			*ret_file = file;
			return NULL;
		}
	}
	err = add_file(past, mapping, &file);
	if (!err && !take_from_core(past, mapping, file))
		err = open_path(past, mapping, file);
	*ret_file = file;
	return err;
}

struct error *core_past_find_vdso(struct core_past *past, struct core_past_file **ret_file)
{
	const struct core_past_mapping mapping = {.path = vdso_path};
	const struct core *core = past->options.core;
	struct core_past_file *file;
	struct error *err;

	*ret_file = NULL;
	if (!past->options.vdso)
		return NULL;
	for (size_t i = 0; i < past->file_count; i++) {
		if (strcmp(past->files[i]->path, vdso_path) == 0) {
			*ret_file = past->files[i]->elf_fd >= 0 ? past->files[i] : NULL;
			return NULL;
		}
	}
	err = add_file(past, &mapping, &file);
	if (err)
		return err;
	for (size_t i = 0; core && i < core->module_count && file->elf_fd < 0; i++) {
		if (core->modules[i].start == past->options.vdso && core->modules[i].elf_fd >= 0)
			take_elf(file, core->modules[i].elf_fd);
	}
	if (file->elf_fd < 0 && past->options.boot_id) {
		int fd = elf_host_open_vdso(past->options.host, past->options.boot_id);

		file->owned = fd >= 0 && take_elf(file, fd);
		if (fd >= 0 && !file->owned)
			close(fd);
	}
	if (file->elf_fd < 0)
		return NULL;
	file->state = CORE_MODULE_FOUND;
	*ret_file = file;
	return NULL;
}
