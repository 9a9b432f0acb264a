/* SPDX-License-Identifier: MIT */
/* The vault: what is kept comes back as it was, what lies is refused, and what fails leaves nothing behind. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "vault/settings.h"
#include "vault/vault.h"

#define CORE_BYTES (5u << 20)

static char directory[] = "/tmp/corelate-vault-XXXXXX";
static struct vault *vault;
static uint8_t core[CORE_BYTES];

static void ok(struct error *err)
{
	if (err)
		fail_msg("%s", err->message);
}

static void is_refused(struct error *err, enum error_code code, const char *part)
{
	assert_non_null(err);
	assert_int_equal(err->code, code);
	if (!strstr(err->message, part))
		fail_msg("no '%s' in: %s", part, err->message);
	error_destroy(err);
}

/* Something like a core: headers, notes, much that is zero, little that is not. */
static void make_core(void)
{
	Elf64_Ehdr header = {.e_phoff = sizeof(header), .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 1};
	Elf64_Phdr note = {.p_type = PT_NOTE, .p_offset = 4096, .p_filesz = 8192};

	memcpy(header.e_ident, ELFMAG, SELFMAG);
	header.e_ident[EI_CLASS] = ELFCLASS64;
	memset(core, 0, sizeof(core));
	memcpy(core, &header, sizeof(header));
	memcpy(core + sizeof(header), &note, sizeof(note));
	for (size_t i = 4096; i < 4096 + 8192; i++)
		core[i] = (uint8_t)(i * 7);
	memcpy(core + (3u << 20) + 123, "in the middle of nothing", 24);
	core[CORE_BYTES - 1] = 0; /* it ends in a hole */
}

static int set_up(void **state)
{
	(void)state;
	make_core();
	if (!mkdtemp(directory))
		return -1;
	ok(vault_open(directory, true, &vault));
	return 0;
}

static size_t count_names(const char *path)
{
	DIR *opened = opendir(path);
	struct dirent *item;
	size_t count = 0;

	while (opened && (item = readdir(opened)))
		count += strcmp(item->d_name, ".") != 0 && strcmp(item->d_name, "..") != 0;
	if (opened)
		closedir(opened);
	return count;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	vault_destroy(vault);
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	return system(command);
}

static int core_file(size_t bytes)
{
	int fd = open(directory, O_TMPFILE | O_RDWR, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, core, bytes), bytes);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static char *keep(const struct vault_crash *given, size_t bytes)
{
	struct vault_pack_limits limits = {0};
	struct vault_crash crash = *given;
	struct vault_draft *draft;
	struct vault_packed packed;
	char *name;
	int in, out;

	ok(vault_draft_create(vault, &draft));
	if (bytes) {
		in = core_file(bytes);
		ok(vault_draft_core(draft, &out));
		ok(vault_pack(in, out, false, &limits, &packed));
		close(in);
		assert_int_equal(packed.core_bytes, bytes);
		assert_int_equal(packed.end, VAULT_PACK_WHOLE);
		assert_true(packed.has_notes);
		crash.core_bytes = packed.core_bytes;
	}
	ok(vault_draft_commit(draft, &crash, &name));
	return name;
}

static const struct vault_crash example = {
	.source = VAULT_CAPTURE,
	.boot_id = "01234567-89ab-cdef-0123-456789abcdef",
	.pid = 4242,
	.tid = 4243,
	.namespace_pid = 7,
	.uid = UINT32_MAX - 1,
	.signal = 11,
	.time_ns = 1795324098123456789,
	.boot_time_ns = 55,
	.comm = (char *)"bad\n\x1b[31m\xff name",
	.exe = (char *)"/usr/bin/\"quoted\" <b>",
	.has_auxv = true,
	.auxv_sysinfo_ehdr = 0x7ffff7fc1000,
	.auxv_random = 0x7fffffffe0f9,
	.auxv_entry = UINT64_MAX,
	.note = (char *)"",
};

