/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collector/plan.h"
#include "common/array.h"

/* In the order of event_signal.registers. */
static const char *const register_names[] = {"r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10",	"r9",
					     "r8",  "rax", "rcx", "rdx", "rsi", "rdi", "rip", "eflags", "rsp"};

/* A register's name at the beginning of `*text`, which then moves behind it. */
static bool take_register(const char **text, uint8_t *ret_number)
{
	size_t length = strspn(*text, "abcdefghijklmnopqrstuvwxyz0123456789");

	for (uint8_t i = 0; i < EVENT_REGISTERS; i++) {
		if (strlen(register_names[i]) != length || strncmp(*text, register_names[i], length) != 0)
			continue;
		if (strcmp(register_names[i], "eflags") == 0)
			return false;
		*text += length;
		*ret_number = i;
		return true;
	}
	return false;
}

/* "+0x10", "-0x10" or nothing, to the end. */
static bool take_displacement(const char *text, int64_t *ret)
{
	unsigned long long number;
	bool negative = *text == '-';
	char *end;

	*ret = 0;
	if (!*text)
		return true;
	if ((*text != '+' && *text != '-') || strncmp(text + 1, "0x", 2) != 0 || !isxdigit((unsigned char)text[3]))
		return false;
	errno = 0;
	number = strtoull(text + 1, &end, 16);
	if (errno || *end || number > INT64_MAX)
		return false;
	*ret = negative ? -(int64_t)number : (int64_t)number;
	return true;
}

/* "+rcx*8", or nothing of the kind. */
static bool take_index(const char **text, struct event_source *source)
{
	const char *at = *text + 1;

	if (**text != '+' || isdigit((unsigned char)*at))
		return true;
	if (!take_register(&at, &source->index) || *at++ != '*' || !strchr("1248", *at) || !*at)
		return false;
	source->scale = (uint8_t)(*at - '0');
	*text = at + 1;
	return true;
}

static bool parse_constant(const char *text, int64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoll(text, &end, 10);
	return !errno && !*end && (isdigit((unsigned char)*text) || (*text == '-' && isdigit((unsigned char)text[1])));
}

bool plan_parse_source(const char *text, struct event_source *source)
{
	int64_t number = 0;

	source->index = EVENT_NO_REGISTER;
	source->base = EVENT_NO_REGISTER;
	if (strncmp(text, "const:", 6) == 0) {
		source->how = EVENT_SOURCE_CONSTANT;
		if (!parse_constant(text + 6, &number))
			return false;
	} else if (strncmp(text, "reg:", 4) == 0) {
		source->how = EVENT_SOURCE_REGISTER;
		text += 4;
		if (!take_register(&text, &source->base) || !take_displacement(text, &number))
			return false;
	} else if (strncmp(text, "mem:", 4) == 0) {
		source->how = EVENT_SOURCE_MEMORY;
		text += 4;
		if (!take_register(&text, &source->base) || !take_index(&text, source) ||
		    !take_displacement(text, &number))
			return false;
	} else {
		return false;
	}
	source->number = number;
	return true;
}

static const struct {
	const char *name;
	uint8_t width;
	uint8_t sign;
} words[] = {{"u64", 8, 0}, {"i64", 8, 1}, {"u32", 4, 0}, {"i32", 4, 1}, {"u16", 2, 0},
	     {"i16", 2, 1}, {"u8", 1, 0},  {"i8", 1, 1},  {"ptr", 8, 0}};

bool plan_parse_kind(const char *text, struct event_source *source)
{
	unsigned long number;
	char *end;

	source->length_from = EVENT_NO_REGISTER;
	source->width = 8;
	for (size_t i = 0; i < array_size(words); i++) {
		if (strcmp(text, words[i].name) != 0)
			continue;
		source->kind = EVENT_KIND_WORD;
		source->width = words[i].width;
		source->sign = words[i].sign;
		return true;
	}
	if (strcmp(text, "string") == 0) {
		source->kind = EVENT_KIND_STRING;
		return true;
	}
	if (strncmp(text, "buffer:", 7) != 0)
		return false;
	source->kind = EVENT_KIND_BUFFER;
	text += 7;
	errno = 0;
	if (*text == '=') {
		number = strtoul(text + 1, &end, 10);
		source->length = number > UINT32_MAX ? UINT32_MAX : (uint32_t)number;
		return isdigit((unsigned char)text[1]) && !errno && !*end;
	}
	number = strtoul(text, &end, 10);
	source->length_from = (uint8_t)number;
	return isdigit((unsigned char)*text) && !errno && !*end && number < EVENT_CALL_ARGS;
}
