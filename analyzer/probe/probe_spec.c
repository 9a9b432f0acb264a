/* SPDX-License-Identifier: MIT */
#include "analyzer/probe/probe_spec.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

static struct error *refuse(const struct probe_spec *spec, const char *why)
{
	return error_format(ERROR_INVALID, "--probe '%s': %s", spec->text, why);
}

/* A copy of [start, end) without the space around it. */
static char *copy_trimmed(const char *start, const char *end)
{
	while (start < end && isspace((unsigned char)*start))
		start++;
	while (end > start && isspace((unsigned char)end[-1]))
		end--;
	return strndup(start, (size_t)(end - start));
}

static bool parse_number(const char *text, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, 0);
	return !errno && !*end && isdigit((unsigned char)text[0]);
}

/* The parenthesis that opens the one at `close`, or NULL. */
static const char *find_opening(const char *text, const char *close)
{
	int depth = 0;

	for (const char *at = close; at >= text; at--) {
		if (*at == ')')
			depth++;
		else if (*at == '(' && --depth == 0)
			return at;
	}
	return NULL;
}

static struct error *add_argument(struct probe_spec *spec, const char *start, const char *end)
{
	char *text = copy_trimmed(start, end);

	if (!text)
		return &error_no_memory;
	if (!*text || spec->argument_count == PROBE_SPEC_ARGUMENTS_MAX) {
		bool empty = !*text;

		free(text);
		return refuse(spec, empty ? "an argument has no type" : "too many arguments");
	}
	spec->arguments[spec->argument_count++] = text;
	return NULL;
}

/* The types between the parentheses; commas inside brackets of any kind do not count. */
static struct error *parse_arguments(struct probe_spec *spec, const char *start, const char *end)
{
	cleanup_free char *all = copy_trimmed(start, end);
	const char *from = start;
	int depth = 0;

	if (!all)
		return &error_no_memory;
	if (!*all || strcmp(all, "void") == 0)
		return NULL;
	for (const char *at = start; at <= end; at++) {
		if (at < end && strchr("([{<", *at))
			depth++;
		else if (at < end && strchr(")]}>", *at))
			depth--;
		if (at == end || (*at == ',' && depth == 0)) {
			struct error *err = add_argument(spec, from, at);

			if (err)
				return err;
			from = at + 1;
		}
	}
	return NULL;
}

static bool is_balanced(const char *text)
{
	int depth = 0;

	for (; *text && depth >= 0; text++)
		depth += (*text == '(') - (*text == ')');
	return depth == 0;
}

/* Finds "(…)" or "(…) -> TYPE" at the end of `text`; `*ret_end` is where what goes before ends. A Go method has
 * parentheses in its name, but does not end in one. */
static struct error *parse_signature(struct probe_spec *spec, const char *text, const char **ret_end)
{
	const char *end = text + strlen(text), *arrow = NULL, *open, *close;

	if (!is_balanced(text))
		return refuse(spec, "a parenthesis is missing");
	for (const char *at = strstr(text, "->"); at; at = strstr(at + 2, "->"))
		arrow = at;
	close = arrow ? arrow : end;
	while (close > text && isspace((unsigned char)close[-1]))
		close--;
	*ret_end = end;
	if (close == text || close[-1] != ')')
		return arrow ? refuse(spec, "before '->' there are no (argument types)") : NULL;
	open = find_opening(text, close - 1);
	if (!open || open == text)
		return refuse(spec, "no function before the argument types");
	if (arrow) {
		spec->result = copy_trimmed(arrow + 2, end);
		if (!spec->result)
			return &error_no_memory;
		if (!*spec->result)
			return refuse(spec, "no type behind '->'");
		if (strcmp(spec->result, "void") == 0) {
			free(spec->result);
			spec->result = NULL;
		}
	}
	spec->has_signature = true;
	free(spec->signature);
	spec->signature = copy_trimmed(open, end);
	*ret_end = open;
	return spec->signature ? parse_arguments(spec, open + 1, close - 1) : &error_no_memory;
}

/* The colon that separates provider and name: single, while C++ and Rust double theirs. */
static char *single_colon(char *text)
{
	for (char *at = strchr(text, ':'); at; at = strchr(at, ':')) {
		if (at[1] != ':')
			return at;
		at += 2;
	}
	return NULL;
}

static struct error *parse_function(struct probe_spec *spec, const char *text)
{
	const char *end;
	struct error *err = parse_signature(spec, text, &end);
	char *colon, *plus;

	if (err)
		return err;
	spec->function = copy_trimmed(text, end);
	if (!spec->function)
		return &error_no_memory;
	colon = spec->has_signature ? NULL : single_colon(spec->function);
	if (colon) {
		*colon = 0;
		spec->probe = strdup(colon + 1);
		spec->provider = take_pointer(spec->function);
		if (!spec->probe)
			return &error_no_memory;
		return *spec->provider && *spec->probe ? NULL : refuse(spec, "a static probe is LIB:PROVIDER:NAME");
	}
	if (strncmp(spec->function, "0x", 2) == 0 || strncmp(spec->function, "+0x", 3) == 0) {
		spec->has_offset = true;
		if (!parse_number(spec->function + (spec->function[0] == '+'), &spec->offset))
			return refuse(spec, "the offset is no number");
		free(spec->function);
		spec->function = NULL;
		return NULL;
	}
	plus = strstr(spec->function, "+0x");
	if (plus && parse_number(plus + 1, &spec->offset)) {
		*plus = 0;
		spec->has_offset = true;
		if (spec->has_signature)
			return refuse(spec, "types are for a function's start, not for an instruction in it");
	}
	return *spec->function ? NULL : refuse(spec, "no function behind the colon");
}

struct error *probe_spec_parse(const char *text, struct probe_spec *ret)
{
	const char *start = text, *colon;
	struct error *err;
	bool is_static = strncmp(text, "usdt:", 5) == 0;

	*ret = (struct probe_spec){.text = strdup(text), .signature = strdup("")};
	if (!ret->text || !ret->signature) {
		err = &error_no_memory;
	} else {
		start += is_static ? 5 : 0;
		colon = strchr(start, ':');
		ret->library = copy_trimmed(start, colon ? colon : start);
		if (!ret->library)
			err = &error_no_memory;
		else if (!colon || !*ret->library)
			err = refuse(ret, "it takes LIB:FUNCTION, LIB:FUNCTION(types) -> type, LIB:0xOFFSET or "
					  "LIB:PROVIDER:NAME");
		else
			err = parse_function(ret, colon + 1);
		if (!err && is_static && !ret->provider)
			err = refuse(ret, "a static probe is usdt:LIB:PROVIDER:NAME");
	}
	if (err)
		probe_spec_deinit(ret);
	return err;
}

void probe_spec_deinit(struct probe_spec *spec)
{
	free(spec->text);
	free(spec->library);
	free(spec->function);
	free(spec->provider);
	free(spec->probe);
	free(spec->signature);
	free(spec->result);
	for (size_t i = 0; i < spec->argument_count; i++)
		free(spec->arguments[i]);
	*spec = (struct probe_spec){0};
}
