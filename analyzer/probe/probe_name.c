/* SPDX-License-Identifier: MIT */
#include "analyzer/probe/probe_name.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/elf/elf_demangle.h"
#include "common/cleanup.h"

/* Where the parameter list of a demangled name begins; its end when it has none. "operator()" is part of the name. */
static size_t name_length(const char *demangled)
{
	int depth = 0;

	for (size_t i = 0; demangled[i]; i++) {
		if (strncmp(demangled + i, "operator()", 10) == 0)
			i += 9;
		else if (strncmp(demangled + i, "(anonymous namespace)", 21) == 0)
			i += 20;
		else if (demangled[i] == '<')
			depth++;
		else if (demangled[i] == '>')
			depth--;
		else if (demangled[i] == '(' && depth == 0)
			return i;
	}
	return strlen(demangled);
}

/* The text without spaces, since "char const*" and "char const *" are one. */
static void squeeze(const char *text, size_t length, char *ret, size_t size)
{
	size_t at = 0;

	for (size_t i = 0; i < length && at + 1 < size; i++) {
		if (!isspace((unsigned char)text[i]))
			ret[at++] = text[i];
	}
	ret[at] = 0;
}

/* The types of the spec as a demangled name would have them. */
static void write_parameters(const struct probe_spec *spec, char *ret, size_t size)
{
	char text[1024] = "(", part[256];

	for (size_t i = 0; i < spec->argument_count; i++) {
		if (strcmp(spec->arguments[i], "this") == 0)
			continue;
		squeeze(spec->arguments[i], strlen(spec->arguments[i]), part, sizeof(part));
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", text[1] ? "," : "", part);
	}
	snprintf(ret, size, "%s)", text);
}

static bool has_parameters(const char *demangled, size_t name, const char *wanted)
{
	char have[1024];

	squeeze(demangled + name, strlen(demangled + name), have, sizeof(have));
	/* "(...) const" is a member function. */
	return strncmp(have, wanted, strlen(wanted)) == 0;
}

/* `exact`: only with the parameters of the spec. */
static struct error *find_demangled(const struct elf_file *elf, const struct probe_spec *spec, bool exact,
				    struct code_function **functions, size_t *count)
{
	char wanted[1024], name[1024], have[1024];
	struct error *err = NULL;

	squeeze(spec->function, strlen(spec->function), name, sizeof(name));
	write_parameters(spec, wanted, sizeof(wanted));
	for (size_t i = 0; i < elf->code_count && !err; i++) {
		cleanup_free char *demangled = elf_demangle(elf->code[i].name, true);
		size_t length = demangled ? name_length(demangled) : 0;

		if (!demangled)
			continue;
		squeeze(demangled, length, have, sizeof(have));
		if (strcmp(have, name) == 0 && (!exact || has_parameters(demangled, length, wanted)))
			err = code_add_function_at(elf, elf->code[i].address, functions, count);
	}
	return err;
}

struct error *probe_name_find(const struct elf_file *elf, const struct probe_spec *spec, struct code_function **ret,
			      size_t *ret_count)
{
	cleanup_free struct code_function *functions = NULL;
	struct error *err = code_find_functions(elf, spec->function, ret, ret_count), *other = NULL;
	size_t count = 0;

	if (!err || err->code != ERROR_NOT_FOUND)
		return err;
	if (spec->has_signature)
		other = find_demangled(elf, spec, true, &functions, &count);
	if (!other && count == 0)
		other = find_demangled(elf, spec, false, &functions, &count);
	if (other || count > 0) {
		error_destroy(err);
		*ret = take_pointer(functions);
		*ret_count = count;
		return other;
	}
	return code_add_suggestions(elf, spec->function, err);
}
