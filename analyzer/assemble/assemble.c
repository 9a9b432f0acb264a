/* SPDX-License-Identifier: MIT */
#include "analyzer/assemble/assemble_steps.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "analyzer/assemble/assemble_tracers.h"
#include "analyzer/code/code_return_sites.h"
#include "analyzer/facts/abort_message.h"
#include "analyzer/facts/crash_id.h"
#include "analyzer/facts/fault.h"
#include "analyzer/facts/signal_call.h"
#include "analyzer/facts/signal_frame.h"
#include "analyzer/facts/snapshot.h"
#include "analyzer/words.h"
#include "common/cleanup.h"
#include "schema/reader.h"
#include "schema/reader_deaths.h"
#include "schema/reader_gaps.h"

/* ---- who died ---- */

static bool has_thread(const struct core *core, uint32_t tid)
{
	return core_find_thread(core, tid) != NULL;
}

bool assemble_same_death(const struct core *core, const struct signal_event *signal)
{
	const struct core_thread *thread = core_find_thread(core, signal->namespace_tid);

	return thread && thread->registers[CORE_RIP] == signal->registers[RECORD_REGISTER_RIP] &&
	       thread->registers[CORE_RSP] == signal->registers[RECORD_REGISTER_RSP] &&
	       core->signal.address == signal->address;
}

struct error *assemble_match_core(const struct core *core, struct store_reader *store, struct space *ret_space)
{
	cleanup_free struct space *spaces = NULL;
	const struct space *best = NULL;
	int best_score = -1;
	size_t count;
	struct error *err;

	if (!core->has_auxv)
		return &error_not_found;
	err = store_reader_find_spaces(store, core->auxv_sysinfo_ehdr, core->auxv_random, core->auxv_entry,
				       core->auxv_base, &spaces, &count);
	if (err)
		return err;
	for (size_t i = 0; i < count; i++) {
		struct signal_event signal;
		struct process process;
		int score = 0;

		err = store_reader_process(store, spaces[i].process_id, &process);
		if (err)
			return err;
		/* A fork has its parent's auxiliary vector: the process id tells them apart. One that was not learnt is
		 * 0. */
		if (process.namespace_pid && process.namespace_pid != core->pid)
			continue;
		err = store_reader_space_fatal_signal(store, spaces[i].id, &signal);
		if (!err) {
			score = assemble_same_death(core, &signal) ? 3 : has_thread(core, signal.namespace_tid) ? 2 : 1;
			signal_event_deinit(&signal);
		} else if (err->code != ERROR_NOT_FOUND) {
			return err;
		}
		error_destroy(err);
		if (score > best_score) {
			best = &spaces[i];
			best_score = score;
		}
	}
	if (!best)
		return &error_not_found;
	*ret_space = *best;
	return NULL;
}

/* siginfo has the sender's id as the dead process's namespace shows it, which is the recorder's only when the two are
 * the same. Then it must be the process that was seen sending. */
static bool is_its_sender(const struct crash *crash)
{
	const struct signal_event *signal = &crash->record.signal_event;

	return !signal->sender_pid || crash->record.process.namespace_pid != crash->record.process.pid ||
	       signal->code == SI_QUEUE || signal->sender_pid == crash->record.sender.pid;
}

static struct error *load_sender(struct store_reader *store, struct crash *crash)
{
	struct error *err = store_reader_signal_sender(store, crash->record.signal_event.id, &crash->record.sender);

	if (err && err->code == ERROR_NOT_FOUND) {
		error_destroy(err);
		return NULL;
	}
	crash->record.has_sender = !err && crash->record.sender.pid && is_its_sender(crash);
	return err;
}

/* The recorded death, as far as it is the one that the core shows: a core may also have been written while the process
 * lived on. */
static struct error *load_death(struct store_reader *store, bool is_exit, struct crash *crash)
{
	struct error *err;

