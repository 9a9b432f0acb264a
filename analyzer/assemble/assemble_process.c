/* SPDX-License-Identifier: MIT */
/* Who died: from the core, else from the record. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/assemble/assemble_parts.h"
#include "analyzer/elf/elf_file.h"
#include "analyzer/code/code_return_sites.h"
#include "common/array.h"
#include "schema/reader.h"
#include "schema/record_file.h"

static struct error *copy_text(const char *from, char **ret_copy)
{
	*ret_copy = from ? strdup(from) : NULL;
	return from && !*ret_copy ? &error_no_memory : NULL;
}

static const char *executable_of_core(const struct core *core)
{
	const struct core_module *module = core->has_auxv ? core_find_module(core, core->auxv_entry) : NULL;

	return module ? module->path : NULL;
}

static struct error *take_core(const struct core *core, struct crash_facts *facts)
{
	facts->pid = core->pid;
	facts->parent_pid = core->parent_pid;
	facts->tid = core->threads[0].tid;
	snprintf(facts->comm, sizeof(facts->comm), "%s", core->comm);
	memcpy(facts->registers, core->threads[0].registers, sizeof(facts->registers));
	facts->has_registers = true;
	return copy_text(executable_of_core(core), &facts->executable);
}

static void take_recorded(const struct process *process, uint32_t tid, struct crash_facts *facts)
{
	facts->pid = process->namespace_pid ?: process->pid;
	facts->tid = tid;
	snprintf(facts->comm, sizeof(facts->comm), "%.*s", (int)sizeof(process->comm), process->comm);
}

/* What the recorder saw of the dying thread. */
static void take_registers(const struct signal_event *signal, struct crash_facts *facts)
{
	/* signal_event.registers against user_regs_struct, in the order of the former. */
	static const enum core_register order[] = {
		CORE_R15, CORE_R14, CORE_R13, CORE_R12, CORE_RBP, CORE_RBX, CORE_R11, CORE_R10,	   CORE_R9,
		CORE_R8,  CORE_RAX, CORE_RCX, CORE_RDX, CORE_RSI, CORE_RDI, CORE_RIP, CORE_EFLAGS, CORE_RSP,
	};

	for (size_t i = 0; i < array_size(order); i++) {
		facts->registers[order[i]] = signal->registers[i];
		facts->has_registers |= signal->registers[i] != 0;
	}
}

static struct error *load_executable(struct store_reader *store, const struct space *space, char **ret_path)
{
	struct file_identity file;
	struct error *err;

	if (!space->executable_file_id)
		return NULL;
	err = store_reader_file(store, space->executable_file_id, &file);
	if (error_catch(&err, ERROR_NOT_FOUND))
		return NULL;
	if (err)
		return err;
	if (file.path[0]) /* else its path was lost */
		err = copy_text(file.path, ret_path);
	file_identity_deinit(&file);
	return err;
}

static bool has_symbol(struct elf_host *host, const char *path, const char *name)
{
	struct code_function *functions = NULL;
	struct elf_file *elf;
	size_t count = 0;
	struct error *err = elf_open_path_of(host, path, &elf);

	if (err) {
		error_destroy(err);
		return false;
	}
	err = code_find_functions(elf, name, &functions, &count);
	error_destroy(err);
	free(functions);
	elf_destroy(elf);
	return !err;
}

struct error *assemble_process(const struct assemble_request *request, struct assembly *assembly)
{
	const struct core *core = assembly->crash.core.image;
	const struct crash_from_record *record = &assembly->crash.record;
	struct crash_facts *facts = &assembly->crash.facts;
	struct error *err = core ? take_core(core, facts) : NULL;

	if (err || !record->known)
		return err;
	if (!core && record->has_exit_state) {
		take_recorded(&record->process, record->exit_state.namespace_tid ?: record->exit_state.tid, facts);
	} else if (!core && record->has_signal_event) {
		take_recorded(&record->process, record->signal_event.namespace_tid ?: record->signal_event.tid, facts);
		take_registers(&record->signal_event, facts);
	}
	if (!facts->executable)
		err = load_executable(request->store, &record->space, &facts->executable);
	facts->is_crystal = !err && record->has_exit_state && facts->executable &&
			    has_symbol(request->host, facts->executable, "__crystal_main");
	return err;
}
