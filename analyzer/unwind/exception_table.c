/* SPDX-License-Identifier: MIT */
#include "analyzer/unwind/exception_table.h"

#include <elf.h>
#include <string.h>
#include <unistd.h>

/* A reader over the dead process's memory. After a failed read every value is 0 and `failed` stays set. */
struct cursor {
	const struct core *core;
	uint64_t at;
	bool failed;
};

static uint64_t read_bytes(struct cursor *cursor, size_t size)
{
	uint64_t value = 0;

	if (core_read(cursor->core, cursor->at, &value, size) < size) {
		cursor->failed = true;
		return 0;
	}
	cursor->at += size;
	return value;
}

static uint64_t read_uleb(struct cursor *cursor)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 63; shift += 7) {
		uint64_t byte = read_bytes(cursor, 1);

		value |= (byte & 0x7f) << shift;
		if (!(byte & 0x80) || cursor->failed)
			return value;
	}
	cursor->failed = true;
	return 0;
}

static int64_t read_sleb(struct cursor *cursor)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 63; shift += 7) {
		uint64_t byte = read_bytes(cursor, 1);

		value |= (byte & 0x7f) << shift;
		if (cursor->failed)
			return 0;
		if (!(byte & 0x80))
			return (int64_t)(byte & 0x40 ? value | ~0ULL << (shift + 7) : value);
	}
	cursor->failed = true;
	return 0;
}

/* DW_EH_PE_*: the low four bits say how a value is stored, the next three what it is relative to, the top one that it
 * is the address of the value. */
enum { PE_OMIT = 0xff, PE_PCREL = 0x10, PE_DATAREL = 0x30, PE_INDIRECT = 0x80 };

static uint64_t read_encoded(struct cursor *cursor, uint8_t encoding, uint64_t data_base)
{
	uint64_t here = cursor->at;
	uint64_t value;

	switch (encoding & 0x0f) {
	case 0x00:
	case 0x04:
	case 0x0c:
		value = read_bytes(cursor, 8);
		break;
	case 0x01:
		value = read_uleb(cursor);
		break;
	case 0x02:
		value = read_bytes(cursor, 2);
		break;
	case 0x03:
		value = read_bytes(cursor, 4);
		break;
	case 0x09:
		value = (uint64_t)read_sleb(cursor);
		break;
	case 0x0a:
		value = (uint64_t)(int64_t)(int16_t)read_bytes(cursor, 2);
		break;
	case 0x0b:
		value = (uint64_t)(int64_t)(int32_t)read_bytes(cursor, 4);
		break;
	default:
		cursor->failed = true;
		return 0;
	}
	if (!value || cursor->failed)
		return 0;
	if ((encoding & 0x70) == PE_PCREL)
		value += here;
	else if ((encoding & 0x70) == PE_DATAREL)
		value += data_base;
	else if (encoding & 0x70)
		cursor->failed = true;
	if (encoding & PE_INDIRECT) {
		struct cursor slot = {.core = cursor->core, .at = value};

		value = read_bytes(&slot, 8);
		cursor->failed |= slot.failed;
	}
	return value;
}

/* Address of .eh_frame_hdr: the segment PT_GNU_EH_FRAME of the module's program headers. 0: none. */
static uint64_t find_frame_header(const struct core *core, const struct core_module *module)
{
	Elf64_Ehdr header;

	if (core_read(core, module->start, &header, sizeof(header)) < sizeof(header) ||
	    memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_phentsize != sizeof(Elf64_Phdr))
		return 0;
	for (unsigned i = 0; i < header.e_phnum; i++) {
		Elf64_Phdr segment;

		if (core_read(core, module->start + header.e_phoff + i * sizeof(segment), &segment, sizeof(segment)) <
		    sizeof(segment))
			return 0;
		if (segment.p_type == PT_GNU_EH_FRAME)
			return module->load_bias + segment.p_vaddr;
	}
	return 0;
}

