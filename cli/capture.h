/* SPDX-License-Identifier: MIT */
/*
 * The kernel's core dump handler: what stands between core_pattern and the vault. `corelate install` writes the pattern
 * (CAPTURE_PATTERN), the kernel (fs/coredump.c, format_corename) splits it at blanks, then expands it, and starts
 * `corelate capture` as root in the initial namespaces with the core on standard input, a pidfd of the dying process as
 * descriptor 3 (Linux 6.16 and later), and nothing else open. The dying process waits until the pipe is read or closed.
 *
 * Words are "LETTER=value" with the letter of the kernel's own specifier (core(5)), so that one that a kernel does not
 * know, which expands to nothing, shifts no other. Unknown letters are ignored.
 */
#ifndef CLI_CAPTURE_H
#define CLI_CAPTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "vault/settings.h"
#include "vault/vault.h"

#define CAPTURE_WORDS "P=%P p=%p I=%I i=%i u=%u g=%g s=%s c=%c F=%F"
/* CORENAME_MAX_SIZE of the kernel, less the NUL. */
#define CAPTURE_PATTERN_MAX 127

/* Whether a core_pattern runs a corelate, of whichever build. */
bool capture_is_pattern(const char *pattern);

struct capture_words {
	uint32_t pid, namespace_pid; /* P p; P is always there */
	uint32_t tid, namespace_tid; /* I i */
	uint32_t uid, gid;	     /* u g */
	int32_t signal;		     /* s */
	bool has_limit;
	uint64_t limit; /* c: soft RLIMIT_CORE */
	int pidfd;	/* F; -1 for none */
};

/* ERROR_INVALID for words that are not of that form. */
struct error *capture_words_parse(char *const *words, int count, struct capture_words *ret) must_check;

/* What /proc tells of the dying process, before it is let go: names, arguments, auxiliary vector, cgroup. What cannot
 * be read stays unknown. *ret_crash is freed with vault_crash_deinit(). *ret_forbidden: its hard RLIMIT_CORE is 0,
 * which only a program or an administrator sets (a soft one of 0 is merely what most systems start with). A process
 * that is gone by now (SIGKILL ends one that dumps) did die if the kernel says so: then the words are all there is. To
 * anybody else it is ERROR_NOT_FOUND. */
struct error *capture_read_process(const struct capture_words *words, bool by_kernel, struct vault_crash *ret_crash,
				   bool *ret_forbidden) must_check;

/* Drains standard input into the draft's core.zst by a child without privilege, and closes it. `foreign`: as
 * vault_pack() has it. After `timeout_s` seconds (0: never) what was read by then is the core. *ret says how far that
 * went. On an error (the child died, or had to be ended) nothing of the core is worth keeping, and standard input is
 * closed all the same. */
struct error *capture_drain(struct vault_draft *draft, bool foreign, const struct vault_pack_limits *limits,
			    uint64_t timeout_s, struct vault_packed *ret) must_check;

/* Lets the dying process go: /dev/null takes the place of standard input. May be called again. */
void capture_release(void);

#endif