	if (crash->core.snapshot)
		return NULL;
	err = store_reader_space_fatal_signal(store, crash->record.space.id, &crash->record.signal_event);
	if (!err && crash->core.image && crash->record.signal_event.number != crash->facts.signal.number) {
		struct words words;

		err = crash_add_note(crash,
				     "the record has another end of this process (%s): the core was written before",
				     words_signal(&words, crash->record.signal_event.number));
		signal_event_deinit(&crash->record.signal_event);
		crash->record.signal_event = (struct signal_event){0};
		return err;
	}
	if (!err) {
		crash->record.has_signal_event = true;
		crash->record.time_ns = crash->record.signal_event.time_ns;
		return load_sender(store, crash);
	}
	if (err->code != ERROR_NOT_FOUND)
		return err;
	error_destroy(err);
	return is_exit ? NULL
		       : crash_add_note(crash, "the death of the process was not recorded: the recorder had ended, or "
					       "lost it");
}

static struct error *load_record(struct store_reader *store, bool is_exit, struct crash *crash)
{
	struct error *err = store_reader_process(store, crash->record.space.process_id, &crash->record.process);

	if (!err)
		err = store_reader_recording(store, crash->record.process.recording_id, &crash->record.recording);
	if (err)
		return err;
	crash->record.known = true;
	err = load_death(store, is_exit, crash);
	if (!err)
		err = store_reader_count_events(store, crash->record.space.id, &crash->record.event_count);
	if (!err)
		err = store_reader_space_gaps(store, crash->record.space.id, crash->record.time_ns ?: UINT64_MAX,
					      &crash->record.gaps, &crash->record.gap_count);
	if (crash->record.space.origin == SPACE_SNAPSHOT || crash->record.space.origin == SPACE_SEEN)
		crash->record.known_from_ns = crash->record.space.from_ns;
	return err;
}

/* The sender's name, where it was recorded too. */
static struct error *name_sender(struct store_reader *store, struct crash *crash)
{
	struct crash_signal *signal = &crash->facts.signal;
	struct process sender;
	struct error *err;

	/* Ids of the initial namespace, which the process must share to mean the same. */
	if (signal->only_number && crash->record.has_sender &&
	    crash->record.process.namespace_pid == crash->record.process.pid)
		signal->sender_pid = crash->record.sender.pid;
	if (signal->sender_pid && crash->record.has_sender) {
		snprintf(signal->sender_comm, sizeof(signal->sender_comm), "%.*s",
			 (int)sizeof(crash->record.sender.comm), crash->record.sender.comm);
		return NULL;
	}
	if (!signal->sender_pid || !crash->record.time_ns ||
	    crash->record.process.namespace_pid != crash->record.process.pid)
		return NULL;
	err = store_reader_process_at(store, crash->record.process.recording_id, signal->sender_pid,
				      crash->record.time_ns, &sender);
	if (err && err->code == ERROR_NOT_FOUND) {
		error_destroy(err);
		return NULL;
	}
	if (!err)
		snprintf(signal->sender_comm, sizeof(signal->sender_comm), "%.*s", (int)sizeof(sender.comm),
			 sender.comm);
	return err;
}

static struct error *set_text(char **text, const char *value)
{
	free(*text);
	*text = value ? strdup(value) : NULL;
	return value && !*text ? &error_no_memory : NULL;
}

static struct error *load_executable(struct store_reader *store, struct crash *crash)
{
	struct file_identity file;
	struct error *err;

	if (crash->facts.executable || !crash->record.space.executable_file_id)
		return NULL;
	err = store_reader_file(store, crash->record.space.executable_file_id, &file);
	if (err && err->code == ERROR_NOT_FOUND) {
		error_destroy(err);
		return NULL;
	}
	if (err)
		return err;
	if (file.path[0]) /* else its path was lost */
		err = set_text(&crash->facts.executable, file.path);
	file_identity_deinit(&file);
	return err;
}

/* ---- what the core and the signal say ---- */

static bool has_signal_address(int number)
{
	return number == SIGSEGV || number == SIGBUS || number == SIGILL || number == SIGFPE || number == SIGTRAP;
}

