/* SPDX-License-Identifier: MIT */
/*
 * bit-flip: a pointer is good but for one bit.
 *
 * What is seen: the pointer that led nowhere differs in exactly one bit from one that leads where such a pointer leads:
 * a jump to where a function begins, a read to where a table of functions stands (a class's virtual table, say), with
 * no other bit of which that is true; or the value points into a mapping, and stands in a register or in the memory of
 * the process, exact to the last bit.
 *
 * How likely chance is: a process has some 10^5 functions and pointers to them in 2^47 addresses, and 44 values are
 * tried: less than one wild pointer in ten million has such a value. So it is likely, also where nobody else holds it.
 *
 * What it could be mistaken for: any single bit is also a power of two that was added or subtracted. Up to 2^35 that is
 * what an index gone wrong does (2^31 elements of 16 bytes), and from bit 48 up programs put tags on pointers: there it
 * is possible, no more. In between no program computes like that, and chance does not find the exact value elsewhere in
 * memory: likely. Bits below 20 are not looked at, nor addresses right behind a mapping, because a loop that runs off
 * its end gets there. That memory, a processor or a stray write did it is not told apart: never proven.
 */
#include <inttypes.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence.h"
#include "analyzer/evidence/evidence_fault.h"
#include "analyzer/evidence/evidence_jump.h"
#include "analyzer/facts/fault.h"

static const struct {
	const char *what, *is;
} kind_words[] = {
	[TWIN_IN_USE] = {"memory", "in use"},
	[TWIN_FUNCTION] = {"a function", "where a function begins"},
	[TWIN_TABLE] = {"a table of functions", "where a table of functions stands"},
	[TWIN_VIRTUAL_TABLE] = {"a virtual table", "where a virtual table stands"},
};

struct error *cause_bit_flip(const struct crash *crash, struct finding_list *findings)
{
	const struct fault_twin *twin = &crash->facts.fault.twin;
	struct words where, code;
	struct finding *finding;
	struct place place;
	struct error *err;

	if (!crash->facts.fault.is_fault || !twin->found || evidence_ended_life(crash))
		return NULL;
	place_of(crash, twin->value, &place);
	err = finding_append(findings, FINDING_BIT_FLIP, &finding);
	if (err)
		return err;
	finding->confidence = twin->is_telling ? CONFIDENCE_LIKELY : CONFIDENCE_POSSIBLE;
	if (twin->kind == TWIN_IN_USE)
		err = finding_set_summary(finding,
					  "Bit %u of a pointer is wrong: %s is 0x%" PRIx64 ", and 0x%" PRIx64
					  ", which is in use, points %s; thread %" PRIu32 " died on it in %s.",
					  twin->bit, fault_register_name(twin->reg),
					  crash->facts.fault.registers[twin->reg], twin->value,
					  words_place(&where, crash, &place), evidence_dead_thread(crash),
					  evidence_fault_code(&code, crash));
	else
		err = finding_set_summary(finding,
					  "Bit %u of a pointer to %s is wrong: it is 0x%" PRIx64 ", and 0x%" PRIx64
					  ", %s, is %s; thread %" PRIu32 " died on it in %s.",
					  twin->bit, kind_words[twin->kind].what, twin->wrong, twin->value,
					  words_place(&where, crash, &place), kind_words[twin->kind].is,
					  evidence_dead_thread(crash),
					  twin->kind == TWIN_FUNCTION ? evidence_jump_source(&code, crash)
								      : evidence_fault_code(&code, crash));
	if (!err)
		err = evidence_add_refusal(crash, finding) ?: evidence_add_operand(crash, finding);
	if (!err && twin->kind != TWIN_IN_USE)
		err = finding_add_evidence(finding, EVIDENCE_MEMORY, 0, twin->value,
					   "0x%" PRIx64 " is %s, and no other value that differs in one bit alone is",
					   twin->value, kind_words[twin->kind].is);
	else if (!err && twin->in_register >= 0)
		err = finding_add_evidence(finding, EVIDENCE_SIGNAL, 0, twin->value, "%s holds 0x%" PRIx64,
					   fault_register_name(twin->in_register), twin->value);
	else if (!err)
		err = finding_add_evidence(finding, EVIDENCE_MEMORY, 0, twin->found_at,
					   "0x%" PRIx64 " stands in memory at 0x%" PRIx64, twin->value, twin->found_at);
	if (!err && !twin->is_telling)
		err = finding_add_counter(finding, "%s",
					  twin->bit >= 48 ? "programs put tags into such high bits of pointers"
							  : "an index or a size gone wrong can add or take away this "
							    "power of two");
	return err
		?: finding_add_missing(finding, "who changed the bit: the memory, the processor, or a stray write")
		?: finding_set_next_step(finding, "look for other such crashes on this machine, and test its memory");
}
