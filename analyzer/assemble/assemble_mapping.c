/* SPDX-License-Identifier: MIT */
/* The mapping at the fault's address: its permissions, its file, and what the file has there. */
#include <elf.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "analyzer/assemble/assemble_parts.h"
#include "analyzer/elf/elf_host.h"
#include "schema/record_file.h"

bool assemble_is_deleted(const char *path)
{
	static const char suffix[] = " (deleted)";
	size_t length = strlen(path), tail = sizeof(suffix) - 1;

	return length > tail && strcmp(path + length - tail, suffix) == 0;
}

int assemble_protection(const struct core_segment *segment)
{
	return (segment->flags & PF_R ? PROT_READ : 0) | (segment->flags & PF_W ? PROT_WRITE : 0) |
	       (segment->flags & PF_X ? PROT_EXEC : 0);
}

#define NS_PER_SECOND 1000000000LL

/* The size now, of the file that has the name now: another than the one that the record says was mapped tells nothing.
 */
static struct error *take_file_size(const struct assemble_request *request, const struct crash *crash, const char *path,
				    struct mapping_facts *mapping)
{
	struct elf_host_facts now, core;
	struct file_identity recorded;
	bool found;
	struct error *err;

	if (path[0] != '/' || assemble_is_deleted(path) || elf_host_look(request->host, path, &now) || !now.regular)
		return NULL;
	err = assemble_lost_file(request->store, crash, &recorded, &found);
	if (err)
		return err;
	mapping->file_size_known = !found || now.inode == recorded.inode;
	mapping->file_bytes = now.bytes;
	mapping->file_changed_since = elf_host_look(NULL, crash->core.image->path, &core) ||
				      now.modified_ns / NS_PER_SECOND > core.modified_ns / NS_PER_SECOND ||
				      now.changed_ns / NS_PER_SECOND > core.changed_ns / NS_PER_SECOND;
	if (found)
		file_identity_deinit(&recorded);
	return NULL;
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

struct error *assemble_mapping(const struct assemble_request *request, struct assembly *assembly)
{
	const struct crash *crash = &assembly->crash;
	const struct core *core = crash->core.image;
	struct mapping_facts *mapping = &assembly->crash.facts.mapping;
	uint64_t address = crash->facts.fault.address;
	const struct core_segment *segment;
	const struct core_file_mapping *file;
	struct error *err;

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
	mapping->file.path = strdup(file->path);
	if (!mapping->file.path)
		return &error_no_memory;
	mapping->file.offset = address - file->start + file->offset;
	err = take_file_size(request, crash, file->path, mapping);
	if (err || !reports_permission(crash))
		return err; /* what the file has there matters for a missing permission only, and takes time to find */
	return assemble_describe_module(core_find_module(core, address), address, &mapping->file);
}