static void take_signal(struct crash *crash, int number, int code, uint64_t address, uint32_t sender_pid,
			uint32_t sender_uid)
{
	bool by_kernel = code > 0 && code != SI_KERNEL;

	crash->facts.signal = (struct crash_signal){
		.number = number,
		.code = code,
		.address = address,
		.has_address = by_kernel && has_signal_address(number),
		.sender_pid = sender_pid,
		.sender_uid = sender_uid,
		.trustworthy = by_kernel,
	};
}

static const char *executable_of_core(const struct core *core)
{
	const struct core_module *module = core->has_auxv ? core_find_module(core, core->auxv_entry) : NULL;

	return module ? module->path : NULL;
}

static struct error *note_modules(struct crash *crash)
{
	struct error *err = NULL;

	crash->core.gone_modules = calloc(crash->core.image->module_count ?: 1, sizeof(*crash->core.gone_modules));
	if (!crash->core.gone_modules)
		return &error_no_memory;
	for (size_t i = 0; i < crash->core.image->module_count && !err; i++) {
		const struct core_module *module = &crash->core.image->modules[i];

		if (module->state == CORE_MODULE_MISMATCH || module->state == CORE_MODULE_MISSING)
			err = set_text(&crash->core.gone_modules[crash->core.gone_module_count++], module->path);
		if (err)
			break;
		if (module->state == CORE_MODULE_MISMATCH)
			err = crash_add_note(
				crash, "%s is not the file that was running (its build-id differs): no symbols from it",
				module->path);
		else if (module->state == CORE_MODULE_MISSING)
			err = crash_add_note(crash, "%s is not there any more: no symbols from it", module->path);
	}
	return err;
}

static struct error *take_core(struct crash *crash, const char *name)
{
	const struct core *core = crash->core.image;
	struct error *err;

	crash->facts.pid = core->pid;
	crash->facts.parent_pid = core->parent_pid;
	crash->facts.tid = core->threads[0].tid;
	snprintf(crash->facts.comm, sizeof(crash->facts.comm), "%s", core->comm);
	memcpy(crash->facts.registers, core->threads[0].registers, sizeof(crash->facts.registers));
	crash->facts.has_registers = true;
	take_signal(crash, core->signal.number, core->signal.code, core->signal.address, core->signal.sender_pid,
		    core->signal.sender_uid);
	if (!core->signal.has_siginfo)
		crash->facts.signal = (struct crash_signal){.number = core->signal.number, .only_number = true};
	crash->core.snapshot = snapshot_find(core, &crash->facts.signal);
	err = set_text(&crash->core.path, name ?: core->path);
	if (!err)
		err = set_text(&crash->facts.executable, executable_of_core(core));
	if (!err)
		err = note_modules(crash);
	/* Only then can its words be the last ones. */
	if (!err && core->signal.number == SIGABRT)
		err = abort_message_read(core, &crash->core.abort_message);
	if (!err && !crash->core.snapshot && core->threads[0].signal &&
	    core->threads[0].signal != core->threads[0].info_signal)
		err = crash_add_note(
			crash, "the kernel did not write this core, but a debugger or another tool: the process may "
			       "have lived on");
	if (!err && core->truncated)
		err = crash_add_note(crash, "the core is cut short: %" PRIu64 " bytes of memory are missing",
				     core->missing_bytes);
	return err;
}

/* The signal as the recorder saw it delivered. To a process that ends without a core the kernel delivers its own
 * SIGKILL, without a siginfo (kernel/signal.c, get_signal), and one without is stored as zeros. */
static void take_recorded_signal(struct crash *crash)
{
	const struct signal_event *signal = &crash->record.signal_event;

	take_signal(crash, signal->number, signal->code, signal->address, signal->sender_pid, signal->sender_uid);
	if (signal->code == SI_USER && !signal->sender_pid && !signal->sender_uid)
		crash->facts.signal = (struct crash_signal){.number = signal->number, .only_number = true};
}

