/* SPDX-License-Identifier: MIT */
/* The words for each hazard, and which of a process's hazards matter to a probe. */
#include "analyzer/probe/probe_safety.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "analyzer/probe/probe_safety_internal.h"
#include "analyzer/probe/probe_uretprobe.h"
#include "common/array.h"
#include "common/cleanup.h"
#include "common/vector.h"

/* Programs and processes with more evidence than that say nothing more by it. */
#define EVIDENCE_BYTES_MAX 160

#define PROBE_RETURNS "probe the function's RET instructions with plain uprobes; they leave the stack alone"

static const struct hazard_words {
	const char *name;
	enum probe_hazard_severity severity;
	const char *claim, *text, *advice;
	bool spares_leaves;
} words[] = {
	[PROBE_HAZARD_GO] =
		{"go", PROBE_HAZARD_FORBIDDEN, "Go moves its stacks",
		 "The Go runtime copies a goroutine's stack when it grows, and reads every return address on it "
		 "when it collects garbage: it meets the trampoline and aborts with \"unexpected return pc\".",
		 PROBE_RETURNS " (since Go 1.17 the first result is in rax)", false},
	[PROBE_HAZARD_CRYSTAL] =
		{"crystal", PROBE_HAZARD_FORBIDDEN, "Crystal unwinds its stacks and switches them",
		 "Crystal raises exceptions by unwinding, which ends at the trampoline (\"Failed to raise "
		 "an exception: END_OF_STACK\", exit status 5), and runs fibers on stacks of their own, for "
		 "which the kernel loses the true return address.",
		 PROBE_RETURNS, false},
	[PROBE_HAZARD_OCAML] =
		{"ocaml", PROBE_HAZARD_FORBIDDEN, "OCaml looks up return addresses",
		 "OCaml's garbage collector looks up every return address on the stack in a table of its own, "
		 "which has none for the trampoline.",
		 PROBE_RETURNS, false},
	[PROBE_HAZARD_EXCEPTIONS] =
		{"exceptions", PROBE_HAZARD_DANGER, "an exception cannot pass a trampoline",
		 "An exception that is thrown below the probed function and caught above it cannot be "
		 "unwound past the trampoline: std::terminate is called although a handler is there. A "
		 "probe on the function that catches, or on one above it, is harmless.",
		 PROBE_RETURNS, true},
	[PROBE_HAZARD_RUST_PANIC] =
		{"rust-panic", PROBE_HAZARD_DANGER, "a panic cannot pass a trampoline",
		 "This Rust program unwinds when it panics: a panic below the probed function cannot pass "
		 "the trampoline, and aborts the program where catch_unwind or a thread's end would have "
		 "stopped it.",
		 PROBE_RETURNS, true},
	[PROBE_HAZARD_STACK_SWITCH] =
		{"stack-switch", PROBE_HAZARD_DANGER, "the program switches stacks",
		 "The kernel finds the true return address by the stack pointer. When another stack is "
		 "switched to while the probed function runs, it takes the wrong one or none: SIGILL at the "
		 "trampoline, or a return into a stranger.",
		 PROBE_RETURNS, true},
	[PROBE_HAZARD_JIT] =
		{"jit", PROBE_HAZARD_DANGER, "a runtime looks up return addresses",
		 "A runtime that generates code finds frames by looking up the return addresses on its stacks; a "
		 "function that generated code calls directly shows it the trampoline instead.",
		 PROBE_RETURNS, false},
	[PROBE_HAZARD_SECCOMP] =
		{"seccomp", PROBE_HAZARD_DANGER, "a seccomp filter sees the trampoline's system call",
		 "On this kernel a uretprobe's trampoline makes system call 335 in the program's name. A seccomp "
		 "filter that does not allow it kills the program, or lets the function return to nowhere.",
		 PROBE_RETURNS ", or allow system call 335 in the filter", false},
	[PROBE_HAZARD_SIGNAL_STACK] =
		{"signal-stack", PROBE_HAZARD_NOTE, "signal handlers may have a stack of their own",
		 "A handler on an alternate stack is a switch of stacks: do not probe at return what runs "
		 "in one.",
		 "for functions that handlers call, " PROBE_RETURNS, true},
	[PROBE_HAZARD_LONGJMP] = {"longjmp", PROBE_HAZARD_NOTE, "longjmp skips returns",
				  "A function that is left by longjmp never fires its uretprobe.",
				  "do not count entries against returns", true},
	[PROBE_HAZARD_CANCELLATION] =
		{"cancellation", PROBE_HAZARD_NOTE, "ending a thread unwinds it",
		 "pthread_cancel and pthread_exit unwind the thread to run its cleanup handlers; those "
		 "above the trampoline are skipped.",
		 PROBE_RETURNS, true},
	[PROBE_HAZARD_BACKTRACE] = {"backtrace", PROBE_HAZARD_NOTE, "the program takes its own backtraces",
				    "Its own backtraces end at the trampoline, or lose the caller.", PROBE_RETURNS,
				    true},
	[PROBE_HAZARD_LIBRARY] =
		{"library", PROBE_HAZARD_NOTE, "a library runs in other programs",
		 "A probe on a library fires in every program that loads it, and what those do decides: C "
		 "libraries under Crystal or C++ have crashed so.",
		 "check the programs that load it, or restrict the probe to one process", false},
};

