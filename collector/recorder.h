/* SPDX-License-Identifier: MIT */
/* A recorder at work: what the files of corelated's main program share. */
#ifndef COLLECTOR_RECORDER_H
#define COLLECTOR_RECORDER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "collector/command.h"
#include "collector/ingest.h"
#include "collector/kernel.h"
#include "collector/options.h"
#include "collector/plan.h"
#include "collector/probes.h"
#include "collector/queue.h"

/* The line on the terminal, as it was last written. */
struct recorder_status {
	uint64_t shown_ns; /* 0: never yet */
	uint64_t stored;
	double rate; /* events a second */
	bool on_screen;
};

struct recorder {
	struct recorder_options options;
	struct child command;
	struct kernel *kernel;
	struct plan plan;      /* of functions to probe */
	struct probes *probes; /* NULL without a plan */
	struct queue *queue;
	struct store_writer *writer;
	struct ingest *ingest;
	struct recording recording;
	pthread_t drain_thread;
	bool draining;
	atomic_bool finish;	     /* the drain thread empties the ring once more and ends */
	struct event_counters books; /* as last read */
	uint64_t books_ns;
	uint64_t missed; /* skipped program runs, as last read */
	uint64_t missed_ns;
	/* Losses in the books that no process was told for, less those that were told and are not in the books yet: the
	 * two are read one after the other while the kernel side goes on counting. */
	int64_t untold;
	uint64_t untold_ns; /* they came after this moment */
	uint64_t looked_ns; /* last look at who holds which probe */
	bool warned, warned_probes;
	struct recorder_status status;
};

/* CLOCK_BOOTTIME. */
uint64_t recorder_now_ns(void);

/* recorder_drain.c: the thread that empties the ring into the queue, until `finish` is set and the ring is empty. Takes
 * a struct recorder. */
void *recorder_drain(void *context);

/* recorder_books.c: turns what the kernel side has lost since the last look into gaps. */
void recorder_check_books(struct recorder *recorder);
/* The same for runs of our programs that the kernel skipped: rare, and dearer to ask. */
void recorder_check_missed(struct recorder *recorder);

/* recorder_status.c: on a terminal, and without a command that it belongs to, events, rate, losses and size in one line
 * that is rewritten once a second. Hide it before anything else is written there. */
void recorder_show_status(struct recorder *recorder);
void recorder_hide_status(struct recorder *recorder);

#endif
