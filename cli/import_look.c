/* SPDX-License-Identifier: MIT */
/* A stranger's core is opened by a process that has no rights, and that tells what it found through a pipe. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "analyzer/core/core.h"
#include "cli/import.h"
#include "cli/privilege.h"
#include "common/cleanup.h"
#include "common/deadline.h"
#include "common/limits.h"

#define LOOK_SECONDS 300

/* Both sides are the same program, so the layout is. */
struct answer {
	bool failed;
	char message[256];
	struct import_look look;
};

static void take(const struct core *core, struct import_look *look)
{
	const struct core_file_mapping *file = core->has_auxv ? core_find_file(core, core->auxv_entry) : NULL;

	look->has_auxv = core->has_auxv;
	look->truncated = core->truncated;
	look->auxv_sysinfo_ehdr = core->auxv_sysinfo_ehdr;
	look->auxv_random = core->auxv_random;
	look->auxv_entry = core->auxv_entry;
	look->auxv_base = core->auxv_base;
	look->namespace_pid = core->pid;
	look->namespace_tid = core->threads[0].tid;
	look->uid = core->uid;
	look->signal = core->signal.number;
	snprintf(look->comm, sizeof(look->comm), "%s", core->comm);
	if (file)
		snprintf(look->executable, sizeof(look->executable), "%s", file->path);
}

static int answer_fd;

static void __attribute__((noreturn)) stop(const char *sentence)
{
	struct answer answer = {.failed = true};

	strncpy(answer.message, sentence, sizeof(answer.message) - 1);
	_exit(write(answer_fd, &answer, sizeof(answer)) == sizeof(answer) ? 0 : 1);
}

static struct error *look_at(int packed, uint64_t bytes, const struct limits *limits, struct import_look *ret)
{
	struct plain_user user;
	struct core *core;
	struct error *err;
	char path[64];
	int fd;

	plain_user_find(&user);
	err = privilege_drop(&user);
	if (!err)
		err = vault_unpack(packed, bytes, &fd);
	if (err)
		return err;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	limits_begin(limits, "the core");
	err = core_open(path, &core);
	limits_end();
	if (!err)
		take(core, ret);
	return err; /* the process ends: nothing is freed */
}

static void __attribute__((noreturn)) work(int packed, uint64_t bytes, struct limits limits, int output)
{
	const struct rlimit limit = {LOOK_SECONDS, LOOK_SECONDS}, nothing = {0};
	struct answer answer = {0};
	struct error *err;

	prctl(PR_SET_NAME, "corelate-look", 0, 0, 0);
	setrlimit(RLIMIT_CPU, &limit);
	setrlimit(RLIMIT_NPROC, &nothing);
	/* The journal's files and the pipe that ends the watch are none of its business. */
	packed = fcntl(packed, F_DUPFD, 16);
	output = fcntl(output, F_DUPFD, 16);
	if (packed < 0 || output < 0 || dup2(packed, 3) < 0 || dup2(output, 4) < 0 || close_range(5, ~0u, 0) != 0)
		_exit(1);
	packed = 3;
	output = 4;
	answer_fd = output;
	limits.stop = stop;
	err = look_at(packed, bytes, &limits, &answer.look);
	answer.failed = err != NULL;
	if (err)
		strncpy(answer.message, err->message, sizeof(answer.message) - 1);
	_exit(write(output, &answer, sizeof(answer)) == sizeof(answer) ? 0 : 1);
}

static bool receive(int fd, struct answer *ret)
{
	const struct deadline end = deadline_in_ms(LOOK_SECONDS * 1000);
	struct pollfd wanted = {.fd = fd, .events = POLLIN};
	size_t used = 0;
	ssize_t got;

	while (used < sizeof(*ret)) {
		/* What sleeps uses up no processor time. */
		if (deadline_is_over(end))
			return false;
		if (poll(&wanted, 1, deadline_left_ms(end, 1000)) <= 0)
			continue;
		got = read(fd, (char *)ret + used, sizeof(*ret) - used);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		used += (size_t)got;
	}
	return true;
}

struct error *import_look(int packed, uint64_t bytes, const struct vault_settings *settings, struct import_look *ret)
{
	const struct limits limits = {.time_ns = settings->explain_time_ns,
				      .memory_bytes = settings->explain_memory_bytes,
				      .time_option = "--time-limit",
				      .memory_option = "--memory-limit"};
	struct answer answer = {0};
	int ends[2];
	bool spoken;
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return error_errno(errno, "cannot make a pipe");
	fflush(NULL);
	child = fork();
	if (child == 0)
		work(packed, bytes, limits, ends[1]);
	close(ends[1]);
	spoken = child > 0 && receive(ends[0], &answer);
	close(ends[0]);
	if (child < 0)
		return error_errno(errno, "cannot start a process that reads the core");
	kill(child, SIGKILL); /* it has spoken, or will not */
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	if (!spoken)
		return error_format(ERROR_INVALID, "the process that reads the core failed");
	/* Its words are no more to be trusted than the core. */
	answer.message[sizeof(answer.message) - 1] = 0;
	answer.look.comm[sizeof(answer.look.comm) - 1] = 0;
	answer.look.executable[sizeof(answer.look.executable) - 1] = 0;
	if (answer.failed)
		return error_format(ERROR_INVALID, "%s", answer.message);
	*ret = answer.look;
	return NULL;
}