/* A core without a siginfo, of a death that was recorded with one. */
static void take_missing_siginfo(struct crash *crash)
{
	if (!crash->core.image->signal.has_siginfo && crash->record.has_signal_event &&
	    crash->record.signal_event.namespace_tid == crash->facts.tid &&
	    crash->record.signal_event.registers[RECORD_REGISTER_RIP] == crash->facts.registers[CORE_RIP])
		take_recorded_signal(crash);
}

/* Without a core: what the recorder saw of the dying thread. */
static void take_signal_event(struct crash *crash)
{
	/* signal_event.registers against user_regs_struct, in the order of the former. */
	static const enum core_register order[] = {
		CORE_R15, CORE_R14, CORE_R13, CORE_R12, CORE_RBP, CORE_RBX, CORE_R11, CORE_R10,	   CORE_R9,
		CORE_R8,  CORE_RAX, CORE_RCX, CORE_RDX, CORE_RSI, CORE_RDI, CORE_RIP, CORE_EFLAGS, CORE_RSP,
	};
	const struct signal_event *signal = &crash->record.signal_event;

	crash->facts.pid = crash->record.process.namespace_pid ?: crash->record.process.pid;
	crash->facts.tid = signal->namespace_tid ?: signal->tid;
	snprintf(crash->facts.comm, sizeof(crash->facts.comm), "%.*s", (int)sizeof(crash->record.process.comm),
		 crash->record.process.comm);
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		crash->facts.registers[order[i]] = signal->registers[i];
		crash->facts.has_registers |= signal->registers[i] != 0;
	}
	take_recorded_signal(crash);
}

/* ---- a name for the crash ---- */

