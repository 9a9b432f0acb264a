/* SPDX-License-Identifier: MIT */
/* Links between the signal that ended a process and what sent it, and what several causes examine of them. Pure. */
#ifndef ANALYZER_LINK_PROCESS_H
#define ANALYZER_LINK_PROCESS_H

#include "analyzer/crash.h"
#include "analyzer/facts/ending.h"
#include "analyzer/link.h"

/* The crashed thread sent the signal of the end to its own process. */
extern const struct link_kind link_own_signal;

/* Appends link_own_signal for `ending`, of which `own` and `sends` are true, with the signal and the frame that sent it
 * as evidence, and its alternatives examined: another process, another thread. */
struct error *link_append_own_signal(const struct crash *crash, const struct ending *ending,
				     struct finding *finding) must_check;

/* A thread sent the signal of the end from within a signal handler, as the record shows. */
extern const struct link_kind link_sent_in_handler;

/* Appends link_sent_in_handler for crash->record.sender, with its row as evidence. */
struct error *link_append_sent_in_handler(const struct crash *crash, struct finding *finding) must_check;

/* Frame `frame` of the crashed thread as a node. */
struct node link_frame_node(const struct crash *crash, size_t frame);

/* Rules out the last link's alternative `name` by the trust of the crashed thread's frames [first, last], or leaves it
 * open where one of them is only a word that looks like a return address. */
struct error *link_examine_frames(const struct crash *crash, struct finding *finding, const char *name, size_t first,
				  size_t last) must_check;

/* Rules out the last link's alternative `name`, or leaves it as likely, by whether the C library had said something
 * before the end; `frame` is what rules it out. */
struct error *link_examine_message(const struct crash *crash, struct finding *finding, const char *name,
				   size_t frame) must_check;

/* Where siginfo is told: the core's note, else the recorded signal's row. Meaningless where there is none. */
struct evidence link_siginfo_citation(const struct crash *crash);

#endif