/* The frame description whose function begins last before `pc`: a binary search in the sorted table. 0: none. */
static uint64_t find_description(const struct core *core, uint64_t header, uint64_t pc)
{
	struct cursor cursor = {.core = core, .at = header};
	uint8_t version = (uint8_t)read_bytes(&cursor, 1);
	uint8_t pointer_encoding = (uint8_t)read_bytes(&cursor, 1);
	uint8_t count_encoding = (uint8_t)read_bytes(&cursor, 1);
	uint8_t table_encoding = (uint8_t)read_bytes(&cursor, 1);
	uint64_t low = 0, high, table;

	/* Linkers emit the table as pairs of 32-bit offsets from the header (0x3b). */
	if (cursor.failed || version != 1 || table_encoding != 0x3b)
		return 0;
	read_encoded(&cursor, pointer_encoding, header);
	high = read_encoded(&cursor, count_encoding, header);
	table = cursor.at;
	if (cursor.failed || !high)
		return 0;
	while (high - low > 1) {
		uint64_t middle = low + (high - low) / 2;
		struct cursor entry = {.core = core, .at = table + middle * 8};
		uint64_t start = header + (uint64_t)(int64_t)(int32_t)read_bytes(&entry, 4);

		if (entry.failed)
			return 0;
		if (start <= pc)
			low = middle;
		else
			high = middle;
	}
	cursor.at = table + low * 8 + 4;
	return header + (uint64_t)(int64_t)(int32_t)read_bytes(&cursor, 4);
}

/* The section .eh_frame of the module's file: address and size as the process has them. For static programs, which
 * register it by hand and have no index. */
static bool find_section(const struct core_module *module, uint64_t *ret_start, uint64_t *ret_size)
{
	Elf64_Shdr names, section;
	Elf64_Ehdr header;
	char name[16];

	if (module->elf_fd < 0 || pread(module->elf_fd, &header, sizeof(header), 0) != sizeof(header) ||
	    header.e_shentsize != sizeof(section) ||
	    pread(module->elf_fd, &names, sizeof(names),
		  (off_t)(header.e_shoff + (uint64_t)header.e_shstrndx * sizeof(section))) != sizeof(names))
		return false;
	for (unsigned i = 0; i < header.e_shnum; i++) {
		if (pread(module->elf_fd, &section, sizeof(section), (off_t)(header.e_shoff + i * sizeof(section))) !=
			    sizeof(section) ||
		    pread(module->elf_fd, name, sizeof(name), (off_t)(names.sh_offset + section.sh_name)) < 10)
			continue;
		if (memcmp(name, ".eh_frame", sizeof(".eh_frame")) == 0) {
			*ret_start = module->load_bias + section.sh_addr;
			*ret_size = section.sh_size;
			return true;
		}
	}
	return false;
}

struct function_data {
	uint64_t start;
	uint64_t size;
	uint64_t language_data; /* 0: none */
};

/* Reads a frame description and what it needs of its common information. */
static bool read_description(const struct core *core, uint64_t address, struct function_data *ret)
{
	struct cursor description = {.core = core, .at = address};
	struct cursor common = {.core = core};
	uint8_t pointer_encoding = 0, data_encoding = PE_OMIT;
	uint64_t common_offset_at;
	char augmentation[8] = "";

	read_bytes(&description, 4); /* length */
	common_offset_at = description.at;
	common.at = common_offset_at - read_bytes(&description, 4) + 8;
	read_bytes(&common, 1); /* version */
	for (size_t i = 0; i < sizeof(augmentation); i++) {
		augmentation[i] = (char)read_bytes(&common, 1);
		if (!augmentation[i])
			break;
	}
	if (augmentation[0] != 'z' || augmentation[sizeof(augmentation) - 1])
		return false;
	read_uleb(&common); /* code alignment */
	read_sleb(&common); /* data alignment */
	read_uleb(&common); /* return address column */
	read_uleb(&common); /* length of the augmentation */
	for (const char *letter = augmentation + 1; *letter; letter++) {
		uint8_t encoding;

		if (*letter == 'S' || *letter == 'B')
			continue;
		encoding = (uint8_t)read_bytes(&common, 1);
		if (*letter == 'R')
			pointer_encoding = encoding;
		else if (*letter == 'L')
			data_encoding = encoding;
		else if (*letter == 'P')
			read_encoded(&common, encoding & 0x7f, 0); /* the personality routine itself does not matter */
		else
			return false;
	}
	ret->start = read_encoded(&description, pointer_encoding, 0);
	ret->size = read_encoded(&description, pointer_encoding & 0x0f, 0);
	read_uleb(&description); /* length of the augmentation */
	ret->language_data = data_encoding == PE_OMIT ? 0 : read_encoded(&description, data_encoding, 0);
	return !description.failed && !common.failed;
}