static void test_comes_back(void **state)
{
	char *name = keep(&example, CORE_BYTES), path[512], *back = malloc(CORE_BYTES);
	struct vault_entry entry;
	struct stat status;
	int fd;

	(void)state;
	assert_non_null(strstr(name, "-4242-"));
	assert_memory_equal(name, "20261122-050818", 15);
	ok(vault_read(vault, name, &entry));
	assert_null(entry.problem);
	assert_true(entry.has_core);
	assert_false(entry.has_report);
	assert_string_equal(entry.crash.comm, "bad\n\x1b[31m\xef\xbf\xbd name");
	assert_string_equal(entry.crash.exe, example.exe);
	assert_null(entry.crash.cmdline);
	assert_int_equal(entry.crash.uid, example.uid);
	assert_int_equal(entry.crash.time_ns, example.time_ns);
	assert_true(entry.crash.has_auxv);
	assert_int_equal(entry.crash.auxv_sysinfo_ehdr, example.auxv_sysinfo_ehdr);
	assert_true(entry.crash.auxv_entry == UINT64_MAX);
	assert_int_equal(entry.crash.core_bytes, CORE_BYTES);
	assert_true(entry.crash.stored_bytes < 64 * 1024); /* zeros cost next to nothing */

	ok(vault_open_core(vault, &entry, &fd));
	assert_int_equal(fstat(fd, &status), 0);
	assert_int_equal(status.st_size, CORE_BYTES);
	assert_true(status.st_blocks * 512 < 128 * 1024); /* and are holes */
	assert_int_equal(pread(fd, back, CORE_BYTES, 0), CORE_BYTES);
	assert_memory_equal(back, core, CORE_BYTES);
	close(fd);

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0700);
	snprintf(path, sizeof(path), "%s/%s/core.zst", directory, name);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	vault_entry_deinit(&entry);
	ok(vault_remove(vault, name));
	assert_int_equal(count_names(directory), 0);
	free(name);
	free(back);
}

static void test_limits(void **state)
{
	struct vault_packed packed;
	struct {
		uint64_t most;
		enum vault_pack_end end;
		uint64_t bytes;
		bool has_notes;
	} const rows[] = {
		{CORE_BYTES, VAULT_PACK_WHOLE, CORE_BYTES, true},
		{CORE_BYTES - 1, VAULT_PACK_TOO_LARGE, CORE_BYTES - 1, true},
		{4096 + 8192, VAULT_PACK_TOO_LARGE, 4096 + 8192, true},
		{4096 + 8191, VAULT_PACK_TOO_LARGE, 4096 + 8191, false},
	};
	int in, out;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		in = core_file(CORE_BYTES);
		out = open(directory, O_TMPFILE | O_RDWR, 0600);
		ok(vault_pack(in, out, false, &(struct vault_pack_limits){.most_bytes = rows[i].most}, &packed));
		assert_int_equal(packed.end, rows[i].end);
		assert_int_equal(packed.core_bytes, rows[i].bytes);
		assert_int_equal(packed.has_notes, rows[i].has_notes);
		/* What was packed is a whole stream in any case. */
		assert_int_equal(lseek(out, 0, SEEK_SET), 0);
		close(in);
		ok(vault_unpack(out, rows[i].bytes, &in));
		close(in);
		close(out);
	}
	in = core_file(CORE_BYTES);
	out = open(directory, O_TMPFILE | O_RDWR, 0600);
	ok(vault_pack(in, out, false, &(struct vault_pack_limits){.keep_free = UINT64_MAX}, &packed));
	assert_int_equal(packed.end, VAULT_PACK_NO_ROOM);
	assert_int_equal(packed.core_bytes, 0);
	close(in);
	close(out);
}

static void test_full_disk_is_an_error(void **state)
{
	int in = core_file(CORE_BYTES), out = open("/dev/full", O_WRONLY);
	struct vault_pack_limits limits = {0};
	struct vault_packed packed;

	(void)state;
	is_refused(vault_pack(in, out, false, &limits, &packed), ERROR_SYSTEM, "No space left");
	close(in);
	close(out);
}

static void test_foreign(void **state)
{
	char command[256], path[128];
	static const char *const tools[] = {"zstd -q", "xz", "gzip", "cat"};
	struct vault_pack_limits limits = {0};
	struct vault_packed packed;
	FILE *to;
	int in, out;

	(void)state;
	for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]); i++) {
		snprintf(path, sizeof(path), "%s/.foreign", directory);
		snprintf(command, sizeof(command), "command -v %.4s >/dev/null && %s >%s", tools[i], tools[i], path);
		to = popen(command, "w");
		if (fwrite(core, 1, CORE_BYTES, to) != CORE_BYTES && errno != EPIPE)
			fail();
		if (pclose(to) != 0)
			continue; /* there is no such tool here */
		in = open(path, O_RDONLY);
		out = open(directory, O_TMPFILE | O_RDWR, 0600);
		ok(vault_pack(in, out, true, &limits, &packed));
		assert_int_equal(packed.core_bytes, CORE_BYTES);
		assert_true(packed.has_notes);
		close(out);
		/* The same, cut off: an error, not a shorter core. */
		if (strcmp(tools[i], "cat") != 0) {
			assert_int_equal(truncate(path, lseek(in, 0, SEEK_END) - 20), 0);
			lseek(in, 0, SEEK_SET);
			out = open(directory, O_TMPFILE | O_RDWR, 0600);
			error_destroy(vault_pack(in, out, true, &limits, &packed) ?: (fail(), NULL));
			close(out);
		}
		close(in);
		unlink(path);
	}
}

