/* SPDX-License-Identifier: MIT */
/*
 * What is left of an unloaded library in the core. glibc describes each library in a struct link_map of its heap and
 * frees that when the library is closed; free() overwrites the first 32 bytes at most. Behind them l_real still points
 * to the struct itself (elf/dl-object.c; include/link.h: it is the sixth word), and l_map_start and l_map_end stand one
 * behind the other. Both together are not met by chance.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/assemble/assemble_parts.h"
#include "common/cleanup.h"

#define SEARCHED_BYTES_MAX (64u << 20)
#define PIECE_BYTES 65536
#define LINK_MAP_BYTES 1280 /* enough for every glibc up to now: 1176 bytes in 2.36 */
#define L_REAL 40
#define L_LIBNAME 56
#define LIBRARY_BYTES_MAX (1ULL << 30)
#define NAME_BYTES_MAX 256

/* The range that this struct says its library had, when that holds the address and nothing of it is mapped. */
static bool find_range(const struct core *core, const uint64_t *words, size_t count, uint64_t address,
		       struct unload_remains *remains)
{
	for (size_t i = L_LIBNAME / 8 + 1; i + 1 < count; i++) {
		uint64_t start = words[i], end = words[i + 1];
		const struct core_segment *segment;

		/* Zeroes are no start: nothing is mapped below 64 KiB. */
		if (start < PLACE_NULL_BYTES || start % RECORD_PAGE_BYTES || start > address || end <= start ||
		    end - start > LIBRARY_BYTES_MAX)
			continue;
		end = (end + RECORD_PAGE_BYTES - 1) & ~(RECORD_PAGE_BYTES - 1);
		segment = core_find_segment(core, start);
		if (address >= end || segment || core_find_file(core, start))
			continue;
		remains->start = start;
		remains->end = end;
		return true;
	}
	return false;
}

/* The name that the library was loaded by stands behind its description, if nothing else was put there since. */
static struct error *read_name(const struct core *core, uint64_t list, char **ret_name)
{
	char name[NAME_BYTES_MAX];
	uint64_t address;
	size_t size;

	if (!core_read_word(core, list, &address))
		return NULL;
	size = core_read(core, address, name, sizeof(name) - 1);
	name[size] = 0;
	size = strlen(name);
	for (size_t i = 0; i < size; i++) {
		if (!isprint((unsigned char)name[i]))
			return NULL;
	}
	if (!strstr(name, ".so"))
		return NULL;
	*ret_name = strdup(name);
	return *ret_name ? NULL : &error_no_memory;
}

/* What is looked for, and what was found. */
struct search {
	const struct core *core;
	uint64_t address;
	uint64_t searched; /* bytes */
	struct unload_remains *remains;
	struct file_spot *spot;
};

static struct error *examine(struct search *search, uint64_t link_map)
{
	uint64_t words[LINK_MAP_BYTES / 8];
	size_t size = core_read_dumped(search->core, link_map, words, sizeof(words));
	struct unload_remains remains = {.found = true, .link_map = link_map};

	if (size <= L_LIBNAME || !find_range(search->core, words, size / 8, search->address, &remains))
		return NULL;
	*search->remains = remains;
	search->spot->offset = search->address - remains.start;
	return read_name(search->core, words[L_LIBNAME / 8], &search->spot->path);
}

static struct error *search_segment(struct search *search, const struct core_segment *segment)
{
	cleanup_free uint64_t *words = malloc(PIECE_BYTES);
	struct error *err = NULL;

	if (!words)
		return &error_no_memory;
	for (uint64_t at = 0; at < segment->dumped_bytes && search->searched < SEARCHED_BYTES_MAX; at += PIECE_BYTES) {
		uint64_t wanted = segment->dumped_bytes - at;
		size_t size = core_read_dumped(search->core, segment->start + at, words,
					       wanted < PIECE_BYTES ? wanted : PIECE_BYTES);

		search->searched += PIECE_BYTES;
		for (size_t i = 0; i < size / 8; i++) {
			uint64_t address = segment->start + at + 8 * i;

			if (words[i] + L_REAL == address)
				err = examine(search, words[i]);
			if (err || search->remains->found)
				return err;
		}
	}
	return NULL;
}

struct error *assemble_find_remains(const struct core *core, uint64_t address, struct unload_remains *ret_remains,
				    struct file_spot *ret_spot)
{
	struct search search = {.core = core, .address = address, .remains = ret_remains, .spot = ret_spot};
	struct error *err = NULL;

	for (size_t i = 0; i < core->segment_count && !err && !ret_remains->found; i++) {
		const struct core_segment *segment = &core->segments[i];

		/* Anonymous and writable: a heap may be. */
		if ((segment->flags & 6) == 6 && !core_find_file(core, segment->start) &&
		    search.searched < SEARCHED_BYTES_MAX)
			err = search_segment(&search, segment);
	}
	return err;
}
