/* SPDX-License-Identifier: MIT */
/* The function that a --probe names, by the name in the symbol table or by the one that people write. */
#ifndef ANALYZER_PROBE_NAME_H
#define ANALYZER_PROBE_NAME_H

#include "analyzer/code/code_return_sites.h"
#include "analyzer/probe/probe_spec.h"
#include "common/error.h"

/* All functions that are called spec->function; or else, demangled: ns::f for every f in ns, and of those, when the
 * spec has types, the ones with these parameters (`this` does not count). ERROR_NOT_FOUND names what is near. The array
 * is the caller's to free. */
struct error *probe_name_find(const struct elf_file *elf, const struct probe_spec *spec, struct code_function **ret,
			      size_t *ret_count) must_check;

#endif