static void test_a_draft_is_not_seen(void **state)
{
	struct vault_draft *draft;
	struct vault_entry *entries;
	size_t count;
	int fd;

	(void)state;
	ok(vault_draft_create(vault, &draft));
	ok(vault_draft_core(draft, &fd));
	ok(vault_list(vault, &entries, &count));
	assert_int_equal(count, 0);
	free(entries);
	assert_int_equal(count_names(directory), 1);
	vault_draft_abandon(draft);
	vault_draft_abandon(NULL);
	assert_int_equal(count_names(directory), 0);
}

static void test_report(void **state)
{
	char *name = keep(&example, 0), *text;
	struct vault_entry entry;
	size_t bytes;

	(void)state;
	is_refused(vault_read_report(vault, name, &text, &bytes), ERROR_NOT_FOUND, "report.json");
	ok(vault_write_report(vault, name, "{}", 2));
	ok(vault_write_report(vault, name, "{\"a\":1}", 7));
	ok(vault_read_report(vault, name, &text, &bytes));
	assert_string_equal(text, "{\"a\":1}");
	free(text);
	ok(vault_read(vault, name, &entry));
	assert_true(entry.has_report);
	assert_false(entry.has_core);
	is_refused(vault_open_core(vault, &entry, &(int){0}), ERROR_NOT_FOUND, "no core was kept");
	vault_entry_deinit(&entry);
	is_refused(vault_write_report(vault, "../evil", "x", 1), ERROR_NOT_FOUND, "evil");
	is_refused(vault_read(vault, ".draft-1", &entry), ERROR_NOT_FOUND, "draft");
	ok(vault_remove(vault, name));
	free(name);
}

/* ---- entries that lie ---- */

static void spoil(const char *name, const char *file, const char *text)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/%s/%s", directory, name, file);
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

#define HEAD "{\"format\":1,\"source\":\"capture\",\"boot_id\":\"\""

static void test_lying_metadata(void **state)
{
	static const char *const lies[][2] = {
		{"", "not JSON"},
		{"[1]", "not an object"},
		{"{\"format\":1", "not JSON"},
		{"{}", "no format"},
		{"{\"format\":99}", "newer"},
		{"{\"format\":1,\"source\":\"mars\"}", "source"},
		{"{\"format\":1,\"source\":\"capture\",\"boot_id\":\"/../../etc/passwd/and/more/and/more/and/more\"}",
		 "boot_id"},
		{HEAD ",\"pid\":-1}", "'pid'"},
		{HEAD ",\"pid\":4294967296}", "'pid'"},
		{HEAD ",\"pid\":99999999999999999999}", "not JSON"},
		{HEAD ",\"pid\":\"1\"}", "'pid'"},
		{HEAD ",\"pid\":1,\"pid\":2}", "not JSON"},
		{HEAD ",\"core_bytes\":-5}", "'core_bytes'"},
		{HEAD ",\"comm\":[]}", "'comm'"},
		{HEAD ",\"comm\":\"ls\\u0000\"}", "'comm'"},
		{HEAD ",\"has_auxv\":\"yes\"}", "'has_auxv'"},
		{HEAD ",\"auxv_entry\":\"0x\"}", "'auxv_entry'"},
		{HEAD ",\"auxv_entry\":\"-0x1\"}", "'auxv_entry'"},
		{HEAD ",\"auxv_entry\":\"0x12345678901234567\"}", "'auxv_entry'"},
	};
	char *good = keep(&example, CORE_BYTES), *bad = keep(&example, 0);
	struct vault_entry *entries;
	size_t count;

	(void)state;
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		spoil(bad, "crash.json", lies[i][0]);
		ok(vault_list(vault, &entries, &count));
		assert_int_equal(count, 2);
		assert_string_equal(entries[0].name, good);
		assert_null(entries[0].problem);
		assert_non_null(entries[1].problem);
		if (!strstr(entries[1].problem, lies[i][1]))
			fail_msg("%s: no '%s' in '%s'", lies[i][0], lies[i][1], entries[1].problem);
		is_refused(vault_open_core(vault, &entries[1], &(int){0}), ERROR_INVALID, "");
		vault_entries_destroy(entries, count);
	}
	ok(vault_remove(vault, good));
	ok(vault_remove(vault, bad));
	free(good);
	free(bad);
}

