/* SPDX-License-Identifier: MIT */
#include "analyzer/evidence/evidence.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/words.h"
#include "common/cleanup.h"
#include "replay/effect.h"

#define ADVICE_GUARD_INSTALL 102 /* from 6.13 on (include/uapi/asm-generic/mman-common.h) */

/* A signal frame: what the kernel saves is at least this long (struct rt_sigframe and the vector registers). */
#define SIGNAL_FRAME_BYTES 1024
#define STACK_BYTES (8 << 20)

/* The call may be one of the handler that ended the process: by the dying thread, and not from the part of its stack that
 * the faulting function and its callers had. */
static bool may_be_of_handler(const struct crash *crash, const struct memory_event *event)
{
	uint64_t sp = crash->facts.fault.registers[CORE_RSP];

	return event->tid == evidence_dead_thread(crash) &&
	       (!crash->facts.fault.has_registers || event->sp < sp - SIGNAL_FRAME_BYTES || event->sp - sp >= STACK_BYTES);
}

static bool has_guard(const struct biography *biography, const struct life *life)
{
	for (size_t i = life->born + 1; i < biography->event_count; i++) {
		if (biography->events[i].kind == MEMORY_MADVISE && biography->events[i].args[2] == ADVICE_GUARD_INSTALL)
			return true;
	}
	return false;
}

/* The life before `last`, which was made after the fault: nothing was mapped in between. NULL where another one may have
 * been the handler's, too. */
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

static void lower(struct finding *finding)
{
	if (finding->confidence > CONFIDENCE_LIKELY)
		finding->confidence = CONFIDENCE_LIKELY;
}

struct error *evidence_doubt(struct finding *finding, const char *format, ...)
{
	cleanup_free char *text = NULL;
	va_list args;
	int length;

	va_start(args, format);
	length = vasprintf(&text, format, args);
	va_end(args);
	if (length < 0) {
		text = NULL;
		return &error_no_memory;
	}
	lower(finding);
	return finding_add_counter(finding, "%s", text);
}

struct error *evidence_weigh(const struct crash *crash, struct finding *finding, uint64_t from_ns,
			     const char *consequence)
{
	const struct gap *gap = NULL;
	struct words span, when;
	struct error *err = NULL;

	if (crash_unseen_between(crash, from_ns, crash->record.time_ns, &gap)) {
		lower(finding);
		if (gap && gap->lost)
			err = finding_add_missing(
				finding, "%" PRIu64 " events were lost (%s) in a span of %s that ended %s: %s",
				gap->lost, gap_cause_name(gap->cause), words_duration(&span, gap->to_ns - gap->from_ns),
				words_before_crash(&when, crash, gap->to_ns), consequence);
		else
			err = finding_add_missing(finding, "not all of the time before the crash was recorded (%s): %s",
						  gap ? gap_cause_name(gap->cause)
						      : "the recording began later or ended earlier",
						  consequence);
	}
	if (!err && crash->facts.biography.truncated) {
		lower(finding);
		err = finding_add_missing(finding, "the older history of this memory, which is too long to be read: %s",
					  consequence);
	}
	if (!err && !crash->facts.fault.mapping_known) {
		lower(finding);
		err = finding_add_missing(finding, "the core, which would show that the page is not mapped");
	}
	if (!err && !crash->facts.signal.trustworthy && !crash->facts.fault.in_handler)
		err = evidence_doubt(
			finding, "the signal's own address cannot be trusted; it was worked out from the instruction");
	return err;
}
