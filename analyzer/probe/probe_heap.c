/* SPDX-License-Identifier: MIT */
#include "analyzer/probe/probe_heap.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/elf/elf_go.h"
#include "analyzer/code/code_ifunc.h"
#include "analyzer/probe/probe_sites.h"
#include "common/array.h"
#include "common/cleanup.h"

#define POINTER "ptr"
#define SIZE "u64"

/* Which arguments a name has, in the order of the role (schema/record_call.h): the register of each, "" for the end. */
static const struct heap_name {
	const char *name;
	enum function_role role;
	const char *arguments[4];
} names[] = {
	{"malloc", FUNCTION_MALLOC, {"reg:rdi"}},
	{"valloc", FUNCTION_MALLOC, {"reg:rdi"}},
	{"pvalloc", FUNCTION_MALLOC, {"reg:rdi"}},
	{"calloc", FUNCTION_CALLOC, {"reg:rdi", "reg:rsi"}},
	{"realloc", FUNCTION_REALLOC, {"reg:rdi", "reg:rsi"}},
	{"reallocf", FUNCTION_REALLOC, {"reg:rdi", "reg:rsi"}},
	{"reallocarray", FUNCTION_REALLOCARRAY, {"reg:rdi", "reg:rsi", "reg:rdx"}},
	{"aligned_alloc", FUNCTION_ALIGNED_ALLOC, {"reg:rdi", "reg:rsi"}},
	{"memalign", FUNCTION_ALIGNED_ALLOC, {"reg:rdi", "reg:rsi"}},
	{"posix_memalign", FUNCTION_POSIX_MEMALIGN, {"reg:rdi", "reg:rsi", "reg:rdx"}},
	{"free", FUNCTION_FREE, {"reg:rdi"}},
	{"cfree", FUNCTION_FREE, {"reg:rdi"}},
	{"__posix_memalign", FUNCTION_POSIX_MEMALIGN, {"reg:rdi", "reg:rsi", "reg:rdx"}},
	/* jemalloc's own; xallocx, which only resizes in place, hands out nothing */
	{"mallocx", FUNCTION_MALLOC, {"reg:rdi"}},
	{"rallocx", FUNCTION_REALLOC, {"reg:rdi", "reg:rsi"}},
	{"dallocx", FUNCTION_FREE, {"reg:rdi"}},
	{"sdallocx", FUNCTION_FREE, {"reg:rdi"}},
	/* mimalloc's own, and TBB's: (size, alignment) */
	{"zalloc", FUNCTION_MALLOC, {"reg:rdi"}},
	{"malloc_small", FUNCTION_MALLOC, {"reg:rdi"}},
	{"zalloc_small", FUNCTION_MALLOC, {"reg:rdi"}},
	{"malloc_aligned", FUNCTION_ALIGNED_ALLOC, {"reg:rsi", "reg:rdi"}},
	{"zalloc_aligned", FUNCTION_ALIGNED_ALLOC, {"reg:rsi", "reg:rdi"}},
	{"realloc_aligned", FUNCTION_REALLOC, {"reg:rdi", "reg:rsi"}},
	{"aligned_malloc", FUNCTION_ALIGNED_ALLOC, {"reg:rsi", "reg:rdi"}},
	{"aligned_free", FUNCTION_FREE, {"reg:rdi"}},
	{"free_size", FUNCTION_FREE, {"reg:rdi"}},
	{"free_aligned", FUNCTION_FREE, {"reg:rdi"}},
	{"free_size_aligned", FUNCTION_FREE, {"reg:rdi"}},
	{"free_sized", FUNCTION_FREE, {"reg:rdi"}}, /* C23 */
	{"free_aligned_sized", FUNCTION_FREE, {"reg:rdi"}},
};

/* The first are the C library's; those from zalloc on count with a prefix only: without one they may be anybody's. */
#define PLAIN_NAMES 12
#define PREFIXED_FROM 17

/* How allocators that are built not to replace malloc call theirs; and aliases of glibc's. Rust's jemalloc is _rjem_.
 */
static const char *const prefixes[] = {"__libc_", "je_", "_rjem_",    "_rjem_je_",     "jemalloc_",
				       "tc_",	  "mi_", "scalable_", "__interceptor_"};

/* C++ ABI names (Itanium, 5.1.5): nw new, na new[], dl delete, da delete[]; m size_t. Those for placement allocate
 * nothing. __hot_cold_t is tcmalloc's. */
static const char *const new_endings[] = {"",
					  "RKSt9nothrow_t",
					  "St11align_val_t",
					  "St11align_val_tRKSt9nothrow_t",
					  "12__hot_cold_t",
					  "RKSt9nothrow_t12__hot_cold_t",
					  "St11align_val_t12__hot_cold_t",
					  "St11align_val_tRKSt9nothrow_t12__hot_cold_t"};
static const char *const delete_endings[] = {
	"", "m", "RKSt9nothrow_t", "St11align_val_t", "St11align_val_tRKSt9nothrow_t", "mSt11align_val_t"};

