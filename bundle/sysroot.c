/* SPDX-License-Identifier: MIT */
/* The files of a bundle at the paths that the dead process knew, for programs that look for them there. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analyzer/elf/elf_file.h"
#include "bundle/bundle.h"
#include "common/cleanup.h"

/* Nothing above the root can be meant: there are no links in it, and this. */
static bool leads_up(const char *path)
{
	for (const char *at = strstr(path, "/.."); at; at = strstr(at + 1, "/.."))
		if (at[3] == '/' || !at[3])
			return true;
	return false;
}

/* A path that cannot be made (one that is a file for another) is left out. */
static void add_file(const char *root, const char *path, const char *content)
{
	cleanup_free char *place = NULL;

	if (path[0] != '/' || leads_up(path))
		return;
	if (asprintf(&place, "%s%s", root, path) < 0) {
		place = NULL;
		return;
	}
	for (char *slash = strchr(place + strlen(root) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		mkdir(place, 0700);
		*slash = '/';
	}
	if (link(content, place) < 0)
		return;
}

/* The dynamic linker knows a library by the name that it was asked for, often a link's: it stands in DT_SONAME. */
static void add_by_soname(const char *root, const char *content)
{
	cleanup_free char *place = NULL;
	struct elf_file *elf;
	struct error *err = elf_open_path(content, &elf);

	if (err) {
		error_destroy(err);
		return;
	}
	if (elf->soname && !strchr(elf->soname, '/')) {
		if (asprintf(&place, "/solib/%s", elf->soname) < 0)
			place = NULL;
		else
			add_file(root, place, content);
	}
	elf_destroy(elf);
}

struct error *bundle_make_sysroot(struct bundle *bundle, char **ret_path)
{
	struct elf_host_entry *const *entries;
	cleanup_free char *root = NULL;
	struct error *err;
	size_t count;

	err = elf_host_entries(bundle->host, &entries, &count);
	if (err)
		return err;
	if (asprintf(&root, "%s/root", bundle_room_path(bundle->room)) < 0) {
		root = NULL;
		return &error_no_memory;
	}
	if (mkdir(root, 0700) < 0 && errno != EEXIST)
		return error_errno(errno, "%s", root);
	for (size_t i = 0; i < count; i++) {
		if (!entries[i]->content)
			continue;
		add_file(root, entries[i]->path, entries[i]->content);
		add_by_soname(root, entries[i]->content);
	}
	*ret_path = take_pointer(root);
	return NULL;
}
