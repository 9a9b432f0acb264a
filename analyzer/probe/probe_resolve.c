/* SPDX-License-Identifier: MIT */
#include "analyzer/probe/probe_resolve.h"

#include <elf.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/elf/elf_go.h"
#include "analyzer/code/code_ifunc.h"
#include "analyzer/code/code_boundary.h"
#include "analyzer/code/code_return_sites.h"
#include "analyzer/probe/probe_call.h"
#include "analyzer/probe/probe_name.h"
#include "analyzer/probe/probe_sites.h"
#include "analyzer/probe/probe_spec.h"
#include "analyzer/probe/probe_usdt.h"
#include "common/cleanup.h"

struct request {
	struct probe_plan *plan;
	const struct probe_space *space;
	const struct probe_spec *spec;
	size_t object;
};

static const struct elf_file *elf_of(const struct request *request)
{
	return request->space->objects[request->object].elf;
}

static enum probe_convention convention_of(const struct elf_file *elf, const struct code_function *function)
{
	const char *name = function->name ? function->name : "", *ending = strstr(name, ".abi0");
	struct elf_go go;

	elf_go_read(elf, &go);
	/* C functions of a Go program have no package before a dot. */
	if (!go.is_go || (name[0] && !strchr(name, '.')))
		return PROBE_CALL_C;
	if (ending && !ending[5])
		return PROBE_CALL_GO_STACK;
	return go.minor && go.minor < 17 ? PROBE_CALL_GO_STACK : PROBE_CALL_GO;
}

/* A new planned function; NULL in `*ret` when it was asked for twice. */
static struct error *plan_new(const struct request *request, uint64_t offset, enum function_role role, const char *name,
			      struct probe_function **ret)
{
	size_t file;
	struct error *err = probe_sites_add_file(request->plan, request->space, request->object, &file);

	return err ? err
		   : probe_plan_add_function(request->plan, file, offset, role, name, request->spec->signature, ret);
}

static struct error *plan_function(const struct request *request, const struct code_function *found, const char *shown)
{
	size_t number = request->plan->function_count;
	struct probe_function *function;
	struct error *err = plan_new(request, found->file_offset, FUNCTION_PLAIN, shown, &function);

	if (err || !function)
		return err;
	if (request->spec->has_signature)
		err = probe_call_assign(function, request->spec, convention_of(elf_of(request), found));
	if (!err)
		err = probe_sites_add_entry(request->plan, request->space, request->object, found, number);
	if (!err && request->spec->has_signature)
		err = probe_sites_add_returns(request->plan, request->space, request->object, found, number);
	return err;
}

/* An instruction that is no function's start. */
static struct error *plan_instruction(const struct request *request, const struct code_function *function,
				      uint64_t address, const char *shown)
{
	struct probe_site site = {0};
	struct probe_function *planned;
	struct error *err = code_check_instruction(elf_of(request), function, address);
	cleanup_free char *name = NULL;

	if (err)
		return err;
	if (asprintf(&name, "%s+0x%" PRIx64, shown ? shown : "?", address - function->address) < 0) {
		name = NULL;
		return &error_no_memory;
	}
	if (!elf_file_offset(elf_of(request), address, true, &site.offset))
		return error_format(ERROR_NOT_FOUND, "0x%" PRIx64 " is not in code", address);
	err = plan_new(request, site.offset, FUNCTION_PLAIN, name, &planned);
	if (err || !planned)
		return err;
	site.file = planned->file;
	return probe_function_add_site(planned, &site);
}

static struct error *plan_offset(const struct request *request)
{
	const struct probe_spec *spec = request->spec;
	const struct elf_file *elf = elf_of(request);
	struct code_function function;
	uint64_t address, offset;
	struct error *err;

	if (!elf_address_of_offset(elf, spec->offset, &address) || !elf_file_offset(elf, address, true, &offset))
		return error_format(ERROR_NOT_FOUND, "offset 0x%" PRIx64 " of %s is not in its code", spec->offset,
				    elf->path);
	err = code_find_function_at(elf, address, &function);
	if (err)
		return err;
	if (function.extent == CODE_EXTENT_GUESS && function.address == address && !function.name)
		return error_format(ERROR_INVALID,
				    "nothing tells that an instruction begins at offset 0x%" PRIx64 " of %s",
				    spec->offset, elf->path);
	if (function.address == address)
		return plan_function(request, &function, function.name);
	if (spec->has_signature)
		return error_format(ERROR_INVALID,
				    "offset 0x%" PRIx64 " of %s is inside %s, and types are for a "
				    "function's start",
				    spec->offset, elf->path, function.name ? function.name : "a function");
	return plan_instruction(request, &function, address, function.name);
}

static struct error *plan_ifunc(const struct request *request, const struct code_function *resolver)
{
	cleanup_free struct code_function *candidates = NULL;
	size_t count;
	struct error *err = code_ifunc_candidates(elf_of(request), resolver, &candidates, &count);

	if (!err && count == 0)
		return error_format(ERROR_NOT_FOUND,
				    "%s in %s is chosen at run time (IFUNC), and what it may be is not to "
				    "be seen",
				    resolver->name, elf_of(request)->path);
	for (size_t i = 0; i < count && !err; i++)
		err = plan_function(request, &candidates[i], resolver->name);
	return err;
}

