/* SPDX-License-Identifier: MIT */
/*
 * Who attached the probes of a crash: joins what was found in the core, or pending in the kernel, with the recorder's
 * ledger.
 */
#ifndef ANALYZER_TRACERS_H
#define ANALYZER_TRACERS_H

#include "analyzer/crash.h"

/* Gives each probe in crash->facts.repair its holders, as struct probe has them, and marks as a uretprobe, or as a
 * plain uprobe, what the ledger knows to be one. */
struct error *tracers_name(struct store_reader *store, struct crash *crash) must_check;

/* For a death without a core: a probe for each recorded return instance, named by the file that the ledger gives it,
 * and the function that lies at its offset there. */
struct error *tracers_add_pending(struct store_reader *store, struct crash *crash) must_check;

#endif
