/* SPDX-License-Identifier: MIT */
/* corelate doctor: is this host ready to record and to explain, and what to do where it is not. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cli/capture.h"
#include "cli/json.h"
#include "common/array.h"
#include "common/cleanup.h"
#include "common/inert.h"
#include "common/utf8.h"
#include "schema/reader.h"

enum health { HEALTH_GOOD, HEALTH_POOR, HEALTH_BAD };

/* What a check found: `state` for a person, and what to do, "" when there is nothing to do. */
struct diagnosis {
	enum health health;
	char state[512];
	char advice[512];
};

static void __attribute__((format(printf, 3, 4)))
say(struct diagnosis *diagnosis, enum health health, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(diagnosis->state, sizeof(diagnosis->state), format, args);
	va_end(args);
	diagnosis->health = health;
}

static void __attribute__((format(printf, 2, 3))) advise(struct diagnosis *diagnosis, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(diagnosis->advice, sizeof(diagnosis->advice), format, args);
	va_end(args);
}

static bool read_line(const char *path, char *line, size_t size)
{
	cleanup_file FILE *file = fopen(path, "re");

	if (!file || !fgets(line, (int)size, file))
		return false;
	line[strcspn(line, "\n")] = 0;
	return true;
}

/* ---- the checks ---- */

static void check_kernel(const struct cli_options *options, struct diagnosis *ret)
{
	struct utsname name;

	(void)options;
	uname(&name);
	if (strcmp(name.machine, "x86_64") != 0) {
		say(ret, HEALTH_BAD, "%s on %s", name.release, name.machine);
		advise(ret, "this version records and explains x86-64 alone");
	} else if (access("/sys/kernel/btf/vmlinux", R_OK) != 0) {
		say(ret, HEALTH_BAD, "%s, without type information (/sys/kernel/btf/vmlinux: %s)", name.release,
		    strerror(errno));
		advise(ret, "recording needs a kernel built with CONFIG_DEBUG_INFO_BTF; cores can be explained all the "
			    "same");
	} else {
		say(ret, HEALTH_GOOD, "%s, with type information (BTF)", name.release);
	}
}

/* include/uapi/linux/capability.h */
enum { CAPABILITY_SYS_ADMIN = 21, CAPABILITY_PERFMON = 38, CAPABILITY_BPF = 39 };

static uint64_t effective_capabilities(void)
{
	cleanup_file FILE *file = fopen("/proc/self/status", "re");
	char line[256];
	uint64_t set = 0;

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "CapEff: %" SCNx64, &set) == 1)
			break;
	}
	return set;
}

static void check_privilege(const struct cli_options *options, struct diagnosis *ret)
{
	uint64_t set = effective_capabilities();
	bool admin = set >> CAPABILITY_SYS_ADMIN & 1;

	(void)options;
	if (admin || (set >> CAPABILITY_BPF & 1 && set >> CAPABILITY_PERFMON & 1)) {
		say(ret, HEALTH_GOOD, "may load BPF programs");
	} else {
		say(ret, HEALTH_POOR, "this user may not load BPF programs");
		advise(ret,
		       "record as root (sudo corelate record); explaining needs no privilege but read access to the "
		       "core and the database");
	}
}

static void check_tracefs(const struct cli_options *options, struct diagnosis *ret)
{
	struct statfs status;

	(void)options;
	if (statfs("/sys/kernel/tracing", &status) != 0) {
		say(ret, HEALTH_BAD, "this kernel has no tracefs");
		advise(ret, "recording needs CONFIG_FTRACE_SYSCALLS");
	} else if (status.f_type != TRACEFS_MAGIC) {
		say(ret, HEALTH_POOR, "tracefs is not mounted");
		advise(ret, "corelate record mounts it; by hand: mount -t tracefs nodev /sys/kernel/tracing");
	} else if (access("/sys/kernel/tracing/events/syscalls/sys_enter_munmap", F_OK) == 0) {
		say(ret, HEALTH_GOOD, "tracefs shows the system call tracepoints");
	} else if (errno == EACCES) {
		say(ret, HEALTH_POOR, "tracefs cannot be looked at by this user");
		advise(ret, "run corelate doctor as root to know");
	} else {
		say(ret, HEALTH_BAD, "tracefs shows no system call tracepoints");
		advise(ret, "recording needs CONFIG_FTRACE_SYSCALLS");
	}
}

static void check_recorder(const struct cli_options *options, struct diagnosis *ret)
{
	cleanup_free char *lock = NULL;
	struct flock held = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	cleanup_fd int fd = -1;

	if (asprintf(&lock, "%s-lock", options->database) < 0) {
		lock = NULL;
		return;
	}
	fd = open(lock, O_RDWR | O_CLOEXEC);
	if (fd < 0 && errno == EACCES) {
		say(ret, HEALTH_POOR, "whether a recorder runs cannot be told by this user");
		return;
	}
	/* Asks, and takes nothing. */
	if (fd >= 0 && fcntl(fd, F_OFD_GETLK, &held) == 0 && held.l_type != F_UNLCK) {
		say(ret, HEALTH_GOOD, "a recorder writes to %s", options->database);
		return;
	}
	say(ret, HEALTH_POOR, "no recorder writes to %s", options->database);
	advise(ret, "corelate record starts one; without a record a crash is explained from its core alone");
}

