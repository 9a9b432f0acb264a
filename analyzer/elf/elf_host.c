/* SPDX-License-Identifier: MIT */
#include "analyzer/elf/elf_host.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "common/cleanup.h"
#include "common/vector.h"

/* The vdso has a few pages; more is no vdso. */
#define VDSO_BYTES_MAX (1u << 20)

struct held_file {
	char *path;
	int fd;
};

struct elf_host {
	bool told, watched;
	struct held_file *held;
	size_t held_count;
	bool failed; /* something could not be remembered */
	bool gave_vdso;
	char *vdso; /* told: its file */
	struct elf_host_entry **entries;
	size_t count;
	void *by_path; /* tsearch(3) over the entries */
};

/* ---- this machine ---- */

static int64_t nanoseconds(const struct timespec *time)
{
	return time->tv_sec * 1000000000LL + time->tv_nsec;
}

static void take_facts(const struct stat *status, struct elf_host_facts *facts)
{
	*facts = (struct elf_host_facts){
		.regular = S_ISREG(status->st_mode),
		.device_major = major(status->st_dev),
		.device_minor = minor(status->st_dev),
		.inode = status->st_ino,
		.bytes = (uint64_t)status->st_size,
		.modified_ns = nanoseconds(&status->st_mtim),
		.changed_ns = nanoseconds(&status->st_ctim),
	};
}

static int look_here(const char *path, struct elf_host_facts *facts)
{
	struct stat status;

	if (stat(path, &status) < 0)
		return -errno;
	take_facts(&status, facts);
	return 0;
}

static int open_here(const char *path, struct elf_host_facts *facts)
{
	struct stat status;
	int error = look_here(path, facts), fd;

	if (error)
		return error;
	if (!facts->regular)
		return -EINVAL;
	fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* The path may name something else by now. */
	if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode)) {
		close(fd);
		return -EINVAL;
	}
	take_facts(&status, facts);
	return fd;
}

/* The kernel gives every process the same bytes (Linux arch/x86/entry/vdso/vma.c). Its length is where the section
 * headers end. */
