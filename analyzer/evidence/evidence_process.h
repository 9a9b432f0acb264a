/* SPDX-License-Identifier: MIT */
/* What the causes of a process's end by a signal share: evidence about frames and the signal, in one wording. Pure. */
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

/* Accuses the code of that frame, which is on the stack doing the act; where the frame is only a guess, as a suspect.
 * Nothing for SIZE_MAX. The frame must be evidence of a link. */
struct error *evidence_accuse_frame(const struct crash *crash, struct finding *finding, size_t frame) must_check;

/* Suspects the code of that frame, which is to blame by inference alone; nothing for SIZE_MAX. */
struct error *evidence_suspect_frame(const struct crash *crash, struct finding *finding, size_t frame) must_check;

/* Did the kernel send SIGPIPE or SIGXFSZ to the thread itself, from within a call that writes? It does so in the
 * process's own name (send_sig(…, current, 0): Linux fs/pipe.c, net/core/stream.c, fs/read_write.c, fs/attr.c), and
 * that call then fails with EPIPE or EFBIG, or returns what it had written before. */
enum kernel_own {
	KERNEL_OWN_NO,	   /* the registers show another call's result, or another thread was seen sending it */
	KERNEL_OWN_MAYBE,  /* no registers, or a number of bytes */
	KERNEL_OWN_FAILED, /* the result is that error */
};
enum kernel_own evidence_kernels_own(const struct crash *crash);

/* Would the current instruction of the crashed thread fault, by its registers? Distinguishes a signal that a handler
 * sent again before it returned from one that came from elsewhere. */
bool evidence_instruction_faults(const struct crash *crash);

#endif
