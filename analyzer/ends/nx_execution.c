/* SPDX-License-Identifier: MIT */
/*
 * nx-execution: the instruction pointer came into memory that is mapped, but not for execution.
 *
 * What is seen: a fetch that faulted, in a mapping without the permission to execute: a stack, a heap, data. The page
 * being what it is, this is no matter of opinion; how control came there may be.
 *
 * What it could be mistaken for: an overwritten return address that points into a buffer (smashed-return): without a
 * call on the stack that leads there it is likely only, and possible when the word below the stack pointer is the
 * address, as after a return. Code whose permission was taken away (protection-violation), when the record shows the
 * call: then possible.
 */
#include <inttypes.h>
#include <sys/mman.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence.h"
#include "analyzer/evidence/evidence_jump.h"
#include "analyzer/evidence/evidence_lost.h"

static struct error *weigh(const struct crash *crash, struct finding *finding)
{
	const struct fault_jump *jump = &crash->facts.fault.jump;
	const struct life *life = crash->facts.has_biography ? timeline_last_life(&crash->facts.biography.timeline,
										  crash->facts.fault.address)
							     : NULL;

	finding->confidence = evidence_jump_confidence(crash);
	if (finding->confidence == CONFIDENCE_POSSIBLE &&
	    !(jump->has_word_below && jump->word_below == crash->facts.fault.address))
		finding->confidence = CONFIDENCE_LIKELY;
	if (life && life->died == TIMELINE_ALIVE && life->protected_by != life->born) {
		finding->confidence = CONFIDENCE_POSSIBLE;
		return finding_add_counter(finding, "a recorded call changed the permissions of this memory: it may "
						    "have been executable before");
	}
	return NULL;
}

struct error *end_nx_execution(const struct crash *crash, struct finding_list *findings)
{
	const struct fault *fault = &crash->facts.fault;
	struct words source, where;
	struct finding *finding;
	struct error *err;

	if (!fault->is_fault || fault->access != ACCESS_EXECUTE || !crash->facts.fault_place.mapped ||
	    crash->facts.fault_place.protection <= 0 || crash->facts.fault_place.protection & PROT_EXEC)
		return NULL;
	err = finding_append(findings, FINDING_NX_EXECUTION, &finding);
	if (err)
		return err;
	return weigh(crash, finding)
		?: finding_set_summary(finding,
				       "Thread %" PRIu32 " jumped to 0x%" PRIx64 ", %s, which is not executable (%s).",
				       evidence_dead_thread(crash), fault->address,
				       words_place(&where, crash, &crash->facts.fault_place),
				       evidence_jump_source(&source, crash))
		?: evidence_add_jump(crash, finding)
		?: evidence_set_lost(crash, finding)
		?: finding_set_next_step(finding, "where does the function pointer of %s come from?",
					 evidence_jump_source(&source, crash));
}
