/* SPDX-License-Identifier: MIT */
#include "collector/holders.h"

#include <assert.h>
#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "collector/holders_parse.h"
#include "collector/ingest.h"
#include "common/array.h"
#include "common/cleanup.h"
#include "common/vector.h"

/* include/uapi/linux/bpf.h: struct bpf_link_info of Linux 6.8 and later, the parts that matter. The kernel fills in as
 * much as it knows, and refuses what lies beyond that unless it is zero. */
struct link_info {
	uint32_t type;
	uint32_t id;
	uint32_t program_id;
	uint32_t padding;
	union {
		struct {
			uint64_t path;
			uint64_t offsets;
			uint64_t reference_offsets;
			uint64_t cookies;
			uint32_t path_size;
			uint32_t count;
			uint32_t flags;
			uint32_t pid;
		} multi;
		struct {
			uint32_t type;
			uint32_t padding;
			uint64_t path;
			uint32_t path_size;
			uint32_t offset;
			uint64_t more[3];
		} perf;
	};
};
static_assert(sizeof(struct link_info) == 64, "as the kernel lays it out");

enum { LINK_PERF = 7, LINK_UPROBE_MULTI = 12 };
enum { PERF_LINK_UPROBE = 1, PERF_LINK_URETPROBE = 2 };
enum { MULTI_RETURN = 1 };
enum { FD_UPROBE = 4, FD_URETPROBE = 5 };

#define MAX_LINK_PROBES 4096

/* A BPF link that carries uprobes. */
struct link {
	struct link_info info;
	char path[PATH_MAX];
	uint64_t *offsets; /* info.multi.count of them */
	bool held;
};

struct walk {
	holders_function function;
	void *context;
	struct link *links;
	size_t link_count;
	char own_mounts[64]; /* which mount namespace this process is in */
};

struct holder {
	uint32_t pid;
	uint64_t start_ns;
	char comm[16];
	char *cgroup;
	uint64_t cgroup_id;
	bool other_mounts;
	bool described;
};

static ssize_t read_text(const char *path, char *buffer, size_t size)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, buffer, size - 1);

	if (got >= 0)
		buffer[got] = 0;
	return got;
}

/* include/uapi/linux/magic.h */
#define CGROUP2_MAGIC 0x63677270

/* A cgroup's id is the inode number of its directory (kernfs). */
static uint64_t cgroup_id_of(const char *cgroup)
{
	static const char *const roots[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};

	for (size_t i = 0; i < 2; i++) {
		cleanup_free char *path = NULL;
		struct statfs system;
		struct stat status;

		if (statfs(roots[i], &system) || system.f_type != CGROUP2_MAGIC)
			continue;
		if (asprintf(&path, "%s%s", roots[i], cgroup) < 0) {
			path = NULL;
			return 0;
		}
		if (stat(path, &status) == 0)
			return status.st_ino;
	}
	return 0;
}

static void describe_holder(const struct walk *walk, struct holder *holder)
{
	char name[64], text[1024], mounts[64];
	uint64_t ticks = 0;
	ssize_t length;

	if (holder->described)
		return;
	holder->described = true;
	snprintf(name, sizeof(name), "/proc/%" PRIu32 "/stat", holder->pid);
	if (read_text(name, text, sizeof(text)) > 0 && holders_parse_stat(text, holder->comm, &ticks))
		holder->start_ns = ticks * (1000000000ULL / (uint64_t)sysconf(_SC_CLK_TCK));
	holder->cgroup = ingest_read_cgroup(holder->pid);
	holder->cgroup_id = holder->cgroup ? cgroup_id_of(holder->cgroup) : 0;
	snprintf(name, sizeof(name), "/proc/%" PRIu32 "/ns/mnt", holder->pid);
	length = readlink(name, mounts, sizeof(mounts) - 1);
	mounts[length > 0 ? length : 0] = 0;
	holder->other_mounts = length > 0 && strcmp(mounts, walk->own_mounts) != 0;
}

