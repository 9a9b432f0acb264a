/* SPDX-License-Identifier: MIT */
/*
 * What the files of the unwinding child share. All of it runs in the child, where a crash does no harm; nothing is
 * freed that lasts as long as the process. Only for analyzer/unwind_{child,thread,past_child,module,cfi,symbol}.c.
 */
#ifndef ANALYZER_UNWIND_CHILD_H
#define ANALYZER_UNWIND_CHILD_H

#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <stdbool.h>
#include <stdint.h>

#include "analyzer/unwind/unwind_internal.h"

/* System V ABI, AMD64 supplement, "DWARF Register Number Mapping". */
#define DWARF_RSP 7
#define DWARF_RETURN_ADDRESS 16

/* What is known of the frame whose caller is looked for. */
struct callee {
	bool has_cfi;
	bool has_cfa; /* the rule is a register and an offset, and gave `cfa` */
	uint64_t cfa;
	bool is_signal_frame;
	bool is_outermost; /* its CFI says that there is no caller */
	bool saves_rbx;	   /* its CFI tells where the caller's rbx is */
};

struct unwinder {
	const struct core *core;
	struct unwind_overlay *overlay; /* by rising slot */
	size_t overlay_count;
	size_t frame_limit;
	Dwfl *dwfl;
	/* The stack at hand. */
	const struct past_stack *past;	    /* NULL for a thread of the core */
	bool missed;			    /* memory was asked for that lies behind the end of the slice */
	bool guessed;			    /* so it was while the frame at hand was looked for */
	uint64_t registers[CORE_REGISTERS]; /* of the thread, or of what its signal handler interrupted */
	uint32_t known_registers;	    /* bit n: registers[n] is known */
	struct unwind_frame *frames;	    /* frame_limit of them */
	size_t frame_count;
	struct kept_registers kept[KEPT_FRAMES]; /* of the first frames, but those that libdwfl did not show */
	size_t kept_count;
	bool started; /* libdwfl has shown us its first frame, which we have already */
	uint64_t start_pc, start_sp;
	struct callee callee;
	char reason[160]; /* "" for none */
};

/* Allocates, tells libdwfl of the core's modules, and gives it ourselves for the process. The overlay is copied. */
bool unwinder_begin(struct unwinder *unwinder, const struct unwind_overlay *overlay, size_t overlay_count);

/* Each fills frames, frame_count and reason. */
void unwinder_run_thread(struct unwinder *unwinder, const struct core_thread *thread);
void unwinder_run_past(struct unwinder *unwinder, const struct past_stack *past);

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
void unwind_write_name_of(Dwfl *dwfl, uint32_t picture, uint64_t address, struct unwind_writer *writer);

/* unwind_member.c: writes the member that was used, when exactly one fits. */
void unwind_write_member_of(const struct unwinder *unwinder, const struct member_request *request,
			    struct unwind_writer *writer);

/* Entry of the function whose symbol covers `address`, or 0. */
uint64_t unwind_function_entry(Dwfl *dwfl, uint64_t address);

/* Addresses to be named, collected before they are looked up. */
struct address_list {
	uint64_t *addresses;
	size_t count, capacity;
};
bool address_list_add(struct address_list *list, uint64_t address);

/* Looks each of them up once, by rising address. */
void unwind_write_names(Dwfl *dwfl, uint32_t picture, struct address_list *list, struct unwind_writer *writer);

#endif