const char *probe_hazard_kind_name(enum probe_hazard_kind kind)
{
	return words[kind].name;
}

const char *probe_hazard_severity_name(enum probe_hazard_severity severity)
{
	static const char *const names[] = {"note", "danger", "forbidden"};

	return names[severity];
}

struct error *probe_safety_add(struct probe_safety *safety, enum probe_hazard_kind kind, const char *file,
			       const char *evidence, ...)
{
	cleanup_free char *text = NULL;
	struct probe_hazard *hazard;
	va_list args;

	va_start(args, evidence);
	if (vasprintf(&text, evidence, args) < 0)
		text = NULL;
	va_end(args);
	if (!text)
		return &error_no_memory;
	for (size_t i = 0; i < safety->count; i++) {
		char *joined;

		hazard = &safety->hazards[i];
		if (hazard->kind != kind || (hazard->file != NULL) != (file != NULL) ||
		    (file && strcmp(hazard->file, file) != 0))
			continue;
		if (strlen(hazard->evidence) + strlen(text) > EVIDENCE_BYTES_MAX || strstr(hazard->evidence, text))
			return NULL;
		if (asprintf(&joined, "%s, %s", hazard->evidence, text) < 0)
			return &error_no_memory;
		free(hazard->evidence);
		hazard->evidence = joined;
		return NULL;
	}
	if (array_resize(safety->hazards, safety->count + 1))
		return &error_no_memory;
	hazard = &safety->hazards[safety->count];
	*hazard = (struct probe_hazard){
		.kind = kind,
		.severity = words[kind].severity,
		.claim = words[kind].claim,
		.text = words[kind].text,
		.advice = words[kind].advice,
		.spares_leaves = words[kind].spares_leaves,
		.file = file ? strdup(file) : NULL,
	};
	if (file && !hazard->file)
		return &error_no_memory;
	hazard->evidence = take_pointer(text);
	safety->count++;
	return NULL;
}

/* The C library, the loader, and the libraries that throw and unwind: what they define, they define for others, and
 * they are in nearly every process. */
static bool is_runtime(const char *path)
{
	static const char *const names[] = {"libc.so",	    "ld-linux", "libpthread.so", "libgcc_s.so",
					    "libstdc++.so", "libm.so",	"libc-"};
	const char *slash = strrchr(path, '/');

	for (size_t i = 0; i < array_size(names); i++) {
		if (strncmp(slash ? slash + 1 : path, names[i], strlen(names[i])) == 0)
			return true;
	}
	return false;
}

static bool opens(const struct core_process_file *file, struct elf_file **ret)
{
	/* Gone, not readable, or no ELF file: a perf map, a font. What cannot be read shows nothing. */
	struct error *err = elf_open_path(file->open_path, ret);

	error_destroy(err);
	return !err;
}

/* Moves the hazards of one file into `safety`, no graver than `most`, under the path that the process has it by. */
static struct error *merge(struct probe_safety *safety, struct probe_safety *from, const char *path,
			   enum probe_hazard_severity most, uint32_t pid)
{
	struct error *err = NULL;

	for (size_t i = 0; i < from->count && !err; i++) {
		size_t before = safety->count;

		err = probe_safety_add(safety, from->hazards[i].kind, path, "%s", from->hazards[i].evidence);
		if (err || safety->count == before)
			continue;
		safety->hazards[before].pid = pid;
		safety->hazards[before].severity = from->hazards[i].severity;
		if (safety->hazards[before].severity > most)
			safety->hazards[before].severity = most;
	}
	return err;
}

/* How much a hazard of the program counts when one of its libraries is probed. An exception, or a look at the stack,
 * only meets the trampoline where the library calls back; Crystal's C libraries do, and a library without callbacks
 * does not. Switched stacks and moved ones harm whatever runs on them. */
static enum probe_hazard_severity severity_below(enum probe_hazard_kind kind)
{
	switch (kind) {
	case PROBE_HAZARD_EXCEPTIONS:
	case PROBE_HAZARD_RUST_PANIC:
	case PROBE_HAZARD_JIT:
		return PROBE_HAZARD_NOTE;
	default:
		return PROBE_HAZARD_DANGER;
	}
}

static struct error *add_process_file(struct probe_safety *safety, const struct core_process_file *file, bool is_target,
				      bool target_given, uint32_t pid)
{
	struct probe_safety seen = {0};
	enum probe_hazard_severity most = PROBE_HAZARD_FORBIDDEN;
	struct elf_file *elf;
	struct error *err;

	if (!opens(file, &elf))
		return NULL;
	err = probe_safety_add_file(&seen, elf);
	elf_destroy(elf);
	if (!is_target && !file->is_executable_file)
		most = PROBE_HAZARD_NOTE;
	for (size_t i = 0; i < seen.count && !is_target && target_given; i++) {
		enum probe_hazard_severity below = severity_below(seen.hazards[i].kind);

		if (seen.hazards[i].severity > below)
			seen.hazards[i].severity = below;
	}
	if (!err)
		err = merge(safety, &seen, file->path, most, pid);
	probe_safety_deinit(&seen);
	return err;
}

