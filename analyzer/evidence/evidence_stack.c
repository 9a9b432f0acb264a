/* SPDX-License-Identifier: MIT */
#include "analyzer/evidence/evidence_stack.h"

#include <inttypes.h>

#include "analyzer/facts/stack_corruption.h"

struct error *evidence_add_corruption(const struct crash *crash, struct finding *finding)
{
	size_t lost = corruption_first_lost(crash);
	uint64_t frame_pointer = crash->facts.fault.has_registers ? crash->facts.fault.registers[CORE_RBP]
								  : crash->facts.registers[CORE_RBP];
	struct words words;
	struct error *err = NULL;

	if (lost != SIZE_MAX) {
		const struct frame *frame = &crash->facts.stacks.threads[0].frames[lost];

		err = finding_add_evidence(finding, EVIDENCE_MEMORY, 0, frame->sp - 8,
					   "the return address of frame %zu, at 0x%" PRIx64
					   ", is %s: the stack is corrupted",
					   lost - 1, frame->sp - 8, words_spelled(&words, frame->pc));
	}
	if (!err && crash->facts.has_registers && corruption_is_text(frame_pointer))
		err = finding_add_evidence(finding, EVIDENCE_REGISTER, CORE_RBP, frame_pointer,
					   "the frame pointer, which is saved beside the return address, is %s",
					   words_spelled(&words, frame_pointer));
	return err;
}