/* The chain of actions: a positive filter is a catch clause, whose type is 0 for catch (...). */
static enum exception_handler read_actions(struct cursor *cursor, uint64_t types, uint8_t type_encoding)
{
	static const uint8_t sizes[16] = {8, 0, 2, 4, 8, 0, 0, 0, 0, 0, 2, 4, 8, 0, 0, 0};
	enum exception_handler handler = HANDLER_CLEANUP;

	for (int i = 0; i < 64; i++) {
		int64_t filter = read_sleb(cursor);
		uint64_t next_at = cursor->at;
		int64_t next = read_sleb(cursor);

		if (cursor->failed)
			return HANDLER_UNKNOWN;
		if (filter > 0) {
			uint8_t size = sizes[type_encoding & 0x0f];
			struct cursor type = {.core = cursor->core, .at = types - (uint64_t)filter * size};

			if (!size || type_encoding == PE_OMIT)
				return HANDLER_UNKNOWN;
			if (!read_encoded(&type, type_encoding & 0x7f, 0) && !type.failed)
				return HANDLER_ALL;
			handler = HANDLER_TYPED;
		}
		if (!next)
			return handler;
		cursor->at = next_at + (uint64_t)next;
	}
	return HANDLER_UNKNOWN;
}

static enum exception_handler read_language_data(const struct core *core, const struct function_data *function,
						 uint64_t pc)
{
	struct cursor cursor = {.core = core, .at = function->language_data};
	uint8_t start_encoding = (uint8_t)read_bytes(&cursor, 1);
	uint8_t type_encoding, site_encoding;
	uint64_t types = 0, sites_end;

	if (start_encoding != PE_OMIT)
		read_encoded(&cursor, start_encoding, 0);
	type_encoding = (uint8_t)read_bytes(&cursor, 1);
	if (type_encoding != PE_OMIT) {
		uint64_t length = read_uleb(&cursor);

		types = cursor.at + length;
	}
	site_encoding = (uint8_t)read_bytes(&cursor, 1);
	sites_end = read_uleb(&cursor);
	sites_end += cursor.at;
	while (cursor.at < sites_end && !cursor.failed) {
		uint64_t start = function->start + read_encoded(&cursor, site_encoding, 0);
		uint64_t length = read_encoded(&cursor, site_encoding, 0);
		uint64_t landing_pad = read_encoded(&cursor, site_encoding, 0);
		uint64_t action = read_uleb(&cursor);

		if (cursor.failed)
			break;
		if (pc < start || pc >= start + length)
			continue;
		if (!landing_pad)
			return HANDLER_NONE;
		if (!action)
			return HANDLER_CLEANUP;
		cursor.at = sites_end + action - 1;
		return read_actions(&cursor, types, type_encoding);
	}
	/* Outside of every row no exception may pass. */
	return cursor.failed ? HANDLER_UNKNOWN : HANDLER_TERMINATE;
}

static bool covers(const struct function_data *function, uint64_t pc)
{
	return pc >= function->start && pc < function->start + function->size;
}

/* Reads every description in turn. */
static bool search_section(const struct core *core, const struct core_module *module, uint64_t pc,
			   struct function_data *ret)
{
	struct cursor cursor = {.core = core};
	uint64_t size, end;

	if (!find_section(module, &cursor.at, &size))
		return false;
	end = cursor.at + size;
	while (cursor.at < end) {
		uint64_t entry = cursor.at;
		uint64_t length = read_bytes(&cursor, 4);
		uint64_t common = read_bytes(&cursor, 4);

		if (cursor.failed || length == 0 || length > size)
			return false;
		if (common && read_description(core, entry, ret) && covers(ret, pc))
			return true;
		cursor.at = entry + 4 + length;
	}
	return false;
}

enum exception_handler exception_handler_at(const struct core *core, uint64_t return_address)
{
	uint64_t pc = return_address - 1;
	const struct core_module *module = core_find_module(core, pc);
	struct function_data function;
	uint64_t header, description;

	if (!module)
		return HANDLER_UNKNOWN;
	header = find_frame_header(core, module);
	description = header ? find_description(core, header, pc) : 0;
	if (description ? !read_description(core, description, &function) || !covers(&function, pc)
			: !search_section(core, module, pc, &function))
		return HANDLER_UNKNOWN;
	return function.language_data ? read_language_data(core, &function, pc) : HANDLER_NONE;
}
