/* SPDX-License-Identifier: MIT */
/* Whose frames they are. Pure. */
#include <string.h>

#include "analyzer/facts/event_stack.h"
#include "common/array.h"

static bool has_prefix(const char *text, const char *const *prefixes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strncmp(text, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	}
	return false;
}

#define HAS_PREFIX(text, prefixes) has_prefix(text, prefixes, array_size(prefixes))

/* By the file's name: glibc before and after 2.34, musl, and the allocators that replace malloc. */
static bool is_library_module(const char *path)
{
	static const char *const prefixes[] = {
		"libc.so.",	"libc-2.",     "libc.musl-",  "ld-linux",     "ld-2.",
		"ld-musl-",	"ld.so.",      "libpthread.", "libpthread-2", "libdl.so.",
		"libjemalloc.", "libtcmalloc", "libmimalloc", "libasan.so.",  "[vdso]",
	};
	const char *slash = strrchr(path, '/');

	return HAS_PREFIX(slash ? slash + 1 : path, prefixes);
}

/* By name, for static programs and for what a program links in: system call wrappers of libc, the functions of any
 * allocator, operator new and delete (Itanium C++ ABI, 5.1.3), the standard allocator's templates, and how Rust and Go
 * call theirs. */
static bool is_library_function(const char *name)
{
	static const char *const names[] = {
		"munmap",
		"mmap",
		"mmap64",
		"mremap",
		"mprotect",
		"pkey_mprotect",
		"madvise",
		"brk",
		"sbrk",
		"shmat",
		"shmdt",
		"syscall",
		"malloc",
		"calloc",
		"realloc",
		"reallocarray",
		"free",
		"cfree",
		"memalign",
		"aligned_alloc",
		"posix_memalign",
		"valloc",
		"pvalloc",
		"free_sized",
		"free_aligned_sized",
		"sdallocx",
		"dallocx",
		"mallocx",
		"rallocx",
		"_start",
		"munmap_chunk",
		"mremap_chunk",
		"sysmalloc",
		"sysmalloc_mmap",
		"systrim",
		"malloc_consolidate",
		"heap_trim",
		"new_heap",
		"arena_get2",
		"dlclose",
		"dlopen",
	};
	static const char *const prefixes[] = {
		"_Znw",
		"_Zna",
		"_Zdl",
		"_Zda",
		"_ZNSt9allocator",
		"_ZNSaI",
		"_ZNSt15__new_allocator",
		"_ZN9__gnu_cxx13new_allocator",
		"_ZNSt16allocator_traits",
		"_int_",
		"__libc_",
		"__rust_",
		"__rdl_",
		"_ZN5alloc5alloc",
		"runtime.",
		"runtime/internal/",
		"internal/runtime/",
		"syscall.",
	};
	static const char hidden[] = "__";

	if (HAS_PREFIX(name, prefixes))
		return true;
	if (strncmp(name, hidden, 2) == 0) /* glibc's own names for them: __munmap, __GI___munmap */
		name += strncmp(name, "__GI___", 7) == 0 ? 7 : 2;
	for (size_t i = 0; i < array_size(names); i++) {
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

bool event_stack_is_library(const struct frame *frame)
{
	const struct symbol *symbol = &frame->symbol;

	return (symbol->module && is_library_module(symbol->module)) ||
	       (symbol->function && is_library_function(symbol->function));
}

/* "_ZN63_$LT$alloc..alloc..Global$u20$as$u20$..." and the like: a trait that Rust's own library implements. */
static bool is_rust_trait(const char *name)
{
	static const char *const traits[] = {"_$LT$alloc..", "_$LT$core..", "_$LT$std.."};

	if (strncmp(name, "_ZN", 3) != 0)
		return false;
	name += 3 + strspn(name + 3, "0123456789");
	return HAS_PREFIX(name, traits);
}

/* By its name, mangled. */
static bool is_standard_function(const char *name)
{
	static const char *const prefixes[] = {
		"_ZNSt",	 "_ZNKSt",	   "_ZSt",	"_ZNSa",    "_ZNSs",
		"_ZN9__gnu_cxx", "_ZNK9__gnu_cxx", "_ZN5alloc", "_ZN4core", "_ZN3std",
	};
	static const char deleting[] = "D0Ev";
	size_t length = strlen(name);

	return HAS_PREFIX(name, prefixes) || is_rust_trait(name) ||
	       (strncmp(name, "_Z", 2) == 0 && length > strlen(deleting) &&
		strcmp(name + length - strlen(deleting), deleting) == 0);
}

bool event_stack_is_standard(const struct frame *frame)
{
	return event_stack_is_library(frame) ||
	       (frame->symbol.function && is_standard_function(frame->symbol.function));
}
