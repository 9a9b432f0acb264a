/* SPDX-License-Identifier: MIT */
/* What stands at the fault's address, and what stood there and is gone: the file, its section, its symbol. */
#include <elf.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "analyzer/elf/elf_file.h"
#include "analyzer/elf/elf_host.h"
#include "analyzer/evidence/evidence_mapping.h"
#include "analyzer/assemble/assemble_steps.h"
#include "common/cleanup.h"
#include "replay/effect.h"
#include "schema/reader.h"
#include "schema/reader_truncations.h"

static const char deleted_suffix[] = " (deleted)";

void file_spot_deinit(struct file_spot *spot)
{
	free(spot->path);
	free(spot->section);
	free(spot->symbol);
	*spot = (struct file_spot){0};
}

void mapping_facts_deinit(struct mapping_facts *mapping)
{
	file_spot_deinit(&mapping->file);
	*mapping = (struct mapping_facts){0};
}

static bool is_deleted(const char *path)
{
	size_t length = strlen(path), suffix = sizeof(deleted_suffix) - 1;

	return length > suffix && strcmp(path + length - suffix, deleted_suffix) == 0;
}

static bool copy_text(char **copy, const char *text)
{
	*copy = text ? strdup(text) : NULL;
	return !text || *copy;
}

/* The symbol, of code or data, whose extent holds the address. Symbols are by rising address; nested ones are rare. */
static const struct elf_symbol *symbol_around(const struct elf_file *elf, uint64_t address)
{
	size_t low = 0, high = elf->symbol_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (elf->symbols[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	for (size_t i = low, tried = 0; i-- > 0 && tried < 64; tried++) {
		const struct elf_symbol *symbol = &elf->symbols[i];

		if (!symbol->is_import && address - symbol->address < symbol->size)
			return symbol;
	}
	return NULL;
}

static bool describe(const struct elf_file *elf, uint64_t address, struct file_spot *spot)
{
	const struct elf_symbol *symbol = symbol_around(elf, address);
	uint64_t start, end;

	spot->is_elf = true;
	spot->is_relro = elf_find_relro(elf, &start, &end) && address >= start && address < end;
	if (symbol)
		spot->symbol_offset = address - symbol->address;
	return copy_text(&spot->section, elf_section_of(elf, address)) &&
	       copy_text(&spot->symbol, symbol ? symbol->name : NULL);
}

/* A file that cannot be read leaves the spot without a name for the place. */
static struct error *describe_module(const struct core_module *module, uint64_t address, struct file_spot *spot)
{
	struct elf_file *elf;
	struct error *err;
	bool complete;

	if (!module || module->elf_fd < 0)
		return NULL;
	err = elf_open_module(module, &elf);
	if (err) {
		error_destroy(err);
		return NULL;
	}
	complete = describe(elf, address - module->load_bias, spot);
	elf_destroy(elf);
	return complete ? NULL : &error_no_memory;
}

int assemble_protection(const struct core_segment *segment)
{
	return (segment->flags & PF_R ? PROT_READ : 0) | (segment->flags & PF_W ? PROT_WRITE : 0) |
	       (segment->flags & PF_X ? PROT_EXEC : 0);
}

#define NS_PER_SECOND 1000000000LL

/* The size now, of the file that has the name now. */
static void take_file_size(const struct crash *crash, const char *path, struct mapping_facts *mapping)
{
	struct elf_host_facts file, core;

	if (path[0] != '/' || is_deleted(path) || elf_host_look(crash->core.host, path, &file) || !file.regular)
		return;
	mapping->file_size_known = true;
	mapping->file_bytes = file.bytes;
	mapping->file_changed_since = !crash->core.image || elf_host_look(NULL, crash->core.image->path, &core) ||
				      file.modified_ns / NS_PER_SECOND > core.modified_ns / NS_PER_SECOND ||
				      file.changed_ns / NS_PER_SECOND > core.changed_ns / NS_PER_SECOND;
}

/* How far below the stack pointer a function reaches before it moves it: calls, pushes, the red zone, and what
 * compilers probe. */
#define STACK_REACH_BYTES 65536

static bool guards_stack(const struct crash *crash, const struct core_segment *segment)
{
	uint64_t sp = crash->facts.fault.has_registers ? crash->facts.fault.registers[CORE_RSP]
						       : crash->facts.registers[CORE_RSP];
	const struct core_segment *stack = core_find_segment(crash->core.image, sp);

	return segment->flags == 0 && stack && (stack == segment || stack->start == segment->end) &&
	       crash->facts.fault.address + STACK_REACH_BYTES >= sp;
}

static bool reports_permission(const struct crash *crash)
{
	const struct crash_signal *signal =
		crash->facts.fault.in_handler ? &crash->facts.fault.signal : &crash->facts.signal;

	return crash->facts.fault.cause == FAULT_PERMISSION || crash->facts.fault.cause == FAULT_PROTECTION_KEY ||
	       (signal->number == SIGSEGV && (signal->code == SEGV_ACCERR || signal->code == SEGV_PKUERR));
}

struct error *assemble_take_mapping(struct crash *crash)
{
	const struct core *core = crash->core.image;
	struct mapping_facts *mapping = &crash->facts.mapping;
	uint64_t address = crash->facts.fault.address;
	const struct core_segment *segment;
	const struct core_file_mapping *file;

	if (!core || crash->facts.fault.source == ADDRESS_UNKNOWN)
		return NULL;
	segment = core_find_segment(core, address);
	if (!segment)
		return NULL;
	mapping->known = true;
	mapping->protection = assemble_protection(segment);
	mapping->start = segment->start;
	mapping->end = segment->end;
	mapping->guards_stack = guards_stack(crash, segment);
	file = core_find_file(core, address);
	if (!file)
		return NULL;
	if (!copy_text(&mapping->file.path, file->path))
		return &error_no_memory;
	mapping->file.offset = address - file->start + file->offset;
	take_file_size(crash, file->path, mapping);
	if (!reports_permission(crash))
		return NULL; /* what the file has there matters for a missing permission only, and takes time to find */
	return describe_module(core_find_module(core, address), address, &mapping->file);
}

/* ---- what was unloaded ---- */

/* The life that mapped the file whose place this was: the one that ended, or, of the zero-initialized end of a
 * library's data, the mapping of the whole library, which the dynamic linker makes first and then maps over. */
static const struct life *find_file_life(const struct biography *biography, const struct life *last)
{
	if (biography->events[last->born].file_id)
		return last;
	for (size_t i = 0; i < biography->timeline.life_count; i++) {
		const struct life *life = &biography->timeline.lives[i];

		if (life->died == last->born && biography->address >= life->start && biography->address < life->end &&
		    biography->events[life->born].file_id)
			return life;
	}
	return NULL;
}

/* Only the file with the recorded inode number is the one that was mapped. `exact`: the bytes at the offset lay there;
 * else the file's whole range of addresses was laid out from there. */
static struct error *describe_path(struct elf_host *host, const struct file_identity *file, bool exact,
				   struct file_spot *spot)
{
	struct elf_file *elf;
	struct error *err;
	struct elf_host_facts now;
	uint64_t address;
	bool complete = true;

	if (file->path[0] != '/' || elf_host_look(host, file->path, &now) || now.inode != file->inode)
		return NULL;
	err = elf_open_path_of(host, file->path, &elf);
	if (err) {
		error_destroy(err);
		return NULL;
	}
	/* A library's addresses begin at zero, so that in the mapping of all of it an offset is an address. */
	if (!exact)
		complete = describe(elf, spot->offset, spot);
	else if (elf_address_of_offset(elf, spot->offset, &address))
		complete = describe(elf, address, spot);
	else
		spot->is_elf = true;
	elf_destroy(elf);
	return complete ? NULL : &error_no_memory;
}

struct error *assemble_take_unloaded(struct store_reader *store, struct crash *crash)
{
	const struct biography *biography = &crash->facts.biography;
	const struct life *last =
		evidence_before_scratch(crash, timeline_last_life(&biography->timeline, biography->address));
	const struct life *mapped = last && last->died != TIMELINE_ALIVE ? find_file_life(biography, last) : NULL;
	const struct memory_event *event = mapped ? &biography->events[mapped->born] : NULL;
	struct file_identity file;
	struct error *err;

	if (!event)
		return NULL;
	err = store_reader_file(store, event->file_id, &file);
	if (err && err->code == ERROR_NOT_FOUND) {
		error_destroy(err);
		return NULL;
	}
	if (err)
		return err;
	if (event->kind == MEMORY_MMAP || event->kind == MEMORY_SEEN)
		crash->facts.unloaded.offset =
			biography->address - memory_event_effect(event).added_start + event->args[5];
	if (!copy_text(&crash->facts.unloaded.path, file.path))
		err = &error_no_memory;
	if (!err)
		err = describe_path(crash->core.host, &file, mapped == last, &crash->facts.unloaded);
	file_identity_deinit(&file);
	return err;
}

/* ---- what happened to the file ---- */

#define FILE_LOSS_LIMIT 256

/* "data" of "/tmp/data (deleted)". The caller frees it. */
static char *last_component(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	size_t length = strlen(name);

	return strndup(name, is_deleted(name) ? length - (sizeof(deleted_suffix) - 1) : length);
}

static struct error *load_losses(struct store_reader *store, const struct file_identity *file, struct crash *crash)
{
	cleanup_free char *name = last_component(file->path);
	cleanup_free struct truncation *calls = NULL;
	struct elf_host_facts now;
	size_t count = 0;
	struct error *err;

	if (!name)
		return &error_no_memory;
	/* Another file may bear the name now. */
	if (crash->facts.mapping.file_size_known && crash->facts.mapping.file.path &&
	    (elf_host_look(crash->core.host, crash->facts.mapping.file.path, &now) || now.inode != file->inode))
		crash->facts.mapping.file_size_known = false;
	err = store_reader_truncations(store, crash->record.recording.id, file, name, FILE_LOSS_LIMIT, &calls, &count);
	if (err)
		return err;
	crash->facts.file_losses = calloc(count ?: 1, sizeof(*crash->facts.file_losses));
	for (size_t i = 0; i < count; i++) {
		if (crash->facts.file_losses && (!crash->record.time_ns || calls[i].enter_ns < crash->record.time_ns))
			crash->facts.file_losses[crash->facts.file_loss_count++].call = calls[i];
		else
			truncation_deinit(&calls[i]);
	}
	return crash->facts.file_losses ? NULL : &error_no_memory;
}

struct error *assemble_take_file_losses(struct store_reader *store, struct crash *crash)
{
	const struct crash_signal *signal =
		crash->facts.fault.in_handler ? &crash->facts.fault.signal : &crash->facts.signal;
	const struct biography *biography = &crash->facts.biography;
	const struct life *life = timeline_last_life(&biography->timeline, biography->address);
	struct file_identity file;
	struct error *err;

	if (signal->number != SIGBUS || !life || !biography->events[life->born].file_id)
		return NULL;
	err = store_reader_file(store, biography->events[life->born].file_id, &file);
	if (err && err->code == ERROR_NOT_FOUND) {
		error_destroy(err);
		return NULL;
	}
	if (err)
		return err;
	err = load_losses(store, &file, crash);
	file_identity_deinit(&file);
	return err;
}
