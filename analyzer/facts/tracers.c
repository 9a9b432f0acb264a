/* SPDX-License-Identifier: MIT */
#include "analyzer/facts/tracers.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/core/core_elf.h"
#include "common/cleanup.h"

static const struct return_instance *instance_of(const struct crash *crash, uint64_t function)
{
	for (size_t i = 0; i < crash->instance_count; i++) {
		if (crash->instances[i].function == function)
			return &crash->instances[i];
	}
	return NULL;
}

/* The place of a probe in its file, as the core's NT_FILE has it. */
static bool place_in_file(const struct crash *crash, uint64_t address, const char **ret_path, uint64_t *ret_offset)
{
	const struct core_file_mapping *file = crash->core ? core_find_file(crash->core, address) : NULL;

	if (!file)
		return false;
	*ret_path = file->path;
	*ret_offset = file->offset + (address - file->start);
	return true;
}

static void take_holder(struct probe *probe, const struct attached_probe *held)
{
	probe->at_return |= held->at_return;
	/* A uretprobe is the one to name, where both kinds sit on a function. */
	if (probe->attached_pid && !held->at_return)
		return;
	probe->attached_pid = held->holder_pid;
	memcpy(probe->attached_comm, held->holder_comm, sizeof(probe->attached_comm));
}

/* The ledger's rows for the place of a return instance. */
static struct error *find_by_inode(struct store_reader *store, const struct crash *crash,
				   const struct return_instance *instance, struct attached_probe **ret,
				   size_t *ret_count)
{
	struct attached_probe_query query = {
		.recording_id = crash->recording.id,
		.device_major = instance->device_major,
		.device_minor = instance->device_minor,
		.inode = instance->inode,
		.offset = instance->offset,
		.at_return = 1,
		.time_ns = crash->time_ns,
		.pid = crash->process.pid,
	};

	return store_reader_attached_probes(store, &query, ret, ret_count);
}

/* A tracer can have left with the return still pending: then the one that was there last. */
static struct error *name_by_past(struct store_reader *store, const struct crash *crash,
				  const struct return_instance *instance, struct probe *probe)
{
	struct attached_probe_query query = {
		.recording_id = crash->recording.id,
		.device_major = instance->device_major,
		.device_minor = instance->device_minor,
		.inode = instance->inode,
		.offset = instance->offset,
		.at_return = 1,
		.any_time = true,
		.pid = crash->process.pid,
	};
	const struct attached_probe *last = NULL;
	struct attached_probe *held = NULL;
	size_t count = 0;
	struct error *err = store_reader_attached_probes(store, &query, &held, &count);

	for (size_t i = 0; !err && i < count; i++) {
		if (held[i].holder_pid && held[i].first_seen_ns < crash->time_ns &&
		    (!last || held[i].last_seen_ns > last->last_seen_ns))
			last = &held[i];
	}
	if (last)
		take_holder(probe, last);
	attached_probes_destroy(held, count);
	return err;
}

static struct error *name_by_place(struct store_reader *store, struct crash *crash)
{
	struct attached_probe_query query = {
		.recording_id = crash->recording.id,
		.any_place = true,
		.at_return = -1,
		.time_ns = crash->time_ns,
		.pid = crash->process.pid,
	};
	struct attached_probe *held = NULL;
	size_t count = 0;
	struct error *err = store_reader_attached_probes(store, &query, &held, &count);

	for (size_t i = 0; !err && i < crash->repair.probe_count; i++) {
		struct probe *probe = &crash->repair.probes[i];
		const char *path;
		uint64_t offset;

		if (!place_in_file(crash, probe->address, &path, &offset))
			continue;
		for (size_t j = 0; j < count; j++) {
			if (held[j].holder_pid && held[j].offset == offset && strcmp(held[j].path, path) == 0)
				take_holder(probe, &held[j]);
		}
	}
	attached_probes_destroy(held, count);
	return err;
}

struct error *tracers_name(struct store_reader *store, struct crash *crash)
{
	struct error *err = NULL;

	for (size_t i = 0; !err && i < crash->repair.probe_count; i++) {
		struct probe *probe = &crash->repair.probes[i];
		const struct return_instance *instance = instance_of(crash, probe->address);
		struct attached_probe *held = NULL;
		size_t count = 0;

		if (!instance)
			continue;
		err = find_by_inode(store, crash, instance, &held, &count);
		for (size_t j = 0; !err && j < count && !probe->attached_pid; j++) {
			if (held[j].holder_pid)
				take_holder(probe, &held[j]);
		}
		attached_probes_destroy(held, count);
		if (!err && !probe->attached_pid)
			err = name_by_past(store, crash, instance, probe);
	}
	if (!err && crash->repair.probe_count)
		err = name_by_place(store, crash);
	return err;
}

/* What lies at that offset of the file as it is now. The path comes from the ledger; the file need not be the one that
 * was probed any more, which its inode would tell, so only a file that is still that inode is asked. */
static struct error *name_function(struct core_host *host, const struct attached_probe *held, struct symbol *symbol)
{
	struct core_elf *elf;
	const struct core_elf_symbol *found = NULL;
	uint64_t address;
	struct error *err;

	symbol->module = strdup(held->path);
	if (!symbol->module)
		return &error_no_memory;
	symbol->module_offset = held->offset;
	err = core_elf_open_path_of(host, held->path, &elf);
	if (err) {
		error_destroy(err); /* it is gone, or not ours to read: the path and the offset have to do */
		return NULL;
	}
	if (core_elf_address_of_offset(elf, held->offset, &address)) {
		symbol->module_offset = address;
		found = core_elf_symbol_around(elf, address);
	}
	if (found) {
		symbol->function = strdup(found->name);
		symbol->function_offset = address - found->address;
	}
	core_elf_destroy(elf);
	return found && !symbol->function ? &error_no_memory : NULL;
}

static struct error *add_pending(struct store_reader *store, struct crash *crash,
				 const struct return_instance *instance)
{
	struct probe *grown = reallocarray(crash->repair.probes, crash->repair.probe_count + 1, sizeof(*grown));
	struct attached_probe *held = NULL;
	struct probe *probe;
	size_t count = 0;
	struct error *err;

	if (!grown)
		return &error_no_memory;
	crash->repair.probes = grown;
	probe = &grown[crash->repair.probe_count++];
	*probe = (struct probe){.address = instance->function, .sources = PROBE_RECORDED, .at_return = true};
	err = find_by_inode(store, crash, instance, &held, &count);
	if (!err && count) {
		take_holder(probe, &held[0]);
		err = name_function(crash->host, &held[0], &probe->symbol);
	}
	attached_probes_destroy(held, count);
	return err;
}

struct error *tracers_add_pending(struct store_reader *store, struct crash *crash)
{
	struct error *err = NULL;

	for (size_t i = 0; i < crash->instance_count && !err; i++) {
		const struct return_instance *instance = &crash->instances[i];
		bool known = false;

		for (size_t j = 0; j < crash->repair.probe_count; j++)
			known |= crash->repair.probes[j].address == instance->function;
		if (!known)
			err = add_pending(store, crash, instance);
	}
	return err;
}