/* Several functions of one name: their offsets, to choose from. */
static struct error *refuse_several(const struct elf_file *elf, const char *name, const struct code_function *functions,
				    size_t count)
{
	char text[512] = "";

	for (size_t i = 0; i < count && i < 8; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s0x%" PRIx64, i ? ", " : "",
			 functions[i].file_offset);
	return error_format(ERROR_INVALID, "%zu functions of %s are called %s; give one of their offsets: %s%s", count,
			    elf->path, name, text, count > 8 ? ", ..." : "");
}

/* Versions of one name (memcpy@@GLIBC_2.14, memcpy@GLIBC_2.2.5), which are one function to those who call it: any of
 * them may be bound. Functions that are local to their source files are strangers. */
static bool are_versions(const struct elf_file *elf, const char *name, const struct code_function *functions,
			 size_t count)
{
	size_t global = 0;

	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < elf->code_count; k++) {
			if (elf->code[k].address == functions[i].address && elf->code[k].binding != STB_LOCAL &&
			    strcmp(elf->code[k].name, name) == 0) {
				global++;
				break;
			}
		}
	}
	return global == count;
}

static struct error *plan_whole(const struct request *request, const struct code_function *function)
{
	return function->is_ifunc ? plan_ifunc(request, function)
				  : plan_function(request, function, request->spec->function);
}

static struct error *plan_named(const struct request *request)
{
	const struct probe_spec *spec = request->spec;
	cleanup_free struct code_function *functions = NULL;
	size_t count;
	struct error *err = probe_name_find(elf_of(request), spec, &functions, &count);

	if (err)
		return err;
	if (count > 1 && (spec->has_offset || !are_versions(elf_of(request), spec->function, functions, count)))
		return refuse_several(elf_of(request), spec->function, functions, count);
	if (spec->has_offset && spec->offset > 0)
		return plan_instruction(request, &functions[0], functions[0].address + spec->offset, spec->function);
	for (size_t i = 0; i < count && !err; i++)
		err = plan_whole(request, &functions[i]);
	return err;
}

static struct error *plan_usdt(const struct request *request, const struct elf_usdt *usdt)
{
	struct probe_site site = {.offset = usdt->file_offset, .semaphore = usdt->semaphore};
	struct probe_function *function;
	cleanup_free char *name = NULL;
	struct error *err;

	if (asprintf(&name, "%s:%s", usdt->provider, usdt->name) < 0) {
		name = NULL;
		return &error_no_memory;
	}
	err = plan_new(request, usdt->file_offset, FUNCTION_USDT, name, &function)
		      ?: probe_usdt_assign(function, elf_of(request), usdt);
	if (err)
		return err;
	site.file = function->file;
	return probe_function_add_site(function, &site);
}

static struct error *plan_static(const struct request *request)
{
	const struct probe_spec *spec = request->spec;
	cleanup_free struct elf_usdt *probes = NULL;
	size_t count, found = 0;
	struct error *err = elf_usdt_read(elf_of(request), &probes, &count);
	char text[512] = "";

	for (size_t i = 0; i < count && !err; i++) {
		if (strcmp(probes[i].provider, spec->provider) == 0 && strcmp(probes[i].name, spec->probe) == 0) {
			found++;
			err = plan_usdt(request, &probes[i]);
		} else if (strlen(text) + strlen(probes[i].provider) + strlen(probes[i].name) + 8 < sizeof(text) &&
			   !strstr(text, probes[i].name)) {
			sprintf(text + strlen(text), "%s%s:%s", *text ? ", " : "", probes[i].provider, probes[i].name);
		}
	}
	if (err || found > 0)
		return err;
	return error_format(ERROR_NOT_FOUND, "no static probe %s:%s in %s%s%s", spec->provider, spec->probe,
			    elf_of(request)->path, *text ? ", which has " : ", which has none", text);
}

static struct error *resolve_in(const struct request *request)
{
	if (request->spec->provider)
		return plan_static(request);
	return request->spec->function ? plan_named(request) : plan_offset(request);
}

/* A library can be several files, of which those that lack the function do not matter. */
static struct error *resolve_spec(struct probe_plan *plan, struct probe_space *space, const struct probe_spec *spec)
{
	cleanup_free size_t *objects = NULL;
	size_t count = 0, found = 0;
	struct error *first = NULL, *err = probe_space_find(space, spec->library, &objects, &count);

	for (size_t i = 0; i < count && !err; i++) {
		struct request request = {plan, space, spec, objects[i]};

		err = resolve_in(&request);
		if (!err) {
			found++;
		} else if (err->code == ERROR_NOT_FOUND) {
			if (first)
				error_destroy(err);
			else
				first = err;
			err = NULL;
		}
	}
	if (err || found > 0) {
		error_destroy(first);
		return err;
	}
	return first;
}

struct error *probe_resolve(struct probe_plan *plan, struct probe_space *space, const char *text)
{
	struct probe_spec spec;
	struct error *err = probe_spec_parse(text, &spec);

	if (err)
		return err;
	err = error_prefix(resolve_spec(plan, space, &spec), "--probe '%s'", spec.text);
	probe_spec_deinit(&spec);
	return err;
}