static void test_links_and_fifos(void **state)
{
	char *name = keep(&example, CORE_BYTES), path[512], link[512];
	struct vault_entry entry, *entries;
	size_t count;

	(void)state;
	ok(vault_read(vault, name, &entry));
	snprintf(path, sizeof(path), "%s/%s/core.zst", directory, name);
	unlink(path);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	is_refused(vault_open_core(vault, &entry, &(int){0}), ERROR_INVALID, "link");
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	is_refused(vault_open_core(vault, &entry, &(int){0}), ERROR_INVALID, "not a regular file");
	vault_entry_deinit(&entry);
	ok(vault_read(vault, name, &entry));
	assert_false(entry.has_core);
	vault_entry_deinit(&entry);

	snprintf(path, sizeof(path), "%s/%s/crash.json", directory, name);
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	snprintf(link, sizeof(link), "%s/link", directory);
	assert_int_equal(symlink("/", link), 0);
	ok(vault_list(vault, &entries, &count));
	assert_int_equal(count, 2);
	assert_non_null(strstr(entries[0].problem, "directory"));
	assert_non_null(strstr(entries[1].problem, "not a regular file"));
	vault_entries_destroy(entries, count);
	is_refused(vault_remove(vault, "link"), ERROR_INVALID, "directory");
	unlink(link);
	ok(vault_remove(vault, name));
	free(name);
}

static void test_lying_core(void **state)
{
	char *name = keep(&example, CORE_BYTES);
	struct vault_entry entry;
	int fd;

	(void)state;
	ok(vault_read(vault, name, &entry));
	entry.crash.core_bytes = CORE_BYTES - 1;
	is_refused(vault_open_core(vault, &entry, &fd), ERROR_INVALID, "more than");
	entry.crash.core_bytes = INT64_MAX;
	is_refused(vault_open_core(vault, &entry, &fd), ERROR_INVALID, "not the");
	entry.crash.core_bytes = CORE_BYTES;
	spoil(name, "core.zst",
	      "\x7f"
	      "ELF, but it should be zstd");
	is_refused(vault_open_core(vault, &entry, &fd), ERROR_INVALID, "zstd");
	spoil(name, "core.zst", "\x28\xb5\x2f\xfd then garbage");
	is_refused(vault_open_core(vault, &entry, &fd), ERROR_INVALID, "unpack");
	spoil(name, "core.zst", "");
	is_refused(vault_open_core(vault, &entry, &fd), ERROR_INVALID, "");
	spoil(name, "core", "plain, but short");
	is_refused(vault_open_core(vault, &entry, &fd), ERROR_INVALID, "16 bytes");
	entry.crash.core_bytes = 16;
	ok(vault_open_core(vault, &entry, &fd));
	close(fd);
	vault_entry_deinit(&entry);
	ok(vault_remove(vault, name));
	free(name);
}

/* ---- bounds ---- */

struct told {
	char names[8][64];
	size_t count;
};

static void hear(void *context, const struct vault_pruned *pruned)
{
	struct told *told = context;

	snprintf(told->names[told->count++], sizeof(told->names[0]), "%s", pruned->name);
}

static void keep_aged(char **names, unsigned count, int64_t step_s)
{
	for (unsigned i = 0; i < count; i++) {
		struct vault_crash crash = example;

		crash.time_ns = (int64_t)(time(NULL) - (int64_t)i * step_s - 10) * 1000000000;
		names[i] = keep(&crash, CORE_BYTES);
	}
}

