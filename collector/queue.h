/* SPDX-License-Identifier: MIT */
/*
 * The queue between the thread that empties the ring buffer and the thread that stores. Its memory grows with what
 * waits in it, up to a limit, and goes back when it is empty, so that a burst is absorbed and an idle recorder stays
 * small.
 *
 * One producer, one consumer. Records are copied; a chunk holds many of them, back to back, each 8-byte aligned.
 */
#ifndef COLLECTOR_QUEUE_H
#define COLLECTOR_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define QUEUE_CHUNK_BYTES (1U << 20)

struct queue_chunk {
	struct queue_chunk *next;
	size_t used;
	uint64_t complete_until_ns; /* with this chunk, everything emitted before that moment is in the queue; 0: not
				       known */
	uint64_t lost;		    /* records dropped just before this chunk because the queue was full */
	uint64_t lost_from_ns;	    /* lowest and highest time of them */
	uint64_t lost_to_ns;
	uint8_t bytes[];
};

struct queue;

struct error *queue_create(size_t limit_bytes, struct queue **ret_queue) must_check;
void queue_destroy(struct queue *queue);

/* Producer: copies one record; false (and the loss is remembered for the next chunk) when the limit is reached. What it
 * tells of happened from `from_ns` to `to_ns`. */
bool queue_push(struct queue *queue, const void *record, size_t size, uint64_t from_ns, uint64_t to_ns);

/* The same for a record whose loss need not be told. */
bool queue_push_optional(struct queue *queue, const void *record, size_t size);

/* Producer: for a record that must not be lost. There is room for some beyond the limit, and then this waits for the
 * consumer; before the consumer's first pop it takes what it needs. Loses the record only after queue_abandon() or
 * without memory, and counts it then. */
bool queue_push_kept(struct queue *queue, const void *record, size_t size, uint64_t time_ns);

/* Producer: more than a quarter of the limit waits; or still more than an eighth, when it was so before. */
bool queue_is_filling(struct queue *queue);

/* Producer: hands the chunk being filled to the consumer, even an empty one, with what is known to be complete. */
void queue_flush(struct queue *queue, uint64_t complete_until_ns);

/* Producer: nothing more will come. */
void queue_close(struct queue *queue);

/* Consumer: no pop will come any more, so that nobody waits for one. */
void queue_abandon(struct queue *queue);

/* Consumer: the next chunk, which the caller frees, or NULL after `timeout_ms` or when closed and empty. */
struct queue_chunk *queue_pop(struct queue *queue, unsigned timeout_ms, bool *ret_closed);

#endif