/* The path is one of the holder's mount namespace. Nothing is opened, and nothing is asked over a network. */
static void find_file(const struct holder *holder, struct attached_probe *probe)
{
	cleanup_free char *path = NULL;
	struct statx status;

	if (probe->path[0] != '/')
		return;
	if (holder && holder->other_mounts) {
		if (asprintf(&path, "/proc/%" PRIu32 "/root%s", holder->pid, probe->path) < 0)
			path = NULL;
	}
	if (statx(AT_FDCWD, path ? path : probe->path, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_INO, &status))
		return;
	probe->device_major = probe->file_device_major = status.stx_dev_major;
	probe->device_minor = probe->file_device_minor = status.stx_dev_minor;
	probe->inode = probe->file_inode = status.stx_ino;
}

static void tell(const struct walk *walk, const struct holder *holder, struct attached_probe *probe)
{
	if (holder) {
		probe->holder_pid = holder->pid;
		probe->holder_start_ns = holder->start_ns;
		memcpy(probe->holder_comm, holder->comm, sizeof(probe->holder_comm));
		probe->holder_cgroup = holder->cgroup ? holder->cgroup : (char *)"";
		probe->holder_cgroup_id = holder->cgroup_id;
	} else {
		probe->holder_cgroup = (char *)"";
	}
	find_file(holder, probe);
	walk->function(walk->context, probe);
}

/* ---- links ---- */

static void links_destroy(struct walk *walk)
{
	for (size_t i = 0; i < walk->link_count; i++)
		free(walk->links[i].offsets);
	free(walk->links);
}

/* Is it a link with uprobes that the kernel tells of? The first question asks how many, the second one which. */
static bool read_link(int fd, struct link *link)
{
	uint32_t size = sizeof(link->info);

	if (bpf_obj_get_info_by_fd(fd, &link->info, &size))
		return false;
	if (link->info.type == LINK_PERF) {
		if (link->info.perf.type != PERF_LINK_UPROBE && link->info.perf.type != PERF_LINK_URETPROBE)
			return false;
		link->info = (struct link_info){.perf = {.path = (uint64_t)link->path, .path_size = PATH_MAX}};
	} else if (link->info.type == LINK_UPROBE_MULTI) {
		uint32_t count = link->info.multi.count;

		if (!count || count > MAX_LINK_PROBES)
			return false;
		link->offsets = calloc(count, sizeof(*link->offsets));
		if (!link->offsets)
			return false;
		link->info = (struct link_info){.multi = {.path = (uint64_t)link->path,
							  .path_size = PATH_MAX,
							  .offsets = (uint64_t)link->offsets,
							  .count = count}};
	} else {
		return false;
	}
	size = sizeof(link->info);
	return bpf_obj_get_info_by_fd(fd, &link->info, &size) == 0;
}

/* A link's descriptor is held only while it is asked, so that its end is not put off. */
static struct error *find_links(struct walk *walk)
{
	uint32_t id = 0;

	while (bpf_link_get_next_id(id, &id) == 0) {
		cleanup_fd int fd = bpf_link_get_fd_by_id(id);
		struct link *link;
		struct error *err;

		if (fd < 0)
			continue;
		err = array_push(walk->links, walk->link_count, (struct link){0});
		if (err)
			return err;
		link = &walk->links[walk->link_count - 1];
		/* It is made to point into itself: it is filled where it stays. */
		if (!read_link(fd, link)) {
			free(link->offsets);
			walk->link_count--;
		}
	}
	return NULL;
}

