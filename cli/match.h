/* SPDX-License-Identifier: MIT */
/*
 * Which crashes are meant: the arguments of a verb, compared with what is known of a crash. The rules are those of
 * coredumpctl(1), "MATCHING": of several arguments of one kind any will do, and each kind that was given must fit.
 *
 * Pure: plain data in, a yes or no out. Borrows every string.
 */
#ifndef CLI_MATCH_H
#define CLI_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is known of a crash. A text may be NULL, a number 0 where it is not known, if no flag says otherwise. */
struct match_facts {
	const char *id; /* 16 hexadecimal digits */
	const char *boot_id;
	const char *hostname;
	const char *executable; /* path */
	const char *comm;	/* of the thread that died */
	const char *process_comm;
	const char *entry;	/* name in the vault */
	uint32_t pid;		/* in the initial pid namespace */
	uint32_t namespace_pid; /* in its own */
	uint32_t uid;
	uint32_t gid;
	bool has_uid, has_gid;
	int32_t signal;
	int64_t real_ns; /* date of the death; 0 when not known */
};

enum match_kind {
	MATCH_ID,	  /* 16 hexadecimal digits */
	MATCH_PID,	  /* a number: either of the pids */
	MATCH_EXECUTABLE, /* with a slash: the executable's path */
	MATCH_NAME,	  /* anything else: a command name, the executable's last component, or an entry of the vault */
	/* FIELD=VALUE, where FIELD is COREDUMP_PID, COREDUMP_UID, COREDUMP_GID, COREDUMP_SIGNAL, COREDUMP_COMM,
	 * COREDUMP_EXE, _HOSTNAME or _BOOT_ID; each field is a kind of its own */
	MATCH_FIELD,
};

enum match_kind match_kind_of(const char *argument);

/* Moments as when.h has them: crashes from `since_ns` on and up to and with `until_ns`; one without a date is
 * outside of every limit. */
struct match_query {
	char **arguments;
	size_t argument_count;
	bool has_since, has_until;
	int64_t since_ns, until_ns;
};

bool match_fits(const struct match_query *query, const struct match_facts *facts);

/* Is one of the arguments an id? */
bool match_has_id(const struct match_query *query);

/* An argument FIELD=VALUE whose field is none of the above; NULL when there is none. */
const char *match_unknown_field(const struct match_query *query);

#endif
