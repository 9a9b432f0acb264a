/* SPDX-License-Identifier: MIT */
/* systemd-coredump's entries in a journal (systemd.journal-fields(7), COREDUMP_…). */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "cli/import.h"
#include "cli/import_name.h"
#include "common/cleanup.h"

/* SD_MESSAGE_COREDUMP. */
#define MESSAGE "MESSAGE_ID=fc2e22bc6ee647b6b90729ab34a250b1"
#define FIELD_BYTES_MAX 4096

struct import_journal {
	sd_journal *journal;
};

void import_journal_close(struct import_journal *journal)
{
	if (journal)
		sd_journal_close(journal->journal);
	free(journal);
}

static int open_journal(const char *path, sd_journal **ret)
{
	const char *files[] = {path, NULL};
	struct stat status;

	if (!path)
		return sd_journal_open(ret, SD_JOURNAL_LOCAL_ONLY);
	if (stat(path, &status) != 0)
		return -errno;
	return S_ISDIR(status.st_mode) ? sd_journal_open_directory(ret, path, 0) : sd_journal_open_files(ret, files, 0);
}

struct error *import_journal_open(const char *path, struct import_journal **ret)
{
	struct import_journal *journal = calloc(1, sizeof(*journal));
	int result = journal ? open_journal(path, &journal->journal) : -ENOMEM;

	if (result >= 0)
		result = sd_journal_add_match(journal->journal, MESSAGE, 0);
	if (result >= 0)
		result = sd_journal_seek_head(journal->journal);
	if (result < 0) {
		import_journal_close(journal);
		return error_errno(-result, "cannot read the journal %s", path ? path : "of this host");
	}
	*ret = journal;
	return NULL;
}

int import_journal_fd(struct import_journal *journal)
{
	return sd_journal_get_fd(journal->journal);
}

/* ---- one entry ---- */

/* The field's value, which the caller frees; NULL when it is not there, too long, or has a NUL in it. */
static char *read_field(sd_journal *journal, const char *name)
{
	size_t length, skipped = strlen(name) + 1;
	const void *data;

	if (sd_journal_get_data(journal, name, &data, &length) < 0 || length < skipped ||
	    length - skipped > FIELD_BYTES_MAX || memchr(data, 0, length))
		return NULL;
	return strndup((const char *)data + skipped, length - skipped);
}

static uint64_t read_number(sd_journal *journal, const char *name, uint64_t most)
{
	cleanup_free char *text = read_field(journal, name);
	uint64_t value;

	if (!text || !*text || strspn(text, "0123456789") != strlen(text))
		return 0;
	errno = 0;
	value = strtoull(text, NULL, 10);
	return errno || value > most ? 0 : value;
}

static void read_facts(sd_journal *journal, struct vault_crash *ret)
{
	cleanup_free char *boot_id = read_field(journal, "_BOOT_ID");
	cleanup_free char *truncated = read_field(journal, "COREDUMP_TRUNCATED");
	uint64_t received_us = 0;

	*ret = (struct vault_crash){
		.pid = (uint32_t)read_number(journal, "COREDUMP_PID", INT32_MAX),
		.uid = (uint32_t)read_number(journal, "COREDUMP_UID", UINT32_MAX),
		.gid = (uint32_t)read_number(journal, "COREDUMP_GID", UINT32_MAX),
		.signal = (int32_t)read_number(journal, "COREDUMP_SIGNAL", 127),
		.time_ns = (int64_t)read_number(journal, "COREDUMP_TIMESTAMP", INT64_MAX / 1000) * 1000,
		.comm = read_field(journal, "COREDUMP_COMM"),
		.exe = read_field(journal, "COREDUMP_EXE"),
		.cmdline = read_field(journal, "COREDUMP_CMDLINE"),
		.cgroup = read_field(journal, "COREDUMP_CGROUP"),
		.hostname = read_field(journal, "COREDUMP_HOSTNAME") ?: read_field(journal, "_HOSTNAME"),
		.truncated = truncated && (strcmp(truncated, "yes") == 0 || strcmp(truncated, "1") == 0),
	};
	if (boot_id)
		import_boot_id(boot_id, ret->boot_id);
	if (!ret->time_ns && sd_journal_get_realtime_usec(journal, &received_us) >= 0)
		ret->time_ns = (int64_t)received_us * 1000;
	if (ret->truncated)
		ret->note = strdup("systemd-coredump cut the core short");
}

