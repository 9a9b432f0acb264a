/* SPDX-License-Identifier: MIT */
/*
 * Giving up privilege, for whatever touches a crash's bytes: they are whatever the dead program wanted them to be.
 */
#ifndef CLI_PRIVILEGE_H
#define CLI_PRIVILEGE_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/error.h"

/* Whose rights such work has: the user "corelate" where there is one, else "nobody"; read from /etc/passwd itself,
 * because a name service may hang. When corelate is not run by root it is whoever runs it. */
struct plain_user {
	uid_t uid;
	gid_t gid;
	const char *name; /* for messages; static */
};
void plain_user_find(struct plain_user *ret);

/* For good: no supplementary group, no capability (the bounding set too), no_new_privs, no core dump of its own, not to
 * be traced. An error means that the caller must end. */
struct error *privilege_drop(const struct plain_user *user) must_check;

/* After privilege_drop(): from now on this process can read and write what is open, allocate, and end; any other call
 * fails with EPERM. False when the kernel does not offer it. */
bool privilege_only_streams(void);

#endif
