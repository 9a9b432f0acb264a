/* SPDX-License-Identifier: MIT */
#include "analyzer/core/core_past.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/core/core_past_internal.h"
#include "common/cleanup.h"

#define PAGE_MASK 4095ULL

struct error *core_past_create(const struct core_past_options *options, struct core_past **ret_past)
{
	struct core_past *past = calloc(1, sizeof(*past));

	if (!past)
		return &error_no_memory;
	past->options = *options;
	*ret_past = past;
	return NULL;
}

/* The descriptors of its modules are those of the files. */
static void picture_destroy(struct core *picture)
{
	if (!picture)
		return;
	free(picture->segments);
	free(picture->files);
	free(picture->modules);
	if (picture->private_)
		free(picture->private_->promised_bytes);
	free(picture->private_);
	free(picture);
}

void core_past_destroy(struct core_past *past)
{
	if (!past)
		return;
	for (size_t i = 0; i < past->picture_count; i++)
		picture_destroy(past->pictures[i]);
	for (size_t i = 0; i < past->file_count; i++)
		core_past_file_destroy(past->files[i]);
	for (size_t i = 0; i < past->note_count; i++)
		free(past->notes[i]);
	free(past->pictures);
	free(past->files);
	free(past->notes);
	free(past);
}

char *const *core_past_notes(const struct core_past *past, size_t *ret_count)
{
	*ret_count = past->note_count;
	return past->notes;
}

static struct core *picture_create(size_t capacity)
{
	struct core *picture = calloc(1, sizeof(*picture));

	if (!picture)
		return NULL;
	picture->path = "the recorded code";
	picture->machine = EM_X86_64; /* nothing else is recorded */
	picture->segments = calloc(capacity, sizeof(*picture->segments));
	picture->files = calloc(capacity, sizeof(*picture->files));
	picture->modules = calloc(capacity, sizeof(*picture->modules));
	picture->private_ = calloc(1, sizeof(*picture->private_));
	if (picture->private_) {
		picture->private_->fd = -1;
		picture->private_->promised_bytes = calloc(capacity, sizeof(*picture->private_->promised_bytes));
	}
	if (!picture->segments || !picture->files || !picture->modules || !picture->private_ ||
	    !picture->private_->promised_bytes) {
		picture_destroy(picture);
		return NULL;
	}
	return picture;
}

/* The load bias, from the executable segment that has the mapping's offset: of segments that share a page in the file,
 * only that one is mapped executable from it. */
static bool find_bias(const struct elf_image *image, uint64_t start, uint64_t offset, uint64_t *ret_bias)
{
	for (unsigned i = 0; i < image->header.e_phnum; i++) {
		const Elf64_Phdr *program = &image->program_headers[i];

		if (program->p_type != PT_LOAD || !(program->p_flags & PF_X) ||
		    offset < (program->p_offset & ~PAGE_MASK) ||
		    offset - (program->p_offset & ~PAGE_MASK) > program->p_filesz + PAGE_MASK)
			continue;
		*ret_bias = start - offset + program->p_offset - program->p_vaddr;
		return true;
	}
	return false;
}

static void add_range(struct core *picture, uint64_t start, uint64_t end, uint64_t offset, const char *path)
{
	picture->segments[picture->segment_count++] =
		(struct core_segment){.start = start, .end = end, .flags = PF_R | PF_X};
	picture->files[picture->file_count++] =
		(struct core_file_mapping){.start = start, .end = end, .offset = offset, .path = path};
}

/* A file can be mapped executable in several pieces (one page of it was replaced, or its protection changed): they are
 * one module when they have one bias. */
static void add_module(struct core *picture, const struct core_past_file *file, uint64_t start, uint64_t end,
		       uint64_t offset)
{
	struct core_module module = {.path = file->path,
				     .state = file->state,
				     .elf_fd = file->elf_fd,
				     .debug_fd = file->debug_fd,
				     .build_id_bytes = file->build_id_bytes};

	if (file->elf_fd < 0) {
		/* Not to be read, but it has a name: its addresses are offsets in the file. */
		module.load_bias = module.start = start - offset;
		module.end = end;
		picture->modules[picture->module_count++] = module;
		return;
	}
	if (!find_bias(&file->image, start, offset, &module.load_bias))
		return;
	memcpy(module.build_id, file->build_id, sizeof(module.build_id));
	module.start = start;
	module.end = module.load_bias + elf_image_end(&file->image);
	for (unsigned i = 0; i < file->image.header.e_phnum; i++) {
		const Elf64_Phdr *program = &file->image.program_headers[i];

		if (program->p_type == PT_LOAD) {
			module.start = (program->p_vaddr & ~PAGE_MASK) + module.load_bias;
			break;
		}
	}
	for (size_t i = 0; i < picture->module_count; i++) {
		if (picture->modules[i].path == module.path && picture->modules[i].load_bias == module.load_bias)
			return;
	}
	if (module.start <= start && start < module.end)
		picture->modules[picture->module_count++] = module;
}

