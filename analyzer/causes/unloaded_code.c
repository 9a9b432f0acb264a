/* SPDX-License-Identifier: MIT */
/*
 * unloaded-code: a thread ran, called or returned into code of a library that had been unloaded.
 *
 * What is seen: the processor could not fetch an instruction because nothing is mapped there, and the last thing
 * recorded of that page is a library's mapping, which the dynamic linker unmapped (dlclose) or which was executable.
 * The file tells which function it would have been.
 *
 * What it could be mistaken for: a use of unloaded data (the access is no execution); a jump to a wild address that
 * hits the place of an old library by chance: then the place is hardly a function's beginning or behind a call, but a
 * jump into the middle of one is how a thread that still ran there dies, so this is not told apart; code that a
 * just-in-time compiler had written into anonymous memory (use-after-munmap). Without a record nothing is left of the
 * library but words in memory that may be anything, and this detector is silent.
 */
#include <inttypes.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence_mapping.h"

struct error *cause_unloaded_code(const struct crash *crash, struct finding_list *findings)
{
	const struct life *life = evidence_unloaded_life(crash);
	const struct memory_event *died;
	struct words spot, when, offender;
	struct finding *finding;
	struct error *err;

	if (crash->facts.remains.found && crash->facts.fault.is_fault && crash->facts.fault.access == ACCESS_EXECUTE)
		return evidence_tell_remains(crash, findings, FINDING_UNLOADED_CODE, "ran into", "code");
	if (!life || crash->facts.fault.access != ACCESS_EXECUTE)
		return NULL;
	died = &crash->facts.biography.events[life->died];
	err = finding_append(findings, FINDING_UNLOADED_CODE, &finding);
	if (err)
		return err;
	finding->confidence = CONFIDENCE_PROVEN;
	err = evidence_weigh_unloading(crash, finding, life)
		?: finding_set_summary(finding,
				       "Thread %" PRIu32 " ran into 0x%" PRIx64
				       ", code of a library that thread %" PRIu32 " had unloaded %s: %s.",
				       evidence_dead_thread(crash), crash->facts.fault.address, died->tid,
				       words_before_crash(&when, crash, died->exit_ns),
				       evidence_spot(&spot, &crash->facts.unloaded))
		?: evidence_add_unloading(crash, finding, life)
		?: evidence_add_fault(crash, finding)
		?: finding_set_offender(finding, "%s", evidence_unloaded_function(&offender, crash));
	if (!err && !crash->facts.unloaded.symbol)
		err = finding_add_missing(finding, "the function's name: %s",
					  crash->facts.unloaded.is_elf
						  ? "no symbol of the file covers the place"
						  : "the file that was loaded is not there any more");
	if (err)
		return err;
	return finding_set_next_step(
		finding,
		"look for callbacks, threads, exit handlers or objects with virtual functions that "
		"%s leaves behind when it is closed",
		words_base_name(crash->facts.unloaded.path));
}
