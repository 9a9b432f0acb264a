/* SPDX-License-Identifier: MIT */
#include "analyzer/ends/suspect.h"

#include "analyzer/evidence/evidence_culprit.h"

/* Ends that a value is to blame for. */
static bool hangs_on_value(enum finding_class class)
{
	return class == FINDING_NULL_DEREFERENCE || class == FINDING_NULL_CALL || class == FINDING_WILD_JUMP ||
	       class == FINDING_NX_EXECUTION || class == FINDING_NON_CANONICAL_POINTER ||
	       class == FINDING_WILD_POINTER || class == FINDING_DIVIDE_BY_ZERO || class == FINDING_MISALIGNED_OBJECT;
}

struct error *suspect_add(const struct crash *crash, struct finding_list *list)
{
	const struct blame *blame = &crash->facts.blame;
	struct finding *verdict = &list->findings[0];

	if (!hangs_on_value(verdict->class) || verdict->suspect.kind != CULPRIT_NONE)
		return NULL;
	if (blame->how != BLAME_NOT_KNOWN)
		return evidence_suspect_code(verdict, &blame->symbol, EVIDENCE_FRAME, (int64_t)blame->frame, blame->pc);
	if (blame->loss == CODE_TRAIL_NOT_LOST || verdict->lost_at)
		return NULL;
	return finding_set_lost(verdict, blame_loss_text(blame->loss), NULL);
}