static int compare_modules(const void *left, const void *right)
{
	const struct core_module *a = left, *b = right;

	return (a->start > b->start) - (a->start < b->start);
}

static int compare_segments(const void *left, const void *right)
{
	const struct core_segment *a = left, *b = right;

	return (a->start > b->start) - (a->start < b->start);
}

static int compare_files(const void *left, const void *right)
{
	const struct core_file_mapping *a = left, *b = right;

	return (a->start > b->start) - (a->start < b->start);
}

static bool is_free(const struct core *picture, uint64_t start, uint64_t end)
{
	for (size_t i = 0; i < picture->segment_count; i++) {
		if (start < picture->segments[i].end && end > picture->segments[i].start)
			return false;
	}
	return start < end;
}

static struct error *add_vdso(struct core_past *past, struct core *picture)
{
	struct core_past_file *file;
	struct error *err = core_past_find_vdso(past, &file);
	uint64_t start = past->options.vdso, bytes;

	if (err || !file)
		return err;
	bytes = elf_image_end(&file->image);
	if (bytes <= PAGE_MASK || start + bytes < start || !is_free(picture, start, start + bytes))
		return NULL;
	add_range(picture, start, start + bytes, 0, file->path);
	add_module(picture, file, start, start + bytes, 0);
	return NULL;
}

static struct error *fill(struct core_past *past, const struct core_past_mapping *mappings, size_t count,
			  struct core *picture)
{
	struct error *err = NULL;

	for (size_t i = 0; i < count && !err; i++) {
		const struct core_past_mapping *mapping = &mappings[i];
		struct core_past_file *file;

		if (mapping->start >= mapping->end || (i > 0 && mapping->start < mappings[i - 1].end))
			continue;
		err = core_past_find_file(past, mapping, &file);
		if (err)
			break;
		add_range(picture, mapping->start, mapping->end, mapping->offset, file->path);
		add_module(picture, file, mapping->start, mapping->end, mapping->offset);
	}
	if (!err)
		err = add_vdso(past, picture);
	if (picture->segment_count > 0) {
		qsort(picture->segments, picture->segment_count, sizeof(*picture->segments), compare_segments);
		qsort(picture->files, picture->file_count, sizeof(*picture->files), compare_files);
	}
	if (picture->module_count > 0)
		qsort(picture->modules, picture->module_count, sizeof(*picture->modules), compare_modules);
	return err;
}

static bool same_picture(const struct core *a, const struct core *b)
{
	if (a->file_count != b->file_count)
		return false;
	for (size_t i = 0; i < a->file_count; i++) {
		/* Paths of one past_file are one pointer. */
		if (a->files[i].start != b->files[i].start || a->files[i].end != b->files[i].end ||
		    a->files[i].offset != b->files[i].offset || a->files[i].path != b->files[i].path)
			return false;
	}
	return true;
}

struct error *core_past_picture(struct core_past *past, const struct core_past_mapping *mappings, size_t count,
				const struct core **ret_picture)
{
	struct core *picture = picture_create(count + 1);
	struct core **pictures;
	struct error *err;

	if (!picture)
		return &error_no_memory;
	err = fill(past, mappings, count, picture);
	for (size_t i = 0; i < past->picture_count && !err; i++) {
		if (same_picture(past->pictures[i], picture)) {
			picture_destroy(picture);
			*ret_picture = past->pictures[i];
			return NULL;
		}
	}
	pictures = err ? NULL : reallocarray(past->pictures, past->picture_count + 1, sizeof(struct core *));
	if (!pictures) {
		picture_destroy(picture);
		return err ? err : &error_no_memory;
	}
	past->pictures = pictures;
	pictures[past->picture_count++] = picture;
	*ret_picture = picture;
	return NULL;
}
