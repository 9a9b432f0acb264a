/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "replay/act.h"
#include "replay/kernel.h"

/* Does it leave a mark? */
static bool is_followed(const struct replay *replay, uint64_t advice)
{
	switch (advice) {
	case ADVICE_DONTFORK:
	case ADVICE_DOFORK:
		return true;
	case ADVICE_DONTNEED:
	case ADVICE_FREE:
	case ADVICE_REMOVE:
	case ADVICE_DONTNEED_LOCKED:
	case ADVICE_WIPEONFORK:
	case ADVICE_KEEPONFORK:
	case ADVICE_GUARD_INSTALL:
	case ADVICE_GUARD_REMOVE:
		return replay->follows == REPLAY_ALL_ADVICE;
	default:
		return false;
	}
}

/* Of these, a lack of memory is told as another error, or cannot be: ENOMEM is a hole, which they passed over. */
static bool passes_holes(uint64_t advice)
{
	return advice != ADVICE_GUARD_INSTALL && advice != ADVICE_REMOVE;
}

/* Of private memory without a file alone. */
static bool wants_anonymous(uint64_t advice)
{
	return advice == ADVICE_FREE || advice == ADVICE_WIPEONFORK;
}

/* The first byte of [start, end) of a mapping that certainly refuses; `end` when there is none. *ret_known: what lies
 * before is known, and does not refuse. */
static uint64_t first_refusal(const struct replay *replay, int64_t space_id, uint64_t start, uint64_t end,
			      bool *ret_known)
{
	*ret_known = true;
	while (start < end) {
		const struct piece *piece = pieces_find_lowest(replay, space_id, start, end);
		struct history_state now;

		if (!piece || piece->start > start)
			*ret_known = false;
		if (!piece)
			break;
		now = history_now(&piece->history);
		if (now.kind == PIECE_UNKNOWN || piece->history.has_orders || now.is_open || now.is_clouded ||
		    (now.kind == PIECE_MAPPED && now.content.protection < 0))
			*ret_known = false;
		else if (now.kind == PIECE_MAPPED && (now.content.file_id || (now.content.flags & FLAG_MAP_SHARED)))
			return piece->start > start ? piece->start : start;
		start = piece->end;
	}
	return end;
}

/* mm/madvise.c, hugetlb's madvise_dontneed: only whole huge pages are given back. */
static uint64_t huge_end(const struct replay *replay, int64_t space_id, uint64_t start, uint64_t end)
{
	const struct piece *piece = pieces_find_lowest(replay, space_id, end - 1, end);
	struct history_state now = piece ? history_now(&piece->history) : (struct history_state){0};
	uint64_t unit_bytes;

	if (now.kind != PIECE_MAPPED || !(now.content.flags & FLAG_MAP_HUGETLB))
		return end;
	unit_bytes = memory_page_bytes(now.content.flags);
	end &= ~(unit_bytes - 1);
	return end > start ? end : start;
}

struct error *act_advise(struct act act, uint64_t start, uint64_t end)
{
	const struct memory_event *event = act.event;
	const uint64_t advice = event->args[2];
	const uint64_t whole = end;
	bool known = false;

	if (!is_followed(act.replay, advice) || start >= end)
		return NULL;
	act.step.act = ACT_ADVISE;
	act.step.advice = (uint16_t)advice;
	act.step.wants_mapped = event->result == 0;
	if (memory_event_failed(event) && !(event->result == -ENOMEM && passes_holes(advice))) {
		if (event->result == -EINVAL && wants_anonymous(advice))
			end = first_refusal(act.replay, event->space_id, start, end, &known);
		act.step.failed = !known || end == whole;
		act.step.is_probable = event->result == -ENOMEM;
	}
	if (start < end && (advice == ADVICE_DONTNEED || advice == ADVICE_DONTNEED_LOCKED))
		end = huge_end(act.replay, event->space_id, start, end);
	return act_on(act, start, end);
}
