/* SPDX-License-Identifier: MIT */
#include "analyzer/core_demangle.h"

#include <libiberty/demangle.h>
#include <string.h>

/* Longer ones exist, in templates of templates; nobody names such a function by hand. */
#define NAME_BYTES_MAX 8192u

char *core_demangle(const char *name, bool parameters)
{
	if (name[0] != '_' || (name[1] != 'Z' && name[1] != 'R') || strlen(name) > NAME_BYTES_MAX)
		return NULL;
	/* libiberty bounds its recursion unless told not to. */
	return cplus_demangle(name, DMGL_AUTO | DMGL_ANSI | (parameters ? DMGL_PARAMS : 0));
}
