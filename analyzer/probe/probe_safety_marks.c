/* SPDX-License-Identifier: MIT */
/*
 * What a file shows of the runtimes in it: the table of names that give them away. A name counts where it is imported,
 * or defined in a program; in a shared library only where the mark says so, since libc defines swapcontext for others.
 */
#include <stdlib.h>
#include <string.h>

#include "analyzer/probe/probe_safety_internal.h"
#include "common/array.h"

enum match { EXACT, PREFIX };

struct mark {
	const char *name;
	enum probe_hazard_kind kind;
	enum match match;
	bool in_libraries; /* a definition in a shared library counts as well */
};

static const struct mark symbol_marks[] = {
	{"runtime.morestack", PROBE_HAZARD_GO, EXACT, true},
	{"__crystal_main", PROBE_HAZARD_CRYSTAL, EXACT, true},
	{"__crystal_raise", PROBE_HAZARD_CRYSTAL, EXACT, true},
	{"__crystal_personality", PROBE_HAZARD_CRYSTAL, EXACT, true},
	{"caml_frametable", PROBE_HAZARD_OCAML, EXACT, true},
	{"caml_system__frametable", PROBE_HAZARD_OCAML, EXACT, true},
	{"caml_startup__frametable", PROBE_HAZARD_OCAML, EXACT, true},
	{"__cxa_throw", PROBE_HAZARD_EXCEPTIONS, EXACT, true},
	{"__cxa_rethrow", PROBE_HAZARD_EXCEPTIONS, EXACT, true},
	{"_ZSt17rethrow_exceptionNSt15__exception_ptr13exception_ptrE", PROBE_HAZARD_EXCEPTIONS, EXACT, true},
	{"__gxx_personality_v0", PROBE_HAZARD_EXCEPTIONS, EXACT, true},
	{"_d_throwdwarf", PROBE_HAZARD_EXCEPTIONS, EXACT, true},
	{"__gnat_personality_v0", PROBE_HAZARD_EXCEPTIONS, EXACT, true},
	{"objc_exception_throw", PROBE_HAZARD_EXCEPTIONS, EXACT, true},
	{"_Unwind_RaiseException", PROBE_HAZARD_EXCEPTIONS, EXACT, true},
	/* glibc and its likes */
	{"makecontext", PROBE_HAZARD_STACK_SWITCH, EXACT, false},
	{"swapcontext", PROBE_HAZARD_STACK_SWITCH, EXACT, false},
	{"setcontext", PROBE_HAZARD_STACK_SWITCH, EXACT, false},
	{"libucontext_makecontext", PROBE_HAZARD_STACK_SWITCH, EXACT, false},
	{"libucontext_swapcontext", PROBE_HAZARD_STACK_SWITCH, EXACT, false},
	{"__splitstack_makecontext", PROBE_HAZARD_STACK_SWITCH, EXACT, false},
	/* Boost.Context, Boost.Coroutine, and brpc's copy */
	{"make_fcontext", PROBE_HAZARD_STACK_SWITCH, EXACT, true},
	{"jump_fcontext", PROBE_HAZARD_STACK_SWITCH, EXACT, true},
	{"ontop_fcontext", PROBE_HAZARD_STACK_SWITCH, EXACT, true},
	{"bthread_jump_fcontext", PROBE_HAZARD_STACK_SWITCH, EXACT, true},
	{"_ZN5boost7context6detail13jump_fcontext", PROBE_HAZARD_STACK_SWITCH, PREFIX, true},
	{"_ZN5folly6fibers", PROBE_HAZARD_STACK_SWITCH, PREFIX, true},
	/* libco, libcoro, libaco, minicoro, libtask, State Threads, GNU Pth, Argobots */
	{"co_switch", PROBE_HAZARD_STACK_SWITCH, EXACT, true},
	{"coro_transfer", PROBE_HAZARD_STACK_SWITCH, EXACT, true},
	{"acosw", PROBE_HAZARD_STACK_SWITCH, EXACT, true},
	{"mco_resume", PROBE_HAZARD_STACK_SWITCH, EXACT, true},
	{"_mco_switch", PROBE_HAZARD_STACK_SWITCH, EXACT, true},
	{"st_thread_create", PROBE_HAZARD_STACK_SWITCH, EXACT, true},
	{"pth_spawn", PROBE_HAZARD_STACK_SWITCH, EXACT, true},
	{"ABT_thread_create", PROBE_HAZARD_STACK_SWITCH, EXACT, true},
	/* qemu, Ruby, PHP, Python's greenlet, D, Rust's psm */
	{"qemu_coroutine_switch", PROBE_HAZARD_STACK_SWITCH, EXACT, true},
	{"coroutine_transfer", PROBE_HAZARD_STACK_SWITCH, EXACT, true},
	{"rb_fiber_resume", PROBE_HAZARD_STACK_SWITCH, EXACT, true},
	{"zend_fiber_switch_context", PROBE_HAZARD_STACK_SWITCH, EXACT, true},
	{"slp_switch", PROBE_HAZARD_STACK_SWITCH, EXACT, true},
	{"fiber_switchContext", PROBE_HAZARD_STACK_SWITCH, EXACT, true},
	{"rust_psm_on_stack", PROBE_HAZARD_STACK_SWITCH, EXACT, true},
	{"rust_psm_replace_stack", PROBE_HAZARD_STACK_SWITCH, EXACT, true},
	{"JNI_CreateJavaVM", PROBE_HAZARD_JIT, EXACT, true},
	{"coreclr_initialize", PROBE_HAZARD_JIT, EXACT, true},
	{"mono_jit_init", PROBE_HAZARD_JIT, EXACT, true},
	{"luaJIT_setmode", PROBE_HAZARD_JIT, EXACT, true},
	{"zend_jit_startup", PROBE_HAZARD_JIT, EXACT, true},
	{"_ZN2v88internal", PROBE_HAZARD_JIT, PREFIX, true},
	{"_ZN2v87Isolate", PROBE_HAZARD_JIT, PREFIX, true},
	{"_ZN2js3jit", PROBE_HAZARD_JIT, PREFIX, true},
	{"_ZN3JSC", PROBE_HAZARD_JIT, PREFIX, true},
	{"sigaltstack", PROBE_HAZARD_SIGNAL_STACK, EXACT, false},
	{"longjmp", PROBE_HAZARD_LONGJMP, EXACT, false},
	{"_longjmp", PROBE_HAZARD_LONGJMP, EXACT, false},
	{"siglongjmp", PROBE_HAZARD_LONGJMP, EXACT, false},
	{"__longjmp_chk", PROBE_HAZARD_LONGJMP, EXACT, false},
	{"pthread_cancel", PROBE_HAZARD_CANCELLATION, EXACT, false},
	{"pthread_exit", PROBE_HAZARD_CANCELLATION, EXACT, false},
	{"backtrace", PROBE_HAZARD_BACKTRACE, EXACT, false},
	{"_Unwind_Backtrace", PROBE_HAZARD_BACKTRACE, EXACT, false},
	{"_ULx86_64_step", PROBE_HAZARD_BACKTRACE, EXACT, false},
};

