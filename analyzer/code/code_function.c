/* SPDX-License-Identifier: MIT */
/* Finding a function by name or address. What is in it, code_walk.c finds out. */
#include "analyzer/code/code_function.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/cleanup.h"
#include "common/vector.h"

/* Above it, edit distance costs more than a suggestion is worth. */
#define SUGGESTED_NAME_MAX 128
#define SUGGESTIONS 5

static bool fill_extent(const struct elf_file *elf, uint64_t size, struct code_function *function)
{
	uint64_t start, end;

	function->extent = CODE_EXTENT_SYMBOL;
	function->size = size;
	if (size == 0) {
		bool framed = elf_find_frame(elf, function->address, &start, &end);

		/* An entry that begins before the function is of something larger: hand-written assembly. */
		function->extent = framed && start == function->address ? CODE_EXTENT_FRAME : CODE_EXTENT_GUESS;
		if (function->extent == CODE_EXTENT_GUESS)
			end = elf_next_start(elf, function->address);
		function->size = end > function->address ? end - function->address : 0;
	}
	return elf_file_offset(elf, function->address, true, &function->file_offset);
}

static void fill_from_symbol(const struct elf_file *elf, const struct elf_symbol *symbol,
			     struct code_function *function)
{
	*function = (struct code_function){
		.name = symbol->name, .address = symbol->address, .is_ifunc = symbol->type == STT_GNU_IFUNC};
	fill_extent(elf, symbol->size, function);
}

static struct error *explain_missing(const struct elf_file *elf, const char *name)
{
	for (size_t i = 0; i < elf->symbol_count; i++) {
		if (strcmp(elf->symbols[i].name, name) != 0)
			continue;
		if (elf->symbols[i].is_import)
			return error_format(ERROR_NOT_FOUND, "%s only uses %s, which is in one of its libraries",
					    elf->path, name);
		return error_format(ERROR_NOT_FOUND, "%s in %s is not a function", name, elf->path);
	}
	if (!elf->has_symbol_table && !elf->has_go_table)
		return error_format(ERROR_NOT_FOUND,
				    "no function %s in %s, which is stripped: it names %zu functions of its own, and "
				    "has no separate debug file; give an address",
				    name, elf->path, elf->code_count);
	return error_format(ERROR_NOT_FOUND, "no function %s in %s", name, elf->path);
}

struct error *code_find_functions(const struct elf_file *elf, const char *name, struct code_function **ret,
				  size_t *ret_count)
{
	cleanup_free struct code_function *functions = NULL;
	size_t count = 0;

	*ret = NULL;
	*ret_count = 0;
	for (size_t i = 0; i < elf->code_count; i++) {

		if (strcmp(elf->code[i].name, name) != 0 ||
		    (count > 0 && functions[count - 1].address == elf->code[i].address))
			continue;
		if (array_resize(functions, count + 1))
			return &error_no_memory;
		fill_from_symbol(elf, &elf->code[i], &functions[count++]);
	}
	if (count == 0)
		return explain_missing(elf, name);
	*ret = take_pointer(functions);
	*ret_count = count;
	return NULL;
}

struct error *code_find_function_at(const struct elf_file *elf, uint64_t address, struct code_function *ret)
{
	const struct elf_symbol *symbol = elf_symbol_at(elf, address);
	uint64_t start, end, offset;

	*ret = (struct code_function){.address = address};
	if (!elf_file_offset(elf, address, true, &offset))
		return error_format(ERROR_NOT_FOUND, "0x%llx is not in the code of %s", (unsigned long long)address,
				    elf->path);
	if (!symbol && elf_find_frame(elf, address, &start, &end) && start == address) {
		fill_extent(elf, end - start, ret);
		ret->extent = CODE_EXTENT_FRAME;
		return NULL;
	}
	if (!symbol)
		symbol = elf_symbol_around(elf, address);
	if (symbol) {
		fill_from_symbol(elf, symbol, ret);
	} else if (elf_find_frame(elf, address, &start, &end)) {
		ret->address = start;
		fill_extent(elf, end - start, ret);
		ret->extent = CODE_EXTENT_FRAME;
	} else {
		fill_extent(elf, 0, ret);
	}
	return NULL;
}

struct error *code_add_function_at(const struct elf_file *elf, uint64_t address, struct code_function **functions,
				   size_t *count)
{
	for (size_t i = 0; i < *count; i++) {
		if ((*functions)[i].address == address)
			return NULL;
	}
	if (array_resize(*functions, *count + 1))
		return &error_no_memory;
	return code_find_function_at(elf, address, &(*functions)[(*count)++]);
}

/* Levenshtein's distance, no further than 3. */
static unsigned distance(const char *a, const char *b)
{
	size_t a_length = strlen(a), b_length = strlen(b);
	unsigned row[SUGGESTED_NAME_MAX + 1];

	if (a_length > SUGGESTED_NAME_MAX || b_length > SUGGESTED_NAME_MAX || a_length > b_length + 2 ||
	    b_length > a_length + 2)
		return 3;
	for (size_t j = 0; j <= b_length; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; i <= a_length; i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= b_length; j++) {
			unsigned best = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[b_length];
}

size_t code_suggest_functions(const struct elf_file *elf, const char *name, const char **ret, size_t most)
{
	size_t count = 0;

	/* A slip first, then names that hold it: a C++ name holds the plain one. */
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < elf->code_count && count < most; i++) {
			const char *candidate = elf->code[i].name;
			bool known = false;

			if (pass == 0 ? strlen(name) < 4 || distance(name, candidate) > 2
				      : !*name || !strcasestr(candidate, name))
				continue;
			for (size_t k = 0; k < count; k++)
				known |= strcmp(ret[k], candidate) == 0;
			if (!known)
				ret[count++] = candidate;
		}
	}
	return count;
}

struct error *code_add_suggestions(const struct elf_file *elf, const char *name, struct error *err)
{
	const char *near[SUGGESTIONS];
	char text[1024] = "";
	size_t count = err->code == ERROR_NOT_FOUND ? code_suggest_functions(elf, name, near, SUGGESTIONS) : 0;
	struct error *longer;

	for (size_t i = 0; i < count; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? ", " : "", near[i]);
	if (count == 0)
		return err;
	longer = error_format(err->code, "%s; near it: %s", err->message, text);
	error_destroy(err);
	return longer;
}