static void check_database(const struct cli_options *options, struct diagnosis *ret)
{
	struct store_reader *store = NULL;
	struct stat status;
	struct error *err;

	if (stat(options->database, &status) != 0 && errno == ENOENT) {
		say(ret, HEALTH_POOR, "%s is not there", options->database);
		advise(ret, "the first corelate record makes it");
		return;
	}
	err = store_reader_create(options->database, &store);
	if (err) {
		say(ret, HEALTH_BAD, "%s", err->message);
		advise(ret, "choose another with --db, or move this one away");
		error_destroy(err);
		return;
	}
	store_reader_destroy(store);
	say(ret, HEALTH_GOOD, "%s, %.1f MiB", options->database, (double)status.st_size / (1 << 20));
}

#define ROOM_LEAST_BYTES (1ULL << 30)

static void check_disk(const struct cli_options *options, struct diagnosis *ret)
{
	cleanup_free char *directory = strdup(options->database);
	struct statvfs status;
	char *slash = directory ? strrchr(directory, '/') : NULL;
	uint64_t room;

	if (slash)
		slash[slash == directory] = 0;
	if (!directory || statvfs(slash ? directory : ".", &status) != 0) {
		say(ret, HEALTH_POOR, "the directory of %s is not there", options->database);
		return;
	}
	room = (uint64_t)status.f_bavail * status.f_frsize;
	say(ret, room < ROOM_LEAST_BYTES ? HEALTH_POOR : HEALTH_GOOD, "%.1f GiB are free for %s",
	    (double)room / (1ULL << 30), options->database);
	if (room < ROOM_LEAST_BYTES)
		advise(ret, "a million events take some 70 MB; corelate record --quota bounds the database");
}

/* Ours: the kernel says nothing when it cannot run it. */
static void check_handler(const char *pattern, struct diagnosis *ret)
{
	char path[256];

	snprintf(path, sizeof(path), "%.*s", (int)strcspn(pattern + 1, " "), pattern + 1);
	if (access(path, X_OK) != 0) {
		say(ret, HEALTH_BAD, "cores go to %s, which cannot be run: %s", path, strerror(errno));
		advise(ret, "corelate install sets it to this corelate; until then cores are lost");
	} else {
		say(ret, HEALTH_GOOD, "corelate keeps and explains each core (%s)", path);
	}
}

static void check_core_pattern(const struct cli_options *options, struct diagnosis *ret)
{
	char pattern[256];

	(void)options;
	if (!read_line("/proc/sys/kernel/core_pattern", pattern, sizeof(pattern))) {
		say(ret, HEALTH_BAD, "core_pattern cannot be read: %s", strerror(errno));
	} else if (!pattern[0]) {
		say(ret, HEALTH_BAD, "core_pattern is empty: no core is written");
		advise(ret, "corelate install makes the kernel hand them to corelate");
	} else if (capture_is_pattern(pattern)) {
		check_handler(pattern, ret);
	} else if (pattern[0] == '|') {
		say(ret, HEALTH_GOOD, "cores go to a program: %s", pattern + 1);
		advise(ret, "%s",
		       strstr(pattern, "systemd-coredump")
			       ? "coredumpctl dump PID -o FILE gives one that corelate explain FILE takes"
			       : "that program decides where they are; corelate explain takes their files");
	} else if (pattern[0] != '/') {
		say(ret, HEALTH_POOR, "cores go to the working directory of whoever dies, as %s", pattern);
		advise(ret, "corelate install makes the kernel hand them to corelate, which keeps and explains them");
	} else {
		say(ret, HEALTH_GOOD, "cores go to %s", pattern);
	}
}

static void check_core_limit(const struct cli_options *options, struct diagnosis *ret)
{
	struct rlimit limit;
	char pattern[8] = "";

	(void)options;
	getrlimit(RLIMIT_CORE, &limit);
	read_line("/proc/sys/kernel/core_pattern", pattern, sizeof(pattern));
	if (limit.rlim_cur == RLIM_INFINITY) {
		say(ret, HEALTH_GOOD, "cores of any size are written (of what this shell starts)");
	} else if (limit.rlim_cur == 0 && pattern[0] != '|') {
		say(ret, HEALTH_BAD, "no core is written of what this shell starts (ulimit -c is 0)");
		advise(ret,
		       "ulimit -c unlimited; for services LimitCORE=infinity, for logins /etc/security/limits.conf");
	} else if (limit.rlim_cur == 0) {
		say(ret, HEALTH_GOOD, "ulimit -c is 0, which a program behind core_pattern need not heed");
	} else {
		say(ret, HEALTH_POOR, "cores of this shell's programs end after %" PRIu64 " bytes",
		    (uint64_t)limit.rlim_cur);
		advise(ret, "ulimit -c unlimited: a core that is cut short may lack the stacks");
	}
}