static const struct mark library_marks[] = {
	{"libjvm.so", PROBE_HAZARD_JIT, PREFIX, true},
	{"libcoreclr.so", PROBE_HAZARD_JIT, PREFIX, true},
	{"libnode.so", PROBE_HAZARD_JIT, PREFIX, true},
	{"libv8", PROBE_HAZARD_JIT, PREFIX, true},
	{"libluajit", PROBE_HAZARD_JIT, PREFIX, true},
	{"libmozjs", PROBE_HAZARD_JIT, PREFIX, true},
	{"libjavascriptcoregtk", PROBE_HAZARD_JIT, PREFIX, true},
	{"libmonosgen", PROBE_HAZARD_JIT, PREFIX, true},
	{"libboost_context.so", PROBE_HAZARD_STACK_SWITCH, PREFIX, true},
	{"libboost_coroutine", PROBE_HAZARD_STACK_SWITCH, PREFIX, true},
	{"libboost_fiber", PROBE_HAZARD_STACK_SWITCH, PREFIX, true},
};

static bool matches(const struct mark *mark, const char *name)
{
	return mark->match == PREFIX ? strncmp(name, mark->name, strlen(mark->name)) == 0
				     : strcmp(name, mark->name) == 0;
}

/* `found` has the file's name for each of symbol_marks, or NULL. */
static struct error *add_marks(struct probe_safety *safety, const struct elf_file *elf,
			       const char *found[array_size(symbol_marks)])
{
	bool panics = false;

	for (size_t i = 0; i < elf->symbol_count && !panics; i++)
		panics = strcmp(elf->symbols[i].name, "rust_eh_personality") == 0;
	for (size_t i = 0; i < array_size(symbol_marks); i++) {
		enum probe_hazard_kind kind = symbol_marks[i].kind;
		struct error *err;

		if (!found[i])
			continue;
		/* A panic=abort program has the personality too, but never raises. */
		if (panics && strcmp(found[i], "_Unwind_RaiseException") == 0)
			kind = PROBE_HAZARD_RUST_PANIC;
		err = probe_safety_add(safety, kind, elf->path, "symbol %s", found[i]);
		if (err)
			return err;
	}
	return NULL;
}

