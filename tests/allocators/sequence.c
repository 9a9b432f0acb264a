/* SPDX-License-Identifier: MIT */
#include "tests/allocators/sequence.h"

#include <err.h>
#include <inttypes.h>
#include <stdio.h>

#define complain(sequence, ...)                                                                                        \
	do {                                                                                                           \
		if (!(sequence)->complaint[0])                                                                         \
			snprintf((sequence)->complaint, sizeof((sequence)->complaint), __VA_ARGS__);                   \
	} while (0)

static struct error *take_life(void *context, const struct heap_replay_life *life)
{
	struct sequence *sequence = context;

	if (sequence->life_count < EVENTS_MAX)
		sequence->lives[sequence->life_count++] = *life;
	return NULL;
}

static struct error *take_end(void *context, const struct heap_replay_end *end)
{
	struct sequence *sequence = context;

	if (end->end != HEAP_END_LIFE || end->is_open)
		complain(sequence, "call %" PRId64 ": end %d, open %d", end->call, (int)end->end, end->is_open);
	return NULL;
}

static void take_part(void *context, int64_t inner, int64_t outer)
{
	((struct sequence *)context)->outer[inner] = (size_t)outer;
}

static int64_t outermost(const struct sequence *sequence, int64_t call)
{
	while (call >= 0 && (int64_t)sequence->outer[call] != call)
		call = (int64_t)sequence->outer[call];
	return call;
}

static void replay(struct sequence *sequence)
{
	const struct heap_replay_sink sink = {take_life, take_end, take_part, sequence};
	struct heap_replay replay;
	struct error *err = NULL;

	for (size_t i = 0; i < sequence->event_count; i++)
		sequence->outer[i] = i;
	sequence->life_count = 0;
	sequence->complaint[0] = 0;
	heap_replay_init(&replay, &sink);
	for (size_t i = 0; !err && i < sequence->event_count; i++)
		err = heap_replay_take(&replay, &sequence->events[i], (int64_t)i);
	if (!err)
		err = heap_replay_finish(&replay);
	if (err)
		errx(1, "%s", err->message);
	heap_replay_deinit(&replay);
	for (size_t i = 0; i < sequence->life_count; i++) {
		sequence->lives[i].first = outermost(sequence, sequence->lives[i].first);
		sequence->lives[i].gone = outermost(sequence, sequence->lives[i].gone);
	}
}

uint64_t sequence_made_at(const struct sequence *sequence, const struct heap_replay_life *life)
{
	return sequence->events[life->first].exit_ns;
}

static uint64_t gone_at(const struct sequence *sequence, const struct heap_replay_life *life)
{
	return life->gone < 0 ? UINT64_MAX : sequence->events[life->gone].enter_ns;
}

static const struct allocator_life *truth_of(const struct sequence *sequence, int64_t operation)
{
	for (size_t i = 0; i < sequence->truth_count; i++) {
		if (sequence->truth[i].made_by == operation)
			return &sequence->truth[i];
	}
	return NULL;
}

/* An operator new that fails without throwing throws inside: the exception is a block that the program never had. */
static bool is_of_failed_new(const struct sequence *sequence, const struct heap_event *inner)
{
	if (!inner->stack_id)
		return false;
	for (size_t i = 0; i < sequence->event_count; i++) {
		const struct heap_event *event = &sequence->events[i];

		if (event->function_id == inner->function_id && !event->stack_id)
			return event->role == FUNCTION_NEW && !event->block;
	}
	return false;
}

static void check_life(struct sequence *sequence, const struct heap_replay_life *life)
{
	const struct heap_event *made = &sequence->events[life->first];
	const struct heap_event *gone = life->gone >= 0 ? &sequence->events[life->gone] : NULL;
	const struct allocator_life *truth = truth_of(sequence, made->function_id);

	if (life->unseen || life->gone == HEAP_REPLAY_UNSEEN || life->is_open)
		complain(sequence, "life of call %" PRId64 ": unseen %d, gone %" PRId64 ", open %d", life->first,
			 life->unseen, life->gone, life->is_open);
	else if (made->stack_id || (gone && gone->stack_id))
		complain(sequence, "life of call %" PRId64 " to %" PRId64 ": an inner call", life->first, life->gone);
	else if (!truth || truth->address != life->start || truth->size != life->size)
		complain(sequence, "life of call %" PRId64 ": no such block was had", life->first);
	else if (truth->gone_by != (gone ? gone->function_id : 0))
		complain(sequence, "life of call %" PRId64 ": gone by %" PRId64 ", not by operation %" PRIu32,
			 life->first, life->gone, truth->gone_by);
	else if (!gone && truth->usable < life->size)
		complain(sequence, "life of call %" PRId64 ": %" PRIu64 " bytes in %" PRIu64, life->first, life->size,
			 truth->usable);
}

static void check_overlap(struct sequence *sequence, const struct heap_replay_life *a, const struct heap_replay_life *b)
{
	bool same_memory = a->start < b->start + b->size && b->start < a->start + a->size;
	bool same_time = sequence_made_at(sequence, a) < gone_at(sequence, b) &&
			 sequence_made_at(sequence, b) < gone_at(sequence, a);

	if ((same_memory || a->start == b->start) && same_time)
		complain(sequence, "calls %" PRId64 " and %" PRId64 ": in the same memory at the same time", a->first,
			 b->first);
}

void sequence_judge(struct sequence *sequence)
{
	size_t own = 0;

	replay(sequence);
	for (size_t i = 0; i < sequence->life_count; i++) {
		if (sequence->lives[i].unseen ||
		    !is_of_failed_new(sequence, &sequence->events[sequence->lives[i].first])) {
			check_life(sequence, &sequence->lives[i]);
			own++;
		}
		for (size_t j = 0; j < i; j++)
			check_overlap(sequence, &sequence->lives[j], &sequence->lives[i]);
	}
	if (own != sequence->truth_count)
		complain(sequence, "%zu lives, %zu blocks", own, sequence->truth_count);
}

void sequence_print(const struct sequence *sequence)
{
	static const char *const names[] = {
		"-",	"malloc", "calloc", "realloc", "reallocarray", "aligned_alloc", "posix_memalign",
		"free", "new",	  "delete"};

	for (size_t i = 0; i < sequence->event_count; i++) {
		const struct heap_event *event = &sequence->events[i];

		fprintf(stderr,
			"%zu: operation %" PRId64 ".%" PRId64 " thread %" PRIu32 " %" PRIu64 "-%" PRIu64
			" %s(0x%" PRIx64 ", %" PRIu64 ") = 0x%" PRIx64 "\n",
			i, event->function_id, event->stack_id, event->tid, event->enter_ns, event->exit_ns,
			names[event->role], event->old_block, event->size, event->block);
	}
}
