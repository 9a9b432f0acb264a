/* SPDX-License-Identifier: MIT */
/*
 * Go's table of functions (.gopclntab), in which the runtime itself looks up names: it survives strip. Layouts: Go's
 * src/debug/gosym/pclntab.go, for Go 1.2, 1.16, 1.18 and 1.20; and the version that built the file
 * (src/debug/buildinfo/buildinfo.go).
 */
#include <stdlib.h>
#include <string.h>

#include "analyzer/elf/elf_internal.h"
#include "analyzer/elf/elf_go.h"
#include "common/vector.h"

/* The first word tells the version. */
enum {
	MAGIC_1_2 = 0xfffffffb,
	MAGIC_1_16 = 0xfffffffa,
	MAGIC_1_18 = 0xfffffff0,
	MAGIC_1_20 = 0xfffffff1,
};

#define TABLE_ALIGNMENT 32

static const char *const table_names[] = {".gopclntab", ".data.rel.ro.gopclntab", NULL};

struct table {
	const uint8_t *bytes;
	size_t size;
	uint64_t address; /* of the section */
	bool is_relative; /* 1.18 and later: entries are 32-bit distances from text_start */
	uint64_t text_start;
	uint64_t count;
	uint64_t names, functions; /* offsets in the section */
};

static bool read_bytes(const struct table *table, uint64_t at, void *buffer, size_t size)
{
	if (at > table->size || table->size - at < size)
		return false;
	memcpy(buffer, table->bytes + at, size);
	return true;
}

static uint64_t word(const struct table *table, uint64_t at)
{
	uint64_t value = 0;

	return read_bytes(table, at, &value, sizeof(value)) ? value : UINT64_MAX;
}

static uint64_t half(const struct table *table, uint64_t at)
{
	uint32_t value = 0;

	return read_bytes(table, at, &value, sizeof(value)) ? value : UINT64_MAX;
}

/* A pointer as the file has it; a position-independent program keeps it in a relocation. */
static uint64_t pointer(const struct elf_file *elf, const struct table *table, uint64_t at)
{
	const struct elf_slot *slot = elf_find_slot(elf, table->address + at);

	return slot && !slot->name ? slot->target : word(table, at);
}

/* Where .text begins for Go. The header's word is 0 where the linker left it to a relocation, and in Go 1.26; C code
 * comes before Go's in programs with both, so that the section's start is only the second best. */
static uint64_t find_text(const struct elf_file *elf, uint64_t given)
{
	uint64_t address;
	size_t size;

	for (size_t i = 0; i < elf->symbol_count && !given; i++) {
		if (strcmp(elf->symbols[i].name, "runtime.text") == 0)
			return elf->symbols[i].address;
	}
	if (given || !elf_section_called(elf, ".text", &address, &size))
		return given;
	return address;
}

static bool read_header(const struct elf_file *elf, struct table *table)
{
	uint32_t magic;

	/* Eight bytes a word is what x86-64 has; the quantum of instructions is one byte. */
	if (!read_bytes(table, 0, &magic, sizeof(magic)) || table->size < 72 || table->bytes[6] != 1 ||
	    table->bytes[7] != 8)
		return false;
	table->count = word(table, 8);
	switch (magic) {
	case MAGIC_1_2:
		table->functions = 16;
		break;
	case MAGIC_1_16:
		table->names = word(table, 24);
		table->functions = word(table, 56);
		break;
	case MAGIC_1_18:
	case MAGIC_1_20:
		table->is_relative = true;
		table->text_start = find_text(elf, pointer(elf, table, 24));
		table->names = word(table, 32);
		table->functions = word(table, 64);
		break;
	default:
		return false;
	}
	return table->names < table->size && table->functions < table->size &&
	       table->count < (table->size - table->functions) / (table->is_relative ? 8 : 16);
}

static uint64_t entry_of(const struct elf_file *elf, const struct table *table, uint64_t number)
{
	if (table->is_relative)
		return table->text_start + half(table, table->functions + number * 8);
	return pointer(elf, table, table->functions + number * 16);
}

static const char *name_of(const struct table *table, uint64_t number)
{
	uint64_t record, name;

	/* Distances of records count from the table of entries, but in 1.2, where everything counts from the start. */
	if (table->is_relative)
		record = table->functions + half(table, table->functions + number * 8 + 4);
	else
		record = (table->names ? table->functions : 0) + word(table, table->functions + number * 16 + 8);
	name = half(table, record + (table->is_relative ? 4 : 8));
	if (record >= table->size || name == UINT64_MAX || table->names + name >= table->size)
		return NULL;
	return (const char *)table->bytes + table->names + name;
}