static void test_prune(void **state)
{
	struct vault_prune_limits nothing = {0}, age = {.most_age_s = 250}, small = {.most_bytes = 1}, full;
	struct vault_pruned_sum sum;
	struct told told = {0};
	char *names[4], path[512];
	struct timespec old[2] = {{.tv_sec = time(NULL) - 90000}, {.tv_sec = time(NULL) - 90000}};

	(void)state;
	keep_aged(names, 4, 100);
	snprintf(path, sizeof(path), "%s/.draft-of-old", directory);
	assert_int_equal(mkdir(path, 0700), 0);
	ok(vault_prune(vault, &nothing, hear, &told, &sum));
	assert_int_equal(told.count, 0); /* it is fresh */
	assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
	ok(vault_prune(vault, &(struct vault_prune_limits){.dry_run = true}, hear, &told, &sum));
	assert_int_equal(told.count, 1);
	assert_int_equal(count_names(directory), 5);
	ok(vault_prune(vault, &nothing, hear, &told, &sum));
	assert_string_equal(told.names[1], ".draft-of-old");
	assert_int_equal(sum.kept, 4);
	assert_int_equal(count_names(directory), 4);

	told.count = 0;
	ok(vault_prune(vault, &age, hear, &told, &sum)); /* 10, 110, 210, 310 seconds */
	assert_int_equal(told.count, 1);
	assert_string_equal(told.names[0], names[3]);
	spoil(names[1], "crash.json", "{");
	full = (struct vault_prune_limits){.most_bytes = 2 * sum.kept_bytes / 3};
	ok(vault_prune(vault, &full, hear, &told, &sum));
	assert_string_equal(told.names[1], names[1]); /* what cannot be used goes before what is older */
	assert_int_equal(sum.kept, 2);
	ok(vault_prune(vault, &small, hear, &told, &sum));
	assert_string_equal(told.names[2], names[2]);
	assert_int_equal(sum.kept, 1); /* the newest stays */
	ok(vault_prune(vault, &(struct vault_prune_limits){.keep_free = INT64_MAX}, hear, &told, &sum));
	assert_int_equal(sum.kept, 1);
	ok(vault_prune(vault, &(struct vault_prune_limits){.most_age_s = 1}, hear, &told, &sum));
	assert_int_equal(sum.kept, 0);
	assert_int_equal(count_names(directory), 0);
	for (size_t i = 0; i < 4; i++)
		free(names[i]);
}

static void test_settings(void **state)
{
	static const char *const bad[][2] = {
		{"MaxUse=lots\n", ":1: 'lots' is no value for MaxUse"},
		{"# words\n\nMaxCoreSize = 5\n", ":3: '5' is no value for MaxCoreSize"},
		{"MaxUse=-1\n", "'-1'"},
		{"MaxUse=99999999999999999999\n", "no value"},
		{"MaxUse=9999999999T\n", "no value"},
		{"MaxAge=5 years\n", "no value"},
		{"MaxAge=\n", "no value"},
		{"Vault=relative\n", "no value"},
		{"Explain=perhaps\n", "no value"},
		{"Maxuse=1G\n", "no key 'Maxuse'"},
		{"[Coredump]\n", "Key=value"},
	};
	struct vault_settings settings;
	char path[512];

	(void)state;
	snprintf(path, sizeof(path), "%s/.conf", directory);
	is_refused(vault_settings_read(path, true, &settings), ERROR_NOT_FOUND, ".conf");
	ok(vault_settings_read(path, false, &settings));
	assert_int_equal(settings.most_core_bytes, 8ull << 30);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		spoil("", ".conf", bad[i][0]);
		is_refused(vault_settings_read(path, false, &settings), ERROR_INVALID, bad[i][1]);
		assert_int_equal(settings.most_bytes, 10ull << 30);
		assert_int_equal(settings.most_core_bytes, 8ull << 30);
		assert_int_equal(settings.most_age_s, 30 * 86400);
	}
	spoil("", ".conf",
	      " ; words\nMaxUse = 3M\nMaxAge=2w\nKeepFree=no\nExplain=No\nHookTimeout=5\nVault=/some where\n");
	ok(vault_settings_read(path, true, &settings));
	assert_int_equal(settings.most_bytes, 3 << 20);
	assert_int_equal(settings.most_age_s, 14 * 86400);
	assert_int_equal(vault_settings_keep_free(&settings, "/"), 0);
	assert_false(settings.explain);
	assert_int_equal(settings.hook_timeout_s, 5);
	assert_string_equal(settings.vault, "/some where");
	unlink(path);
}

static void test_opening(void **state)
{
	struct vault *other;
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/no/such", directory);
	is_refused(vault_open(path, false, &other), ERROR_NOT_FOUND, "no/such");
	is_refused(vault_open("/etc/passwd", false, &other), ERROR_INVALID, "not a directory");
	is_refused(vault_open("/proc/none", true, &other), ERROR_NOT_FOUND, "/proc/none");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_opening),		cmocka_unit_test(test_comes_back),
		cmocka_unit_test(test_limits),		cmocka_unit_test(test_full_disk_is_an_error),
		cmocka_unit_test(test_foreign),		cmocka_unit_test(test_a_draft_is_not_seen),
		cmocka_unit_test(test_report),		cmocka_unit_test(test_lying_metadata),
		cmocka_unit_test(test_links_and_fifos), cmocka_unit_test(test_lying_core),
		cmocka_unit_test(test_prune),		cmocka_unit_test(test_settings),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
