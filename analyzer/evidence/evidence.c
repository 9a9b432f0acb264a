/* SPDX-License-Identifier: MIT */
#include "analyzer/evidence/evidence.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "analyzer/words.h"
#include "replay/effect.h"

#define ADVICE_GUARD_INSTALL 102 /* from 6.13 on (include/uapi/asm-generic/mman-common.h) */

/* A signal frame: what the kernel saves is at least this long (struct rt_sigframe and the vector registers). */
#define SIGNAL_FRAME_BYTES 1024
#define STACK_BYTES (8 << 20)

/* The call may be one of the handler that ended the process: by the dying thread, and not from the part of its stack
 * that the faulting function and its callers had. */
static bool may_be_of_handler(const struct crash *crash, const struct memory_event *event)
{
	uint64_t sp = crash->facts.fault.registers[CORE_RSP];

	return event->tid == evidence_dead_thread(crash) &&
	       (!crash->facts.fault.has_registers || event->sp < sp - SIGNAL_FRAME_BYTES ||
		event->sp - sp >= STACK_BYTES);
}

static bool has_guard(const struct biography *biography, const struct life *life)
{
	for (size_t i = life->born + 1; i < biography->event_count; i++) {
		if (biography->events[i].kind == MEMORY_MADVISE && biography->events[i].args[2] == ADVICE_GUARD_INSTALL)
			return true;
	}
	return false;
}

/* The life before `last`, which was made after the fault: nothing was mapped in between. NULL where another one may
 * have been the handler's, too. */
static const struct life *life_before_handler(const struct crash *crash, const struct life *last)
{
	const struct biography *biography = &crash->facts.biography;
	const struct life *found = NULL;

	if (has_guard(biography, last))
		return NULL;
	for (size_t i = 0; i < biography->timeline.life_count; i++) {
		const struct life *life = &biography->timeline.lives[i];

		if (life->died != TIMELINE_ALIVE && life->died < last->born && biography->address >= life->start &&
		    biography->address < life->end && (!found || life->died > found->died))
			found = life;
	}
	return found && !may_be_of_handler(crash, &biography->events[found->born]) ? found : NULL;
}

const struct life *evidence_ended_life(const struct crash *crash)
{
	const struct crash_signal *signal =
		crash->facts.fault.in_handler ? &crash->facts.fault.signal : &crash->facts.signal;
	const struct life *life;

	if (!crash->facts.has_biography || !crash->facts.fault.is_fault ||
	    crash->facts.fault.source == ADDRESS_UNKNOWN ||
	    (crash->facts.fault.mapping_known && crash->facts.fault.mapped))
		return NULL;
	/* Every other code says that a mapping was there: without permission, or without a page of its file behind it.
	 */
	if (crash->facts.fault.source == ADDRESS_SIGNAL && (signal->number != SIGSEGV || signal->code != SEGV_MAPERR))
		return NULL;
	life = timeline_last_life(&crash->facts.biography.timeline, crash->facts.biography.address);
	if (life && life->died == TIMELINE_ALIVE && crash->facts.fault.mapped_since)
		return life_before_handler(crash, life);
	return life && life->died != TIMELINE_ALIVE ? life : NULL;
}

bool evidence_same_party(const struct biography *biography, size_t first, size_t second)
{
	struct words a, b;
	const char *first_module = words_caller_module(&a, biography, first);
	const char *second_module = words_caller_module(&b, biography, second);

	if (first_module && second_module)
		return strcmp(first_module, second_module) == 0;
	return biography->events[first].tid == biography->events[second].tid;
}

uint32_t evidence_dead_thread(const struct crash *crash)
{
	return crash->record.has_signal_event ? crash->record.signal_event.tid : crash->facts.tid;
}

struct error *evidence_add_call(const struct crash *crash, const struct biography *biography, struct finding *finding,
				size_t index, const char *what)
{
	const struct memory_event *event = &biography->events[index];
	struct words call, caller, when, markers;
	const char *between = words_markers(&markers, &biography->contexts[index]);

	return finding_add_evidence(finding, EVIDENCE_EVENT, event->id, 0, "%s: %s by thread %" PRIu32 " in %s, %s%s%s",
				    what, words_call(&call, event), event->tid, words_caller(&caller, biography, index),
				    words_before_crash(&when, crash, event->exit_ns), between[0] ? ", " : "", between);
}

struct error *evidence_add_fault(const struct crash *crash, struct finding *finding)
{
	int64_t row = crash->record.has_signal_event ? crash->record.signal_event.id : 0;

	if (crash->facts.fault.source == ADDRESS_STACK)
		return finding_add_evidence(finding, EVIDENCE_SIGNAL, row, crash->facts.fault.address,
					    "the kernel could not write to thread %" PRIu32
					    "'s memory: its stack pointer, "
					    "0x%" PRIx64 ", and its thread block are in no mapping",
					    evidence_dead_thread(crash), crash->facts.fault.address);
	return finding_add_evidence(finding, EVIDENCE_SIGNAL, row, crash->facts.fault.address,
				    "the %s of 0x%" PRIx64 " by thread %" PRIu32 " faulted%s%s",
				    words_access(crash->facts.fault.access), crash->facts.fault.address,
				    evidence_dead_thread(crash), crash->facts.fault.instruction[0] ? ": " : "",
				    crash->facts.fault.instruction);
}