static struct error *add_functions(struct elf_file *elf, const struct table *table)
{
	uint64_t next = entry_of(elf, table, 0);

	if (array_resize(elf->symbols, elf->symbol_count + table->count))
		return &error_no_memory;
	for (uint64_t i = 0; i < table->count; i++) {
		const char *name = name_of(table, i);
		uint64_t start = next, offset;

		/* The last entry is the end of the text. */
		next = entry_of(elf, table, i + 1);
		if (!name || !*name || next <= start || !elf_file_offset(elf, start, true, &offset))
			continue;
		elf->symbols[elf->symbol_count++] = (struct elf_symbol){
			.name = name,
			.address = start,
			.size = next - start,
			.type = STT_FUNC,
			.binding = STB_LOCAL,
			.is_code = true,
		};
		elf->has_go_table = true;
	}
	return elf_index_symbols(elf);
}

/* A C linker puts the table of a position-independent program among other data, where only its header shows it. */
static bool find_in_data(const struct elf_file *elf, struct table *table)
{
	uint64_t address;
	size_t size;
	const uint8_t *bytes = elf_section_called(elf, ".data.rel.ro", &address, &size);
	const char *const marks[] = {".go.buildinfo", ".note.go.buildid", NULL};

	if (!elf_has_section(elf, marks))
		return false;
	/* cmd/link aligns it to 32 bytes. */
	for (size_t at = -address % TABLE_ALIGNMENT; bytes && at < size; at += TABLE_ALIGNMENT) {
		*table = (struct table){.bytes = bytes + at, .size = size - at, .address = address + at};
		if (read_header(elf, table) && table->count > 0 && name_of(table, 0) && *name_of(table, 0))
			return true;
	}
	return false;
}

struct error *elf_read_go_functions(struct elf_file *elf)
{
	struct table table = {0};

	for (const char *const *name = table_names; *name && !table.bytes; name++)
		table.bytes = elf_section_called(elf, *name, &table.address, &table.size);
	if (table.bytes ? !read_header(elf, &table) || table.count == 0 : !find_in_data(elf, &table))
		return NULL;
	return add_functions(elf, &table);
}

/* The length of a Go string of 1.18 and later: a varint, seven bits a byte. */
static uint64_t read_varint(const uint8_t *bytes, size_t size, size_t *at)
{
	uint64_t value = 0;

	for (unsigned shift = 0; *at < size && shift < 35; shift += 7) {
		uint8_t byte = bytes[(*at)++];

		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return value;
	}
	return UINT64_MAX;
}

static uint64_t read_pointer(const struct elf_file *elf, uint64_t address)
{
	const struct elf_slot *slot = elf_find_slot(elf, address);
	uint64_t value = 0;

	if (slot && !slot->name)
		return slot->target;
	return elf_read(elf, address, &value, sizeof(value)) == sizeof(value) ? value : 0;
}

/* "\xff Go buildinf:", the size of a pointer, flags; then, from 32 on, the version, or from 16 on a pointer to it. */
static void read_version(const struct elf_file *elf, const uint8_t *bytes, size_t size, uint64_t address,
			 struct elf_go *ret)
{
	size_t at = 32;
	uint64_t length, text;

	if (size < 32 || memcmp(bytes, "\xff Go buildinf:", 14) != 0)
		return;
	if (bytes[15] & 2) {
		length = read_varint(bytes, size, &at);
		if (length < sizeof(ret->version) && length <= size - at)
			memcpy(ret->version, bytes + at, length);
		return;
	}
	text = read_pointer(elf, address + 16);
	length = read_pointer(elf, text + 8);
	text = read_pointer(elf, text);
	if (length < sizeof(ret->version) && elf_read(elf, text, ret->version, length) != length)
		ret->version[0] = 0;
}

void elf_go_read(const struct elf_file *elf, struct elf_go *ret)
{
	static const char *const names[] = {".gopclntab", ".data.rel.ro.gopclntab", ".note.go.buildid", ".go.buildinfo",
					    NULL};
	const uint8_t *bytes;
	uint64_t address;
	size_t size;

	*ret = (struct elf_go){.is_go = elf_has_section(elf, names) != NULL};
	bytes = elf_section_called(elf, ".go.buildinfo", &address, &size);
	if (bytes)
		read_version(elf, bytes, size, address, ret);
	if (strncmp(ret->version, "go1.", 4) == 0)
		ret->minor = (unsigned)strtoul(ret->version + 4, NULL, 10);
}
