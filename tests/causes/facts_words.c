/* SPDX-License-Identifier: MIT */
/* The words and numbers that lines are made of. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>

#include "tests/causes/facts_parser.h"

static const struct named_value constants[] = {
	{"NONE", PROT_NONE},
	{"READ", PROT_READ},
	{"WRITE", PROT_WRITE},
	{"EXEC", PROT_EXEC},
	{"PRIVATE", MAP_PRIVATE},
	{"ANONYMOUS", MAP_ANONYMOUS},
	{"STACK", MAP_STACK},
	{"FIXED", MAP_FIXED},
	{"FIXED_NOREPLACE", MAP_FIXED_NOREPLACE},
	{"MREMAP_MAYMOVE", MREMAP_MAYMOVE},
	{"MREMAP_FIXED", MREMAP_FIXED},
	{"MREMAP_DONTUNMAP", MREMAP_DONTUNMAP},
	{"SHM_REMAP", SHM_REMAP},
	{"ok", 0},
	{"EINVAL", EINVAL},
	{"ENOMEM", ENOMEM},
	{"EACCES", EACCES},
	{"ENODEV", ENODEV},
	{"EFAULT", EFAULT},
};

void facts_fail(const struct parser *parser, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s:%u: ", parser->path, parser->line);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(BAD_INPUT_STATUS);
}

void facts_bad(const struct parser *parser, const char *message)
{
	facts_fail(parser, "%s before \"%s\"", message, parser->at);
}

static void skip_blanks(struct parser *parser)
{
	while (*parser->at == ' ' || *parser->at == '\t')
		parser->at++;
}

bool facts_at_end(struct parser *parser)
{
	skip_blanks(parser);
	return !*parser->at;
}

void facts_read_word(struct parser *parser, char *word, size_t size)
{
	size_t length;

	skip_blanks(parser);
	length = strcspn(parser->at, " \t(),=");
	if (!length)
		facts_fail(parser, "a word is missing before \"%s\"", parser->at);
	if (length >= size)
		facts_fail(parser, "a word is too long: \"%s\"", parser->at);
	memcpy(word, parser->at, length);
	word[length] = 0;
	parser->at += length;
}

/* Takes `text` if it comes next as a whole word or mark. */
bool facts_accept(struct parser *parser, const char *text)
{
	size_t length = strlen(text);

	skip_blanks(parser);
	if (strncmp(parser->at, text, length) != 0)
		return false;
	if (isalnum((unsigned char)text[length - 1]) && parser->at[length] && !strchr(" \t(),=", parser->at[length]))
		return false;
	parser->at += length;
	return true;
}

void facts_expect(struct parser *parser, const char *text)
{
	if (!facts_accept(parser, text))
		facts_fail(parser, "expected \"%s\" before \"%s\"", text, parser->at);
}

static uint64_t read_term(struct parser *parser)
{
	uint64_t value;
	char *end;

	skip_blanks(parser);
	if (isdigit((unsigned char)*parser->at)) {
		errno = 0;
		value = strtoull(parser->at, &end, 0);
		if (errno)
			facts_fail(parser, "a number is too large: \"%s\"", parser->at);
		if (*end == 'p') {
			value *= RECORD_PAGE_BYTES;
			end++;
		}
		if (isalnum((unsigned char)*end) || *end == '_')
			facts_fail(parser, "not a number: \"%s\"", parser->at);
		parser->at = end;
		return value;
	}
	for (size_t i = 0; i < sizeof(constants) / sizeof(constants[0]) + parser->name_count; i++) {
		size_t own = sizeof(constants) / sizeof(constants[0]);
		const struct named_value *named = i < own ? &constants[i] : &parser->names[i - own];
		size_t length = strlen(named->name);

		if (strncmp(parser->at, named->name, length) != 0 || isalnum((unsigned char)parser->at[length]) ||
		    parser->at[length] == '_')
			continue;
		parser->at += length;
		return named->value;
	}
	facts_fail(parser, "not a number or a known name: \"%s\"", parser->at);
}

/* Terms joined by +, - and |, from left to right; a leading - negates. */
uint64_t facts_read_number(struct parser *parser)
{
	uint64_t value = facts_accept(parser, "-") ? -read_term(parser) : read_term(parser);

	for (;;) {
		if (facts_accept(parser, "+"))
			value += read_term(parser);
		else if (facts_accept(parser, "-"))
			value -= read_term(parser);
		else if (facts_accept(parser, "|"))
			value |= read_term(parser);
		else
			return value;
	}
}

/* A whole number with its unit: "250us". "end" is the end of time. */
uint64_t facts_read_time(struct parser *parser)
{
	static const struct named_value units[] = {{"ns", 1}, {"us", 1000}, {"ms", 1000000}, {"s", 1000000000}};
	char word[32], *end;
	uint64_t value;

	facts_read_word(parser, word, sizeof(word));
	if (strcmp(word, "end") == 0)
		return INT64_MAX;
	value = strtoull(word, &end, 10);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]) && end != word; i++) {
		if (strcmp(end, units[i].name) == 0)
			return value * units[i].value;
	}
	facts_fail(parser, "not a time with a unit (ns, us, ms, s): \"%s\"", word);
}

char *facts_copy(const char *text)
{
	char *copied = strdup(text);

	if (!copied)
		abort();
	return copied;
}

const char *facts_rest(struct parser *parser, const char *set)
{
	skip_blanks(parser);
	if (set)
		parser->at = set;
	return parser->at;
}

struct crash *facts_crash(struct parser *parser)
{
	return parser->crash;
}

void facts_read_name(struct parser *parser)
{
	struct named_value *named = &parser->names[parser->name_count];

	if (parser->name_count == MAX_NAMES)
		facts_fail(parser, "too many names");
	facts_read_word(parser, named->name, sizeof(named->name));
	if (!isalpha((unsigned char)named->name[0]))
		facts_fail(parser, "a name begins with a letter: \"%s\"", named->name);
	facts_expect(parser, "=");
	named->value = facts_read_number(parser);
	parser->name_count++;
}

/* by MODULE [FUNCTION+OFFSET] */
void facts_read_caller(struct parser *parser, struct symbol *symbol)
{
	char module[64], function[64], *plus, *end;

	facts_read_word(parser, module, sizeof(module));
	symbol->module = facts_copy(module);
	if (facts_at_end(parser) || strncmp(parser->at, "after-marker", 12) == 0 ||
	    strncmp(parser->at, "before-marker", 13) == 0 || strncmp(parser->at, "through", 7) == 0)
		return;
	facts_read_word(parser, function, sizeof(function));
	plus = strchr(function, '+');
	if (!plus)
		facts_fail(parser, "a function comes with its offset: \"%s\"", function);
	*plus = 0;
	symbol->function = facts_copy(function);
	symbol->function_offset = strtoull(plus + 1, &end, 0);
	if (end == plus + 1 || *end)
		facts_fail(parser, "not an offset: \"%s\"", plus + 1);
}
