/* SPDX-License-Identifier: MIT */
#include "analyzer/elf/elf_usdt.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/vector.h"

#define NOTE_NAME "stapsdt"
#define NOTE_TYPE 3
#define PROBES_MAX 65536u

struct note {
	const uint8_t *body;
	size_t size;
};

/* The next note of our kind from `*at` on; false at the end. */
static bool next_note(const uint8_t *bytes, size_t size, size_t *at, struct note *ret)
{
	while (*at <= size && size - *at >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr header;
		uint64_t name = *at + sizeof(header), body, next;

		memcpy(&header, bytes + *at, sizeof(header));
		body = name + ((uint64_t)header.n_namesz + 3) / 4 * 4;
		next = body + ((uint64_t)header.n_descsz + 3) / 4 * 4;
		if (body > size || header.n_descsz > size - body)
			return false;
		*at = next < size ? next : size;
		if (header.n_type != NOTE_TYPE || header.n_namesz != sizeof(NOTE_NAME) ||
		    memcmp(bytes + name, NOTE_NAME, sizeof(NOTE_NAME)) != 0)
			continue;
		*ret = (struct note){bytes + body, header.n_descsz};
		return true;
	}
	return false;
}

/* A string of the note's body, and `*at` behind it; NULL when it does not end. */
static const char *take_string(const struct note *note, size_t *at)
{
	const char *start = (const char *)note->body + *at;
	const char *end = *at < note->size ? memchr(start, 0, note->size - *at) : NULL;

	if (!end)
		return NULL;
	*at = (size_t)(end - (const char *)note->body) + 1;
	return start;
}

static bool read_note(const struct elf_file *elf, const struct note *note, uint64_t base, struct elf_usdt *ret)
{
	uint64_t words[3];
	size_t at = sizeof(words);

	if (note->size < sizeof(words))
		return false;
	memcpy(words, note->body, sizeof(words));
	ret->provider = take_string(note, &at);
	ret->name = ret->provider ? take_string(note, &at) : NULL;
	ret->arguments = ret->name ? take_string(note, &at) : NULL;
	if (!ret->arguments)
		return false;
	ret->address = words[0] + (base ? base - words[1] : 0);
	ret->semaphore = 0;
	if (!elf_file_offset(elf, ret->address, true, &ret->file_offset))
		return false;
	/* A semaphore that is not in the file cannot be counted up: the program would skip the probe. */
	return !words[2] || elf_file_offset(elf, words[2] + (base ? base - words[1] : 0), false, &ret->semaphore);
}

struct error *elf_usdt_read(const struct elf_file *elf, struct elf_usdt **ret, size_t *ret_count)
{
	cleanup_free struct elf_usdt *probes = NULL;
	size_t size, base_size, at = 0, count = 0;
	uint64_t address, base = 0;
	const uint8_t *bytes = elf_section_called(elf, ".note.stapsdt", &address, &size);
	struct note note;

	*ret = NULL;
	*ret_count = 0;
	if (!elf_section_called(elf, ".stapsdt.base", &base, &base_size))
		base = 0;
	while (bytes && count < PROBES_MAX && next_note(bytes, size, &at, &note)) {

		if (array_resize(probes, count + 1))
			return &error_no_memory;
		count += read_note(elf, &note, base, &probes[count]);
	}
	*ret = take_pointer(probes);
	*ret_count = count;
	return NULL;
}