static void tell_link(const struct walk *walk, const struct holder *holder, struct link *link)
{
	bool multi = link->info.type == LINK_UPROBE_MULTI;
	uint32_t count = multi ? link->info.multi.count : 1;

	for (uint32_t i = 0; i < count; i++) {
		struct attached_probe probe = {
			.how = multi ? PROBE_LINK : PROBE_PERF,
			.path = link->path,
			.offset = multi ? link->offsets[i] : link->info.perf.offset,
			.at_return = multi ? link->info.multi.flags & MULTI_RETURN
					   : link->info.perf.type == PERF_LINK_URETPROBE,
			.enabled = true,
			.only_pid = multi ? (int32_t)link->info.multi.pid : -1,
			.program_id = link->info.program_id,
		};

		tell(walk, holder, &probe);
	}
	link->held = true;
}

/* ---- descriptors ---- */

static void look_at_link(struct walk *walk, struct holder *holder, const char *number)
{
	char name[320], text[1024];
	uint32_t id;

	snprintf(name, sizeof(name), "/proc/%" PRIu32 "/fdinfo/%s", holder->pid, number);
	if (read_text(name, text, sizeof(text)) <= 0)
		return;
	id = holders_parse_link_id(text);
	for (size_t i = 0; id && i < walk->link_count; i++) {
		struct link *link = &walk->links[i];

		/* The perf event behind a link is told with its own descriptor, unless that was closed. */
		if (link->info.id != id || (link->held && link->info.type == LINK_PERF))
			continue;
		describe_holder(walk, holder);
		tell_link(walk, holder, link);
	}
}

static void look_at_perf_event(struct walk *walk, struct holder *holder, const char *number)
{
	char path[PATH_MAX] = "";
	uint32_t size = sizeof(path), program_id = 0, type = 0;
	uint64_t offset = 0, address = 0;
	struct attached_probe probe;

	if (bpf_task_fd_query((int)holder->pid, atoi(number), 0, path, &size, &program_id, &type, (__u64 *)&offset,
			      (__u64 *)&address))
		return;
	if (type != FD_UPROBE && type != FD_URETPROBE)
		return;
	describe_holder(walk, holder);
	probe = (struct attached_probe){
		.how = PROBE_PERF,
		.path = path,
		.offset = offset,
		.at_return = type == FD_URETPROBE,
		.enabled = true,
		.only_pid = -1,
		.program_id = program_id,
	};
	tell(walk, holder, &probe);
	/* Its link, when the holder has that open as well, is the same probe. */
	for (size_t i = 0; i < walk->link_count; i++) {
		struct link *link = &walk->links[i];

		if (link->info.type == LINK_PERF && link->info.program_id == program_id &&
		    link->info.perf.offset == (uint32_t)offset)
			link->held = true;
	}
}

static void look_at_process(struct walk *walk, uint32_t pid)
{
	struct holder *holder;
	struct dirent *entry;
	char name[64];
	DIR *directory;

	snprintf(name, sizeof(name), "/proc/%" PRIu32 "/fd", pid);
	directory = opendir(name);
	if (!directory)
		return;
	holder = calloc(1, sizeof(*holder));
	while (holder && (entry = readdir(directory))) {
		char target[64];
		ssize_t length = readlinkat(dirfd(directory), entry->d_name, target, sizeof(target) - 1);

		holder->pid = pid;
		if (length <= 0)
			continue;
		target[length] = 0;
		if (strcmp(target, "anon_inode:[perf_event]") == 0)
			look_at_perf_event(walk, holder, entry->d_name);
		else if (walk->link_count &&
			 (strcmp(target, "anon_inode:bpf_link") == 0 || strcmp(target, "anon_inode:bpf-link") == 0))
			look_at_link(walk, holder, entry->d_name);
	}
	if (holder)
		free(holder->cgroup);
	free(holder);
	closedir(directory);
}

struct error *holders_walk(holders_function function, void *context)
{
	struct walk walk = {.function = function, .context = context};
	DIR *directory = opendir("/proc");
	struct dirent *entry;
	struct error *err;
	ssize_t length;

