/* SPDX-License-Identifier: MIT */
/* In the child: what an address is called, by symbol tables and line tables. */
#include <dwarf.h>
#include <elf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/unwind/unwind_child.h"

/* libdwfl finds a compilation unit through .debug_aranges only, which clang and rustc do not write. */
static Dwarf_Line *find_line_in_units(Dwfl_Module *module, uint64_t address)
{
	Dwarf_Addr bias;
	Dwarf_Die *unit = NULL;

	while ((unit = dwfl_module_nextcu(module, unit, &bias))) {
		if (dwarf_haspc(unit, address - bias) == 1)
			return dwarf_getsrc_die(unit, address - bias);
	}
	return NULL;
}

static void find_source(Dwfl_Module *module, uint64_t address, struct unwind_name *name)
{
	Dwfl_Line *found = dwfl_module_getsrc(module, address);
	const char *file = NULL;
	int line = 0;

	if (found) {
		file = dwfl_lineinfo(found, NULL, &line, NULL, NULL, NULL);
	} else {
		Dwarf_Line *unit_line = find_line_in_units(module, address);

		file = unit_line ? dwarf_linesrc(unit_line, NULL, NULL) : NULL;
		if (file && dwarf_lineno(unit_line, &line) != 0)
			line = 0;
	}
	name->file = (char *)file;
	name->line = file && line > 0 ? (uint32_t)line : 0;
}

/* Whose debug information names the code: with it the line belongs to the innermost function that was inlined. */
static const char *name_of(Dwarf_Die *function)
{
	Dwarf_Attribute attribute;
	const char *name =
		dwarf_formstring(dwarf_attr_integrate(function, DW_AT_linkage_name, &attribute))
			?: dwarf_formstring(dwarf_attr_integrate(function, DW_AT_MIPS_linkage_name, &attribute));

	return name ?: dwarf_diename(function);
}

static Dwarf_Die *find_unit(Dwfl_Module *module, uint64_t address, Dwarf_Addr *ret_bias)
{
	Dwarf_Die *unit = dwfl_module_addrdie(module, address, ret_bias);

	if (unit)
		return unit;
	while ((unit = dwfl_module_nextcu(module, unit, ret_bias))) {
		if (dwarf_haspc(unit, address - *ret_bias) == 1)
			break;
	}
	return unit;
}

/* A header of a compiler or of a language's library: what is inlined from it does what its callers want. */
static bool is_of_library(Dwarf_Die *function)
{
	static const char *const parts[] = {"/usr/include/", "/usr/lib/",      "/rustc/",
					    "/library/std/", "/library/core/", "/library/alloc/"};
	const char *file = dwarf_decl_file(function);

	for (size_t i = 0; file && i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (strstr(file, parts[i]))
			return true;
	}
	return false;
}

/* The line of the call that was replaced by the inlined function `die`. */
static void take_call_site(Dwarf_Die *unit, Dwarf_Die *die, struct unwind_name *name)
{
	Dwarf_Attribute attribute;
	Dwarf_Word file, line;
	Dwarf_Files *files;
	const char *found = NULL;

	if (dwarf_formudata(dwarf_attr(die, DW_AT_call_line, &attribute), &line) != 0)
		return;
	if (dwarf_formudata(dwarf_attr(die, DW_AT_call_file, &attribute), &file) == 0 &&
	    dwarf_getsrcfiles(unit, &files, NULL) == 0)
		found = dwarf_filesrc(files, file, NULL, NULL);
	if (!found)
		return;
	name->file = (char *)found;
	name->line = (uint32_t)line;
}

/* The program's own function that is inlined innermost, by the tree around the innermost inlined one, and the line in
 * it. */
static void name_inlined(Dwarf_Die *unit, Dwarf_Die *innermost, struct unwind_name *name)
{
	Dwarf_Die *scopes = NULL;
	int count = dwarf_getscopes_die(innermost, &scopes);

	for (int i = 0; i < count && dwarf_tag(&scopes[i]) != DW_TAG_subprogram; i++) {
		const char *found;

		if (dwarf_tag(&scopes[i]) != DW_TAG_inlined_subroutine)
			continue;
		if (is_of_library(&scopes[i])) {
			take_call_site(unit, &scopes[i], name);
			continue;
		}
		found = name_of(&scopes[i]);
		name->inlined = found ? strdup(found) : NULL;
		break;
	}
	free(scopes);
}

/* dwarf_getscopes() goes on from an inlined function where that was written, not where it was inlined. */
static void find_inlined(Dwfl_Module *module, uint64_t address, struct unwind_name *name)
{
	Dwarf_Addr bias;
	Dwarf_Die *unit = find_unit(module, address, &bias), *scopes = NULL;
	int count = unit ? dwarf_getscopes(unit, address - bias, &scopes) : 0;

	for (int i = 0; i < count && dwarf_tag(&scopes[i]) != DW_TAG_subprogram; i++) {
		if (dwarf_tag(&scopes[i]) == DW_TAG_inlined_subroutine) {
			name_inlined(unit, &scopes[i], name);
			break;
		}
	}
	free(scopes);
}

void unwind_write_name_of(Dwfl *dwfl, uint32_t picture, uint64_t address, struct unwind_writer *writer)
{
	Dwfl_Module *module = dwfl_addrmodule(dwfl, address);
	struct unwind_name name = {.picture = picture, .address = address};
	const char *found;
	GElf_Off offset;
	GElf_Sym symbol;

	if (!module)
		return;
	found = dwfl_module_addrinfo(module, address, &offset, &symbol, NULL, NULL, NULL);
	if (found) {
		/* .symtab of a library appends versions (malloc@@GLIBC_2.2.5), .dynsym does not. */
		name.function = strndup(found, found[0] == '@' ? strlen(found) : strcspn(found, "@"));
		name.function_offset = offset;
	}
	if (!unwind_is_c_library(module))
		find_source(module, address, &name);
	if (name.file && name.line)
		find_inlined(module, address, &name);
	if (name.function || name.file)
		unwind_write_name(writer, &name);
	free(name.function);
	free(name.inlined);
}

uint64_t unwind_function_entry(Dwfl *dwfl, uint64_t address)
{
	Dwfl_Module *module = dwfl_addrmodule(dwfl, address);
	GElf_Off offset;
	GElf_Sym symbol;

	/* libdwfl falls back on the nearest symbol below, which may be of another function. */
	if (!module || !dwfl_module_addrinfo(module, address, &offset, &symbol, NULL, NULL, NULL) ||
	    GELF_ST_TYPE(symbol.st_info) == STT_NOTYPE || offset >= symbol.st_size)
		return 0;
	return address - offset;
}
