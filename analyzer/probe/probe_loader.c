/* SPDX-License-Identifier: MIT */
#include "analyzer/probe/probe_loader.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/array.h"
#include "common/cleanup.h"
#include "common/vector.h"

/* glibc's sysdeps/generic/dl-cache.h: a header of 48 bytes, then entries of 24; strings count from the header. */
#define CACHE_MAGIC "glibc-ld.so.cache1.1"
#define CACHE_OLD_MAGIC "ld.so-1.7.0"
#define CACHE_HEADER_BYTES 48
#define CACHE_ENTRY_BYTES 24
#define CACHE_OLD_HEADER_BYTES 16
#define CACHE_OLD_ENTRY_BYTES 12
#define CACHE_BYTES_MAX (64u << 20)
/* FLAG_ELF_LIBC6 | FLAG_X8664_LIB64 */
#define CACHE_FLAGS_X86_64 0x303

/* "" last: the directory itself. tls and the names without a slash are what glibc up to 2.36 had. */
static const char *const variants[] = {"glibc-hwcaps/x86-64-v4/",
				       "glibc-hwcaps/x86-64-v3/",
				       "glibc-hwcaps/x86-64-v2/",
				       "haswell/avx512_1/",
				       "haswell/",
				       "x86_64/",
				       "tls/",
				       ""};

static const char *const default_directories[] = {
	"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib"};

static struct error *read_cache(struct probe_loader *loader, const char *path)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat status;

	if (fd < 0 || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size < CACHE_HEADER_BYTES ||
	    status.st_size > CACHE_BYTES_MAX)
		return NULL;
	loader->cache = malloc((size_t)status.st_size + 1);
	if (!loader->cache)
		return &error_no_memory;
	if (pread(fd, loader->cache, (size_t)status.st_size, 0) == status.st_size)
		loader->cache_bytes = (size_t)status.st_size;
	/* Every string ends. */
	loader->cache[loader->cache_bytes] = 0;
	return NULL;
}

struct error *probe_loader_init(struct probe_loader *loader, const char *library_path)
{
	*loader = (struct probe_loader){0};
	if (library_path && *library_path) {
		loader->library_path = strdup(library_path);
		if (!loader->library_path)
			return &error_no_memory;
	}
	return read_cache(loader, "/etc/ld.so.cache");
}

void probe_loader_deinit(struct probe_loader *loader)
{
	free(loader->library_path);
	free(loader->cache);
	*loader = (struct probe_loader){0};
}

void probe_paths_deinit(struct probe_paths *paths)
{
	for (size_t i = 0; i < paths->count; i++)
		free(paths->paths[i]);
	free(paths->paths);
	*paths = (struct probe_paths){0};
}

/* Appends `path` when it is a file and not there yet. */
static struct error *add_path(struct probe_paths *paths, const char *path)
{
	struct stat status;

	if (stat(path, &status) != 0 || !S_ISREG(status.st_mode))
		return NULL;
	for (size_t i = 0; i < paths->count; i++) {
		if (strcmp(paths->paths[i], path) == 0)
			return NULL;
	}
	if (array_resize(paths->paths, paths->count + 1))
		return &error_no_memory;
	paths->paths[paths->count] = strdup(path);
	if (!paths->paths[paths->count])
		return &error_no_memory;
	paths->count++;
	return NULL;
}

static struct error *search_directory(const char *directory, const char *name, struct probe_paths *ret)
{
	struct error *err = NULL;
	char path[PATH_MAX];

	for (size_t i = 0; i < array_size(variants) && !err; i++) {
		if (snprintf(path, sizeof(path), "%s/%s%s", directory, variants[i], name) < (int)sizeof(path))
			err = add_path(ret, path);
	}
	return err;
}

/* One of the words that ld.so replaces, at `text`, which begins with a $. */
static size_t match_token(const char *text, const char *name)
{
	size_t length = strlen(name);

	if (strncmp(text + 1, name, length) == 0 &&
	    !(text[1 + length] == '_' || (text[1 + length] >= 'A' && text[1 + length] <= 'Z')))
		return 1 + length;
	if (text[1] == '{' && strncmp(text + 2, name, length) == 0 && text[2 + length] == '}')
		return 3 + length;
	return 0;
}

/* Writes `text` (`length` bytes of it) with $ORIGIN, $LIB and $PLATFORM replaced; false when it is too long. */
static bool expand(const char *text, size_t length, const struct elf_file *by, const char *lib, char ret[PATH_MAX])
{
	char origin[PATH_MAX] = "";
	size_t at = 0;

	if (by && realpath(by->path, origin) && strrchr(origin, '/'))
		*strrchr(origin, '/') = 0;
	for (size_t i = 0; i < length;) {
		const char *put = NULL;
		size_t used = 0;
		int wrote;

		if (text[i] == '$' && (used = match_token(text + i, "ORIGIN")))
			put = origin;
		else if (text[i] == '$' && (used = match_token(text + i, "LIB")))
			put = lib;
		else if (text[i] == '$' && (used = match_token(text + i, "PLATFORM")))
			put = "x86_64";
		if (put)
			wrote = snprintf(ret + at, PATH_MAX - at, "%s", put);
		else
			wrote = snprintf(ret + at, PATH_MAX - at, "%c", text[i]);
		if (wrote < 0 || (size_t)wrote >= PATH_MAX - at)
			return false;
		at += (size_t)wrote;
		i += used ? used : 1;
	}
	ret[at] = 0;
	return true;
}