/* include/uapi/linux/prctl.h; Documentation/filesystems/proc.rst, "coredump_filter". */
enum { FILTER_ANONYMOUS = 1, FILTER_ELF_HEADERS = 16 };

static void check_core_filter(const struct cli_options *options, struct diagnosis *ret)
{
	char line[64];
	unsigned long filter;

	(void)options;
	if (!read_line("/proc/self/coredump_filter", line, sizeof(line))) {
		say(ret, HEALTH_BAD, "this kernel writes no cores");
		advise(ret, "it was built without CONFIG_COREDUMP");
		return;
	}
	filter = strtoul(line, NULL, 16);
	if (filter & FILTER_ANONYMOUS && filter & FILTER_ELF_HEADERS) {
		say(ret, HEALTH_GOOD, "cores hold stacks, heaps and build-ids (coredump_filter %s)", line);
		return;
	}
	say(ret, HEALTH_POOR, "cores lack %s (coredump_filter %s)",
	    filter & FILTER_ANONYMOUS ? "the ELF headers, so that files cannot be told by build-id"
				      : "stacks and heaps",
	    line);
	advise(ret, "echo 0x33 > /proc/self/coredump_filter, before the programs start");
}

static void check_symbols(const struct cli_options *options, struct diagnosis *ret)
{
	bool debug = access("/usr/lib/debug/.build-id", F_OK) == 0;
	bool debuginfod = getenv("DEBUGINFOD_URLS") != NULL;

	(void)options;
	say(ret, debug ? HEALTH_GOOD : HEALTH_POOR,
	    debug ? "debug files lie in /usr/lib/debug/.build-id"
		  : "no debug files are installed (/usr/lib/debug/.build-id)");
	if (!debug)
		advise(ret, "functions have names without them; source lines need packages such as libc6-dbg%s",
		       debuginfod ? " (what debuginfod would send is not asked for)" : "");
}

static const struct check {
	const char *name;
	void (*run)(const struct cli_options *options, struct diagnosis *ret);
} checks[] = {
	{"kernel", check_kernel},
	{"privilege", check_privilege},
	{"tracefs", check_tracefs},
	{"recorder", check_recorder},
	{"database", check_database},
	{"disk", check_disk},
	{"core-pattern", check_core_pattern},
	{"core-limit", check_core_limit},
	{"core-filter", check_core_filter},
	{"symbols", check_symbols},
};

#define CHECKS array_size(checks)

static const char *const health_names[] = {"good", "poor", "bad"};

static void write_text(const struct cli_options *options, const struct check *check, const struct diagnosis *diagnosis)
{
	static const char *const colours[] = {"\033[1;32m", "\033[1;33m", "\033[1;31m"};
	bool colour = cli_style(options).colour;

	printf("%s%-4s%s  %-12s  ", colour ? colours[diagnosis->health] : "", health_names[diagnosis->health],
	       colour ? "\033[0m" : "", check->name);
	inert_write(diagnosis->state, stdout);
	putchar('\n');
	if (!diagnosis->advice[0])
		return;
	printf("%20s", "");
	inert_write(diagnosis->advice, stdout);
	putchar('\n');
}

static json_t *json_of(const struct check *check, const struct diagnosis *diagnosis)
{
	cleanup_free char *state = utf8_clean(diagnosis->state);
	cleanup_free char *advice = utf8_clean(diagnosis->advice);

	return json_pack("{s:s,s:s,s:s?,s:s?}", "check", check->name, "health", health_names[diagnosis->health],
			 "state", state, "advice", advice && advice[0] ? advice : NULL);
}

static struct error *run_doctor(const struct cli_options *options, int *ret_status)
{
	json_t *array = json_array();

	for (size_t i = 0; i < CHECKS; i++) {
		struct diagnosis diagnosis = {0};

		checks[i].run(options, &diagnosis);
		if (diagnosis.health == HEALTH_BAD)
			*ret_status = CLI_FAILED;
		if (options->json)
			json_array_append_new(array, json_of(&checks[i], &diagnosis));
		else
			write_text(options, &checks[i], &diagnosis);
	}
	if (options->json)
		return cli_json_write(options, array);
	json_decref(array);
	return NULL;
}

const struct cli_command cli_doctor = {
	.name = "doctor",
	.arguments = "",
	.summary = "check whether this host can record and explain, and say what to do",
	.details = "Exit status 1 says that something is bad: recording, or getting cores, will not work as it is.\n",
	.flags = CLI_DB | CLI_JSON,
	.run = run_doctor,
};
