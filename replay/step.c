/* SPDX-License-Identifier: MIT */
#include "replay/step.h"

#include "replay/kernel.h"

#define NO_MARKS                                                                                                       \
	{                                                                                                              \
		REPLAY_NO_CALL, REPLAY_NO_CALL, REPLAY_NO_CALL, REPLAY_NO_CALL                                         \
	}

const struct history_marks history_no_marks = NO_MARKS;
const struct history_content history_unknown = {.protection = -1, .pkey = HISTORY_PKEY_UNKNOWN, .marks = NO_MARKS};

/* mm/madvise.c. An emptied page's guard goes along with its contents or is not copied with them; discarding leaves it.
 */
static void advise(struct history_marks *marks, unsigned advice, int64_t call)
{
	switch (advice) {
	case ADVICE_GUARD_INSTALL:
		marks->guarded_by = call;
		marks->discarded_by = call;
		break;
	case ADVICE_GUARD_REMOVE:
		marks->guarded_by = REPLAY_NO_CALL;
		break;
	case ADVICE_DONTFORK:
	case ADVICE_DOFORK:
		marks->unforked_by = advice == ADVICE_DONTFORK ? call : REPLAY_NO_CALL;
		break;
	case ADVICE_WIPEONFORK:
	case ADVICE_KEEPONFORK:
		marks->wiped_by = advice == ADVICE_WIPEONFORK ? call : REPLAY_NO_CALL;
		break;
	case ADVICE_EMPTIED:
		marks->guarded_by = REPLAY_NO_CALL;
		marks->discarded_by = call;
		break;
	default:
		marks->discarded_by = call;
		break;
	}
}

unsigned history_advance(struct history_state *state, const struct history_step *step, bool *ret_ended)
{
	bool was_mapped = state->kind == PIECE_MAPPED, was_free = state->kind == PIECE_FREE;

	*ret_ended = false;
	switch (step->act) {
	case ACT_MAP:
	case ACT_FIND:
		if (step->act == ACT_FIND && was_mapped) {
			if (state->content.protection < 0)
				state->content.protection = step->content.protection;
			return 0;
		}
		*ret_ended = was_mapped;
		*state = (struct history_state){
			.kind = PIECE_MAPPED,
			.is_open = step->is_open,
			.is_clouded = step->is_clouded,
			.has_open_marks = step->has_open_marks,
			.call = step->call,
			.other = step->other,
			.other_protector = step->other_protector,
			.protected_by = step->call,
			.content = step->content,
		};
		return step->act == ACT_FIND ? was_free : was_mapped && step->wants_free;
	case ACT_UNMAP:
		*ret_ended = was_mapped;
		*state = (struct history_state){.kind = PIECE_FREE, .is_clouded = step->is_clouded, .call = step->call};
		return was_free && step->wants_mapped;
	case ACT_PROTECT:
		if (was_mapped) {
			state->content.protection = step->content.protection;
			if (step->content.pkey != HISTORY_PKEY_STAYS)
				state->content.pkey = step->content.pkey;
			state->protected_by = step->call;
		}
		return was_free && step->wants_mapped;
	case ACT_ADVISE:
		if (was_mapped)
			advise(&state->content.marks, step->advice, step->call);
		return was_free && step->wants_mapped;
	}
	return 0;
}

bool history_is_same_marks(const struct history_marks *left, const struct history_marks *right)
{
	return left->guarded_by == right->guarded_by && left->discarded_by == right->discarded_by &&
	       left->unforked_by == right->unforked_by && left->wiped_by == right->wiped_by;
}

bool history_is_same_content(const struct history_content *left, const struct history_content *right)
{
	return left->protection == right->protection && left->flags == right->flags &&
	       left->file_id == right->file_id && left->shm == right->shm &&
	       ((!left->file_id && left->shm != SHM_ATTACHED) || left->file_shift == right->file_shift) &&
	       left->pkey == right->pkey && history_is_same_marks(&left->marks, &right->marks);
}
