/* SPDX-License-Identifier: MIT */
/*
 * The command that is to be recorded: started stopped, before anything of the recorder has changed its surroundings,
 * and let go when recording has begun, so that not one instruction of it goes unseen.
 */
#ifndef COLLECTOR_COMMAND_H
#define COLLECTOR_COMMAND_H

#include "common/child.h"

/* Forks. The child takes on the identity of `user` (a name or a number; NULL: the user who called sudo, else the
 * caller's own) and waits. ERROR_NOT_FOUND for an unknown user. */
struct error *command_prepare(char *const *arguments, const char *user, struct child *ret_command) must_check;

/* Lets it exec. If it cannot, the child says so on stderr and exits with 127 (not found) or 126, as a shell's would. */
void command_release(struct child *command);

/* A command that was not released ends. One that was is waited for. Zeroed is none. */
void command_abandon(struct child *command);

#endif