static struct error *add_symbols(struct probe_safety *safety, const struct elf_file *elf)
{
	const char *found[array_size(symbol_marks)] = {0};
	bool starts[256] = {0};

	for (size_t i = 0; i < array_size(symbol_marks); i++)
		starts[(unsigned char)symbol_marks[i].name[0]] = true;
	for (size_t i = 0; i < elf->symbol_count; i++) {
		const struct elf_symbol *symbol = &elf->symbols[i];

		if (!starts[(unsigned char)symbol->name[0]])
			continue;
		for (size_t k = 0; k < array_size(symbol_marks); k++) {
			if (!found[k] && matches(&symbol_marks[k], symbol->name) &&
			    (symbol->is_import || elf->is_executable || symbol_marks[k].in_libraries))
				found[k] = symbol->name;
		}
	}
	return add_marks(safety, elf, found);
}

static struct error *add_sections(struct probe_safety *safety, const struct elf_file *elf)
{
	static const char *const go[] = {".gopclntab", ".data.rel.ro.gopclntab", ".go.buildinfo", ".note.go.buildid",
					 NULL};
	static const char *const exceptions[] = {".gcc_except_table", NULL};
	const char *name = elf_has_section(elf, go);
	struct error *err = NULL;

	if (name)
		err = probe_safety_add(safety, PROBE_HAZARD_GO, elf->path, "section %s", name);
	/* C has the section too, where it is compiled for thread cancellation. Only of a file that names nothing is it
	 * taken for more. */
	name = elf_has_section(elf, exceptions);
	if (!err && name && !elf->has_symbol_table && !elf->is_dynamic && elf->is_executable)
		err = probe_safety_add(safety, PROBE_HAZARD_EXCEPTIONS, elf->path, "section %s", name);
	return err;
}

struct error *probe_safety_add_file(struct probe_safety *safety, const struct elf_file *elf)
{
	struct error *err = add_sections(safety, elf) ?: add_symbols(safety, elf);

	for (size_t i = 0; i <= elf->needed_count && !err; i++) {
		const char *library = i < elf->needed_count ? elf->needed[i] : elf->soname;

		for (size_t k = 0; k < array_size(library_marks) && library && !err; k++) {
			if (matches(&library_marks[k], library))
				err = probe_safety_add(safety, library_marks[k].kind, elf->path, "library %s", library);
		}
	}
	return err;
}
