/* SPDX-License-Identifier: MIT */
/*
 * The host whose files a dead process had: where everything that opens a file by a path of that process (or asks what
 * the path names now) asks for it. There are four:
 *
 *   this machine   NULL. Paths are opened as they are.
 *   a watched one  this machine too, but each question is remembered with its answer, and which contents were of use:
 *                  all that an explanation depends on besides the core and the record.
 *   a held one     this machine again, but some files are open already, from when the process still lived; their paths
 *                  mean these files, whatever is there now, and whoever may open it.
 *   a told one     what was remembered, on another machine: nothing of that other machine is ever opened. A path that
 *                  nobody asked for is not there.
 *
 * So an explanation can be repeated elsewhere with the same answer (bundle/). Contents lie in files of their own, whose
 * paths the teller gives. Knows nothing of archives, cores or ELF.
 */
#ifndef ANALYZER_ELF_HOST_H
#define ANALYZER_ELF_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "common/error.h"

struct elf_host;

/* What stat tells of a file. Times are nanoseconds since the epoch. */
struct elf_host_facts {
	bool regular;
	uint32_t device_major, device_minor;
	uint64_t inode;
	uint64_t bytes;
	int64_t modified_ns, changed_ns; /* mtime, ctime */
};

/* Follows links, as stat does. 0, or a negative errno. */
int elf_host_look(struct elf_host *host, const char *path, struct elf_host_facts *ret_facts);

/* Opens a regular file for reading: a descriptor, or a negative errno; -EINVAL for what is not a regular file. -ESTALE
 * from a told host: the file is there, `ret_facts` is filled, but its contents were of no use when it was looked at (it
 * was another build, or no ELF file). `ret_facts` may be NULL. Looks before it opens, because opening a device or a
 * FIFO can have effects of its own. */
int elf_host_open(struct elf_host *host, const char *path, struct elf_host_facts *ret_facts);

/* The contents of that path are of use: a told host will have to open it. For a watched host; else nothing. */
void elf_host_keep(struct elf_host *host, const char *path);

/* The vdso of the boot with that id, as an ELF file: this machine's own when it still runs that boot, a told host's
 * when it has one. A descriptor, or -1. */
int elf_host_open_vdso(struct elf_host *host, const char *boot_id);

/* ---- holding ---- */

struct error *elf_host_create_held(struct elf_host **ret_host) must_check;
/* `path` is as the dead process named it; `fd`, of a regular file, stays the caller's and open as long as the host is.
 * Of two with one path the first counts. */
struct error *elf_host_hold(struct elf_host *host, const char *path, int fd) must_check;

/* ---- watching and telling ---- */

struct elf_host_entry {
	char *path;
	int error; /* 0, or the errno of looking at it */
	struct elf_host_facts facts;
	bool kept;     /* its contents are of use */
	char *content; /* told: where they lie on this machine; NULL for none */
};

struct error *elf_host_create_watched(struct elf_host **ret_host) must_check;
struct error *elf_host_create_told(struct elf_host **ret_host) must_check;
void elf_host_destroy(struct elf_host *host);
DEFINE_CLEANUP(struct elf_host, elf_host_destroy)

/* What a watched host was asked so far, in the order of the first questions; it belongs to the host. error_no_memory
 * when something could not be remembered. */
struct error *elf_host_entries(struct elf_host *host, struct elf_host_entry *const **ret_entries,
			       size_t *ret_count) must_check;
bool elf_host_gave_vdso(const struct elf_host *host);

/* Tells it an entry, of which it takes copies; ERROR_INVALID for a path twice. `kept` is not looked at. */
struct error *elf_host_tell(struct elf_host *host, const struct elf_host_entry *entry) must_check;
/* `content` is the path of the vdso's file. */
struct error *elf_host_tell_vdso(struct elf_host *host, const char *content) must_check;

#endif
