/* SPDX-License-Identifier: MIT */
#include "cli/privilege.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/array.h"
#include "common/cleanup.h"

/* Of every Linux host since the beginning (linux/highuid.h: overflowuid). */
#define NOBODY 65534

static bool find_user(const char *name, struct plain_user *ret)
{
	cleanup_file FILE *file = fopen("/etc/passwd", "re");
	struct passwd *entry;

	while (file && (entry = fgetpwent(file))) {
		if (strcmp(entry->pw_name, name) != 0 || entry->pw_uid == 0)
			continue;
		ret->uid = entry->pw_uid;
		ret->gid = entry->pw_gid;
		ret->name = name;
		return true;
	}
	return false;
}

void plain_user_find(struct plain_user *ret)
{
	if (geteuid() != 0)
		*ret = (struct plain_user){.uid = geteuid(), .gid = getegid(), .name = "this user"};
	else if (!find_user("corelate", ret) && !find_user("nobody", ret))
		*ret = (struct plain_user){.uid = NOBODY, .gid = NOBODY, .name = "nobody"};
}

static bool change_user(const struct plain_user *user)
{
	gid_t group = user->gid;

	return setgroups(0, NULL) == 0 && setresgid(group, group, group) == 0 &&
	       setresuid(user->uid, user->uid, user->uid) == 0 && setuid(0) != 0;
}

struct error *privilege_drop(const struct plain_user *user)
{
	const struct rlimit none = {0};

	/* EINVAL ends it: the kernel knows no more. */
	for (int capability = 0; prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0;)
		capability++;
	if (geteuid() == 0 && !change_user(user))
		return error_errno(errno, "cannot become the user %s", user->name);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 ||
	    setrlimit(RLIMIT_CORE, &none) != 0)
		return error_errno(errno, "cannot give up privileges");
	return NULL;
}

/* ---- what is left to a process that only packs ---- */

static const int stream_calls[] __attribute__((unused)) = {
	/* not in a build with sanitizers */
	SCMP_SYS(read),		SCMP_SYS(write),	  SCMP_SYS(close),	   SCMP_SYS(fstat),
	SCMP_SYS(newfstatat),	SCMP_SYS(fstatfs),	  SCMP_SYS(lseek),	   SCMP_SYS(munmap),
	SCMP_SYS(mremap),	SCMP_SYS(madvise),	  SCMP_SYS(brk),	   SCMP_SYS(futex),
	SCMP_SYS(getpid),	SCMP_SYS(gettid),	  SCMP_SYS(clock_gettime), SCMP_SYS(getrandom),
	SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),  SCMP_SYS(restart_syscall),
	SCMP_SYS(sched_yield),	SCMP_SYS(exit),		  SCMP_SYS(exit_group),	   SCMP_SYS(ftruncate),
};

bool privilege_only_streams(void)
{
#if defined(__SANITIZE_ADDRESS__)
	return true; /* the sanitizer's own calls are many */
#else
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	bool confined = filter != NULL;

	for (size_t i = 0; confined && i < array_size(stream_calls); i++)
		confined = seccomp_rule_add(filter, SCMP_ACT_ALLOW, stream_calls[i], 0) == 0;
	confined = confined &&
		   seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
				    SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) == 0 &&
		   seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
				    SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) == 0 &&
		   seccomp_load(filter) == 0;
	if (filter)
		seccomp_release(filter);
	return confined;
#endif
}
