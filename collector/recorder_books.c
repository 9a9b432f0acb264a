/* SPDX-License-Identifier: MIT */
#include "collector/recorder.h"

struct loss_round {
	struct ingest *ingest;
	enum gap_cause cause;
	uint64_t told;
};

static void tell_loss(void *context, uint32_t pid, const struct event_loss *loss)
{
	struct loss_round *round = context;

	round->told += loss->count;
	ingest_add_loss(round->ingest, round->cause, pid, loss->first_ns, loss->last_ns, loss->count);
}

/* Turns what the kernel side has lost since the last look into gaps. The span of a loss whose process is not known is
 * the whole time between the two looks. */
void recorder_check_books(struct recorder *recorder)
{
	uint64_t now = recorder_now_ns();
	struct event_counters books;
	struct loss_round round = {.ingest = recorder->ingest, .cause = GAP_RING_FULL};
	uint64_t fresh_ring, fresh_state;
	int64_t untold_before = recorder->untold, sure;

	kernel_read_books(recorder->kernel, &books);
	fresh_ring = books.lost - recorder->books.lost;
	fresh_state = books.state_lost - recorder->books.state_lost;
	if (fresh_state && !fresh_ring)
		round.cause = GAP_KERNEL_STATE;
	if (fresh_ring + fresh_state || recorder->untold) {
		kernel_take_losses(recorder->kernel, tell_loss, &round);
		recorder->untold += (int64_t)(fresh_ring + fresh_state) - (int64_t)round.told;
		/* What a whole round did not clear up is anyone's. */
		sure = untold_before < recorder->untold ? untold_before : recorder->untold;
		if (sure > 0) {
			ingest_add_loss(recorder->ingest, round.cause, 0, recorder->untold_ns, now, (uint64_t)sure);
			recorder->untold -= sure;
		}
		recorder->untold_ns = recorder->books_ns;
	}
	recorder->books = books;
	recorder->books_ns = now;
}

/* The kernel skips a program that would run inside itself; rare, so looked at rarely. */
void recorder_check_missed(struct recorder *recorder)
{
	uint64_t now = recorder_now_ns(), missed = kernel_read_missed(recorder->kernel);

	if (missed > recorder->missed)
		ingest_add_loss(recorder->ingest, GAP_MISSED, 0, recorder->missed_ns, now, missed - recorder->missed);
	recorder->missed = missed;
	recorder->missed_ns = now;
}
