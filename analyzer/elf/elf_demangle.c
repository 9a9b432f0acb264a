/* SPDX-License-Identifier: MIT */
#include "analyzer/elf/elf_demangle.h"

#include <libiberty/demangle.h>
#include <setjmp.h>
#include <string.h>

/* Longer ones exist, in templates of templates; nobody reads such a name. A mangled name refers back to its own parts,
 * so that a short one can stand for an endless text: printing ends at this many bytes. */
#define NAME_BYTES_MAX 8192u

struct printed {
	char text[NAME_BYTES_MAX];
	size_t used;
	jmp_buf too_long;
};

/* libiberty prints from its stack and has nothing to free (cplus_demangle_v3_callback), so it may be left by a jump. */
static void take(const char *text, size_t size, void *context)
{
	struct printed *printed = context;

	if (size >= sizeof(printed->text) - printed->used)
		longjmp(printed->too_long, 1);
	memcpy(printed->text + printed->used, text, size);
	printed->used += size;
}

static bool print(const char *name, int options, struct printed *printed)
{
	int known;

	printed->used = 0;
	if (strlen(name) > NAME_BYTES_MAX || setjmp(printed->too_long))
		return false;
	/* It bounds its recursion unless told not to. Rust's older names are C++ ones with a mark of their own. */
	known = rust_demangle_callback(name, options, take, printed);
	if (!known) {
		printed->used = 0;
		known = cplus_demangle_v3_callback(name, options, take, printed);
	}
	printed->text[printed->used] = 0;
	return known && printed->used > 0;
}

char *elf_demangle(const char *name, bool parameters)
{
	struct printed printed;

	if (name[0] != '_' || (name[1] != 'Z' && name[1] != 'R') ||
	    !print(name, DMGL_ANSI | (parameters ? DMGL_PARAMS : 0), &printed))
		return NULL;
	return strdup(printed.text);
}

char *elf_demangle_type(const char *name)
{
	struct printed printed;

	return name[0] && print(name, DMGL_ANSI | DMGL_TYPES, &printed) ? strdup(printed.text) : NULL;
}
