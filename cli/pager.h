/* SPDX-License-Identifier: MIT */
/*
 * Long output on a terminal goes through the reader's pager, as git and systemd do it.
 *
 * $CORELATE_PAGER, else $PAGER, else less, else more; an empty one, or cat, means none. It gets LESS=FRSXMK where LESS
 * is not set, so that short output needs no key; and LESSSECURE=1 where it is not set and the user is not the one who
 * logged in (sudo, setuid), because less can run commands.
 */
#ifndef CLI_PAGER_H
#define CLI_PAGER_H

#include <stdbool.h>

/* Turns standard output into the pager's input, when it is a terminal and a pager is to be had. */
void pager_begin(void);

/* True since a pager_begin() that found one: what is written reaches a terminal. */
bool pager_is_on(void);

/* Ends the pager's input and waits for it, where nothing has been written yet. Async-signal-safe. */
void pager_leave(void);

/* Hands out what is left and waits until the reader is done. False when the output could not be written; a reader who
 * left early is no failure. */
bool pager_end(void);

#endif