struct error *probe_safety_add_process(struct probe_safety *safety, const struct core_process *process,
				       const struct elf_file *target)
{
	struct error *err = NULL;

	for (size_t i = 0; i < process->file_count && !err; i++) {
		const struct core_process_file *file = &process->files[i];
		bool is_target = target && strcmp(target->path, file->path) == 0;

		if (is_runtime(file->path) && !is_target)
			continue;
		/* The program is mapped like its libraries: once is enough. */
		if (i > 0 && process->files[0].inode == file->inode)
			continue;
		err = add_process_file(safety, file, is_target, target != NULL, 0);
	}
	if (!err && process->anonymous_mappings > 0)
		err = probe_safety_add(safety, PROBE_HAZARD_JIT, NULL,
				       "%zu executable mappings of no file, the first at 0x%" PRIx64,
				       process->anonymous_mappings, process->anonymous_code);
	if (!err && process->filtered_threads > 0) {
		enum probe_uretprobe_call call = probe_uretprobe_call_probe();

		if (call == PROBE_URETPROBE_CALL_FILTERED || call == PROBE_URETPROBE_CALL_UNKNOWN)
			err = probe_safety_add(safety, PROBE_HAZARD_SECCOMP, NULL,
					       "%zu of %zu threads have a seccomp filter%s", process->filtered_threads,
					       process->thread_count,
					       call == PROBE_URETPROBE_CALL_UNKNOWN
						       ? "; whether the kernel lets the call pass could not be tried"
						       : "");
	}
	return err;
}

/* Whether the process maps the library: by inode, and by name because devices may share inode numbers. */
static bool is_user(const struct core_process *process, const struct elf_file *elf, uint64_t inode)
{
	const char *name = strrchr(elf->path, '/');

	name = name ? name + 1 : elf->path;
	for (size_t i = 1; i < process->file_count; i++) {
		const char *slash = strrchr(process->files[i].path, '/');

		if (process->files[i].inode == inode && slash && strncmp(slash + 1, name, strcspn(name, ".")) == 0)
			return true;
	}
	return false;
}

struct error *probe_safety_add_library(struct probe_safety *safety, const struct elf_file *elf, size_t *ret_users)
{
	DIR *processes = opendir("/proc");
	struct dirent *entry;
	struct error *err = NULL;
	struct stat status;

	*ret_users = 0;
	if (!processes)
		return NULL;
	if (stat(elf->path, &status) != 0)
		status.st_ino = 0;
	while (!err && (entry = readdir(processes))) {
		struct core_process *process;
		char *end;
		unsigned long pid = strtoul(entry->d_name, &end, 10);

		if (*end || pid == 0 || pid == (unsigned long)getpid())
			continue;
		err = core_process_read((uint32_t)pid, &process);
		error_destroy(err); /* ended, or somebody else's */
		if (err) {
			err = NULL;
			continue;
		}
		if (is_user(process, elf, status.st_ino)) {
			++*ret_users;
			err = add_process_file(safety, &process->files[0], false, true, process->pid);
		}
		core_process_destroy(process);
	}
	closedir(processes);
	if (err)
		return err;
	return probe_safety_add(safety, PROBE_HAZARD_LIBRARY, elf->path, "%s; %zu processes have it mapped",
				elf->soname ? elf->soname : "a shared object", *ret_users);
}

enum probe_hazard_severity probe_hazard_severity_for(const struct probe_hazard *hazard,
						     const struct code_return_sites *sites)
{
	if (!sites || !hazard->spares_leaves || !sites->complete || sites->makes_calls || hazard->severity == 0)
		return hazard->severity;
	/* A jump out of it is a call too. */
	if (sites->count != sites->return_count || sites->has_indirect_jumps)
		return hazard->severity;
	return PROBE_HAZARD_NOTE;
}

static int compare(const void *left, const void *right)
{
	const struct probe_hazard *a = left, *b = right;

	if (a->severity != b->severity)
		return a->severity > b->severity ? -1 : 1;
	if (a->pid != b->pid)
		return a->pid < b->pid ? -1 : 1;
	return a->kind < b->kind ? -1 : a->kind > b->kind;
}

void probe_safety_finish(struct probe_safety *safety)
{
	if (safety->count > 0)
		qsort(safety->hazards, safety->count, sizeof(*safety->hazards), compare);
}

void probe_safety_deinit(struct probe_safety *safety)
{
	for (size_t i = 0; i < safety->count; i++) {
		free(safety->hazards[i].evidence);
		free(safety->hazards[i].file);
	}
	free(safety->hazards);
	*safety = (struct probe_safety){0};
}
