/* SPDX-License-Identifier: MIT */
/* What the kernel's words and /proc tell of a process that is dying. */
#include <ctype.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/capture.h"
#include "common/cleanup.h"

#define ARGUMENTS_MAX 8192

/* ---- the words ---- */

bool capture_is_pattern(const char *pattern)
{
	static const char name[] = "/corelate";
	const char *end = strstr(pattern, " capture ");
	ptrdiff_t least = sizeof(name) - 1;

	return pattern[0] == '|' && end && end - pattern > least && strncmp(end - least, name, sizeof(name) - 1) == 0;
}

static bool take_number(const char *text, uint64_t most, uint64_t *ret)
{
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	*ret = strtoull(text, &end, 10);
	return !errno && !*end && *ret <= most;
}

static bool take_word(char letter, const char *value, struct capture_words *words)
{
	uint32_t *const places[] = {
		['P'] = &words->pid, ['p'] = &words->namespace_pid, ['I'] = &words->tid, ['i'] = &words->namespace_tid,
		['u'] = &words->uid, ['g'] = &words->gid,	    ['z'] = NULL};
	uint64_t number;

	if (!value[0])
		return letter != 'P';
	if (!strchr("PpIiugscF", letter))
		return true;
	if (!take_number(value,
			 letter == 'c'			  ? UINT64_MAX
			 : letter == 's' || letter == 'F' ? INT32_MAX
							  : UINT32_MAX,
			 &number))
		return false;
	if (letter == 'c') {
		words->has_limit = true;
		words->limit = number;
	} else if (letter == 's') {
		words->signal = (int32_t)number;
	} else if (letter == 'F') {
		words->pidfd = (int)number;
	} else {
		*places[(unsigned char)letter] = (uint32_t)number;
	}
	return true;
}

struct error *capture_words_parse(char *const *words, int count, struct capture_words *ret)
{
	*ret = (struct capture_words){.pidfd = -1};
	for (int i = 0; i < count; i++) {
		const char *word = words[i];

		if (!isalpha((unsigned char)word[0]) || word[1] != '=' || !take_word(word[0], word + 2, ret))
			return error_format(ERROR_INVALID,
					    "capture: '%s' makes no sense; the kernel gives words as in '%s'", word,
					    CAPTURE_WORDS);
	}
	if (!ret->pid)
		return error_format(ERROR_INVALID,
				    "capture: which process? The kernel runs this, with words as in '%s'",
				    CAPTURE_WORDS);
	return NULL;
}

/* ---- /proc ---- */

/* At most `size` - 1 bytes, NUL-terminated; the length, or -1. */
static ssize_t read_some(int directory, const char *name, char *buffer, size_t size)
{
	cleanup_fd int fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	size_t used = 0;

	if (fd < 0)
		return -1;
	while (used < size - 1) {
		ssize_t got = read(fd, buffer + used, size - 1 - used);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		used += (size_t)got;
	}
	buffer[used] = 0;
	return (ssize_t)used;
}

/* A name of one process: everything but the newline that the kernel adds. */
static char *read_comm(int directory, const char *name)
{
	char comm[64];
	ssize_t length = read_some(directory, name, comm, sizeof(comm));

	if (length < 0)
		return NULL;
	if (length && comm[length - 1] == '\n')
		comm[length - 1] = 0;
	return strdup(comm);
}

static char *read_arguments(int directory)
{
	cleanup_free char *text = malloc(ARGUMENTS_MAX);
	ssize_t length = text ? read_some(directory, "cmdline", text, ARGUMENTS_MAX) : -1;

	if (length <= 0)
		return NULL;
	while (length > 0 && !text[length - 1])
		length--;
	for (ssize_t i = 0; i < length; i++) {
		if (!text[i])
			text[i] = ' ';
	}
	return take_pointer(text);
}

static char *read_link(int directory, const char *name)
{
	char path[4096];
	ssize_t length = readlinkat(directory, name, path, sizeof(path));

	return length > 0 && (size_t)length < sizeof(path) ? strndup(path, (size_t)length) : NULL;
}

/* "0::/system.slice/nginx.service": the line of cgroup v2. */
static char *read_cgroup(int directory)
{
	cleanup_free char *text = malloc(ARGUMENTS_MAX);
	char *line, *saved;

	if (!text || read_some(directory, "cgroup", text, ARGUMENTS_MAX) < 0)
		return NULL;
	for (line = strtok_r(text, "\n", &saved); line; line = strtok_r(NULL, "\n", &saved)) {
		if (strncmp(line, "0::", 3) == 0)
			return strdup(line + 3);
	}
	return NULL;
}

