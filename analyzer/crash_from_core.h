/* SPDX-License-Identifier: MIT */
/*
 * What the core dump says by itself: no member here depends on a record. All of it is zero, and `image` NULL, where
 * there is no core. Made by assemble_core.c.
 */
#ifndef ANALYZER_CRASH_FROM_CORE_H
#define ANALYZER_CRASH_FROM_CORE_H

#include <stddef.h>

#include "analyzer/core/core.h"
#include "analyzer/facts/place.h"
#include "analyzer/facts/snapshot.h"

struct crash_from_core {
	struct elf_host *host;	    /* whose files are looked at (elf_host.h); NULL: this machine's; the request's */
	const struct core *image;   /* the core, opened; the request's, and outlives the crash. NULL: there is none */
	struct place_index *places; /* of `image`, for place_of(); owned. NULL without a core */
	char *path; /* what the core is called: the request's name for it, else its path; owned. NULL without one */
	/* By its notes, and by what its threads' signals have been: SNAPSHOT_NONE also where nothing tells. */
	enum snapshot_kind snapshot;
	/* Paths of modules whose file is not there any more, or is another build: nothing in them has a name. By
	 * comparing each module's build-id with its file's. Owned. */
	char **gone_modules;
	size_t gone_module_count;
	/* What the C library said before it aborted: __abort_msg in its memory (abort_message.h), read for SIGABRT
	 * alone. Owned; NULL: it said nothing, or that cannot be read. */
	char *abort_message;
};

void crash_from_core_deinit(struct crash_from_core *core);

#endif