static const struct heap_name new_plain = {"operator new", FUNCTION_NEW, {"reg:rdi"}};
static const struct heap_name new_aligned = {"operator new", FUNCTION_NEW, {"reg:rdi", "reg:rsi"}};
static const struct heap_name delete_any = {"operator delete", FUNCTION_DELETE, {"reg:rdi"}};

static bool is_one_of(const char *text, const char *const *all, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(text, all[i]) == 0)
			return true;
	}
	return false;
}

#define IS_ONE_OF(text, all) is_one_of(text, all, array_size(all))

static const struct heap_name *find_name(const char *name, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		if (strcmp(name, names[i].name) == 0)
			return &names[i];
	}
	return NULL;
}

/* What a symbol of that name is to the heap, or NULL. `*ret_prefixed`: the name is an allocator's own. */
static const struct heap_name *recognise(const char *name, bool *ret_prefixed)
{
	*ret_prefixed = false;
	if (strncmp(name, "_Znwm", 5) == 0 || strncmp(name, "_Znam", 5) == 0) {
		if (!IS_ONE_OF(name + 5, new_endings))
			return NULL;
		return strncmp(name + 5, "St11align_val_t", 15) == 0 ? &new_aligned : &new_plain;
	}
	if (strncmp(name, "_ZdlPv", 6) == 0 || strncmp(name, "_ZdaPv", 6) == 0)
		return IS_ONE_OF(name + 6, delete_endings) ? &delete_any : NULL;
	for (size_t i = 0; i < array_size(prefixes); i++) {
		size_t length = strlen(prefixes[i]);

		if (strncmp(name, prefixes[i], length) != 0)
			continue;
		*ret_prefixed = true;
		return find_name(name + length, 0, array_size(names));
	}
	return find_name(name, 0, PREFIXED_FROM);
}

/* Functions by which an allocator hands out or resizes blocks and which are not followed: they take what no role of
 * ours has. The first of them that the file has, or NULL. */
static const char *unseen_name(const struct elf_file *elf)
{
	static const char *const unseen[] = {"mi_heap_malloc", "xallocx"};

	for (size_t i = 0; i < elf->code_count; i++) {
		if (IS_ONE_OF(elf->code[i].name, unseen))
			return elf->code[i].name;
	}
	return NULL;
}

static void add_arguments(struct probe_function *function, const struct heap_name *name)
{
	for (size_t i = 0; i < 4 && name->arguments[i]; i++) {
		bool is_block = i == 0 && (name->role == FUNCTION_REALLOC || name->role == FUNCTION_REALLOCARRAY ||
					   name->role == FUNCTION_FREE || name->role == FUNCTION_DELETE ||
					   name->role == FUNCTION_POSIX_MEMALIGN);

		probe_function_add_argument(function, name->arguments[i], is_block ? POINTER : SIZE);
	}
	/* A free's return tells nothing. */
	if (name->role == FUNCTION_POSIX_MEMALIGN)
		probe_function_set_result(function, "reg:rax", "i32");
	else if (name->role != FUNCTION_FREE && name->role != FUNCTION_DELETE)
		probe_function_set_result(function, "reg:rax", POINTER);
}

/* Aliases of one address are one function. tcmalloc and mimalloc have free and operator delete in one: then it is free,
 * which makes less of a claim, and its hole says so. */
struct aliases {
	const struct elf_symbol *best; /* NULL: it is no heap function */
	const struct heap_name *name;
	bool is_both;
};

static struct error *plan_function(struct probe_plan *plan, const struct probe_space *space, size_t object,
				   const struct code_function *found, const struct aliases *aliases)
{
	const struct heap_name *name = aliases->name;
	struct probe_function *function;
	size_t file, number = plan->function_count;
	const char *unseen;
	struct error *err = probe_sites_add_file(plan, space, object, &file)
				    ?: probe_plan_add_function(plan, file, found->file_offset, name->role,
							       aliases->best->name, "", &function);

	if (err || !function)
		return err;
	add_arguments(function, name);
	unseen = unseen_name(space->objects[object].elf);
	if (unseen && strcmp(function->name, "malloc") == 0)
		err = probe_function_add_hole(
			function, "blocks can also come from %s and its kin, which are not followed", unseen);
	if (!err && aliases->is_both)
		err = probe_function_add_hole(function,
					      "free and operator delete are one function here: which of them was "
					      "called cannot be told");
	if (!err)
		err = probe_sites_add_entry(plan, space, object, found, number);
	if (!err && function->has_result)
		err = probe_sites_add_returns(plan, space, object, found, number);
	return err;
}

static struct error *plan_symbol(struct probe_plan *plan, const struct probe_space *space, size_t object,
				 const struct aliases *aliases)
{
	const struct elf_file *elf = space->objects[object].elf;
	cleanup_free struct code_function *candidates = NULL;
	struct code_function function;
	size_t count = 0;
	struct error *err = code_find_function_at(elf, aliases->best->address, &function);

	if (!err && !function.is_ifunc)
		return plan_function(plan, space, object, &function, aliases);
	if (!err)
		err = code_ifunc_candidates(elf, &function, &candidates, &count);
	for (size_t i = 0; i < count && !err; i++)
		err = plan_function(plan, space, object, &candidates[i], aliases);
	return err;
}

