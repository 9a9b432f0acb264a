/* SPDX-License-Identifier: MIT */
/*
 * Who attached the probes of a crash: joins what was found in the core, or pending in the kernel, with the recorder's
 * ledger.
 */
#include "analyzer/assemble/assemble_parts.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/elf/elf_file.h"
#include "common/cleanup.h"
#include "common/vector.h"
#include "schema/reader_probes.h"
#include "schema/record_probe.h"

static const struct return_instance *instance_of(const struct crash *crash, uint64_t function)
{
	for (size_t i = 0; i < crash->record.instance_count; i++) {
		if (crash->record.instances[i].function == function)
			return &crash->record.instances[i];
	}
	return NULL;
}

/* The place of a probe in its file, as the core's NT_FILE has it. */
static bool place_in_file(const struct crash *crash, uint64_t address, const char **ret_path, uint64_t *ret_offset)
{
	const struct core_file_mapping *file = crash->core.image ? core_find_file(crash->core.image, address) : NULL;

	if (!file)
		return false;
	*ret_path = file->path;
	*ret_offset = file->offset + (address - file->start);
	return true;
}

/* ---- the ledger ---- */

struct ledger {
	struct attached_probe *rows;
	size_t count;
};

static struct error *read_ledger(struct store_reader *store, const struct crash *crash, struct ledger *ret)
{
	struct attached_probe_query query = {
		.recording_id = crash->record.recording.id,
		.any_place = true,
		.at_return = -1,
		.any_time = true,
		.pid = crash->record.process.pid,
	};

	*ret = (struct ledger){0};
	return store_reader_attached_probes(store, &query, &ret->rows, &ret->count);
}

/* Where a probe is: a pending return names the inode that carries it; else the core's NT_FILE has the path. */
struct probe_place {
	const struct return_instance *instance;
	const char *path;
	uint64_t offset;
};

static bool is_at(const struct attached_probe *row, const struct probe_place *place)
{
	const struct return_instance *instance = place->instance;

	if (!instance)
		return place->path && row->offset == place->offset && strcmp(row->path, place->path) == 0;
	return row->offset == instance->offset &&
	       ((row->device_major == instance->device_major && row->device_minor == instance->device_minor &&
		 row->inode == instance->inode) ||
		(row->file_device_major == instance->device_major && row->file_device_minor == instance->device_minor &&
		 row->file_inode == instance->inode));
}

/* Had it been there at any moment of the process's life? What is only defined in tracefs was not. */
static bool was_held(const struct attached_probe *row, const struct crash *crash)
{
	uint64_t begin_ns = row->attached_ns ? row->attached_ns : 0;

	return row->enabled && begin_ns <= crash->record.time_ns &&
	       (!row->gone_ns || row->gone_ns > crash->record.process.start_ns);
}

static void add_holder(struct probe *probe, const struct attached_probe *row, bool left)
{
	size_t known = probe->holder_count < PROBE_HOLDERS ? probe->holder_count : PROBE_HOLDERS;
	struct probe_holder *holder;

	for (size_t i = 0; i < known; i++) {
		holder = &probe->holders[i];
		if (holder->pid == row->holder_pid &&
		    memcmp(holder->comm, row->holder_comm, sizeof(holder->comm)) == 0) {
			holder->left &= left; /* it came back */
			return;
		}
	}
	if (probe->holder_count < PROBE_HOLDERS) {
		holder = &probe->holders[probe->holder_count];
		holder->pid = row->holder_pid;
		memcpy(holder->comm, row->holder_comm, sizeof(holder->comm));
		holder->left = left;
	}
	probe->holder_count++;
}

/* A link that nobody has open any more, and its descriptor's row, are one probe; who holds it is known by the latter.
 */
static bool is_told_better(const struct ledger *ledger, const struct attached_probe *row)
{
	for (size_t i = 0; i < ledger->count; i++) {
		const struct attached_probe *other = &ledger->rows[i];

		if (other->holder_pid && row->program_id && other->program_id == row->program_id &&
		    other->at_return == row->at_return && other->offset == row->offset)
			return true;
	}
	return false;
}

/* A return address that was taken can have been taken by whoever held a uretprobe there at any time: when the function
 * was entered is not recorded, and a return stays pending when its tracer leaves. A breakpoint that is in the text is
 * of those who are there. */
static void name_holders(const struct ledger *ledger, const struct crash *crash, const struct probe_place *place,
			 struct probe *probe)
{
	bool plain = false, at_return = false;

