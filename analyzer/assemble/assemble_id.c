/* SPDX-License-Identifier: MIT */
#include "analyzer/assemble/assemble_steps.h"
#include "analyzer/facts/crash_id.h"

struct error *assemble_id(const struct assemble_request *request, struct assembly *assembly)
{
	const struct crash *crash = &assembly->crash;
	const struct core *core = crash->core.image && crash->core.image->has_auxv ? crash->core.image : NULL;
	const struct crash_identity identity = {
		.auxv_sysinfo_ehdr = core ? core->auxv_sysinfo_ehdr : crash->record.space.auxv_sysinfo_ehdr,
		.auxv_random = core ? core->auxv_random : crash->record.space.auxv_random,
		.auxv_entry = core ? core->auxv_entry : crash->record.space.auxv_entry,
		.auxv_base = core ? core->auxv_base : crash->record.space.auxv_base,
		.pid = crash->facts.pid,
		.tid = crash->facts.tid,
		.instruction_pointer = crash->facts.registers[CORE_RIP],
		.stack_pointer = crash->facts.registers[CORE_RSP],
		.signal_address = crash->facts.signal.address,
	};

	(void)request;
	crash_id_make(&identity, assembly->crash.facts.id);
	return NULL;
}
