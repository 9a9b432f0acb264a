/* SPDX-License-Identifier: MIT */
/* One line for a recording that somebody watches: what has been stored, how fast, what was lost. */
#include "collector/recorder.h"
#include "schema/writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define STATUS_INTERVAL_NS 1000000000ULL
/* The rate is that of the last few seconds, so that it neither jumps nor remembers the morning. */
#define RATE_SHARE 0.5

/* A command on the same terminal has that for itself. */
static bool is_watched(const struct recorder *recorder)
{
	return !recorder->options.command && isatty(STDERR_FILENO);
}

void recorder_show_status(struct recorder *recorder)
{
	struct recorder_status *status = &recorder->status;
	uint64_t now = recorder_now_ns(), stored, lost, bytes = 0;
	struct error *err;
	double rate;

	if (now - status->shown_ns < STATUS_INTERVAL_NS || !is_watched(recorder))
		return;
	ingest_books(recorder->ingest, &stored, &lost);
	rate = (double)(stored - status->stored) * 1e9 / (double)(now - status->shown_ns);
	if (!status->shown_ns) {
		/* Nothing to compare with yet: the line appears a second later. */
		status->shown_ns = now;
		status->stored = stored;
		return;
	}
	status->rate = status->on_screen ? RATE_SHARE * rate + (1 - RATE_SHARE) * status->rate : rate;
	err = store_writer_size(recorder->writer, &bytes);
	error_destroy(err); /* then the size is left at 0: it is for looking at */
	fprintf(stderr, "\r\033[K%" PRIu64 " events stored, %.0f/s, %" PRIu64 " lost, %.1f MiB", stored, status->rate,
		lost, (double)bytes / (1 << 20));
	fflush(stderr);
	status->on_screen = true;
	status->shown_ns = now;
	status->stored = stored;
}

void recorder_hide_status(struct recorder *recorder)
{
	if (recorder->status.on_screen)
		fputs("\r\033[K", stderr);
	recorder->status.on_screen = false;
}
