/* SPDX-License-Identifier: MIT */
/* The files of a core_past: each is looked for and opened once, however many pictures show it. */
#ifndef ANALYZER_CORE_PAST_INTERNAL_H
#define ANALYZER_CORE_PAST_INTERNAL_H

#include "analyzer/core/core_internal.h"
#include "analyzer/core/core_past.h"

struct core_past_file {
	char *path;
	uint32_t device_major, device_minor;
	uint64_t inode;
	enum core_module_state state;
	int elf_fd, debug_fd;	/* -1 for none; the pictures' modules share them */
	bool owned;		/* the descriptors are ours; else the core's */
	struct elf_image image; /* of elf_fd, when it is one */
	uint8_t build_id[64];
	size_t build_id_bytes;
};

struct core_past {
	struct core_past_options options;
	struct core_past_file **files; /* pointers, so that they stay where they are */
	size_t file_count;
	struct core **pictures;
	size_t picture_count;
	char **notes;
	size_t note_count;
};

/* The file of a mapping; its state tells whether it can be used. */
struct error *core_past_find_file(struct core_past *past, const struct core_past_mapping *mapping,
				  struct core_past_file **ret_file) must_check;

/* The vdso as a file of the path "[vdso]"; NULL in *ret_file when its bytes cannot be had. */
struct error *core_past_find_vdso(struct core_past *past, struct core_past_file **ret_file) must_check;

void core_past_file_destroy(struct core_past_file *file);

#endif
