/* SPDX-License-Identifier: MIT */
/*
 * What a file shows of the runtimes in it: the table of names that give them away. A name counts where it is imported,
 * or defined in a program; in a shared library only where the mark says so, since libc defines swapcontext for others.
 */
#include <stdlib.h>
#include <string.h>

#include "analyzer/core/core_probe_internal.h"

enum match { EXACT, PREFIX };

struct mark {
	const char *name;
	enum core_hazard_kind kind;
	enum match match;
	bool in_libraries; /* a definition in a shared library counts as well */
};

static const struct mark symbol_marks[] = {
	{"runtime.morestack", CORE_HAZARD_GO, EXACT, true},
	{"__crystal_main", CORE_HAZARD_CRYSTAL, EXACT, true},
	{"__crystal_raise", CORE_HAZARD_CRYSTAL, EXACT, true},
	{"__crystal_personality", CORE_HAZARD_CRYSTAL, EXACT, true},
	{"caml_frametable", CORE_HAZARD_OCAML, EXACT, true},
	{"caml_system__frametable", CORE_HAZARD_OCAML, EXACT, true},
	{"caml_startup__frametable", CORE_HAZARD_OCAML, EXACT, true},
	{"__cxa_throw", CORE_HAZARD_EXCEPTIONS, EXACT, true},
	{"__cxa_rethrow", CORE_HAZARD_EXCEPTIONS, EXACT, true},
	{"_ZSt17rethrow_exceptionNSt15__exception_ptr13exception_ptrE", CORE_HAZARD_EXCEPTIONS, EXACT, true},
	{"__gxx_personality_v0", CORE_HAZARD_EXCEPTIONS, EXACT, true},
	{"_d_throwdwarf", CORE_HAZARD_EXCEPTIONS, EXACT, true},
	{"__gnat_personality_v0", CORE_HAZARD_EXCEPTIONS, EXACT, true},
	{"objc_exception_throw", CORE_HAZARD_EXCEPTIONS, EXACT, true},
	{"_Unwind_RaiseException", CORE_HAZARD_EXCEPTIONS, EXACT, true},
	/* glibc and its likes */
	{"makecontext", CORE_HAZARD_STACK_SWITCH, EXACT, false},
	{"swapcontext", CORE_HAZARD_STACK_SWITCH, EXACT, false},
	{"setcontext", CORE_HAZARD_STACK_SWITCH, EXACT, false},
	{"libucontext_makecontext", CORE_HAZARD_STACK_SWITCH, EXACT, false},
	{"libucontext_swapcontext", CORE_HAZARD_STACK_SWITCH, EXACT, false},
	{"__splitstack_makecontext", CORE_HAZARD_STACK_SWITCH, EXACT, false},
	/* Boost.Context, Boost.Coroutine, and brpc's copy */
	{"make_fcontext", CORE_HAZARD_STACK_SWITCH, EXACT, true},
	{"jump_fcontext", CORE_HAZARD_STACK_SWITCH, EXACT, true},
	{"ontop_fcontext", CORE_HAZARD_STACK_SWITCH, EXACT, true},
	{"bthread_jump_fcontext", CORE_HAZARD_STACK_SWITCH, EXACT, true},
	{"_ZN5boost7context6detail13jump_fcontext", CORE_HAZARD_STACK_SWITCH, PREFIX, true},
	{"_ZN5folly6fibers", CORE_HAZARD_STACK_SWITCH, PREFIX, true},
	/* libco, libcoro, libaco, minicoro, libtask, State Threads, GNU Pth, Argobots */
	{"co_switch", CORE_HAZARD_STACK_SWITCH, EXACT, true},
	{"coro_transfer", CORE_HAZARD_STACK_SWITCH, EXACT, true},
	{"acosw", CORE_HAZARD_STACK_SWITCH, EXACT, true},
	{"mco_resume", CORE_HAZARD_STACK_SWITCH, EXACT, true},
	{"_mco_switch", CORE_HAZARD_STACK_SWITCH, EXACT, true},
	{"st_thread_create", CORE_HAZARD_STACK_SWITCH, EXACT, true},
	{"pth_spawn", CORE_HAZARD_STACK_SWITCH, EXACT, true},
	{"ABT_thread_create", CORE_HAZARD_STACK_SWITCH, EXACT, true},
	/* qemu, Ruby, PHP, Python's greenlet, D, Rust's psm */
	{"qemu_coroutine_switch", CORE_HAZARD_STACK_SWITCH, EXACT, true},
	{"coroutine_transfer", CORE_HAZARD_STACK_SWITCH, EXACT, true},
	{"rb_fiber_resume", CORE_HAZARD_STACK_SWITCH, EXACT, true},
	{"zend_fiber_switch_context", CORE_HAZARD_STACK_SWITCH, EXACT, true},
	{"slp_switch", CORE_HAZARD_STACK_SWITCH, EXACT, true},
	{"fiber_switchContext", CORE_HAZARD_STACK_SWITCH, EXACT, true},
	{"rust_psm_on_stack", CORE_HAZARD_STACK_SWITCH, EXACT, true},
	{"rust_psm_replace_stack", CORE_HAZARD_STACK_SWITCH, EXACT, true},
	{"JNI_CreateJavaVM", CORE_HAZARD_JIT, EXACT, true},
	{"coreclr_initialize", CORE_HAZARD_JIT, EXACT, true},
	{"mono_jit_init", CORE_HAZARD_JIT, EXACT, true},
	{"luaJIT_setmode", CORE_HAZARD_JIT, EXACT, true},
	{"zend_jit_startup", CORE_HAZARD_JIT, EXACT, true},
	{"_ZN2v88internal", CORE_HAZARD_JIT, PREFIX, true},
	{"_ZN2v87Isolate", CORE_HAZARD_JIT, PREFIX, true},
	{"_ZN2js3jit", CORE_HAZARD_JIT, PREFIX, true},
	{"_ZN3JSC", CORE_HAZARD_JIT, PREFIX, true},
	{"sigaltstack", CORE_HAZARD_SIGNAL_STACK, EXACT, false},
	{"longjmp", CORE_HAZARD_LONGJMP, EXACT, false},
	{"_longjmp", CORE_HAZARD_LONGJMP, EXACT, false},
	{"siglongjmp", CORE_HAZARD_LONGJMP, EXACT, false},
	{"__longjmp_chk", CORE_HAZARD_LONGJMP, EXACT, false},
	{"pthread_cancel", CORE_HAZARD_CANCELLATION, EXACT, false},
	{"pthread_exit", CORE_HAZARD_CANCELLATION, EXACT, false},
	{"backtrace", CORE_HAZARD_BACKTRACE, EXACT, false},
	{"_Unwind_Backtrace", CORE_HAZARD_BACKTRACE, EXACT, false},
	{"_ULx86_64_step", CORE_HAZARD_BACKTRACE, EXACT, false},
};

