/* SPDX-License-Identifier: MIT */
/*
 * What the files of the unwinding child share. All of it runs in the child, where a crash does no harm; nothing is
 * freed that lasts as long as the process. Only for analyzer/unwind_{child,module,cfi,symbol}.c.
 */
#ifndef ANALYZER_UNWIND_CHILD_H
#define ANALYZER_UNWIND_CHILD_H

#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <stdbool.h>
#include <stdint.h>

#include "analyzer/unwind_internal.h"

/* System V ABI, AMD64 supplement, "DWARF Register Number Mapping". */
#define DWARF_RSP 7
#define DWARF_RETURN_ADDRESS 16

/* Hand out duplicates of the descriptors that core_find_modules() has opened, and open nothing. */
extern const Dwfl_Callbacks unwind_module_callbacks;

/* Tells libdwfl where each module with a file is; the user pointer of its Dwfl_Module is the struct core_module. */
bool unwind_report_modules(Dwfl *dwfl, const struct core *core);

/* Whether a module is libc or the dynamic linker. Lines inside them tell next to nothing, and their separate debug
 * files are large and compressed: unpacking one takes ten times as long as all the rest of a small core. Their symbol
 * tables, which are not compressed, are used: unwind_begin_names() makes the callbacks hand those debug files out. */
bool unwind_is_c_library(Dwfl_Module *module);
void unwind_begin_names(void);

/* Whether the process could run what is at `address`. */
bool unwind_is_executable(const struct core *core, uint64_t address);

enum call_check {
	CALL_UNKNOWN, /* the code cannot be read */
	CALL_YES,
	CALL_NO,
};

/* Whether the bytes before `return_address` can be a call instruction. */
enum call_check unwind_check_call(const struct core *core, uint64_t return_address);

/* The row of call frame information for `address`, or NULL; the caller frees it. */
Dwarf_Frame *unwind_find_cfi(Dwfl *dwfl, uint64_t address);

/* The CFA rule of a row, where it is a register and an offset. */
bool unwind_cfa_rule(Dwarf_Frame *frame, unsigned *ret_register, int64_t *ret_offset);

/* As unwind_result.return_slot_offsets has it. */
int64_t unwind_return_slot(Dwfl *dwfl, uint64_t address);

/* Looks up what `address` is called, and writes it when there is anything to say. */
void unwind_write_name_of(Dwfl *dwfl, uint64_t address, struct unwind_writer *writer);

#endif
