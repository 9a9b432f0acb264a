/* SPDX-License-Identifier: MIT */
/* A stranger's core is opened by a process that has no rights, and that tells what it found through a pipe. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "analyzer/core/core.h"
#include "cli/import.h"
#include "cli/privilege.h"
#include "common/child.h"
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
	err = privilege_drop(&user) ?: vault_unpack(packed, bytes, &fd);
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

struct question {
	int packed;
	uint64_t bytes;
	struct limits limits;
};

static int work(void *context, const int ends[CHILD_STREAMS])
{
	const struct rlimit limit = {LOOK_SECONDS, LOOK_SECONDS}, nothing = {0};
	const struct question *question = context;
	struct answer answer = {0};
	struct error *err;

	prctl(PR_SET_NAME, "corelate-look", 0, 0, 0);
	setrlimit(RLIMIT_CPU, &limit);
	setrlimit(RLIMIT_NPROC, &nothing);
	answer_fd = ends[CHILD_ANSWER];
	err = look_at(question->packed, question->bytes, &question->limits, &answer.look);
	answer.failed = err != NULL;
	if (err)
		strncpy(answer.message, err->message, sizeof(answer.message) - 1);
	return write(answer_fd, &answer, sizeof(answer)) == sizeof(answer) ? 0 : 1;
}

struct error *import_look(int packed, uint64_t bytes, const struct vault_settings *settings, struct import_look *ret)
{
	struct question question = {.packed = packed,
				    .bytes = bytes,
				    .limits = {.time_ns = settings->explain_time_ns,
					       .memory_bytes = settings->explain_memory_bytes,
					       .time_option = "--time-limit",
					       .memory_option = "--memory-limit",
					       .stop = stop}};
	/* The journal's files and the pipe that ends the watch are none of its business. */
	const struct child_task task = {.work = work,
					.context = &question,
					.pipes = CHILD_PIPE(CHILD_ANSWER),
					.closes_others = true,
					.kept = &packed,
					.kept_count = 1};
	cleanup_child struct child child = CHILD_NONE; /* when it has spoken, or will not, it is ended */
	struct answer answer = {0};
	struct error *err = child_start(&task, &child);

	if (err)
		return err;
	/* What sleeps uses up no processor time. */
	if (child_read_answer(&child, deadline_in_ms(LOOK_SECONDS * 1000), &answer, sizeof(answer)) != 0)
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