static const struct mark library_marks[] = {
	{"libjvm.so", CORE_HAZARD_JIT, PREFIX, true},
	{"libcoreclr.so", CORE_HAZARD_JIT, PREFIX, true},
	{"libnode.so", CORE_HAZARD_JIT, PREFIX, true},
	{"libv8", CORE_HAZARD_JIT, PREFIX, true},
	{"libluajit", CORE_HAZARD_JIT, PREFIX, true},
	{"libmozjs", CORE_HAZARD_JIT, PREFIX, true},
	{"libjavascriptcoregtk", CORE_HAZARD_JIT, PREFIX, true},
	{"libmonosgen", CORE_HAZARD_JIT, PREFIX, true},
	{"libboost_context.so", CORE_HAZARD_STACK_SWITCH, PREFIX, true},
	{"libboost_coroutine", CORE_HAZARD_STACK_SWITCH, PREFIX, true},
	{"libboost_fiber", CORE_HAZARD_STACK_SWITCH, PREFIX, true},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool matches(const struct mark *mark, const char *name)
{
	return mark->match == PREFIX ? strncmp(name, mark->name, strlen(mark->name)) == 0
				     : strcmp(name, mark->name) == 0;
}

/* `found` has the file's name for each of symbol_marks, or NULL. */
static struct error *add_marks(struct core_probe_safety *safety, const struct core_elf *elf,
			       const char *found[COUNT(symbol_marks)])
{
	bool panics = false;

	for (size_t i = 0; i < elf->symbol_count && !panics; i++)
		panics = strcmp(elf->symbols[i].name, "rust_eh_personality") == 0;
	for (size_t i = 0; i < COUNT(symbol_marks); i++) {
		enum core_hazard_kind kind = symbol_marks[i].kind;
		struct error *err;

		if (!found[i])
			continue;
		/* A panic=abort program has the personality too, but never raises. */
		if (panics && strcmp(found[i], "_Unwind_RaiseException") == 0)
			kind = CORE_HAZARD_RUST_PANIC;
		err = core_probe_safety_add(safety, kind, elf->path, "symbol %s", found[i]);
		if (err)
			return err;
	}
	return NULL;
}

static struct error *add_symbols(struct core_probe_safety *safety, const struct core_elf *elf)
{
	const char *found[COUNT(symbol_marks)] = {0};
	bool starts[256] = {0};

	for (size_t i = 0; i < COUNT(symbol_marks); i++)
		starts[(unsigned char)symbol_marks[i].name[0]] = true;
	for (size_t i = 0; i < elf->symbol_count; i++) {
		const struct core_elf_symbol *symbol = &elf->symbols[i];

		if (!starts[(unsigned char)symbol->name[0]])
			continue;
		for (size_t k = 0; k < COUNT(symbol_marks); k++) {
			if (!found[k] && matches(&symbol_marks[k], symbol->name) &&
			    (symbol->is_import || elf->is_executable || symbol_marks[k].in_libraries))
				found[k] = symbol->name;
		}
	}
	return add_marks(safety, elf, found);
}

static struct error *add_sections(struct core_probe_safety *safety, const struct core_elf *elf)
{
	static const char *const go[] = {".gopclntab", ".data.rel.ro.gopclntab", ".go.buildinfo", ".note.go.buildid",
					 NULL};
	static const char *const exceptions[] = {".gcc_except_table", NULL};
	const char *name = core_elf_has_section(elf, go);
	struct error *err = NULL;

	if (name)
		err = core_probe_safety_add(safety, CORE_HAZARD_GO, elf->path, "section %s", name);
	/* C has the section too, where it is compiled for thread cancellation. Only of a file that names nothing is it
	 * taken for more. */
	name = core_elf_has_section(elf, exceptions);
	if (!err && name && !elf->has_symbol_table && !elf->is_dynamic && elf->is_executable)
		err = core_probe_safety_add(safety, CORE_HAZARD_EXCEPTIONS, elf->path, "section %s", name);
	return err;
}

struct error *core_probe_safety_add_file(struct core_probe_safety *safety, const struct core_elf *elf)
{
	struct error *err = add_sections(safety, elf);

	if (!err)
		err = add_symbols(safety, elf);
	for (size_t i = 0; i <= elf->needed_count && !err; i++) {
		const char *library = i < elf->needed_count ? elf->needed[i] : elf->soname;

		for (size_t k = 0; k < COUNT(library_marks) && library && !err; k++) {
			if (matches(&library_marks[k], library))
				err = core_probe_safety_add(safety, library_marks[k].kind, elf->path, "library %s",
							    library);
		}
	}
	return err;
}