static int copy_own_vdso(void)
{
	const uint8_t *bytes = (const uint8_t *)getauxval(AT_SYSINFO_EHDR);
	const Elf64_Ehdr *header = (const void *)bytes;
	uint64_t size;
	int fd;

	if (!bytes)
		return -1;
	size = header->e_shoff + (uint64_t)header->e_shnum * header->e_shentsize;
	if (size > VDSO_BYTES_MAX)
		return -1;
	fd = memfd_create("vdso", MFD_CLOEXEC);
	if (fd >= 0 && write(fd, bytes, size) != (ssize_t)size) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool is_this_boot(const char *boot_id)
{
	cleanup_file FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
	char line[64] = "";

	return file && fgets(line, sizeof(line), file) && strlen(boot_id) == 36 && strncmp(line, boot_id, 36) == 0;
}

/* ---- the entries ---- */

static int compare_paths(const void *left, const void *right)
{
	const struct elf_host_entry *a = left, *b = right;

	return strcmp(a->path, b->path);
}

static struct elf_host_entry *find(const struct elf_host *host, const char *path)
{
	const struct elf_host_entry key = {.path = (char *)path};
	void *const *node = tfind(&key, &host->by_path, compare_paths);

	return node ? *node : NULL;
}

static void entry_destroy(struct elf_host_entry *entry)
{
	if (!entry)
		return;
	free(entry->path);
	free(entry->content);
	free(entry);
}

static struct error *add(struct elf_host *host, const struct elf_host_entry *from)
{
	struct elf_host_entry **grown = reallocarray(host->entries, host->count + 1, sizeof(struct elf_host_entry *));
	struct elf_host_entry *entry = calloc(1, sizeof(*entry));

	if (grown)
		host->entries = grown;
	if (entry) {
		*entry = *from;
		entry->path = strdup(from->path);
		entry->content = from->content ? strdup(from->content) : NULL;
	}
	if (!grown || !entry || !entry->path || (from->content && !entry->content) ||
	    !tsearch(entry, &host->by_path, compare_paths)) {
		entry_destroy(entry);
		return &error_no_memory;
	}
	host->entries[host->count++] = entry;
	return NULL;
}

/* The first answer is the one that is remembered: a path that changes meanwhile cannot be told truly anyway. */
static void remember(struct elf_host *host, const char *path, int error, const struct elf_host_facts *facts)
{
	struct elf_host_entry entry = {.path = (char *)path, .error = error};

	if (find(host, path))
		return;
	if (!error)
		entry.facts = *facts;
	if (add(host, &entry))
		host->failed = true;
}

/* ---- held files ---- */

static const struct held_file *find_held(const struct elf_host *host, const char *path)
{
	for (size_t i = 0; host && i < host->held_count; i++) {
		if (strcmp(host->held[i].path, path) == 0)
			return &host->held[i];
	}
	return NULL;
}

static int look_held(const struct held_file *file, struct elf_host_facts *facts)
{
	struct stat status;

	if (fstat(file->fd, &status) < 0)
		return -errno;
	take_facts(&status, facts);
	return 0;
}

static int open_held(const struct held_file *file, struct elf_host_facts *facts)
{
	int error = look_held(file, facts), fd;

	if (error)
		return error;
	fd = facts->regular ? fcntl(file->fd, F_DUPFD_CLOEXEC, 3) : -1;
	return fd >= 0 ? fd : facts->regular ? -errno : -EINVAL;
}

struct error *elf_host_hold(struct elf_host *host, const char *path, int fd)
{
	if (find_held(host, path))
		return NULL;
	if (array_resize(host->held, host->held_count + 1))
		return &error_no_memory;
	host->held[host->held_count] = (struct held_file){strdup(path), fd};
	if (!host->held[host->held_count].path)
		return &error_no_memory;
	host->held_count++;
	return NULL;
}

/* ---- the questions ---- */

int elf_host_look(struct elf_host *host, const char *path, struct elf_host_facts *ret_facts)
{
	const struct held_file *held = find_held(host, path);
	const struct elf_host_entry *entry;
	int error;

	if (held)
		return look_held(held, ret_facts);
	if (!host || !host->told) {
		error = look_here(path, ret_facts);
		if (host && host->watched)
			remember(host, path, -error, ret_facts);
		return error;
	}
	entry = find(host, path);
	if (!entry || entry->error)
		return entry ? -entry->error : -ENOENT;
	*ret_facts = entry->facts;
	return 0;
}

static int open_told(const struct elf_host *host, const char *path, struct elf_host_facts *facts)
{
	const struct elf_host_entry *entry = find(host, path);
	struct elf_host_facts of_content;

	if (!entry || entry->error)
		return entry ? -entry->error : -ENOENT;
	*facts = entry->facts;
	if (!facts->regular)
		return -EINVAL;
	return entry->content ? open_here(entry->content, &of_content) : -ESTALE;
}

int elf_host_open(struct elf_host *host, const char *path, struct elf_host_facts *ret_facts)
{
	const struct held_file *held = find_held(host, path);
	struct elf_host_facts facts;
	int fd;

	if (held) {
		fd = open_held(held, &facts);
	} else if (host && host->told) {
		fd = open_told(host, path, &facts);
	} else {
		fd = open_here(path, &facts);
		/* That it is not regular is among its facts. */
		if (host && host->watched)
			remember(host, path, fd < 0 && fd != -EINVAL ? -fd : 0, &facts);
	}
	if (ret_facts && (fd >= 0 || fd == -ESTALE))
		*ret_facts = facts;
	return fd;
}

void elf_host_keep(struct elf_host *host, const char *path)
{
	struct elf_host_entry *entry = host && host->watched ? find(host, path) : NULL;

	if (entry)
		entry->kept = true;
}

int elf_host_open_vdso(struct elf_host *host, const char *boot_id)
{
	struct elf_host_facts facts;
	int fd;

	if (host && host->told) {
		fd = host->vdso ? open_here(host->vdso, &facts) : -1;
		return fd < 0 ? -1 : fd;
	}
	fd = is_this_boot(boot_id) ? copy_own_vdso() : -1;
	if (host && fd >= 0)
		host->gave_vdso = true;
	return fd;
}

/* ---- life, watching, telling ---- */

static struct error *create(bool told, bool watched, struct elf_host **ret_host)
{
	struct elf_host *host = calloc(1, sizeof(*host));

	if (!host)
		return &error_no_memory;
	host->told = told;
	host->watched = watched;
	*ret_host = host;
	return NULL;
}

struct error *elf_host_create_watched(struct elf_host **ret_host)
{
	return create(false, true, ret_host);
}

struct error *elf_host_create_held(struct elf_host **ret_host)
{
	return create(false, false, ret_host);
}

struct error *elf_host_create_told(struct elf_host **ret_host)
{
	return create(true, false, ret_host);
}

static void destroy_nothing(void *node)
{
	(void)node; /* the array owns the entries */
}

void elf_host_destroy(struct elf_host *host)
{
	if (!host)
		return;
	tdestroy(host->by_path, destroy_nothing);
	for (size_t i = 0; i < host->count; i++)
		entry_destroy(host->entries[i]);
	for (size_t i = 0; i < host->held_count; i++)
		free(host->held[i].path);
	free(host->held);
	free(host->entries);
	free(host->vdso);
	free(host);
}

struct error *elf_host_entries(struct elf_host *host, struct elf_host_entry *const **ret_entries, size_t *ret_count)
{
	if (host->failed)
		return &error_no_memory;
	*ret_entries = host->entries;
	*ret_count = host->count;
	return NULL;
}

bool elf_host_gave_vdso(const struct elf_host *host)
{
	return host->gave_vdso;
}

struct error *elf_host_tell(struct elf_host *host, const struct elf_host_entry *entry)
{
	if (find(host, entry->path))
		return error_format(ERROR_INVALID, "%s is told of twice", entry->path);
	return add(host, entry);
}

struct error *elf_host_tell_vdso(struct elf_host *host, const char *content)
{
	free(host->vdso);
	host->vdso = strdup(content);
	return host->vdso ? NULL : &error_no_memory;
}
