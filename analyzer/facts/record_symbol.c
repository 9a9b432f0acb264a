/* SPDX-License-Identifier: MIT */
#include "analyzer/facts/record_symbol.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "analyzer/elf/elf_file.h"
#include "analyzer/timeline.h"
#include "common/cleanup.h"
#include "schema/reader.h"
#include "schema/reader_maps.h"
#include "schema/record_file.h"
#include "schema/record_memory.h"
#include "schema/record_process.h"
#include "schema/record_recording.h"

/* Each holds a file's symbol table, and each the code events of a space. */
#define FILES_MAX 64
#define SPACES_MAX 32

struct known_file {
	int64_t id;
	char *path;	      /* as recorded; NULL when the record does not have it */
	int64_t changed_ns;   /* since 1970; when its contents were last changed */
	struct elf_file *elf; /* NULL when it is not that file any more, or not readable */
};

struct known_space {
	int64_t id;
	struct memory_event *events; /* that concern places where code was ever mapped, by rising id */
	size_t event_count;
	struct timeline timeline; /* of all of them */
	int64_t realtime_offset_ns;
};

struct record_symbols {
	struct store_reader *store;
	struct known_file files[FILES_MAX];
	size_t file_count, next_file;
	struct known_space spaces[SPACES_MAX];
	size_t space_count, next_space;
};

struct error *record_symbols_create(struct store_reader *store, struct record_symbols **ret)
{
	*ret = calloc(1, sizeof(**ret));
	if (!*ret)
		return &error_no_memory;
	(*ret)->store = store;
	return NULL;
}

static void known_file_deinit(struct known_file *file)
{
	free(file->path);
	elf_destroy(file->elf);
	*file = (struct known_file){0};
}

static void known_space_deinit(struct known_space *space)
{
	timeline_deinit(&space->timeline);
	free(space->events);
	*space = (struct known_space){0};
}

void record_symbols_destroy(struct record_symbols *symbols)
{
	if (!symbols)
		return;
	for (size_t i = 0; i < symbols->file_count; i++)
		known_file_deinit(&symbols->files[i]);
	for (size_t i = 0; i < symbols->space_count; i++)
		known_space_deinit(&symbols->spaces[i]);
	free(symbols);
}

/* Opens what the path leads to, if that is the file that was mapped. Without O_NONBLOCK a FIFO would wait. */
static void open_file(struct known_file *known, const struct file_identity *identity)
{
	struct stat status;
	cleanup_fd int fd = -1;

	/* Opening a device does something, and the path is the record's word. */
	if (stat(identity->path, &status) < 0 || !S_ISREG(status.st_mode))
		return;
	fd = open(identity->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || status.st_ino != identity->inode ||
	    major(status.st_dev) != identity->device_major || minor(status.st_dev) != identity->device_minor)
		return;
	known->changed_ns = status.st_mtim.tv_sec * 1000000000LL + status.st_mtim.tv_nsec;
	/* What cannot be read as ELF has no names. */
	error_destroy(elf_open(fd, identity->path, NULL, &known->elf));
}

static struct error *find_file(struct record_symbols *symbols, int64_t id, const struct known_file **ret)
{
	struct file_identity identity;
	struct known_file *known;
	struct error *err;

	for (size_t i = 0; i < symbols->file_count; i++) {
		if (symbols->files[i].id == id) {
			*ret = &symbols->files[i];
			return NULL;
		}
	}
	known = &symbols->files[symbols->next_file];
	known_file_deinit(known);
	symbols->next_file = (symbols->next_file + 1) % FILES_MAX;
	if (symbols->file_count < FILES_MAX)
		symbols->file_count++;
	err = store_reader_file(symbols->store, id, &identity);
	if (err && err->code != ERROR_NOT_FOUND)
		return err;
	known->id = id;
	*ret = known;
	if (err) {
		error_destroy(err);
		return NULL;
	}
	if (identity.path[0] == '/')
		open_file(known, &identity);
	known->path = take_pointer(identity.path);
	file_identity_deinit(&identity);
	return NULL;
}

/* 0 where the record has lost what it takes to know. */
static int64_t realtime_offset(struct store_reader *store, int64_t space_id)
{
	struct space space;
	struct process process;
	struct recording recording;
	struct error *err = store_reader_space(store, space_id, &space);
	int64_t offset = 0;

	if (!err)
		err = store_reader_process(store, space.process_id, &process)
			      ?: store_reader_recording(store, process.recording_id, &recording);
	if (!err) {
		offset = recording.realtime_offset_ns;
		recording_deinit(&recording);
	}
	error_destroy(err);
	return offset;
}

static struct error *find_space(struct record_symbols *symbols, int64_t id, const struct known_space **ret)
{
	struct known_space *known;
	struct error *err;

	for (size_t i = 0; i < symbols->space_count; i++) {
		if (symbols->spaces[i].id == id) {
			*ret = &symbols->spaces[i];
			return NULL;
		}
	}
	known = &symbols->spaces[symbols->next_space];
	known_space_deinit(known);
	symbols->next_space = (symbols->next_space + 1) % SPACES_MAX;
	if (symbols->space_count < SPACES_MAX)
		symbols->space_count++;
	err = store_reader_code_events(symbols->store, id, INT64_MAX, &known->events, &known->event_count);
	if (!err)
		err = timeline_build(known->events, known->event_count, 0, UINT64_MAX, &known->timeline);
	if (err)
		return err;
	known->id = id;
	known->realtime_offset_ns = realtime_offset(symbols->store, id);
	*ret = known;
	return NULL;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

static char *name_in_file(const struct known_file *file, uint64_t offset, bool is_unchanged)
{
	const struct elf_symbol *symbol = NULL;
	const char *module = base_name(file->path);
	uint64_t address;
	char *text;
	int length;

	if (file->elf && is_unchanged && elf_address_of_offset(file->elf, offset, &address))
		symbol = elf_symbol_around(file->elf, address);
	length = symbol ? asprintf(&text, "%s+0x%" PRIx64 " (%s)", symbol->name, address - symbol->address, module)
			: asprintf(&text, "%s+0x%" PRIx64, module, offset);
	return length < 0 ? NULL : text;
}

struct error *record_symbols_name(struct record_symbols *symbols, int64_t space_id, uint64_t address, uint64_t time_ns,
				  char **ret_text)
{
	const struct memory_event *mapping;
	const struct life *life;
	const struct known_space *space;
	const struct known_file *file;
	struct error *err = find_space(symbols, space_id, &space);
	bool is_unchanged;

	*ret_text = NULL;
	if (err)
		return err;
	life = timeline_life_at(&space->timeline, address, time_ns);
	mapping = life ? &space->events[life->born] : NULL;
	if (!mapping || !mapping->file_id || (mapping->kind != MEMORY_MMAP && mapping->kind != MEMORY_SEEN))
		return NULL;
	err = find_file(symbols, mapping->file_id, &file);
	if (err || !file->path)
		return err;
	is_unchanged =
		space->realtime_offset_ns && file->changed_ns <= (int64_t)mapping->enter_ns + space->realtime_offset_ns;
	/* Where a mapping begins: the address asked for is that of a mapping found in place, the result that of mmap.
	 */
	*ret_text = name_in_file(file,
				 mapping->args[5] + address -
					 (mapping->kind == MEMORY_SEEN ? mapping->args[0] : (uint64_t)mapping->result),
				 is_unchanged);
	return *ret_text ? NULL : &error_no_memory;
}
