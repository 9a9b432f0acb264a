/* SPDX-License-Identifier: MIT */
#include "analyzer/facts/crash_id.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/array.h"

static uint64_t mix(uint64_t hash, uint64_t value)
{
	/* FNV-1a, byte by byte. */
	for (int i = 0; i < 8; i++) {
		hash ^= value >> (8 * i) & 0xff;
		hash *= 0x100000001b3ULL;
	}
	return hash;
}

void crash_id_make(const struct crash_identity *identity, char ret_id[CRASH_ID_BYTES])
{
	const uint64_t words[] = {
		identity->auxv_sysinfo_ehdr,   identity->auxv_random,	identity->auxv_entry,
		identity->auxv_base,	       identity->pid,		identity->tid,
		identity->instruction_pointer, identity->stack_pointer, identity->signal_address,
	};
	uint64_t hash = 0xcbf29ce484222325ULL;

	for (size_t i = 0; i < array_size(words); i++)
		hash = mix(hash, words[i]);
	snprintf(ret_id, CRASH_ID_BYTES, "%016" PRIx64, hash);
}

void crash_id_of_record(const struct space *space, const struct process *process, const struct signal_event *signal,
			uint32_t tid, char ret_id[CRASH_ID_BYTES])
{
	struct crash_identity identity = {
		.auxv_sysinfo_ehdr = space->auxv_sysinfo_ehdr,
		.auxv_random = space->auxv_random,
		.auxv_entry = space->auxv_entry,
		.auxv_base = space->auxv_base,
		.pid = process->namespace_pid ?: process->pid,
		.tid = tid,
	};

	if (signal) {
		identity.tid = signal->namespace_tid ?: signal->tid;
		identity.instruction_pointer = signal->registers[RECORD_REGISTER_RIP];
		identity.stack_pointer = signal->registers[RECORD_REGISTER_RSP];
		identity.signal_address = signal->address;
	}
	crash_id_make(&identity, ret_id);
}