static struct aliases judge_aliases(const struct elf_file *elf, size_t first)
{
	struct aliases result = {0};
	bool is_free = false, is_delete = false, is_theirs = false;
	size_t best_rank = SIZE_MAX;

	for (size_t i = first; i < elf->code_count && elf->code[i].address == elf->code[first].address; i++) {
		bool prefixed;
		const struct heap_name *name = recognise(elf->code[i].name, &prefixed), *plain;
		size_t rank;

		if (!name)
			continue;
		/* A local function called free may be anybody's, unless it is __libc_free as well. */
		is_theirs |= prefixed || elf->code[i].binding != STB_LOCAL;
		is_free |= name->role == FUNCTION_FREE;
		is_delete |= name->role == FUNCTION_DELETE;
		/* malloc is what people know. */
		plain = find_name(elf->code[i].name, 0, PLAIN_NAMES);
		rank = plain ? (size_t)(plain - names) : PLAIN_NAMES;
		if (rank >= best_rank)
			continue;
		best_rank = rank;
		result.best = &elf->code[i];
		result.name = name;
	}
	if (!is_theirs)
		result.best = NULL;
	result.is_both = is_free && is_delete;
	return result;
}

static struct error *plan_object(struct probe_plan *plan, const struct probe_space *space, size_t object)
{
	const struct elf_file *elf = space->objects[object].elf;
	struct error *err = NULL;

	for (size_t i = 0; i < elf->code_count && !err; i++) {
		struct aliases aliases;

		if (i > 0 && elf->code[i - 1].address == elf->code[i].address)
			continue;
		aliases = judge_aliases(elf, i);
		if (aliases.best)
			err = plan_symbol(plan, space, object, &aliases);
	}
	return err;
}

static bool is_allocator(const char *soname)
{
	static const char *const starts[] = {"libc.so.6",      "libjemalloc.so", "libtcmalloc",	 "libmimalloc",
					     "libstdc++.so.6", "libc++.so",	 "libc++abi.so", "libtbbmalloc.so"};

	for (size_t i = 0; i < array_size(starts); i++) {
		if (strncmp(soname, starts[i], strlen(starts[i])) == 0)
			return true;
	}
	return false;
}

static bool is_cxx_library(const char *soname)
{
	return is_allocator(soname) && (strncmp(soname, "libstdc++", 9) == 0 || strncmp(soname, "libc++", 6) == 0);
}

/* Why nothing was found. */
static struct error *refuse(const struct probe_space *space, const size_t *objects, size_t count)
{
	const struct probe_object *object = &space->objects[count ? objects[0] : 0];
	struct elf_go go;

	if (space->count == 0)
		return error_format(ERROR_NOT_FOUND, "no C library and no allocator is in the linker's cache");
	if (count > 0)
		return error_format(ERROR_NOT_FOUND,
				    "%s defines no heap function that is known (malloc, operator new, "
				    "...)%s",
				    object->shown,
				    object->elf->has_symbol_table ? "" : ", as far as a stripped file shows");
	elf_go_read(object->elf, &go);
	if (go.is_go)
		return error_format(ERROR_NOT_FOUND,
				    "the heap of %s cannot be followed: it is a Go program, which does not use malloc",
				    object->shown);
	if (!object->elf->interpreter && !object->elf->has_symbol_table)
		return error_format(ERROR_NOT_FOUND,
				    "the heap of %s cannot be followed: it is static and stripped, so that nothing "
				    "tells where its malloc is",
				    object->shown);
	return error_format(ERROR_NOT_FOUND,
			    "the heap of %s cannot be followed: neither it nor a library of it defines "
			    "malloc",
			    object->shown);
}

static bool can_open_libraries(const struct probe_space *space)
{
	for (size_t i = 0; i < space->count && space->has_target; i++) {
		if (space->objects[i].elf->interpreter)
			return true;
	}
	return false;
}

struct error *probe_heap_add(struct probe_plan *plan, struct probe_space *space, const size_t *objects,
			     size_t object_count)
{
	size_t before = plan->function_count;
	struct error *err = NULL;

	if (!space->has_target)
		err = probe_space_add_cached(space, is_allocator);
	for (size_t i = 0; i < (objects ? object_count : space->count) && !err; i++)
		err = plan_object(plan, space, objects ? objects[i] : i);
	if (!err && plan->function_count == before)
		return refuse(space, objects, object_count);
	if (!err && can_open_libraries(space) && !objects) {
		size_t known = space->count;

		err = probe_space_add_cached(space, is_cxx_library);
		for (size_t i = known; i < space->count && !err; i++)
			err = plan_object(plan, space, i);
	}
	return err;
}
