/* SPDX-License-Identifier: MIT */
#include "analyzer/evidence/evidence_process.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>

#include "analyzer/evidence/evidence_culprit.h"

static const struct frame *frame_at(const struct crash *crash, size_t frame)
{
	return crash->facts.stacks.thread_count && frame < crash->facts.stacks.threads[0].frame_count
		       ? &crash->facts.stacks.threads[0].frames[frame]
		       : NULL;
}

struct error *evidence_add_crash_frame(const struct crash *crash, struct finding *finding, size_t frame,
				       const char *what)
{
	const struct frame *at = frame_at(crash, frame);
	struct words words;

	if (!at)
		return NULL;
	return finding_add_evidence(finding, EVIDENCE_FRAME, (int64_t)frame, at->pc, "%s: frame %zu, %s", what, frame,
				    words_symbol(&words, &at->symbol));
}

struct error *evidence_add_signal(const struct crash *crash, struct finding *finding)
{
	const struct crash_signal *signal = &crash->facts.signal;
	struct words name, code;
	char sender[64] = "";

	if (ending_is_own_signal(crash, signal))
		snprintf(sender, sizeof(sender), ", sent by the process itself");
	else if (signal->sender_pid)
		snprintf(sender, sizeof(sender), ", sent by process %" PRIu32 "%s%s%s", signal->sender_pid,
			 signal->sender_comm[0] ? " (" : "", signal->sender_comm, signal->sender_comm[0] ? ")" : "");
	return finding_add_evidence(finding, EVIDENCE_SIGNAL,
				    crash->record.has_signal_event ? crash->record.signal_event.id : 0, 0, "%s, %s%s",
				    words_signal(&name, signal->number), words_signal_origin(&code, signal), sender);
}

/* timer_create(2); setitimer(2) and alarm(2) send with SEND_SIG_PRIV (Linux kernel/time/itimer.c). */
static bool is_timer(int number, int code)
{
	return code == SI_TIMER ||
	       (code == SI_KERNEL && (number == SIGALRM || number == SIGVTALRM || number == SIGPROF));
}

bool evidence_is_passed_on(const struct crash *crash)
{
	const struct signal_sender *sender = &crash->record.sender;

	if (!crash->record.has_sender || !sender->first_number)
		return false;
	return sender->pid == crash->record.process.pid || sender->first_pid != sender->pid ||
	       !is_timer(sender->first_number, sender->first_code);
}

/* A write beyond the limit of RLIMIT_FSIZE is cut short without a signal; these calls write piece by piece, and the
 * second piece may get one. Which call it is, registers of the record do not have. */
static bool may_stop_halfway(const struct crash *crash)
{
	uint64_t call = crash->facts.registers[CORE_ORIG_RAX];

	return !crash->core.image || call == SYS_sendfile || call == SYS_splice || call == SYS_copy_file_range;
}

enum kernel_own evidence_kernels_own(const struct crash *crash)
{
	int number = crash->facts.signal.number;
	int64_t result = (int64_t)crash->facts.registers[CORE_RAX];
	bool by_another = crash->record.has_sender &&
			  (crash->record.sender.pid != crash->record.process.pid ||
			   (crash->record.has_signal_event && crash->record.signal_event.tid &&
			    crash->record.sender.tid && crash->record.sender.tid != crash->record.signal_event.tid));

	if ((number != SIGPIPE && number != SIGXFSZ) ||
	    (!crash->facts.signal.only_number && crash->facts.signal.code != SI_USER) || crash->facts.sending.crashed ||
	    by_another)
		return KERNEL_OWN_NO;
	if (!crash->facts.has_registers)
		return KERNEL_OWN_MAYBE;
	if (result == (number == SIGPIPE ? -EPIPE : -EFBIG))
		return KERNEL_OWN_FAILED;
	return result > 0 && (number == SIGPIPE || may_stop_halfway(crash)) ? KERNEL_OWN_MAYBE : KERNEL_OWN_NO;
}

const char *evidence_frame_words(struct words *words, const struct crash *crash, size_t frame)
{
	const struct frame *at = frame_at(crash, frame);
	struct words name;

	words->text[0] = 0;
	if (!at || !at->symbol.module)
		return words->text;
	if (!at->symbol.function)
		return words_symbol(words, &at->symbol);
	words_function(&name, &at->symbol);
	if (at->symbol.file && at->symbol.line)
		snprintf(words->text, sizeof(words->text), "%.300s (%.150s:%d)", name.text,
			 words_base_name(at->symbol.file), at->symbol.line);
	else
		snprintf(words->text, sizeof(words->text), "%.300s of %.150s", name.text,
			 words_base_name(at->symbol.module));
	return words->text;
}

struct error *evidence_accuse_frame(const struct crash *crash, struct finding *finding, size_t frame)
{
	const struct frame *at = frame_at(crash, frame);

	/* By frame pointer a function without a frame of its own is passed over, and its caller is the next one's. */
	if (!at || at->trust == FRAME_SCAN || at->trust == FRAME_INFERRED || at->trust == FRAME_POINTER)
		return evidence_suspect_frame(crash, finding, frame);
	return evidence_accuse_code(finding, &at->symbol, EVIDENCE_FRAME, (int64_t)frame, at->pc);
}

struct error *evidence_suspect_frame(const struct crash *crash, struct finding *finding, size_t frame)
{
	const struct frame *at = frame_at(crash, frame);

	return at ? evidence_suspect_code(finding, &at->symbol, EVIDENCE_FRAME, (int64_t)frame, at->pc) : NULL;
}

bool evidence_instruction_faults(const struct crash *crash)
{
	return crash->facts.fault.is_fault ||
	       (crash->facts.stack_use_count && crash->facts.stack_uses[0].touched_source == TOUCHED_INSTRUCTION);
}