/* Anybody may write such an entry: a file that it names is looked for where systemd-coredump keeps them, and nowhere
 * else. *ret_path, which the caller frees, is NULL when no file was named. */
static struct error *find_file(const struct importer *importer, sd_journal *journal, char **ret_path)
{
	cleanup_free char *named = read_field(journal, "COREDUMP_FILENAME");
	const char *slash = named ? strrchr(named, '/') : NULL;

	*ret_path = NULL;
	if (!slash || !slash[1] || strcmp(slash, "/.") == 0 || strcmp(slash, "/..") == 0)
		return NULL;
	if (asprintf(ret_path, "%s%s", importer->directory, slash) < 0) {
		*ret_path = NULL;
		return &error_no_memory;
	}
	return NULL;
}

/* A core that was put into the journal itself (Storage=journal), as a file without a name; -1 when there is none. */
static int extract_core(sd_journal *journal)
{
	const char *directory = getenv("TMPDIR") ?: "/var/tmp";
	size_t length, done = strlen("COREDUMP=");
	const void *data;
	int fd, readable;
	char path[64];

	sd_journal_set_data_threshold(journal, 0);
	if (sd_journal_get_data(journal, "COREDUMP", &data, &length) < 0 || length <= done)
		return -1;
	fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	while (fd >= 0 && done < length) {
		ssize_t written = write(fd, (const char *)data + done, length - done);

		if (written <= 0) {
			close(fd);
			return -1;
		}
		done += (size_t)written;
	}
	/* Opened again for reading alone: a file that is open for writing still grows. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	readable = fd >= 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (fd >= 0)
		close(fd);
	return readable;
}

/* systemd-coredump speaks as a system user or as the user whose process died; _UID is the journal's own word, and who
 * else speaks of another's process lies. An entry without it did not come through a socket. */
static bool is_credible(sd_journal *journal, const struct vault_crash *facts)
{
	uint64_t uid = read_number(journal, "_UID", UINT32_MAX);

	return uid < 1000 || uid == facts->uid;
}

static struct error *set_origin(struct vault_crash *facts)
{
	free(facts->origin);
	if (asprintf(&facts->origin, "journal: boot %s, pid %u, %jd us", facts->boot_id, facts->pid,
		     (intmax_t)(facts->time_ns / 1000)) >= 0)
		return NULL;
	facts->origin = NULL;
	return &error_no_memory;
}

static struct error *import_entry(struct importer *importer, sd_journal *journal, struct vault_crash *facts)
{
	cleanup_free char *path = NULL, *told = NULL;
	cleanup_fd int fd = -1;
	struct error *err = set_origin(facts) ?: find_file(importer, journal, &path);

	if (err)
		return err;
	/* The core may be large: what is there already is not read. */
	if (import_find_known(importer, facts, false))
		return import_facts(importer, facts);
	if (path && access(path, F_OK) == 0)
		return import_path(importer, path, false, facts);
	if (!path)
		fd = extract_core(journal);
	if (fd >= 0) {
		/* import_core() gives the facts another origin: the name must be one of its own. */
		told = strdup(facts->origin);
		return told ? import_core(importer, fd, told, facts) : &error_no_memory;
	}
	facts->core_gone = path != NULL;
	if (!facts->note)
		facts->note = strdup(path ? "the core's file has been removed since" : "systemd-coredump kept no core");
	return import_facts(importer, facts);
}

struct error *import_journal_more(struct importer *importer, struct import_journal *journal)
{
	struct error *err = NULL;

	sd_journal_process(journal->journal);
	while (!err) {
		struct vault_crash facts;
		int result = sd_journal_next(journal->journal);

		if (result < 0)
			return error_errno(-result, "cannot read the journal");
		if (!result)
			return NULL;
		read_facts(journal->journal, &facts);
		/* Without a process there is no crash: somebody else's entry of the same name. */
		if (facts.pid && is_credible(journal->journal, &facts))
			err = import_entry(importer, journal->journal, &facts);
		vault_crash_deinit(&facts);
	}
	return err;
}
