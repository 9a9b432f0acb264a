/* SPDX-License-Identifier: MIT */
/* The signal that it died of, and who sent it. */
#include <signal.h>
#include <stdio.h>

#include "analyzer/assemble/assemble_parts.h"
#include "schema/reader.h"

static bool has_signal_address(int number)
{
	return number == SIGSEGV || number == SIGBUS || number == SIGILL || number == SIGFPE || number == SIGTRAP;
}

static void take_signal(int number, int code, uint64_t address, uint32_t sender_pid, uint32_t sender_uid,
			struct crash_signal *ret_signal)
{
	bool by_kernel = code > 0 && code != SI_KERNEL;

	*ret_signal = (struct crash_signal){
		.number = number,
		.code = code,
		.address = address,
		.has_address = by_kernel && has_signal_address(number),
		.sender_pid = sender_pid,
		.sender_uid = sender_uid,
		.trustworthy = by_kernel,
	};
}

void assemble_signal_of_core(const struct core *core, struct crash_signal *ret_signal)
{
	take_signal(core->signal.number, core->signal.code, core->signal.address, core->signal.sender_pid,
		    core->signal.sender_uid, ret_signal);
	if (!core->signal.has_siginfo)
		*ret_signal = (struct crash_signal){.number = core->signal.number, .only_number = true};
}

/* The signal as the recorder saw it delivered. To a process that ends without a core the kernel delivers its own
 * SIGKILL, without a siginfo (kernel/signal.c, get_signal), and one without is stored as zeros. */
static void take_recorded_signal(const struct signal_event *signal, struct crash_signal *ret_signal)
{
	take_signal(signal->number, signal->code, signal->address, signal->sender_pid, signal->sender_uid, ret_signal);
	if (signal->code == SI_USER && !signal->sender_pid && !signal->sender_uid)
		*ret_signal = (struct crash_signal){.number = signal->number, .only_number = true};
}

/* A core without a siginfo, of a death that was recorded with one. */
static bool has_missing_siginfo(const struct crash *crash)
{
	const struct signal_event *signal = &crash->record.signal_event;

	return !crash->core.image->signal.has_siginfo && crash->record.has_signal_event &&
	       signal->namespace_tid == crash->facts.tid &&
	       signal->registers[RECORD_REGISTER_RIP] == crash->facts.registers[CORE_RIP];
}

/* The sender's name, where it was recorded too. */
static struct error *name_sender(struct store_reader *store, const struct crash_from_record *record,
				 struct crash_signal *signal)
{
	struct process sender;
	struct error *err;

	/* Ids of the initial namespace, which the process must share to mean the same. */
	if (signal->only_number && record->has_sender && record->process.namespace_pid == record->process.pid)
		signal->sender_pid = record->sender.pid;
	if (signal->sender_pid && record->has_sender) {
		snprintf(signal->sender_comm, sizeof(signal->sender_comm), "%.*s", (int)sizeof(record->sender.comm),
			 record->sender.comm);
		return NULL;
	}
	if (!signal->sender_pid || !record->time_ns || record->process.namespace_pid != record->process.pid)
		return NULL;
	err = store_reader_process_at(store, record->process.recording_id, signal->sender_pid, record->time_ns,
				      &sender);
	if (error_catch(&err, ERROR_NOT_FOUND))
		return NULL;
	if (!err)
		snprintf(signal->sender_comm, sizeof(signal->sender_comm), "%.*s", (int)sizeof(sender.comm),
			 sender.comm);
	return err;
}

struct error *assemble_signal(const struct assemble_request *request, struct assembly *assembly)
{
	const struct crash *crash = &assembly->crash;
	const struct crash_from_record *record = &crash->record;
	struct crash_signal *signal = &assembly->crash.facts.signal;

	if (crash->core.image)
		assemble_signal_of_core(crash->core.image, signal);
	if (crash->core.image ? has_missing_siginfo(crash) : record->has_signal_event && !record->has_exit_state)
		take_recorded_signal(&record->signal_event, signal);
	else if (!crash->core.image && record->has_exit_state)
		signal->code = record->exit_state.status;
	return record->known ? name_sender(request->store, record, signal) : NULL;
}
