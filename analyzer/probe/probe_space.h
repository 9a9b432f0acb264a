/* SPDX-License-Identifier: MIT */
/*
 * The files whose code the recorded processes will run, as far as can be known before they do: what a command loads,
 * what processes have mapped, or what the system's linker cache has. Each is opened once. Programs that the command
 * executes later, and what it opens by dlopen(), are not among them, unless they share a file with it (as libc nearly
 * always is).
 */
#ifndef ANALYZER_PROBE_SPACE_H
#define ANALYZER_PROBE_SPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "analyzer/elf/elf_file.h"
#include "analyzer/probe/probe_loader.h"
#include "common/error.h"

struct probe_object {
	char *path;  /* by which it can be opened from here */
	char *shown; /* as the process that has it calls it; for people and for matching names */
	char *name;  /* the DT_NEEDED or LD_PRELOAD word that led to it, or NULL */
	struct stat identity;
	struct elf_file *elf;
	bool is_program;
	size_t loaded_by; /* the object that asked for it; its own number for a program and what nobody asked for */
};

struct probe_space {
	struct probe_object *objects; /* programs first, then in the order of loading */
	size_t count;
	struct probe_loader loader;
	bool has_target; /* a command or a process was given: otherwise any process is meant */
};

/* `library_path`: LD_LIBRARY_PATH of the command to be run, or NULL. */
struct error *probe_space_init(struct probe_space *space, const char *library_path) must_check;
void probe_space_deinit(struct probe_space *space);

/* Adds what running `command` loads: the program (found on `search_path`, PATH, as execvp() does; a script's
 * interpreter, and what env(1) in it runs), what `preload` (LD_PRELOAD, or NULL) and /etc/ld.so.preload name, and the
 * closure of DT_NEEDED. A library that is not found is left out: the program will not start. ERROR_NOT_FOUND: no such
 * program. */
struct error *probe_space_add_command(struct probe_space *space, const char *command, const char *search_path,
				      const char *preload) must_check;

/* Adds what the process has mapped executable. Errors are those of core_process_read(). */
struct error *probe_space_add_process(struct probe_space *space, uint32_t pid) must_check;

/* Adds a library by path or soname, with its own closure when there is no target; appends the numbers of all objects
 * that it can mean (an array of the caller's to free). A name is a path, a soname, the last component of a path, or
 * that without what follows ".so" or without "lib" before it: jemalloc finds libjemalloc.so.2. ERROR_NOT_FOUND says
 * what there is instead. */
struct error *probe_space_find(struct probe_space *space, const char *name, size_t **ret, size_t *ret_count) must_check;

/* Adds the libraries of the cache whose soname `wanted` likes, without complaint about any. */
struct error *probe_space_add_cached(struct probe_space *space, bool (*wanted)(const char *soname)) must_check;

#endif