static void read_auxv(int directory, struct vault_crash *crash)
{
	Elf64_auxv_t words[128];
	ssize_t bytes = read_some(directory, "auxv", (char *)words, sizeof(words));

	for (ssize_t i = 0; i < bytes / (ssize_t)sizeof(words[0]) && words[i].a_type != AT_NULL; i++) {
		uint64_t value = words[i].a_un.a_val;

		crash->has_auxv = true;
		switch (words[i].a_type) {
		case AT_SYSINFO_EHDR:
			crash->auxv_sysinfo_ehdr = value;
			break;
		case AT_RANDOM:
			crash->auxv_random = value;
			break;
		case AT_ENTRY:
			crash->auxv_entry = value;
			break;
		case AT_BASE:
			crash->auxv_base = value;
			break;
		default:
			break;
		}
	}
}

/* "Max core file size        0                    unlimited            bytes" */
static bool is_forbidden(int directory)
{
	static const char title[] = "Max core file size";
	char text[4096], soft[32], hard[32];
	const char *line;

	if (read_some(directory, "limits", text, sizeof(text)) < 0)
		return false;
	line = strstr(text, title);
	return line && sscanf(line + sizeof(title) - 1, "%31s %31s", soft, hard) == 2 && strcmp(hard, "0") == 0;
}

/* Whether the pidfd is still of that process, so that what was read under its number was its own. */
static bool is_still(const struct capture_words *words)
{
	char name[64], text[1024];
	const char *line;

	if (words->pidfd < 0)
		return true;
	snprintf(name, sizeof(name), "/proc/self/fdinfo/%d", words->pidfd);
	if (read_some(AT_FDCWD, name, text, sizeof(text)) < 0)
		return true; /* not a pidfd, then: a kernel that gives none */
	line = strstr(text, "\nPid:");
	return !line || strtoul(line + 5, NULL, 10) == words->pid;
}

static int64_t now_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void read_host(struct vault_crash *crash)
{
	char name[256] = "";

	if (read_some(AT_FDCWD, "/proc/sys/kernel/random/boot_id", crash->boot_id, sizeof(crash->boot_id)) != 36)
		crash->boot_id[0] = 0;
	if (gethostname(name, sizeof(name) - 1) == 0 && name[0])
		crash->hostname = strdup(name);
}

static struct vault_crash from_words(const struct capture_words *words)
{
	return (struct vault_crash){
		.source = VAULT_CAPTURE,
		.pid = words->pid,
		.tid = words->tid,
		.namespace_pid = words->namespace_pid,
		.namespace_tid = words->namespace_tid,
		.uid = words->uid,
		.gid = words->gid,
		.signal = words->signal,
		.time_ns = now_ns(CLOCK_REALTIME),
		.boot_time_ns = (uint64_t)now_ns(CLOCK_BOOTTIME),
	};
}

struct error *capture_read_process(const struct capture_words *words, bool by_kernel, struct vault_crash *ret_crash,
				   bool *ret_forbidden)
{
	struct vault_crash crash = from_words(words);
	cleanup_fd int directory = -1;
	char path[64];

	*ret_forbidden = false;
	read_host(&crash);
	snprintf(path, sizeof(path), "/proc/%" PRIu32, words->pid);
	directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory >= 0) {
		crash.comm = read_comm(directory, "comm");
		snprintf(path, sizeof(path), "task/%" PRIu32 "/comm", words->tid);
		crash.thread_comm = words->tid ? read_comm(directory, path) : NULL;
		crash.exe = read_link(directory, "exe");
		crash.cmdline = read_arguments(directory);
		crash.cgroup = read_cgroup(directory);
		read_auxv(directory, &crash);
		*ret_forbidden = is_forbidden(directory);
	}
	if (directory < 0 || !is_still(words)) {
		/* What was read may be of another that has got its number. */
		vault_crash_deinit(&crash);
		*ret_forbidden = false;
		if (!by_kernel)
			return error_format(ERROR_NOT_FOUND, "there is no process %" PRIu32 " (any more)", words->pid);
		crash = from_words(words);
		read_host(&crash);
	}
	*ret_crash = crash;
	return NULL;
}