	if (!directory)
		return error_errno(errno, "/proc");
	length = readlink("/proc/self/ns/mnt", walk.own_mounts, sizeof(walk.own_mounts) - 1);
	walk.own_mounts[length > 0 ? length : 0] = 0;
	err = find_links(&walk);
	while (!err && (entry = readdir(directory)))
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
			look_at_process(&walk, (uint32_t)atoi(entry->d_name));
	closedir(directory);
	for (size_t i = 0; !err && i < walk.link_count; i++)
		if (!walk.links[i].held)
			tell_link(&walk, NULL, &walk.links[i]);
	links_destroy(&walk);
	return err;
}

/* ---- tracefs ---- */

static bool file_says_one(const char *path)
{
	char text[8];

	return read_text(path, text, sizeof(text)) > 0 && text[0] == '1';
}

/* An event can be switched on in the main trace buffer and in each instance. */
static bool is_enabled(const char *root, const char *event)
{
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *instances;
	bool enabled;

	snprintf(path, sizeof(path), "%s/events/%s/enable", root, event);
	enabled = file_says_one(path);
	snprintf(path, sizeof(path), "%s/instances", root);
	instances = opendir(path);
	while (!enabled && instances && (entry = readdir(instances))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/instances/%s/events/%s/enable", root, entry->d_name, event);
		enabled = file_says_one(path);
	}
	if (instances)
		closedir(instances);
	return enabled;
}

struct error *holders_walk_tracefs(holders_function function, void *context)
{
	static const char *const roots[] = {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"};
	struct walk walk = {.function = function, .context = context};
	cleanup_free char *line = NULL;
	size_t room = 0;

	for (size_t i = 0; i < array_size(roots); i++) {
		cleanup_file FILE *file = NULL;
		char path[PATH_MAX];

		snprintf(path, sizeof(path), "%s/uprobe_events", roots[i]);
		file = fopen(path, "re");
		if (!file)
			continue;
		while (getline(&line, &room, file) > 0) {
			struct tracefs_line found;
			struct attached_probe probe;

			if (!holders_parse_tracefs_line(line, &found))
				continue;
			probe = (struct attached_probe){
				.how = PROBE_TRACEFS,
				.path = found.path,
				.offset = found.offset,
				.at_return = found.at_return,
				.enabled = is_enabled(roots[i], found.event),
			};
			tell(&walk, NULL, &probe);
		}
		return NULL;
	}
	return NULL;
}

/* ---- the list for people ---- */

static void print_probe(void *context, const struct attached_probe *probe)
{
	char path[PATH_MAX * 4 + 1], comm[16 * 4 + 1], cgroup[PATH_MAX * 4 + 1];
	FILE *out = context;

	holders_escape(probe->path, path, sizeof(path));
	holders_escape(probe->holder_comm, comm, sizeof(comm));
	holders_escape(probe->holder_cgroup, cgroup, sizeof(cgroup));
	fprintf(out,
		"%s\t%s\t0x%" PRIx64 "\t%" PRIu32 ":%" PRIu32 "\t%" PRIu64 "\t%" PRIu32 "\t%s\t%s\t%s\t%" PRIu32
		"\t%d\t%d\n",
		probe->at_return ? "uretprobe" : "uprobe", path[0] ? path : "-", probe->offset, probe->device_major,
		probe->device_minor, probe->inode, probe->holder_pid, comm[0] ? comm : "-", cgroup[0] ? cgroup : "-",
		probe->how == PROBE_TRACEFS ? "tracefs"
		: probe->how == PROBE_LINK  ? "link"
					    : "perf",
		probe->program_id, probe->enabled, probe->only_pid);
}

struct error *holders_list(FILE *out)
{
	uint32_t id = 0;

	/* The kernel refuses BPF_TASK_FD_QUERY and the walk over links without CAP_SYS_ADMIN. */
	if (bpf_link_get_next_id(0, &id) && errno == EPERM)
		return error_format(ERROR_PERMISSION,
				    "listing probes needs root (CAP_SYS_ADMIN), and a kernel that allows bpf()");
	return holders_walk(print_probe, out) ?: holders_walk_tracefs(print_probe, out);
}