/* A list of directories, as in RPATH; the first that has the library ends the search. An empty one is the present. */
static struct error *search_list(const char *list, const char *separators, const char *name, const struct elf_file *by,
				 struct probe_paths *ret)
{
	static const char *const libs[] = {"lib/x86_64-linux-gnu", "lib64", "lib"};
	size_t before = ret->count;

	while (list && ret->count == before) {
		size_t length = strcspn(list, separators);
		char directory[PATH_MAX];

		for (size_t i = 0; i < array_size(libs) && ret->count == before; i++) {
			struct error *err;

			if (!expand(list, length, by, libs[i], directory))
				continue;
			err = search_directory(directory[0] ? directory : ".", name, ret);
			if (err)
				return err;
		}
		list += length;
		list = *list ? list + 1 : NULL;
	}
	return NULL;
}

static uint32_t cache_word(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

struct cache_view {
	const uint8_t *base; /* what strings count from */
	size_t size;
	uint32_t count;
};

static bool view_cache(const struct probe_loader *loader, struct cache_view *ret)
{
	size_t at = 0, size = loader->cache_bytes;

	/* The format of before 2.2 may go before. */
	if (size > CACHE_OLD_HEADER_BYTES && memcmp(loader->cache, CACHE_OLD_MAGIC, strlen(CACHE_OLD_MAGIC)) == 0) {
		at = CACHE_OLD_HEADER_BYTES + (size_t)cache_word(loader->cache + 12) * CACHE_OLD_ENTRY_BYTES;
		at = (at + 7) & ~(size_t)7;
	}
	if (at > size || size - at < CACHE_HEADER_BYTES ||
	    memcmp(loader->cache + at, CACHE_MAGIC, strlen(CACHE_MAGIC)) != 0)
		return false;
	*ret = (struct cache_view){loader->cache + at, size - at, cache_word(loader->cache + at + 20)};
	if (ret->count > (ret->size - CACHE_HEADER_BYTES) / CACHE_ENTRY_BYTES)
		ret->count = (uint32_t)((ret->size - CACHE_HEADER_BYTES) / CACHE_ENTRY_BYTES);
	return true;
}

/* The soname and path of entry `number`; false when it is not one of x86-64. */
static bool cache_entry(const struct cache_view *view, uint32_t number, const char **ret_name, const char **ret_path)
{
	const uint8_t *entry = view->base + CACHE_HEADER_BYTES + (size_t)number * CACHE_ENTRY_BYTES;
	uint32_t name = cache_word(entry + 4), path = cache_word(entry + 8);

	if (cache_word(entry) != CACHE_FLAGS_X86_64 || name >= view->size || path >= view->size)
		return false;
	*ret_name = (const char *)view->base + name;
	*ret_path = (const char *)view->base + path;
	return true;
}

static bool is_default_directory(const char *path)
{
	for (size_t i = 0; i < array_size(default_directories); i++) {
		size_t length = strlen(default_directories[i]);

		if (strncmp(path, default_directories[i], length) == 0 && path[length] == '/')
			return true;
	}
	return false;
}

static struct error *search_cache(const struct probe_loader *loader, const char *name, bool no_defaults,
				  struct probe_paths *ret)
{
	struct cache_view view;
	struct error *err = NULL;

	for (uint32_t i = 0; view_cache(loader, &view) && i < view.count && !err; i++) {
		const char *soname, *path;

		if (cache_entry(&view, i, &soname, &path) && strcmp(soname, name) == 0 &&
		    !(no_defaults && is_default_directory(path)))
			err = add_path(ret, path);
	}
	return err;
}

static struct error *search_rpaths(const char *name, const struct elf_file *by, const struct elf_file *const *loaders,
				   size_t loader_count, struct probe_paths *ret)
{
	size_t before = ret->count;
	struct error *err = NULL;

	/* A runpath of the one who asks makes all rpaths void. */
	if (!by || by->runpath)
		return NULL;
	err = search_list(by->rpath, ":", name, by, ret);
	for (size_t i = 0; i < loader_count && !err && ret->count == before; i++) {
		if (!loaders[i]->runpath)
			err = search_list(loaders[i]->rpath, ":", name, loaders[i], ret);
	}
	return err;
}

struct error *probe_loader_find(const struct probe_loader *loader, const char *name, const struct elf_file *by,
				const struct elf_file *const *loaders, size_t loader_count, struct probe_paths *ret)
{
	size_t before = ret->count;
	struct error *err;

	if (strchr(name, '/')) {
		char path[PATH_MAX];

		return expand(name, strlen(name), by, "lib/x86_64-linux-gnu", path) ? add_path(ret, path) : NULL;
	}
	err = search_rpaths(name, by, loaders, loader_count, ret);
	if (!err && ret->count == before)
		err = search_list(loader->library_path, ":;", name, loader_count ? loaders[loader_count - 1] : by, ret);
	if (!err && ret->count == before && by)
		err = search_list(by->runpath, ":", name, by, ret);
	if (!err && ret->count == before)
		err = search_cache(loader, name, by && by->no_default_libraries, ret);
	for (size_t i = 0;
	     i < array_size(default_directories) && !err && ret->count == before && !(by && by->no_default_libraries);
	     i++)
		err = search_directory(default_directories[i], name, ret);
	return err;
}

struct error *probe_loader_list(const struct probe_loader *loader, bool (*wanted)(const char *soname),
				struct probe_paths *ret)
{
	struct cache_view view;
	struct error *err = NULL;

	for (uint32_t i = 0; view_cache(loader, &view) && i < view.count && !err; i++) {
		const char *soname, *path;

		if (cache_entry(&view, i, &soname, &path) && wanted(soname))
			err = add_path(ret, path);
	}
	return err;
}
