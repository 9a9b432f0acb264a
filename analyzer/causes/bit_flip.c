/* SPDX-License-Identifier: MIT */
/*
 * bit-flip: a pointer is good but for one bit.
 *
 * What is seen: the pointer that led nowhere differs in exactly one bit from one that leads where such a pointer leads:
 * a jump to where a function begins, a read to where a table of functions is (a class's virtual table, say), with
 * no other bit of which that is true; or the value points into a mapping, and is in a register or in the memory of
 * the process, exact to the last bit.
 *
 * How likely chance is: a process has some 10^5 functions and pointers to them in 2^47 addresses, and 44 values are
 * tried: less than one wild pointer in ten million has such a value. So that one bit changed is sure enough; what
 * changed it is not.
 *
 * What it could be mistaken for: any single bit is also a power of two that was added or subtracted (arithmetic). Up to
 * 2^35 that is what an index gone wrong does (2^31 elements of 16 bytes), and from bit 48 up programs put tags on
 * pointers (tag). In between no program computes like that. Bits below 20 are not looked at, nor addresses right behind
 * a mapping, because a loop that runs off its end gets there. But software also sets, clears and toggles single bits: a
 * bitmap, a set of flags or an fd_set written at a wrong place (software). A core cannot show that it was the hardware,
 * which is blamed last: never above possible.
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
	[TWIN_FUNCTION] = {"a function", "the start of a function"},
	[TWIN_TABLE] = {"a table of functions", "a table of functions"},
	[TWIN_VIRTUAL_TABLE] = {"a virtual table", "a virtual table"},
};

static const char *const alternatives[] = {"arithmetic", "tag", "software", NULL};

const struct link_kind link_wrong_bit = {"wrong-bit", FINDING_BIT_FLIP, alternatives};

static struct error *add_twin(const struct fault_twin *twin, struct finding *finding)
{
	if (twin->kind != TWIN_IN_USE)
		return finding_add_evidence(finding, EVIDENCE_MEMORY, 0, twin->value,
					    "0x%" PRIx64 " is %s, and no other value that differs in one bit alone is",
					    twin->value, kind_words[twin->kind].is);
	if (twin->in_register >= 0)
		return finding_add_evidence(finding, EVIDENCE_REGISTER, twin->in_register, twin->value,
					    "%s holds 0x%" PRIx64, fault_register_name(twin->in_register), twin->value);
	return finding_add_evidence(finding, EVIDENCE_MEMORY, 0, twin->found_at,
				    "memory at 0x%" PRIx64 " holds 0x%" PRIx64, twin->found_at, twin->value);
}

static struct error *examine(const struct fault_twin *twin, struct finding *finding)
{
	struct error *err = NULL;

	if (!twin->is_telling && twin->bit >= 48)
		err = link_leave_as_likely(finding, "tag", "programs put tags into such high bits of pointers");
	else if (!twin->is_telling)
		err = link_leave_as_likely(finding, "arithmetic",
					   "a wrong index or size can add or subtract this power of two");
	return err
		?: link_rule_out(finding, "arithmetic", EVIDENCE_MEMORY, 0, twin->value,
				 "no index or size makes such a difference (bit %u)", twin->bit)
		?: link_rule_out(finding, "tag", EVIDENCE_MEMORY, 0, twin->value, "bit %u is not one for tags", twin->bit)
		?: link_leave_open(finding, "software",
				   "software changes single bits, too: flags, bitmaps, an fd_set at a wrong place");
}

static struct node twin_node(const struct fault_twin *twin)
{
	if (twin->reg >= 0)
		return (struct node){.kind = NODE_REGISTER, .start = twin->wrong, .id = twin->reg};
	return (struct node){.kind = NODE_CODE, .start = twin->wrong, .id = -1};
}

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
	words_place(&where, crash, &place);
	err = finding_append(findings, FINDING_BIT_FLIP, &finding)
		      ?: link_append(finding, &link_wrong_bit, BASIS_INFERRED, twin_node(twin),
				     "the pointer differs in bit %u alone from 0x%" PRIx64, twin->bit, twin->value)
		      ?: evidence_add_refusal(crash, finding)
		      ?: evidence_add_operand(crash, finding)
		      ?: add_twin(twin, finding)
		      ?: examine(twin, finding);
	if (err)
		return err;
	if (twin->kind == TWIN_IN_USE)
		err = finding_set_summary(finding,
					  "Bit %u of a pointer is wrong: %s is 0x%" PRIx64 ", and 0x%" PRIx64
					  " points %s; thread %" PRIu32 " dereferenced it in %s.",
					  twin->bit, fault_register_name(twin->reg),
					  crash->facts.fault.registers[twin->reg], twin->value, where.text,
					  evidence_dead_thread(crash), evidence_fault_code(&code, crash));
	else
		err = finding_set_summary(finding,
					  "Bit %u of a pointer to %s is wrong: it is 0x%" PRIx64 ", and 0x%" PRIx64
					  " (%s) is %s; used in %s.",
					  twin->bit, kind_words[twin->kind].what, twin->wrong, twin->value, where.text,
					  kind_words[twin->kind].is,
					  twin->kind == TWIN_FUNCTION ? evidence_jump_source(&code, crash)
								      : evidence_fault_code(&code, crash));
	return err
		?: finding_add_missing(finding, "what changed the bit: a write, the memory or the processor")
		?: finding_set_next_step(finding, "do other programs crash like this on this machine? Then test its memory.");
}