	for (size_t i = 0; i < ledger->count; i++) {
		const struct attached_probe *row = &ledger->rows[i];

		if (!is_at(row, place) || !was_held(row, crash) || !attached_probe_held(row, crash->record.time_ns))
			continue;
		at_return |= row->at_return;
		plain |= !row->at_return;
	}
	probe->at_return |= at_return;
	/* Over a gap a uretprobe may have come unseen. */
	probe->is_plain = plain && !probe->at_return && !crash->record.gap_count;
	for (size_t i = 0; i < ledger->count; i++) {
		const struct attached_probe *row = &ledger->rows[i];
		bool left = !attached_probe_held(row, crash->record.time_ns);

		if (!is_at(row, place) || !was_held(row, crash) || row->at_return != probe->at_return ||
		    (left && !probe->at_return) || (!row->holder_pid && is_told_better(ledger, row)))
			continue;
		add_holder(probe, row, left);
	}
}

static void name_probe(const struct ledger *ledger, const struct crash *crash, struct probe *probe)
{
	struct probe_place place = {.instance = instance_of(crash, probe->address)};
	bool in_file = place_in_file(crash, probe->address, &place.path, &place.offset);

	/* The kernel lets go of a pending return's uprobe some time after its tracer has (hprobe_expire in
	 * kernel/events/uprobes.c): then no inode is recorded. One at another offset is of a uprobe that has got the
	 * memory since, in a record that was made before this was looked at. */
	if (place.instance && (!place.instance->inode || (in_file && place.instance->offset != place.offset)))
		place.instance = NULL;
	if (place.instance || in_file)
		name_holders(ledger, crash, &place, probe);
}

struct error *assemble_name_tracers(struct store_reader *store, const struct crash *crash, struct repair *repair)
{
	struct ledger ledger;
	struct error *err;

	if (!repair->probe_count)
		return NULL;
	err = read_ledger(store, crash, &ledger);
	if (err)
		return err;
	for (size_t i = 0; i < repair->probe_count; i++)
		name_probe(&ledger, crash, &repair->probes[i]);
	attached_probes_destroy(ledger.rows, ledger.count);
	return NULL;
}

/* ---- without a core ---- */

/* What lies at that offset of the file as it is now. The path comes from the ledger; the file need not be the one that
 * was probed any more, which its inode would tell, so only a file that is still that inode is asked. */
static struct error *name_function(struct elf_host *host, const struct attached_probe *held, struct symbol *symbol)
{
	struct elf_file *elf;
	const struct elf_symbol *found = NULL;
	uint64_t address;
	struct error *err;

	symbol->module = strdup(held->path);
	if (!symbol->module)
		return &error_no_memory;
	symbol->module_offset = held->offset;
	err = elf_open_path_of(host, held->path, &elf);
	if (err) {
		error_destroy(err); /* it is gone, or not ours to read: the path and the offset have to do */
		return NULL;
	}
	if (elf_address_of_offset(elf, held->offset, &address)) {
		symbol->module_offset = address;
		found = elf_symbol_around(elf, address);
	}
	if (found) {
		symbol->function = strdup(found->name);
		symbol->function_offset = address - found->address;
	}
	elf_destroy(elf);
	return found && !symbol->function ? &error_no_memory : NULL;
}

static struct error *add_pending(const struct ledger *ledger, const struct crash *crash,
				 const struct return_instance *instance, struct repair *repair)
{
	const struct probe_place place = {.instance = instance};
	struct probe *probe;

	if (array_reserve(repair->probes, repair->probe_room, repair->probe_count + 1))
		return &error_no_memory;
	probe = &repair->probes[repair->probe_count++];
	*probe = (struct probe){.address = instance->function, .sources = PROBE_RECORDED, .at_return = true};
	name_holders(ledger, crash, &place, probe);
	for (size_t i = 0; i < ledger->count; i++) {
		if (is_at(&ledger->rows[i], &place))
			return name_function(crash->core.host, &ledger->rows[i], &probe->symbol);
	}
	return NULL;
}

struct error *assemble_add_pending(struct store_reader *store, const struct crash *crash, struct repair *repair)
{
	struct ledger ledger;
	struct error *err;

	if (!crash->record.instance_count)
		return NULL;
	err = read_ledger(store, crash, &ledger);
	if (err)
		return err;
	for (size_t i = 0; i < crash->record.instance_count && !err; i++) {
		const struct return_instance *instance = &crash->record.instances[i];
		bool known = false;

		for (size_t j = 0; j < repair->probe_count; j++)
			known |= repair->probes[j].address == instance->function;
		if (!known)
			err = add_pending(&ledger, crash, instance, repair);
	}
	attached_probes_destroy(ledger.rows, ledger.count);
	return err;
}
