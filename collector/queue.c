/* SPDX-License-Identifier: MIT */
#include "collector/queue.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* For what must not be lost, beyond the limit: at least that many chunks, else a quarter of the limit. */
#define RESERVE_CHUNKS 4

struct queue {
	pthread_mutex_t lock;
	pthread_cond_t filled, emptied;
	struct queue_chunk *first;
	struct queue_chunk **last;
	size_t waiting_bytes;
	size_t limit_bytes;
	bool closed, popping, abandoned;
	/* producer only */
	bool filling_up;
	struct queue_chunk *filling;
	bool filling_beyond; /* the chunk being filled is beyond the limit: for records that must not be lost */
	uint64_t lost, lost_from_ns, lost_to_ns;
};

struct error *queue_create(size_t limit_bytes, struct queue **ret_queue)
{
	struct queue *queue = calloc(1, sizeof(*queue));
	pthread_condattr_t attributes;

	if (!queue)
		return &error_no_memory;
	queue->limit_bytes = limit_bytes;
	queue->last = &queue->first;
	pthread_mutex_init(&queue->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&queue->filled, &attributes);
	pthread_cond_init(&queue->emptied, NULL);
	pthread_condattr_destroy(&attributes);
	*ret_queue = queue;
	return NULL;
}

void queue_destroy(struct queue *queue)
{
	if (!queue)
		return;
	while (queue->first) {
		struct queue_chunk *next = queue->first->next;

		free(queue->first);
		queue->first = next;
	}
	free(queue->filling);
	pthread_cond_destroy(&queue->filled);
	pthread_cond_destroy(&queue->emptied);
	pthread_mutex_destroy(&queue->lock);
	free(queue);
}

static bool queue_has_room(struct queue *queue)
{
	bool room;

	pthread_mutex_lock(&queue->lock);
	room = queue->waiting_bytes + QUEUE_CHUNK_BYTES <= queue->limit_bytes;
	pthread_mutex_unlock(&queue->lock);
	return room;
}

/* Waits until there is room beyond the limit; sets *ret_beyond when it is that which must be used. */
static bool queue_wait_for_room(struct queue *queue, bool *ret_beyond)
{
	size_t reserve = queue->limit_bytes / 4;
	bool room;

	if (reserve < RESERVE_CHUNKS * (size_t)QUEUE_CHUNK_BYTES)
		reserve = RESERVE_CHUNKS * (size_t)QUEUE_CHUNK_BYTES;
	pthread_mutex_lock(&queue->lock);
	while (queue->popping && !queue->abandoned && queue->waiting_bytes > queue->limit_bytes + reserve)
		pthread_cond_wait(&queue->emptied, &queue->lock);
	room = !queue->abandoned;
	*ret_beyond = queue->waiting_bytes + QUEUE_CHUNK_BYTES > queue->limit_bytes;
	pthread_mutex_unlock(&queue->lock);
	return room;
}

static bool queue_start_chunk(struct queue *queue, bool keep)
{
	bool beyond = false;

	if (queue->filling && queue->filling_beyond && !keep) {
		if (!queue_has_room(queue))
			return false;
		queue->filling_beyond = false;
	}
	if (queue->filling)
		return true;
	if (keep ? !queue_wait_for_room(queue, &beyond) : !queue_has_room(queue))
		return false;
	queue->filling_beyond = beyond;
	queue->filling = malloc(sizeof(*queue->filling) + QUEUE_CHUNK_BYTES);
	if (!queue->filling)
		return false;
	*queue->filling = (struct queue_chunk){
		.lost = queue->lost,
		.lost_from_ns = queue->lost_from_ns,
		.lost_to_ns = queue->lost_to_ns,
	};
	queue->lost = 0;
	return true;
}

static bool queue_copy(struct queue *queue, const void *record, size_t size, bool keep)
{
	size_t padded = (size + 7) & ~(size_t)7;

	if (queue->filling && queue->filling->used + padded > QUEUE_CHUNK_BYTES)
		queue_flush(queue, 0);
	if (!queue_start_chunk(queue, keep))
		return false;
	memcpy(queue->filling->bytes + queue->filling->used, record, size);
	queue->filling->used += padded;
	return true;
}

/* Records of several CPUs come in no order. */
static bool queue_push_or_count(struct queue *queue, const void *record, size_t size, uint64_t from_ns, uint64_t to_ns,
				bool keep)
{
	if (queue_copy(queue, record, size, keep))
		return true;
	if (!queue->lost || from_ns < queue->lost_from_ns)
		queue->lost_from_ns = from_ns;
	if (!queue->lost || to_ns > queue->lost_to_ns)
		queue->lost_to_ns = to_ns;
	queue->lost++;
	return false;
}

bool queue_push(struct queue *queue, const void *record, size_t size, uint64_t from_ns, uint64_t to_ns)
{
	return queue_push_or_count(queue, record, size, from_ns, to_ns, false);
}

bool queue_push_kept(struct queue *queue, const void *record, size_t size, uint64_t time_ns)
{
	return queue_push_or_count(queue, record, size, time_ns, time_ns, true);
}

bool queue_push_optional(struct queue *queue, const void *record, size_t size)
{
	return queue_copy(queue, record, size, false);
}

bool queue_is_filling(struct queue *queue)
{
	size_t waiting;

	pthread_mutex_lock(&queue->lock);
	waiting = queue->waiting_bytes;
	pthread_mutex_unlock(&queue->lock);
	queue->filling_up = waiting > queue->limit_bytes / (queue->filling_up ? 8 : 4);
	return queue->filling_up;
}

void queue_flush(struct queue *queue, uint64_t complete_until_ns)
{
	if (!queue->filling && !queue_start_chunk(queue, false))
		return;
	queue->filling->complete_until_ns = complete_until_ns;
	pthread_mutex_lock(&queue->lock);
	*queue->last = queue->filling;
	queue->last = &queue->filling->next;
	queue->waiting_bytes += queue->filling->used;
	pthread_cond_signal(&queue->filled);
	pthread_mutex_unlock(&queue->lock);
	queue->filling = NULL;
}

void queue_close(struct queue *queue)
{
	/* What was lost last must reach the books even when there is no room: make room for one empty chunk. */
	queue->limit_bytes = SIZE_MAX;
	queue_flush(queue, 0);
	pthread_mutex_lock(&queue->lock);
	queue->closed = true;
	pthread_cond_signal(&queue->filled);
	pthread_mutex_unlock(&queue->lock);
}

void queue_abandon(struct queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	queue->abandoned = true;
	pthread_cond_signal(&queue->emptied);
	pthread_mutex_unlock(&queue->lock);
}

struct queue_chunk *queue_pop(struct queue *queue, unsigned timeout_ms, bool *ret_closed)
{
	struct queue_chunk *chunk;
	struct timespec deadline;

	clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
	deadline.tv_sec += timeout_ms / 1000 + deadline.tv_nsec / 1000000000;
	deadline.tv_nsec %= 1000000000;
	pthread_mutex_lock(&queue->lock);
	queue->popping = true;
	while (!queue->first && !queue->closed) {
		if (pthread_cond_timedwait(&queue->filled, &queue->lock, &deadline))
			break;
	}
	chunk = queue->first;
	if (chunk) {
		queue->first = chunk->next;
		if (!queue->first)
			queue->last = &queue->first;
		queue->waiting_bytes -= chunk->used;
		pthread_cond_signal(&queue->emptied);
	}
	*ret_closed = queue->closed && !chunk;
	pthread_mutex_unlock(&queue->lock);
	return chunk;
}
