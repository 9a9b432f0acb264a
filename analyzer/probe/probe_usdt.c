/* SPDX-License-Identifier: MIT */
#include "analyzer/probe/probe_usdt.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/array.h"

#define OPERAND_BYTES_MAX 200

/* As assemblers name the parts of a register: 8, 4, 2 and 1 byte. */
static const char *const registers[][4] = {
	{"rax", "eax", "ax", "al"},	 {"rbx", "ebx", "bx", "bl"},	  {"rcx", "ecx", "cx", "cl"},
	{"rdx", "edx", "dx", "dl"},	 {"rsi", "esi", "si", "sil"},	  {"rdi", "edi", "di", "dil"},
	{"rbp", "ebp", "bp", "bpl"},	 {"rsp", "esp", "sp", "spl"},	  {"r8", "r8d", "r8w", "r8b"},
	{"r9", "r9d", "r9w", "r9b"},	 {"r10", "r10d", "r10w", "r10b"}, {"r11", "r11d", "r11w", "r11b"},
	{"r12", "r12d", "r12w", "r12b"}, {"r13", "r13d", "r13w", "r13b"}, {"r14", "r14d", "r14w", "r14b"},
	{"r15", "r15d", "r15w", "r15b"},
};

/* The whole register that `name` (`length` bytes of it, behind the %) is a part of, or NULL. */
static const char *whole_register(const char *name, size_t length, unsigned *ret_bytes)
{
	for (size_t i = 0; i < array_size(registers); i++) {
		for (unsigned part = 0; part < 4; part++) {
			if (strlen(registers[i][part]) != length || strncmp(registers[i][part], name, length) != 0)
				continue;
			*ret_bytes = 8u >> part;
			return registers[i][0];
		}
	}
	return NULL;
}

static void append_displacement(char *source, size_t size, int64_t displacement)
{
	size_t length = strlen(source);

	if (displacement != 0)
		snprintf(source + length, size - length, "%c0x%" PRIx64, displacement < 0 ? '-' : '+',
			 displacement < 0 ? -(uint64_t)displacement : (uint64_t)displacement);
}

static bool find_symbol(const struct elf_file *elf, const char *name, size_t length, uint64_t *ret)
{
	for (size_t i = 0; i < elf->symbol_count; i++) {
		if (!elf->symbols[i].is_import && strncmp(elf->symbols[i].name, name, length) == 0 &&
		    elf->symbols[i].name[length] == 0) {
			*ret = elf->symbols[i].address;
			return true;
		}
	}
	return false;
}

/* "counter+8" before (%rip): how far it is from the probe. */
static bool read_symbol(const struct elf_file *elf, const struct elf_usdt *usdt, const char *text, int64_t *ret)
{
	size_t length = strcspn(text, "+-(");
	uint64_t address;

	if (length == 0 || !find_symbol(elf, text, length, &address))
		return false;
	*ret = (int64_t)(address - usdt->address);
	if (text[length] == '+' || text[length] == '-')
		*ret += strtoll(text + length, NULL, 0);
	return true;
}

/* %base,%index,scale between the parentheses of `text`. */
static bool read_memory(const struct elf_file *elf, const struct elf_usdt *usdt, const char *text, char *source,
			size_t size)
{
	const char *open = strchr(text, '('), *at;
	int64_t displacement = 0;
	unsigned bytes;
	size_t length;
	const char *base, *index = NULL;
	char *end = (char *)text;

	if (!open || open[1] != '%')
		return false;
	at = open + 2;
	length = strcspn(at, ",)");
	if (length == 3 && strncmp(at, "rip", 3) == 0) {
		if (at[3] != ')' || !read_symbol(elf, usdt, text, &displacement))
			return false;
		snprintf(source, size, "mem:rip");
		append_displacement(source, size, displacement);
		return true;
	}
	errno = 0;
	displacement = strtoll(text, &end, 0);
	base = whole_register(at, length, &bytes);
	if (end != open || errno || !base || bytes != 8)
		return false;
	snprintf(source, size, "mem:%s", base);
	at += length;
	if (*at == ',') {
		unsigned long scale = 1;

		length = at[1] == '%' ? strcspn(at + 2, ",)") : 0;
		index = whole_register(at + 2, length, &bytes);
		if (!length || !index || bytes != 8)
			return false;
		at += 2 + length;
		if (*at == ',')
			scale = strtoul(at + 1, &end, 10), at = end;
		if (scale != 1 && scale != 2 && scale != 4 && scale != 8)
			return false;
		snprintf(source + strlen(source), size - strlen(source), "+%s*%lu", index, scale);
	}
	append_displacement(source, size, displacement);
	return strcmp(at, ")") == 0;
}

/* Reads "-4@" or nothing; false for floats and sizes that are none. */
static bool read_size(const char **text, char kind[8])
{
	const char *at = strchr(*text, '@');
	bool is_signed = **text == '-';
	char *end;
	unsigned long bytes;

	kind[0] = 0;
	if (!at)
		return true;
	bytes = strtoul(*text + is_signed, &end, 10);
	if (end != at || (bytes != 1 && bytes != 2 && bytes != 4 && bytes != 8))
		return false;
	snprintf(kind, 8, "%c%lu", is_signed ? 'i' : 'u', bytes * 8);
	*text = at + 1;
	return true;
}

static bool read_operand(const struct elf_file *elf, const struct elf_usdt *usdt, const char *text, char *source,
			 size_t size, char kind[8])
{
	unsigned bytes = 8;
	const char *name;

	if (!read_size(&text, kind))
		return false;
	if (*text == '$') {
		char *end;
		long long value;

		errno = 0;
		value = strtoll(text + 1, &end, 0);
		if (errno || *end || end == text + 1)
			return false;
		snprintf(source, size, "const:%lld", value);
	} else if (*text == '%') {
		name = whole_register(text + 1, strlen(text + 1), &bytes);
		if (!name)
			return false;
		snprintf(source, size, "reg:%s", name);
	} else if (!read_memory(elf, usdt, text, source, size)) {
		return false;
	}
	if (!kind[0])
		snprintf(kind, 8, "u%u", bytes * 8);
	return true;
}

struct error *probe_usdt_assign(struct probe_function *function, const struct elf_file *elf,
				const struct elf_usdt *usdt)
{
	const char *at = usdt->arguments;
	struct error *err = NULL;

	for (unsigned position = 0; !err; position++) {
		char operand[OPERAND_BYTES_MAX], source[64], kind[8];
		size_t length;

		at += strspn(at, " ");
		length = strcspn(at, " ");
		if (length == 0)
			break;
		if (position == PROBE_ARGUMENTS_MAX)
			return probe_function_add_hole(function, "of its arguments the first %d are recorded",
						       PROBE_ARGUMENTS_MAX);
		snprintf(operand, sizeof(operand), "%.*s", (int)(length < sizeof(operand) ? length : 0), at);
		at += length;
		if (!operand[0] || !read_operand(elf, usdt, operand, source, sizeof(source), kind)) {
			err = probe_function_add_hole(function, "argument %u (%s) cannot be recorded", position,
						      operand);
		} else {
			probe_function_add_argument(function, source, kind);
			function->arguments[function->argument_count - 1].position = position;
		}
	}
	return err;
}
