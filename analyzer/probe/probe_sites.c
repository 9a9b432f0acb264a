/* SPDX-License-Identifier: MIT */
#include "analyzer/probe/probe_sites.h"

#include <elf.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/elf/elf_go.h"
#include "analyzer/code/code_go_entry.h"
#include "analyzer/code/code_ifunc.h"
#include "common/cleanup.h"

/* Each function that is reached by tail calls counts; a cycle of them is walked once. */
#define FUNCTIONS_MAX 64
/* Every site is a breakpoint: more than that is no return value worth its cost. */
#define SITES_MAX 512

/* Functions of the C library that return what they got first, whatever they do (C17 7.24, POSIX). */
static const char *const returns_first[] = {"memset",	    "memcpy",	     "memmove", "__memset_chk",
					    "__memcpy_chk", "__memmove_chk", "strcpy",	"strncpy",
					    "strcat",	    "strncat",	     NULL};

struct place {
	size_t object;
	uint64_t address;
};

struct walk {
	struct probe_plan *plan;
	const struct probe_space *space;
	size_t number; /* of the planned function */
	const char *name;
	struct place seen[FUNCTIONS_MAX];
	size_t seen_count;
};

static struct probe_function *planned(const struct walk *walk)
{
	return &walk->plan->functions[walk->number];
}

struct error *probe_sites_add_file(struct probe_plan *plan, const struct probe_space *space, size_t object, size_t *ret)
{
	return probe_plan_add_file(plan, space->objects[object].path, &space->objects[object].identity, ret);
}

static struct error *add_site(struct walk *walk, size_t object, uint64_t offset, const char *result)
{
	struct probe_site site = {.at_return = true, .offset = offset};
	struct error *err = probe_sites_add_file(walk->plan, walk->space, object, &site.file);

	if (err)
		return err;
	if (planned(walk)->site_count >= SITES_MAX)
		return probe_function_add_hole(
			planned(walk), "it ends in more than %d places, of which some are not watched", SITES_MAX);
	snprintf(site.result, sizeof(site.result), "%s", result);
	return probe_function_add_site(planned(walk), &site);
}

static bool returns_its_first(const char *name)
{
	for (const char *const *known = returns_first; name && *known; known++) {
		if (strcmp(name, *known) == 0)
			return true;
	}
	return false;
}

static struct error *walk_function(struct walk *walk, size_t object, const struct code_function *function);

/* Walks one function, or what it may resolve to. */
static struct error *walk_target(struct walk *walk, size_t object, const struct code_function *function)
{
	cleanup_free struct code_function *candidates = NULL;
	struct error *err;
	size_t count;

	if (!function->is_ifunc)
		return walk_function(walk, object, function);
	err = code_ifunc_candidates(walk->space->objects[object].elf, function, &candidates, &count);
	if (!err && count == 0)
		err = probe_function_add_hole(planned(walk),
					      "it hands some calls on to %s, which is chosen at run time",
					      function->name ? function->name : "a function");
	for (size_t i = 0; i < count && !err; i++)
		err = walk_function(walk, object, &candidates[i]);
	return err;
}

/* All that the dynamic linker could bind `name` to: the first definition wins, and which that is depends on the
 * program.
 */
static struct error *walk_name(struct walk *walk, const char *name)
{
	size_t found = 0;
	struct error *err = NULL;

	for (size_t i = 0; i < walk->space->count && !err; i++) {
		const struct elf_file *elf = walk->space->objects[i].elf;

		for (size_t k = 0; k < elf->code_count && !err; k++) {
			struct code_function function;

			if (elf->code[k].binding == STB_LOCAL || strcmp(elf->code[k].name, name) != 0)
				continue;
			found++;
			err = code_find_function_at(elf, elf->code[k].address, &function)
				      ?: walk_target(walk, i, &function);
		}
	}
	if (!err && found == 0)
		err = probe_function_add_hole(planned(walk), "some calls end in %s, which no known library has", name);
	return err;
}

static struct error *walk_tail_call(struct walk *walk, size_t object, const struct code_return_site *site)
{
	const struct elf_file *elf = walk->space->objects[object].elf;
	struct code_function function;
	struct error *err;

	if (returns_its_first(site->target_name) && !site->is_conditional)
		return add_site(walk, object, site->file_offset, "reg:rdi");
	if (site->through_plt && site->target_name)
		return walk_name(walk, site->target_name);
	if (site->target == 0 || site->through_plt)
		return probe_function_add_hole(
			planned(walk), "returns are missed where it ends in a jump through a pointer (0x%" PRIx64 ")",
			site->file_offset);
	err = code_find_function_at(elf, site->target, &function);
	/* A jump into the middle of something: what is behind it is not known. */
	if (!err && function.address != site->target)
		return probe_function_add_hole(planned(walk),
					       "returns are missed where it jumps into another function");
	return err ? err : walk_target(walk, object, &function);
}

static struct error *walk_function(struct walk *walk, size_t object, const struct code_function *function)
{
	struct code_return_sites sites;
	struct error *err;

	for (size_t i = 0; i < walk->seen_count; i++) {
		if (walk->seen[i].object == object && walk->seen[i].address == function->address)
			return NULL;
	}
	if (walk->seen_count == FUNCTIONS_MAX)
		return probe_function_add_hole(planned(walk), "its tail calls lead too far to follow all");
	walk->seen[walk->seen_count++] = (struct place){object, function->address};
	err = code_find_return_sites(walk->space->objects[object].elf, function, &sites);
	if (err && err->code != ERROR_NO_MEMORY) {
		/* Its calls can be seen all the same. */
		struct error *noted = probe_function_add_hole(planned(walk), "returns are missed: %s", err->message);

		error_destroy(err);
		return noted;
	}
	if (err)
		return err;
	if (!sites.complete)
		err = probe_function_add_hole(planned(walk), "returns may be missed, because %s",
					      sites.incomplete_reason);
	for (size_t i = 0; i < sites.count && !err; i++)
		err = sites.sites[i].kind == CODE_SITE_RETURN ? add_site(walk, object, sites.sites[i].file_offset, "")
							      : walk_tail_call(walk, object, &sites.sites[i]);
	code_return_sites_deinit(&sites);
	return err;
}

struct error *probe_sites_add_entry(struct probe_plan *plan, const struct probe_space *space, size_t object,
				    const struct code_function *found, size_t number)
{
	const struct elf_file *elf = space->objects[object].elf;
	struct probe_site site = {.offset = found->file_offset};
	struct error *err = probe_sites_add_file(plan, space, object, &site.file);
	struct elf_go go;

	if (err)
		return err;
	elf_go_read(elf, &go);
	if (go.is_go)
		site.offset += code_go_entry_skip(elf, found);
	return probe_function_add_site(&plan->functions[number], &site);
}

struct error *probe_sites_add_returns(struct probe_plan *plan, const struct probe_space *space, size_t object,
				      const struct code_function *found, size_t number)
{
	struct walk walk = {.plan = plan, .space = space, .number = number, .name = plan->functions[number].name};

	return walk_target(&walk, object, found);
}
