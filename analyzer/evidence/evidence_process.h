/* SPDX-License-Identifier: MIT */
/* What the detectors of how a process ended share: evidence about frames and the signal, in one wording. Pure. */
#ifndef ANALYZER_EVIDENCE_PROCESS_H
#define ANALYZER_EVIDENCE_PROCESS_H

#include "analyzer/crash.h"
#include "analyzer/facts/ending.h"
#include "analyzer/finding.h"
#include "analyzer/words.h"

/* "WHAT: frame 5, prog close_books+0x3e (prog.c:11)". Nothing for SIZE_MAX. */
struct error *evidence_add_crash_frame(const struct crash *crash, struct finding *finding, size_t frame,
				       const char *what) must_check;

/* The signal and who sent it: "SIGABRT, SI_TKILL, sent by the process itself". */
struct error *evidence_add_signal(const struct crash *crash, struct finding *finding) must_check;

/* Did the recorded sender pass on a signal: it sent this one in a handler for one that it had got? A process that sends
 * a signal to another when a timer of its own has run down decided so by itself. */
bool evidence_is_passed_on(const struct crash *crash);

/* "close_books (prog.c:11)" for a frame of the crashed thread; "" for SIZE_MAX. */
const char *evidence_frame_words(struct words *words, const struct crash *crash, size_t frame);

/* Sets the offender to the code of that frame; nothing for SIZE_MAX. */
struct error *evidence_set_frame_offender(const struct crash *crash, struct finding *finding, size_t frame) must_check;

/* Would the instruction that the crashed thread stands at fault, by its registers? Tells a signal that a handler has
 * sent again before it returned from one that came from elsewhere. */
bool evidence_instruction_faults(const struct crash *crash);

#endif