static void set_id(struct crash *crash)
{
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

	crash_id_make(&identity, crash->facts.id);
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

/* A process that ended itself, inside functions under uretprobes. */
static struct error *take_exit(const struct assemble_request *request, struct crash *crash)
{
	struct error *err = store_reader_space(request->store, request->exit->space_id, &crash->record.space);

	if (!err)
		err = load_record(request->store, request->exit != NULL, crash);
	if (!err)
		err = load_executable(request->store, crash);
	if (err)
		return err;
	crash->record.has_exit_state = true;
	crash->record.exit_state = *request->exit;
	crash->record.time_ns = request->exit->time_ns;
	crash->facts.pid = crash->record.process.namespace_pid ?: crash->record.process.pid;
	crash->facts.tid = request->exit->namespace_tid ?: request->exit->tid;
	snprintf(crash->facts.comm, sizeof(crash->facts.comm), "%.*s", (int)sizeof(crash->record.process.comm),
		 crash->record.process.comm);
	crash->facts.signal.code = request->exit->status;
	crash->facts.repair.trampoline = request->exit->trampoline;
	crash->facts.repair.trampoline_recorded = crash->facts.repair.trampoline != 0;
	crash->facts.is_crystal =
		crash->facts.executable && has_symbol(crash->core.host, crash->facts.executable, "__crystal_main");
	err = store_reader_exit_return_instances(request->store, request->exit->id, &crash->record.instances,
						 &crash->record.instance_count);
	if (!err)
		err = tracers_add_pending(request->store, crash);
	return err;
}

static struct error *load_biography(const struct assemble_request *request, struct crash *crash)
{
	struct error *err;

	if (!crash->record.known || (!request->has_address && crash->facts.fault.source == ADDRESS_UNKNOWN))
		return NULL;
	err = assemble_load_biography(request->store, crash,
				      request->has_address ? request->address : crash->facts.fault.address);
	if (!err)
		err = assemble_load_contexts(request->store, crash);
	if (!err)
		err = assemble_take_unloaded(request->store, crash);
	return err ?: assemble_take_file_losses(request->store, crash);
}

static struct error *note_unrecorded(struct store_reader *store, struct crash *crash)
{
	struct error *err;
	uint64_t count;
	int64_t until_ns;
	char date[32];
	struct tm tm;
	time_t until;

	err = store_reader_pruned(store, &count, &until_ns);
	if (err || !count)
		return err ?: crash_add_note(crash, "this process was not recorded");
	until = until_ns / 1000000000;
	if (!gmtime_r(&until, &tm) || !strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S UTC", &tm))
		date[0] = 0;
	return crash_add_note(crash,
			      "this process was not recorded, or its record was removed: corelate gc has removed the "
			      "records of %llu processes that ended until %s",
			      (unsigned long long)count, date);
}

static struct error *fill(const struct assemble_request *request, struct crash *crash)
{
	struct error *err = NULL;

	crash->core.image = request->core;
	crash->core.host = request->host;
	if (request->core) {
		err = place_index_create(request->core, &crash->core.places);
		if (!err)
			err = take_core(crash, request->core_name);
		if (!err && request->store) {
			err = assemble_match_core(request->core, request->store, &crash->record.space);
			if (!err) {
				err = load_record(request->store, request->exit != NULL, crash);
				take_missing_siginfo(crash);
			} else if (err->code == ERROR_NOT_FOUND) {
				error_destroy(err);
				err = note_unrecorded(request->store, crash);
			}
		}
	} else if (request->store && request->exit) {
		err = take_exit(request, crash);
	} else if (request->store && request->signal) {
		err = store_reader_space(request->store, request->signal->space_id, &crash->record.space);
		if (!err)
			err = load_record(request->store, request->exit != NULL, crash);
		if (!err && crash->record.has_signal_event)
			take_signal_event(crash);
		if (!err)
			err = crash_add_note(crash, "no core: the stacks and the memory at its end cannot be shown");
	}
	if (!err && crash->record.known)
		err = load_executable(request->store, crash);
	if (!err && crash->record.known)
		err = name_sender(request->store, crash);
	if (err)
		return err;
	fault_examine(crash);
	err = assemble_take_mapping(crash);
	if (err)
		return err;
	set_id(crash);
	err = load_biography(request, crash);
	if (!err && crash->record.known)
		err = assemble_places(request->store, crash);
	if (!err && !crash->record.known)
		err = assemble_take_remains(crash);
	if (!err && crash->core.image)
		err = assemble_unwind(request, crash);
	if (!err && crash->core.image)
		assemble_find_path(crash);
	if (!err && crash->record.known)
		err = assemble_take_views(request->store, crash);
	if (!err)
		err = assemble_callers(request->store, crash);
	if (!err && crash->record.known && request->has_address)
		err = assemble_load_chronicle(request->store, crash, request->address);
	if (!err && crash->facts.interruption.found && crash->facts.stacks.thread_count &&
	    !signal_frame_confirm(crash->core.image, &crash->facts.stacks.threads[0], &crash->facts.interruption))
		fault_examine_again(crash);
	if (!err && crash->core.image)
		err = assemble_find_overrun(crash);
	if (!err)
		assemble_follow_exception(crash);
	if (!err && crash->core.image)
		assemble_find_stack_uses(crash);
	if (!err && crash->core.image)
		err = assemble_follow_goroutine(crash);
	signal_call_find(crash);
	if (!err && crash->core.image)
		assemble_last_words(crash);
	return err ?: assemble_heap(request, crash);
}

/* gc takes a process away before the first of its events: where it still is, nothing was missing when it was read. */
static struct error *check_kept(const struct assemble_request *request, const struct crash *crash)
{
	struct space space;
	struct error *err;

	if (!crash->record.known)
		return NULL;
	err = store_reader_space(request->store, crash->record.space.id, &space);
	if (!err || err->code != ERROR_NOT_FOUND)
		return err;
	error_destroy(err);
	return error_format(ERROR_NOT_FOUND, "the record of this process was removed while it was read (corelate gc)");
}

struct error *assemble_crash(const struct assemble_request *request, struct crash *ret_crash)
{
	struct error *err;

	*ret_crash = (struct crash){0};
	err = fill(request, ret_crash);
	if (!err)
		err = check_kept(request, ret_crash);
	if (err)
		crash_deinit(ret_crash);
	return err;
}
